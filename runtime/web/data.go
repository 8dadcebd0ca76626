package web

import (
	"net/http"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// call is one request of the data API, judged as far as its headers and URL go.
type call struct {
	native  bool   // /api/data, else /rest/v1
	byKey   bool   // /api/data/TABLE/KEY
	table   string // as the URL has it; the gate says whether it is one
	key     string
	caller  *auth.Caller
	prefer  preferences
	object  bool // one object is wanted, not an array
	form    data.Form
	match   *data.Match // If-Match, nil for none
	request *query.Request
}

// serveNative answers /api/data/TABLE and /api/data/TABLE/KEY.
func (h *Handler) serveNative(x *exchange, r *http.Request, rest string) {
	c := call{native: true}
	x.route = "/api/data/{table}"
	name := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		name, c.key, c.byKey = rest[:i], rest[i+1:], true
		x.route = "/api/data/{table}/{key}"
		if c.key == "" || strings.IndexByte(c.key, '/') >= 0 {
			x.fail(r, errInvalidPath)
			return
		}
	}
	if name == "" {
		x.fail(r, errInvalidPath)
		return
	}
	h.serveData(x, r, &c, name)
}

// serveREST answers /rest/v1/TABLE.
func (h *Handler) serveREST(x *exchange, r *http.Request, name string) {
	x.route = "/rest/v1/{table}"
	switch {
	case name == "":
		x.fail(r, errNoRoot)
	case name == "rpc" || strings.HasPrefix(name, "rpc/"):
		h.serveQuery(x, r, false, strings.TrimPrefix(name[len("rpc"):], "/"))
	case strings.IndexByte(name, '/') >= 0:
		x.fail(r, errInvalidPath)
	default:
		h.serveData(x, r, &call{}, name)
	}
}

var (
	errInvalidPath = fault.New(codePath, "Invalid path specified in request URL")
	errNoRoot      = fault.New(codeNoRoot, "Root endpoint metadata is disabled")
)

// serveData lets a request of the data API in and answers it.
func (h *Handler) serveData(x *exchange, r *http.Request, c *call, name string) {
	if r.Method == http.MethodOptions {
		x.header["Allow"] = c.methods()
		x.WriteHeader(http.StatusNoContent)
		return
	}
	x.header["Vary"] = varyCaller
	if !h.identify(x, r, c) || !h.count(x, r, h.fallback, c.caller) {
		return
	}
	if f := c.judge(r); f != nil {
		if statuses[f.Code] == http.StatusMethodNotAllowed {
			x.header["Allow"] = c.methods()
		}
		x.fail(r, f)
		return
	}
	c.table = name
	if r.URL.RawQuery != "" {
		var err error
		if c.request, err = h.gate.Parse(c.caller, name, r.URL.RawQuery); err != nil {
			x.failWith(r, err)
			return
		}
	}
	ctx := x.deadline.within(r.Context(), x.began.Add(h.limits.timeout))
	defer x.deadline.end()
	if len(r.Header["Accept-Profile"])+len(r.Header["Content-Profile"]) > 0 {
		x.header["Content-Profile"] = publicProfile
	}
	if safe(r.Method) {
		h.read(ctx, x, r, c)
		return
	}
	h.write(ctx, x, r, c)
}

// methods is the Allow header of a table, or of a row.
func (c *call) methods() []string {
	if c.byKey {
		return allowedOfRow
	}
	return allowedOfTable
}

// judge refuses what method and headers alone make impossible.
func (c *call) judge(r *http.Request) *fault.Fault {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodDelete:
	case http.MethodPost:
		if c.byKey {
			return errMethod(r.Method)
		}
	default:
		return fault.New(codeNoMethod, "Unsupported HTTP method: "+printable(r.Method))
	}
	if f := checkProfile(r); f != nil {
		return f
	}
	accepted, f := accept(r.Header["Accept"])
	if f != nil {
		return f
	}
	c.object, c.form = accepted.object || c.byKey, accepted.form
	if prefer := r.Header["Prefer"]; len(prefer) > 0 {
		c.prefer = parsePrefer(prefer)
	}
	if len(r.Header["If-Unmodified-Since"]) > 0 || len(r.Header["If-None-Match"]) > 0 && !safe(r.Method) {
		return errPrecondition
	}
	if r.Method == http.MethodPatch || r.Method == http.MethodDelete {
		c.match = data.ParseMatch(r.Header["If-Match"])
	} else if len(r.Header["If-Match"]) > 0 && !safe(r.Method) {
		return errPrecondition
	}
	return c.prefer.Check()
}

var errPrecondition = fault.New(codePreference, "this precondition is not supported here").
	WithHint("If-Match is for PATCH and DELETE, If-None-Match for GET and HEAD")
