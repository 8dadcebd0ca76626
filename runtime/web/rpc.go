package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

const rpcPrefix = "/api/rpc/"

var (
	allowedOfQuery        = []string{"OPTIONS,GET,HEAD,POST"}
	allowedOfWritingQuery = []string{"OPTIONS,POST"}
)

// serveQuery answers /api/rpc/NAME and /rest/v1/rpc/NAME.
func (h *Handler) serveQuery(x *exchange, r *http.Request, native bool, name string) {
	x.route = "/rest/v1/rpc/{query}"
	if native {
		x.route = "/api/rpc/{query}"
	}
	if name == "" || strings.IndexByte(name, '/') >= 0 {
		x.fail(r, errInvalidPath)
		return
	}
	if r.Method == http.MethodOptions {
		x.header["Allow"] = allowedOfQuery
		x.WriteHeader(http.StatusNoContent)
		return
	}
	x.header["Vary"] = varyCaller
	c := call{native: native}
	if !h.identify(x, r, &c) || !h.count(x, r, h.fallback, c.caller) {
		return
	}
	if f := c.judgeQuery(r); f != nil {
		if statuses[f.Code] == http.StatusMethodNotAllowed {
			x.header["Allow"] = allowedOfQuery
		}
		x.fail(r, f)
		return
	}
	asked := data.Call{
		Query: name, RawQuery: r.URL.RawQuery, InURL: safe(r.Method), Form: c.form, Single: c.object, Count: c.prefer.Count,
		Rollback: c.prefer.Rollback,
	}
	if c.prefer.HasMost && c.prefer.Strict {
		asked.AtMost = &c.prefer.Most
	}
	if f := h.readCall(x, r, &asked); f != nil {
		x.fail(r, f)
		return
	}
	if len(r.Header["Accept-Profile"])+len(r.Header["Content-Profile"]) > 0 {
		x.header["Content-Profile"] = publicProfile
	}
	ctx := x.deadline.within(r.Context(), x.began.Add(h.limits.timeout))
	defer x.deadline.end()
	h.callQuery(ctx, x, r, &c, asked)
}

// judgeQuery refuses what method and headers alone make impossible.
func (c *call) judgeQuery(r *http.Request) *fault.Fault {
	if !safe(r.Method) && r.Method != http.MethodPost {
		return fault.Newf(codeNoCallMethod, "Cannot use the %s method on RPC", printable(r.Method)).WithHint("use POST, or GET for arguments in the URL")
	}
	if f := checkProfile(r); f != nil {
		return f
	}
	accepted, f := accept(r.Header["Accept"])
	if f != nil {
		return f
	}
	c.object, c.form = accepted.object, accepted.form
	if prefer := r.Header["Prefer"]; len(prefer) > 0 {
		c.prefer = parsePrefer(prefer)
	}
	return c.prefer.Check()
}

// readCall reads what is not in the URL: the arguments of a POST, the window of
// rows of a GET.
func (h *Handler) readCall(x *exchange, r *http.Request, asked *data.Call) *fault.Fault {
	if !safe(r.Method) {
		body, f := h.readBody(x, r)
		if f != nil {
			return f
		}
		asked.Body = body
		asked.Once, f = once(x, r, body)
		return f
	}
	part, ok, f := rangeOf(r)
	if ok {
		asked.Narrow = func(request *query.Request) *query.Request { return narrow(request, part) }
	}
	return f
}

// callQuery calls and answers.
func (h *Handler) callQuery(ctx context.Context, x *exchange, r *http.Request, c *call, asked data.Call) {
	called, err := h.gate.Call(ctx, c.caller, asked)
	if err != nil {
		if fault.Is(err, data.CodeReadOnly) {
			x.header["Allow"] = allowedOfWritingQuery
		}
		x.failWith(r, err)
		return
	}
	x.answerCall(r, c, &called)
}

func (x *exchange) answerCall(r *http.Request, c *call, a *data.Called) {
	if applied := c.prefer.applied(r.Method); applied != "" {
		x.set("Preference-Applied", applied)
	}
	x.header["Cache-Control"] = cacheNever
	if a.Replayed {
		x.header["Idempotent-Replayed"] = replayed
	}
	if a.Nothing {
		x.WriteHeader(http.StatusNoContent)
		return
	}
	x.set("X-Cache", string(a.Status))
	status, contentType := http.StatusOK, typeJSON
	if !a.Value {
		contentType = c.contentType()
		var within bool
		if status, within = x.setRange(r, c, a.Offset, a.Rows, a.Count); !within {
			return
		}
	}
	if !safe(r.Method) {
		if c.prefer.HasReturn && c.prefer.Returns == data.ReturnMinimal {
			x.header["Content-Length"] = zero
			x.WriteHeader(status)
			return
		}
		x.send(r, contentType, status, a.Body)
		return
	}
	x.header["Cache-Control"] = cacheValidate
	if !c.prefer.Count && x.unchanged(r, a.ETag, len(a.Body)) { // a count is not in the body
		return
	}
	x.sendEntry(r, contentType, status, a.Entry, a.Status)
}

// routeQuery is a declared route that calls a named query.
type routeQuery struct {
	route    *route
	declared *manifest.CallQuery
}

func newRouteQuery(t *route) answerer {
	if t.declared.Method == "" {
		t.methods = []string{http.MethodGet, http.MethodHead}
	}
	return &routeQuery{route: t, declared: t.declared.Query}
}

// answer calls the query with the arguments that the route declares; who calls
// is who the request's credentials say.
func (a *routeQuery) answer(x *exchange, r *http.Request) {
	x.header["Vary"] = varyCaller
	c := call{native: true}
	if !a.route.site.identify(x, r, &c) {
		return
	}
	asked := data.Call{Query: a.declared.Name, InURL: true}
	values := r.URL.Query()
	for i := range a.declared.With {
		with := &a.declared.With[i]
		argument := data.Argument{Name: with.Name}
		switch {
		case with.Param != "":
			argument.Text = r.PathValue(with.Param)
		case with.URL != "":
			if !values.Has(with.URL) {
				continue
			}
			argument.Text = values.Get(with.URL)
		default:
			argument.JSON = []byte(with.JSON)
		}
		asked.Arguments = append(asked.Arguments, argument)
	}
	ctx := x.deadline.within(r.Context(), x.began.Add(a.route.limits.timeout))
	defer x.deadline.end()
	a.route.site.callQuery(ctx, x, r, &c, asked)
}
