package web

import (
	"net/http"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
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
		x.route = "none"
		x.fail(r, errAbsent)
	case strings.IndexByte(name, '/') >= 0:
		x.fail(r, errInvalidPath)
	default:
		h.serveData(x, r, &call{}, name)
	}
}

var (
	errInvalidPath = fault.New("PGRST125", "Invalid path specified in request URL")
	errNoRoot      = fault.New("PGRST126", "Root endpoint metadata is disabled")
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
		return fault.New("PGRST117", "Unsupported HTTP method: "+printable(r.Method))
	}
	if f := checkProfile(r); f != nil {
		return f
	}
	object, f := wantsObject(r.Header["Accept"])
	if f != nil {
		return f
	}
	c.object = object || c.byKey
	if prefer := r.Header["Prefer"]; len(prefer) > 0 {
		c.prefer = parsePrefer(prefer)
	}
	if len(r.Header["If-Match"]) > 0 || len(r.Header["If-Unmodified-Since"]) > 0 {
		return errPrecondition
	}
	return c.prefer.check(r.Method)
}

var errPrecondition = fault.New(codePreference, "If-Match and If-Unmodified-Since are not in this version")

// Gateway errors, byte for byte as Supabase's clients expect them.
var (
	noKey      = []byte("{\"message\":\"No API key found in request\",\"hint\":\"No `apikey` request header or url param was found.\"}")
	invalidKey = []byte("{\"message\":\"Invalid API key\",\"hint\":\"Double check your Supabase `anon` or `service_role` API key.\"}")

	errKey        = fault.New("apikey", "no apikey, or one that is not ours")
	errServiceKey = fault.New(codeServiceKey, "Forbidden use of secret API key in browser").
			WithHint("the service key belongs on servers; browsers use the anon key")
)

// identify finds the caller and holds the request to the gateway's rules: under
// /rest/v1 a key is asked for; a key that is sent must be ours anywhere. It
// reports whether the request may go on; otherwise it is answered.
func (h *Handler) identify(x *exchange, r *http.Request, c *call) bool {
	var authorization, apikey string
	if v := r.Header["Authorization"]; len(v) > 0 {
		authorization = v[0]
	}
	if v := r.Header["Apikey"]; len(v) > 0 {
		apikey = v[0]
	}
	if authorization == "" && apikey == "" && c.native {
		c.caller, x.caller = nobody, nobody
		return true
	}
	resolved, err := h.callers.Resolve(authorization, apikey)
	missing := resolved.Key == auth.KeyAbsent && !resolved.Token && !c.native
	switch {
	case err == nil && resolved.Key != auth.KeyUnknown && !missing:
	case !h.count(x, r, h.fallback, nobody): // guessing is counted by address
		return false
	case resolved.Key == auth.KeyUnknown:
		return x.refuseKey(r, invalidKey)
	case err != nil:
		x.failWith(r, err)
		return false
	default:
		return x.refuseKey(r, noKey)
	}
	c.caller, x.caller = resolved.Caller, resolved.Caller
	if c.caller.IsService() && len(r.Header["Origin"]) > 0 {
		h.log.WarnContext(r.Context(), "the service key was used in a browser", "request_id", x.id, "client", x.client.String())
		x.failStatus(r, errServiceKey, http.StatusUnauthorized)
		return false
	}
	return true
}

// refuseKey answers as a gateway does: always false.
func (x *exchange) refuseKey(r *http.Request, body []byte) bool {
	x.fault = errKey
	x.answerFault(r, http.StatusUnauthorized, body)
	return false
}
