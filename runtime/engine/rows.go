package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// Rows is the operator's way to the rows of a backend, as the service role:
// through the running server, or in its database when none runs. Close it.
type Rows struct {
	schema   *query.Schema
	server   *admin.Client // nil: the rest is set
	manifest *manifest.Manifest
	gate     *data.Gate
	close    func() error
}

// ImportAsk is what an import is to do.
type ImportAsk struct {
	Table      string
	Form       data.Form
	Resolution data.Resolution
	Chunk      int
}

// OpenRows finds the rows of a backend. A database that is not yet what the
// manifest says is a fault.
func OpenRows(ctx context.Context, m *manifest.Manifest) (*Rows, error) {
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	r := &Rows{schema: checked.Schema, manifest: m, close: func() error { return nil }}
	server := admin.NewClient(m.DataDir())
	_, err := server.Status(ctx)
	switch {
	case err == nil:
		r.server = server
		return r, nil
	case !errors.Is(err, admin.ErrNotRunning):
		return nil, err
	}
	if neverMade(m) {
		return nil, fault.Newf(sqlite.CodeNoFile, "there is no database %s yet", m.Database.Path).WithHint("make it first: edge-hive apply")
	}
	db, view, err := openStored(ctx, m, checked)
	if errors.Is(err, errNotMigrated) {
		return nil, errNotMigrated.WithHint("bring it there first: edge-hive apply")
	}
	if err != nil {
		return nil, err
	}
	r.close = func() error { return errors.Join(view.Close(), db.Close()) }
	r.gate, err = data.New(data.Options{Manifest: m, Schema: checked.Schema, Rules: checked.Rules, View: view})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build the gate: %w", err), r.close())
	}
	return r, nil
}

// Close gives back what was opened.
func (r *Rows) Close() error { return r.close() }

// Export writes tables as they are at one moment, each to what next gives; no
// names are all tables, each after those that it refers to. It gives the rows of
// each.
func (r *Rows) Export(ctx context.Context, form data.Form, names []string, next func(table string) (io.Writer, error)) ([]TableRows, error) {
	if r.server == nil {
		return exportRows(ctx, r.gate, r.schema, form, names, next)
	}
	ask := url.Values{"table": names, "form": {formName(form)}}
	parts, body, err := r.server.Export(ctx, ask)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // only read
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, fmt.Errorf("read the export: %w", err)
		}
		table := part.Header.Get("Table")
		if table == "" { // the last part tells what was written
			return readReply(part)
		}
		w, err := next(table)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(w, part); err != nil {
			return nil, fmt.Errorf("read the export of %q: %w", table, err)
		}
	}
}

// exportReply is the last part of an export.
type exportReply struct {
	Tables []TableRows `json:"tables,omitempty"`
	Fault  *toldFault  `json:"fault,omitempty"`
}

func readReply(r io.Reader) ([]TableRows, error) {
	var reply exportReply
	if err := json.NewDecoder(r).Decode(&reply); err != nil {
		return nil, fmt.Errorf("read the export: %w", err)
	}
	return reply.Tables, reply.Fault.err()
}

func exportRows(ctx context.Context, gate *data.Gate, schema *query.Schema, form data.Form, names []string, next func(table string) (io.Writer, error)) (out []TableRows, err error) {
	for _, name := range names {
		if _, err := gate.Table(name); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		names = parentsFirst(schema)
	}
	x, err := gate.NewExporter(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	for _, name := range names {
		w, err := next(name)
		if err != nil {
			return nil, err
		}
		rows, err := x.Export(ctx, operator(), data.Export{Table: name, Form: form}, w)
		if err != nil {
			return nil, fmt.Errorf("export %q: %w", name, err)
		}
		out = append(out, TableRows{Name: name, Rows: int64(rows)})
	}
	return out, nil
}

// operator is who acts in the commands.
func operator() *auth.Caller { return &auth.Caller{Role: auth.Service, Claims: "{}"} }

// parentsFirst are the names of all tables, each after those that it refers to;
// where they refer to each other in a circle, no order is better.
func parentsFirst(schema *query.Schema) []string {
	names := make([]string, 0, len(schema.Tables))
	seen := map[string]bool{}
	var visit func(t *query.Table)
	visit = func(t *query.Table) {
		if t == nil || seen[t.Name] {
			return
		}
		seen[t.Name] = true
		for _, c := range t.Columns {
			if c.Ref != nil {
				visit(schema.Table(c.Ref.Table))
			}
		}
		names = append(names, t.Name)
	}
	for _, t := range schema.Tables {
		visit(t)
	}
	return names
}

// Import inserts rows; what it gives beside an error is what is in.
func (r *Rows) Import(ctx context.Context, ask ImportAsk, rows io.Reader) (data.Imported, error) {
	if r.server == nil {
		return r.gate.Import(ctx, operator(), data.Import{
			Table: ask.Table, Form: ask.Form, Source: rows, Resolution: ask.Resolution, Chunk: ask.Chunk,
		})
	}
	answer, err := r.server.Import(ctx, url.Values{
		"table": {ask.Table}, "form": {formName(ask.Form)},
		"resolution": {strconv.Itoa(int(ask.Resolution))}, "chunk": {strconv.Itoa(ask.Chunk)},
	}, rows)
	if err != nil {
		return data.Imported{}, err
	}
	var reply importReply
	if err := json.Unmarshal(answer, &reply); err != nil {
		return data.Imported{}, fmt.Errorf("read the running server's answer: %w", err)
	}
	return reply.Imported, reply.Fault.err()
}

// importReply is what an import did, and how it ended.
type importReply struct {
	Imported data.Imported `json:"imported"`
	Fault    *toldFault    `json:"fault,omitempty"`
}

// filled are the tables that have rows.
func (r *Rows) filled(ctx context.Context) ([]string, error) {
	if r.server != nil {
		running, err := r.server.Running(ctx)
		return running.Filled, err
	}
	var names []string
	for _, t := range r.schema.Tables {
		one := query.Request{Limit: 1, Star: true}
		answer, err := r.gate.Select(ctx, operator(), data.Read{Table: t.Name, Request: &one})
		if err != nil {
			return nil, err
		}
		if answer.Rows > 0 {
			names = append(names, t.Name)
		}
	}
	return names, nil
}

func formName(f data.Form) string {
	if f == data.CSV {
		return "csv"
	}
	return "ndjson"
}

func formNamed(name string) data.Form {
	if name == "csv" {
		return data.CSV
	}
	return data.JSON
}

// answerExport streams tables, a part of a multipart body each, and at the end
// how many rows they have. Half of it lacks the end.
func (e *Engine) answerExport(w http.ResponseWriter, r *http.Request, g *generation) {
	began := time.Now()
	parts := multipart.NewWriter(w)
	w.Header().Set("Content-Type", "multipart/mixed; boundary="+parts.Boundary())
	ask := r.URL.Query()
	tables, err := exportRows(r.Context(), g.gate, g.schema, formNamed(ask.Get("form")), ask["table"], func(table string) (io.Writer, error) {
		return parts.CreatePart(textproto.MIMEHeader{"Table": {table}})
	})
	reply := exportReply{Tables: tables, Fault: told(err)}
	if err == nil || reply.Fault != nil {
		var last io.Writer
		if last, err = parts.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/json"}}); err == nil {
			err = errors.Join(json.NewEncoder(last).Encode(reply), parts.Close())
		}
	}
	if err != nil {
		e.log.Error("export", "error", err)
		panic(http.ErrAbortHandler)
	}
	e.log.Info("export", "tables", len(tables), "took", time.Since(began).Round(time.Millisecond).String())
}

// answerImport inserts the rows of a body, which may be of any size.
func (e *Engine) answerImport(w http.ResponseWriter, r *http.Request, g *generation) {
	ask := r.URL.Query()
	chunk, err := strconv.Atoi(ask.Get("chunk"))
	resolution, resolutionErr := strconv.Atoi(ask.Get("resolution"))
	if err != nil || resolutionErr != nil || !slices.Contains([]data.Resolution{data.Refuse, data.Merge, data.Ignore}, data.Resolution(resolution)) {
		http.Error(w, "chunk or resolution is missing", http.StatusBadRequest)
		return
	}
	began := time.Now()
	table := ask.Get("table")
	done, err := g.gate.Import(r.Context(), operator(), data.Import{
		Table: table, Form: formNamed(ask.Get("form")), Source: r.Body, Resolution: data.Resolution(resolution), Chunk: chunk,
	})
	reply := importReply{Imported: done, Fault: told(err)}
	if err != nil && reply.Fault == nil {
		e.log.Error("import", "table", table, "rows", done.Rows, "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.log.Info("import", "table", table, "rows", done.Rows, "took", time.Since(began).Round(time.Millisecond).String())
	e.answerJSON(w, reply)
}
