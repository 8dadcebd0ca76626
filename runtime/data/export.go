package data

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// exportPiece is how many bytes are gathered before they are written.
const exportPiece = 64 << 10

// callersExports is how many exports of callers run at once. The store bounds
// all; the rest is left to the service role.
const callersExports = 2

var (
	errExports = fault.New(CodeOverload, "too many exports are running").WithHint("try again when one of them has ended")

	errExportPage   = fault.New(query.CodeParse, "an export has no pages").WithHint("leave _page out: it gives all rows")
	errExportSearch = fault.New(query.CodeParse, "an export gives the rows in an order, not those that are near").WithHint("search with a read")
)

// Export asks for rows of one table as a stream.
type Export struct {
	Table string
	// Request is the parsed URL; nil asks for every column of every row. Rows are
	// bounded by its limit alone.
	Request *query.Request
	// Form is how the rows are written: JSON is an object a line.
	Form Form
	// Opened, when set, is called when the rows to come are decided on: from then
	// on the export needs neither the gate nor its view.
	Opened func()
}

// Export writes the rows that Select would answer, but all of them, as they are
// at one moment. An error may come after a part was written; the rows are those
// that were read.
func (g *Gate) Export(ctx context.Context, caller *auth.Caller, x Export, w io.Writer) (rows int, err error) {
	a, err := g.exported(ctx, caller, &x)
	if err != nil {
		return 0, err
	}
	if !caller.IsService() {
		if !g.exports.take() {
			return 0, errExports
		}
		defer g.exports.give()
	}
	moment, err := g.view.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, moment.Close()) }()
	if x.Opened != nil {
		x.Opened()
	}
	return a.export(ctx, moment, w)
}

// Exports counts the exports of callers that run, of all who are not the
// service role: readers that are slow must not keep its own from it.
type Exports struct{ running atomic.Int32 }

// take begins one, where there may be one more.
func (x *Exports) take() bool {
	for n := x.running.Load(); n < callersExports; n = x.running.Load() {
		if x.running.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

func (x *Exports) give() { x.running.Add(-1) }

// Exporter exports several tables as they are at one moment.
type Exporter struct {
	gate   *Gate
	moment store.Snapshot
}

// NewExporter begins an export; Close must follow.
func (g *Gate) NewExporter(ctx context.Context) (*Exporter, error) {
	moment, err := g.view.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &Exporter{g, moment}, nil
}

// Export is the Gate's, but for Opened.
func (e *Exporter) Export(ctx context.Context, caller *auth.Caller, x Export, w io.Writer) (int, error) {
	a, err := e.gate.exported(ctx, caller, &x)
	if err != nil {
		return 0, err
	}
	return a.export(ctx, e.moment, w)
}

// Close ends the export.
func (e *Exporter) Close() error { return e.moment.Close() }

// exported is the select of an export.
func (g *Gate) exported(ctx context.Context, caller *auth.Caller, x *Export) (asked, error) {
	t, err := g.table(x.Table)
	if err != nil {
		return asked{}, err
	}
	if q := x.Request; q != nil {
		switch {
		case q.Paged:
			return asked{}, errExportPage
		case q.Nearest != nil:
			return asked{}, errExportSearch
		}
	}
	_, a, err := g.ask(ctx, t, caller, &Read{Table: x.Table, Request: x.Request, Form: x.Form, whole: true})
	return a, err
}

func (a *asked) export(ctx context.Context, moment store.Snapshot, w io.Writer) (int, error) {
	out := &stream{w: w}
	if a.form == CSV {
		lines := query.NewCSVWriter(nil, a.Columns)
		out.RowWriter, out.gathered = lines, lines
	} else {
		lines := new(query.JSONWriter)
		lines.ResetLines(nil, a.shape)
		if a.form == Stripped {
			lines.StripNulls()
		}
		out.RowWriter, out.gathered = lines, lines
	}
	info, err := moment.Select(ctx, a.Select, out)
	if err != nil {
		return info.Rows, err
	}
	return info.Rows, out.send()
}

// stream sends rows on when enough of them are gathered.
type stream struct {
	query.RowWriter
	gathered interface {
		Len() int
		Take() []byte
	}
	w io.Writer
}

// EndRow ends a row.
func (s *stream) EndRow() error {
	if err := s.RowWriter.EndRow(); err != nil {
		return err
	}
	if s.gathered.Len() < exportPiece {
		return nil
	}
	return s.send()
}

func (s *stream) send() error {
	_, err := s.w.Write(s.gathered.Take())
	return err
}
