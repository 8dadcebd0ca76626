package web

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

const (
	exportPrefix = "/api/export/"
	importPrefix = "/api/import/"
)

var (
	allowedOfExport = []string{"OPTIONS,GET"}
	allowedOfImport = []string{"OPTIONS,POST"}

	typeLines = []string{"application/x-ndjson; charset=utf-8"}

	errExportMatch = fault.New(codePreference, "an export takes no precondition and no preference").
			WithHint("read the table at /api/data/TABLE for that")
	errImportType  = fault.New(codeMediaType, "an import needs Content-Type: text/csv, application/x-ndjson or application/json")
	errImportQuery = fault.New(codeBadRequest, "an import has no query").WithHint("say resolution= in the Prefer header; the columns are in the body")
	errImportMatch = fault.New(codePreference, "an import takes no precondition")
)

// serveExport answers /api/export/TABLE: all rows that the caller may read, as
// they come.
func (h *Handler) serveExport(x *exchange, r *http.Request, name string) {
	x.route = "/api/export/{table}"
	c := call{native: true, table: name}
	if !h.enterTable(x, r, &c, http.MethodGet, allowedOfExport) {
		return
	}
	form, f := exportForm(r.Header["Accept"])
	if f == nil && (len(r.Header["Prefer"])+len(r.Header["Range"]) > 0 || conditional(r.Header)) {
		f = errExportMatch
	}
	if f != nil {
		x.fail(r, f)
		return
	}
	if r.URL.RawQuery != "" {
		var err error
		if c.request, err = h.gate.Parse(c.caller, name, r.URL.RawQuery); err != nil {
			x.failWith(r, err)
			return
		}
	}
	ctx := r.Context()
	if !c.caller.IsService() { // whoever reads slowly holds a snapshot for no longer than others a request
		ctx = x.deadline.within(ctx, x.began.Add(h.limits.timeout))
		defer x.deadline.end()
	}
	x.header["Cache-Control"] = cacheNever
	x.header["Content-Type"] = typeLines
	if form == data.CSV {
		x.header["Content-Type"] = typeCSV
	}
	h.export(ctx, x, r, &c, form)
}

// export streams. An error on the way cuts the connection, so that a part is
// not taken for the whole.
func (h *Handler) export(ctx context.Context, x *exchange, r *http.Request, c *call, form data.Form) {
	_, err := h.gate.Export(ctx, c.caller, data.Export{Table: c.table, Request: c.request, Form: form, Opened: func() {
		if h.detach != nil {
			h.detach(r.Context())
		}
	}}, x)
	switch {
	case err == nil:
	case x.status == 0:
		x.failWith(r, err)
	default:
		x.fault = publicFault(err)
		panic(http.ErrAbortHandler)
	}
}

// exportForm reads the Accept headers of an export; the first that is known
// wins.
func exportForm(headers []string) (data.Form, *fault.Fault) {
	if len(headers) == 0 {
		return data.JSON, nil
	}
	for _, header := range headers {
		for item := range strings.SplitSeq(header, ",") {
			media, parameters, _ := strings.Cut(item, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "application/x-ndjson":
				if stripsNulls(parameters) {
					return data.Stripped, nil
				}
				return data.JSON, nil
			case "*/*", "application/*", "":
				return data.JSON, nil
			case "text/csv", "text/*":
				return data.CSV, nil
			}
		}
	}
	return data.JSON, notAcceptable(headers).WithHint("application/x-ndjson and text/csv are")
}

// conditional reports a precondition of any kind.
func conditional(header http.Header) bool {
	return len(header["If-Match"])+len(header["If-None-Match"])+len(header["If-Modified-Since"])+len(header["If-Unmodified-Since"]) > 0
}

// serveImport answers /api/import/TABLE: rows in one transaction.
func (h *Handler) serveImport(x *exchange, r *http.Request, name string) {
	x.route = "/api/import/{table}"
	c := call{native: true, table: name}
	if !h.enterTable(x, r, &c, http.MethodPost, allowedOfImport) {
		return
	}
	i := data.Import{Table: name, Form: data.JSON}
	f := c.judgeImport(r)
	switch types := r.Header["Content-Type"]; {
	case f != nil:
	case sends(types, "text/csv"):
		i.Form = data.CSV
	case !sends(types, "application/x-ndjson") && !sends(types, "application/json"):
		f = errImportType
	}
	var body []byte
	if f == nil {
		body, f = h.receive(x, r)
	}
	if f == nil {
		i.Once, f = once(x, r, body)
	}
	if f != nil {
		x.fail(r, f)
		return
	}
	i.Source, i.Resolution, i.Rollback = bytes.NewReader(body), c.prefer.Resolution, c.prefer.Rollback
	ctx := x.deadline.within(r.Context(), x.began.Add(h.limits.timeout))
	defer x.deadline.end()
	done, err := h.gate.Import(ctx, c.caller, i)
	if err != nil {
		x.failWith(r, err)
		return
	}
	if applied := c.prefer.applied(http.MethodPost); applied != "" {
		x.set("Preference-Applied", applied)
	}
	if done.Replayed {
		x.header["Idempotent-Replayed"] = replayed
	}
	x.header["Cache-Control"] = cacheNever
	x.send(r, typeJSON, http.StatusOK, []byte(`{"rows":`+strconv.Itoa(done.Rows)+`,"inserted":`+strconv.Itoa(done.Inserted)+`}`))
}

// judgeImport refuses what headers alone make impossible. Of Prefer it takes
// what speaks of no answer's rows.
func (c *call) judgeImport(r *http.Request) *fault.Fault {
	switch object, f := wantsObject(r.Header["Accept"]); {
	case f != nil:
		return f
	case object:
		return notAcceptable(r.Header["Accept"]).WithHint("application/json is")
	case r.URL.RawQuery != "":
		return errImportQuery
	case conditional(r.Header):
		return errImportMatch
	}
	said := parsePrefer(r.Header["Prefer"])
	c.prefer = preferences{data.Preferences{
		Resolution: said.Resolution, Rollback: said.Rollback, HasTx: said.HasTx,
		Strict: said.Strict, HasHandling: said.HasHandling, Invalid: said.Invalid,
	}}
	return c.prefer.Check()
}
