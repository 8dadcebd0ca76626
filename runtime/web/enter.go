package web

import (
	"net/http"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// enterTable is enter for the path of a table.
func (h *Handler) enterTable(x *exchange, r *http.Request, c *call, method string, allowed []string) bool {
	if c.table == "" || strings.IndexByte(c.table, '/') >= 0 {
		x.fail(r, errInvalidPath)
		return false
	}
	return h.enter(x, r, c, method, allowed)
}

// enter lets a request in where one method alone is answered: the caller is
// known then. It reports whether the request may go on; otherwise it is
// answered.
func (h *Handler) enter(x *exchange, r *http.Request, c *call, method string, allowed []string) bool {
	if r.Method != method {
		x.header["Allow"] = allowed
		if r.Method == http.MethodOptions {
			x.WriteHeader(http.StatusNoContent)
			return false
		}
		x.fail(r, errMethod(r.Method))
		return false
	}
	x.header["Vary"] = varyCaller
	return h.identify(x, r, c) && h.count(x, r, h.fallback, c.caller)
}

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
