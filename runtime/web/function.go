package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The two names under which functions are called, one thing.
const (
	edgePrefix      = "/api/edge/"
	functionsPrefix = "/functions/v1/"
)

var allowedOfFunction = []string{"OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"}

// serveFunction answers /api/edge/NAME and /functions/v1/NAME, with whatever
// follows: the function sees that as its path.
func (h *Handler) serveFunction(x *exchange, r *http.Request, prefix string) {
	x.route = prefix + "{function}"
	run := functionCall{site: h, relay: prefix == functionsPrefix, limits: h.limits}
	name, rest, _ := strings.Cut(r.URL.Path[len(prefix):], "/")
	run.name = name
	if !calledWith(r.Method) {
		x.header["Allow"] = allowedOfFunction
		if r.Method == http.MethodOptions {
			x.WriteHeader(http.StatusNoContent)
			return
		}
		run.fail(x, r, errMethod(r.Method))
		return
	}
	x.header["Vary"] = varyCaller
	if run.relay && !run.holds(x, r) {
		return
	}
	c := call{native: true}
	if !h.identify(x, r, &c) || !h.count(x, r, h.fallback, c.caller) {
		return
	}
	run.serve(x, r, c.caller, &function.Request{Path: "/" + rest})
}

// holds refuses a token that does not hold in the words of Supabase's relay.
func (f *functionCall) holds(x *exchange, r *http.Request) bool {
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return true
	}
	_, err := f.site.callers.Resolve(authorization, "")
	if err == nil {
		return true
	}
	if f.site.count(x, r, f.site.fallback, nobody) { // guessing is counted by address
		x.fault = fault.From(err)
		x.set("Sb-Error-Code", "UNAUTHORIZED_INVALID_JWT_FORMAT")
		x.answerFault(r, http.StatusUnauthorized, []byte(`{"code":401,"message":"Invalid JWT"}`))
	}
	return false
}

// calledWith reports a method that functions are called with.
func calledWith(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// functionCall is a request that a function answers.
type functionCall struct {
	site   *Handler
	name   string
	relay  bool // failures look as Supabase's relay has them
	limits limits
}

// serve runs the function for a caller. What of the request is the same in all
// ways to a function is filled in here.
func (f *functionCall) serve(x *exchange, r *http.Request, caller *auth.Caller, request *function.Request) {
	if !f.site.functions[f.name] {
		f.fail(x, r, fault.Newf(function.CodeUnknown, "there is no function %s", printable(f.name)))
		return
	}
	// A function may take longer than other requests, but never longer than its own
	// time: so what it runs in has no end but the client's leaving.
	ctx := r.Context()
	if err := f.site.gate.MayRun(ctx, caller, f.name); err != nil {
		f.failWith(x, r, err)
		return
	}
	body, refusal := f.site.receiveAny(x, r, f.limits.body)
	if refusal != nil {
		f.fail(x, r, refusal)
		return
	}
	request.Method, request.Query, request.Host, request.Header = r.Method, withoutRegion(r.URL.RawQuery), r.Host, r.Header
	event := function.Event{
		Kind: function.KindRequest, ID: x.id, Trace: x.traceparent(), Caller: caller, Request: request, Body: body,
	}
	x.header["Cache-Control"] = cacheNever // unless the function says otherwise
	answer := functionAnswer{x: x, headOnly: r.Method == http.MethodHead}
	err := f.site.runs.Call(ctx, f.name, &event, &answer)
	switch {
	case err == nil && x.status == 0:
		x.WriteHeader(http.StatusOK) // of a function that said nothing at all
	case err == nil:
	case x.status != 0: // the answer had begun: the client must not take it for whole
		x.fault = publicFault(err) // for the log
		panic(http.ErrAbortHandler)
	default:
		f.failWith(x, r, err)
	}
}

// withoutRegion is a query without the one key that is Supabase's own.
func withoutRegion(query string) string {
	if !strings.Contains(query, "forceFunctionRegion") {
		return query
	}
	parts := strings.Split(query, "&")
	kept := parts[:0]
	for _, part := range parts {
		if name, _, _ := strings.Cut(part, "="); name != "forceFunctionRegion" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// functionAnswer writes what a function answers.
type functionAnswer struct {
	x        *exchange
	headOnly bool
}

// Head sends status and headers. What frames the answer, who may read it across
// origins, and what we say of every answer are not the function's to say.
func (a *functionAnswer) Head(status int, header http.Header) error {
	for name, values := range header {
		if name == "Vary" {
			a.x.header["Vary"] = mergeVary(a.x.header["Vary"], values)
		}
		if ownHeader(name) {
			continue
		}
		a.x.header[name] = values
	}
	a.x.WriteHeader(status)
	return nil
}

func ownHeader(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"X-Request-Id", "Vary", "Date":
		return true
	}
	return strings.HasPrefix(name, "Access-Control-")
}

func (a *functionAnswer) Write(p []byte) (int, error) {
	if a.headOnly {
		return len(p), nil
	}
	return a.x.Write(p)
}

// Flush sends what was written. A client that is gone is an error, so that the
// function ends.
func (a *functionAnswer) Flush() error {
	return a.x.FlushError()
}

// fail answers a failure of ours: in the API's shape, or as Supabase's relay does,
// whose client tells them from what a function answers by x-relay-error.
func (f *functionCall) fail(x *exchange, r *http.Request, failure *fault.Fault) {
	status := statusOf(failure.Code, x.caller)
	if !f.relay {
		if status >= http.StatusInternalServerError && failure.Details == "" {
			failure = failure.WithDetails("request " + x.id)
		}
		x.failStatus(r, failure, status)
		return
	}
	x.fault = failure
	said := relayed(failure, status)
	if said.header != "" {
		x.set("Sb-Error-Code", said.header)
	}
	if said.relay {
		x.header["X-Relay-Error"] = trueValue
	}
	if said.status == http.StatusServiceUnavailable {
		x.set("Retry-After", "1")
	}
	x.answerFault(r, said.status, []byte(`{"code":`+said.code+`,"message":`+strconv.Quote(said.message)+`}`))
}

func (f *functionCall) failWith(x *exchange, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return
	}
	f.fail(x, r, publicFault(err))
}

// relayFailure is a failure in the words of Supabase's relay.
type relayFailure struct {
	status                int
	code, message, header string // code is JSON
	relay                 bool
}

const statusResources = 546 // of Supabase: a limit of the function

func relayed(f *fault.Fault, status int) relayFailure {
	switch f.Code {
	case function.CodeUnknown:
		return relayFailure{http.StatusNotFound, `"NOT_FOUND"`, "Requested function was not found", "NOT_FOUND", false}
	case function.CodeTimeout:
		return relayFailure{http.StatusGatewayTimeout, `"IDLE_TIMEOUT"`, "The function did not answer within its time", "IDLE_TIMEOUT", true}
	case function.CodeMemory, function.CodeAnswer:
		return relayFailure{statusResources, `"WORKER_LIMIT"`, "Function failed due to not having enough compute resources (please check logs)", "WORKER_RESOURCE_LIMIT", true}
	case function.CodeBusy:
		return relayFailure{http.StatusServiceUnavailable, `"WORKER_BUSY"`, "All instances of the function are at work; try again", "WORKER_BUSY", true}
	case function.CodeModule:
		return relayFailure{http.StatusServiceUnavailable, `"BOOT_ERROR"`, "Function failed to start (please check logs)", "BOOT_ERROR", true}
	case codeTooLarge:
		return relayFailure{status, `"PAYLOAD_TOO_LARGE"`, f.Message, "", false}
	case codeMethod:
		return relayFailure{status, `"METHOD_NOT_ALLOWED"`, f.Message, "", false}
	}
	switch status {
	case http.StatusUnauthorized:
		return relayFailure{status, "401", "Missing authorization header", "UNAUTHORIZED_NO_AUTH_HEADER", false}
	case http.StatusForbidden:
		return relayFailure{status, "403", "Forbidden", "", false}
	case http.StatusInternalServerError:
		return relayFailure{status, `"WORKER_ERROR"`, "Function exited due to an error (please check logs)", "EDGE_FUNCTION_ERROR", false}
	}
	return relayFailure{status, strconv.Quote(f.Code), f.Message, "", false}
}

var trueValue = []string{"true"}

// routeFunction is a declared route that a function answers.
type routeFunction struct {
	route *route
	call  functionCall
	names []string // of the path's parameters
}

func (h *Handler) newRouteFunction(t *route, declared *manifest.CallFunction) answerer {
	a := &routeFunction{route: t, call: functionCall{site: h, name: declared.Name, limits: t.limits}}
	for _, segment := range strings.Split(t.declared.URLPath, "/") {
		if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
			name, _, _ := strings.Cut(segment[1:len(segment)-1], ":")
			a.names = append(a.names, name)
		}
	}
	return a
}

// answer runs the function. Who calls is who the request's credentials say; such
// as are not ours are for the function, as those of a webhook.
func (a *routeFunction) answer(x *exchange, r *http.Request) {
	if !calledWith(r.Method) {
		x.header["Allow"] = allowedOfFunction
		if r.Method == http.MethodOptions {
			x.WriteHeader(http.StatusNoContent)
			return
		}
		x.fail(r, errMethod(r.Method))
		return
	}
	x.header["Vary"] = varyCaller
	request := function.Request{Path: r.URL.Path, Route: a.route.declared.URLPath}
	if len(a.names) > 0 {
		request.Params = make(map[string]string, len(a.names))
		for _, name := range a.names {
			request.Params[name] = r.PathValue(name)
		}
	}
	if rest := r.PathValue("*"); rest != "" {
		if request.Params == nil {
			request.Params = make(map[string]string, 1)
		}
		request.Params["*"] = rest
	}
	a.call.serve(x, r, x.caller, &request)
}
