package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/web/guards"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
)

// Codes of the surface's own faults, the dialect's where it has one.
const (
	codeBadRequest   = "bad-request"
	codeNotFound     = "not-found"
	codeMethod       = "method-not-allowed"
	codeTooLarge     = "too-large"
	codeURLTooLong   = "url-too-long"
	codeHeaders      = "headers-too-large"
	codeMediaType    = "unsupported-media-type"
	codeBodyTimeout  = "body-timeout"
	codeOrigin       = "origin-not-allowed"
	codeServiceKey   = "service-key-in-browser"
	codeNotHere      = "not-in-this-version"
	codePreference   = "preference-not-supported"
	codeUnavailable  = "unavailable"
	codeDiskFull     = "53100"
	codeTimeout      = "57014"
	codeRange        = "PGRST103"
	codeProfile      = "PGRST106"
	codeMediaTypes   = "PGRST107" // no media type that is asked for can be answered
	codeNoCallMethod = "PGRST101"
	codeNoMethod     = "PGRST117"
	codePath         = "PGRST125"
	codeNoRoot       = "PGRST126"
)

var (
	errURLTooLong     = fault.New(codeURLTooLong, "the URL is longer than 16384 bytes").WithHint("ask for less at once, or send a search in a body")
	errTooManyHeaders = fault.New(codeHeaders, "the request has more than 100 header fields").WithHint("send fewer")
	errTimeout        = fault.New(codeTimeout, "canceling statement due to statement timeout")
	errDiskFull       = fault.New(codeDiskFull, "no room left to write").WithHint("reading goes on; writing resumes when there is room")
	errUnavailable    = fault.New(codeUnavailable, "the database cannot be reached just now").WithHint("try again")
)

func errMethod(method string) *fault.Fault {
	return fault.Newf(codeMethod, "method %s is not allowed here", printable(method))
}

// printable bounds what of a request is repeated in an answer.
func printable(s string) string {
	if len(s) > 64 {
		s = s[:64] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// statuses maps the codes of faults to HTTP, for every surface. It is only read.
var statuses = map[string]int{
	fault.CodeInternal: http.StatusInternalServerError,

	query.CodeParse:         http.StatusBadRequest,
	query.CodeManyRelations: http.StatusMultipleChoices,
	query.CodeNoOperator:    http.StatusNotFound,
	codeRange:               http.StatusRequestedRangeNotSatisfiable,
	codeProfile:             http.StatusNotAcceptable,
	codeMediaTypes:          http.StatusNotAcceptable,
	codeNoCallMethod:        http.StatusMethodNotAllowed,
	codeNoMethod:            http.StatusMethodNotAllowed,
	codePath:                http.StatusNotFound,
	codeNoRoot:              http.StatusNotFound,

	auth.CodeBadToken:  http.StatusUnauthorized,
	auth.CodeBadClaims: http.StatusUnauthorized,
	"PGRST302":         http.StatusUnauthorized,

	data.CodeBody:         http.StatusBadRequest,
	data.CodeNotSingle:    http.StatusNotAcceptable,
	data.CodeUnknownQuery: http.StatusNotFound,
	data.CodeReadOnly:     http.StatusMethodNotAllowed,
	data.CodeUnknownTable: http.StatusNotFound,
	data.CodeDenied:       http.StatusForbidden,          // 401 for anon
	data.CodeOverload:     http.StatusServiceUnavailable, // too much is waiting or running
	data.CodeTooLarge:     http.StatusRequestEntityTooLarge,

	data.CodeMoved:     http.StatusPreconditionFailed,
	data.CodeKeyReused: http.StatusUnprocessableEntity,

	// Of engines.
	"PGRST000": http.StatusServiceUnavailable,
	"PGRST001": http.StatusServiceUnavailable,
	"PGRST002": http.StatusServiceUnavailable, // the tables are being changed
	"08007":    http.StatusServiceUnavailable, // lost before it answered
	"40001":    http.StatusServiceUnavailable, // many write the same rows
	"23503":    http.StatusConflict,
	"23505":    http.StatusConflict,
	"42P01":    http.StatusNotFound,
	"55000":    http.StatusConflict, // done before, and its result fits the tables no more

	function.CodeUnknown: http.StatusNotFound,
	function.CodeFailed:  http.StatusInternalServerError,
	function.CodeMemory:  http.StatusInternalServerError,
	function.CodeAnswer:  http.StatusInternalServerError,
	function.CodeModule:  http.StatusServiceUnavailable,
	function.CodeBusy:    http.StatusServiceUnavailable,
	function.CodeTimeout: http.StatusGatewayTimeout,
	function.CodeDepth:   http.StatusLoopDetected,

	proxy.CodeBadGateway:     http.StatusBadGateway,
	proxy.CodeNoServer:       http.StatusServiceUnavailable,
	proxy.CodeGatewayTimeout: http.StatusGatewayTimeout,

	codeTimeout:     http.StatusGatewayTimeout,
	codeDiskFull:    http.StatusInsufficientStorage,
	codeUnavailable: http.StatusServiceUnavailable,

	codeBadRequest:         http.StatusBadRequest,
	codeNotFound:           http.StatusNotFound,
	codeMethod:             http.StatusMethodNotAllowed,
	codeTooLarge:           http.StatusRequestEntityTooLarge,
	codeURLTooLong:         http.StatusRequestURITooLong,
	codeHeaders:            http.StatusRequestHeaderFieldsTooLarge,
	codeMediaType:          http.StatusUnsupportedMediaType,
	codeBodyTimeout:        http.StatusRequestTimeout,
	rates.Code:             http.StatusTooManyRequests,
	codeOrigin:             http.StatusForbidden,
	codeServiceKey:         http.StatusUnauthorized,
	codeNotHere:            http.StatusNotFound,
	guards.CodeAddress:     http.StatusForbidden,
	guards.CodeCertificate: http.StatusForbidden,
	guards.CodeMisdirected: http.StatusMisdirectedRequest,
	guards.CodeCredentials: http.StatusUnauthorized,
}

// statusOf is the HTTP status of a code: as listed, else 400, for what we do not
// list is a fault of the request (ours is CodeInternal).
func statusOf(code string, caller *auth.Caller) int {
	if code == data.CodeDenied && (caller == nil || caller.Role == auth.Anon) {
		return http.StatusUnauthorized
	}
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusBadRequest
}

// publicFault turns an error of the layers below into what the client is told.
func publicFault(err error) *fault.Fault {
	var f *fault.Fault
	switch {
	case errors.As(err, &f) && f.Code != fault.CodeInternal:
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return errTimeout.WithCause(err)
	case errors.Is(err, store.ErrFull):
		return errDiskFull.WithCause(err)
	case errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrUnavailable):
		return errUnavailable.WithCause(err)
	}
	return fault.From(err)
}

// failWith answers an error. A client that went away gets nothing.
func (x *exchange) failWith(r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return
	}
	x.fail(r, publicFault(err))
}

// fail answers a fault in the dialect's shape: code, message, details, hint.
func (x *exchange) fail(r *http.Request, f *fault.Fault) {
	x.failStatus(r, f, statusOf(f.Code, x.caller))
}

func (x *exchange) failStatus(r *http.Request, f *fault.Fault, status int) {
	x.fault = f
	switch status {
	case http.StatusUnauthorized:
		if f.Code != guards.CodeCredentials { // whose challenge is its own
			x.set("Www-Authenticate", challenge(f))
		}
	case http.StatusServiceUnavailable:
		x.set("Retry-After", "1")
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // what was sent is repeated as it was, meta->>color say
	err := encoder.Encode(struct {
		Code    string  `json:"code"`
		Message string  `json:"message"`
		Details any     `json:"details"`
		Hint    *string `json:"hint"`
	}{f.Code, f.Message, details(f), optional(f.Hint)})
	if err != nil { // four strings always encode
		body.WriteString(`{"code":"` + fault.CodeInternal + `","message":"","details":null,"hint":null}`)
	}
	x.answerFault(r, status, bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// answerFault sends the JSON of a refusal, which no cache may keep.
func (x *exchange) answerFault(r *http.Request, status int, body []byte) {
	delete(x.header, "Etag")
	delete(x.header, "Content-Range")
	x.header["Content-Type"] = typeJSON
	x.header["Cache-Control"] = cacheNever
	x.set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(status)
	if r.Method != http.MethodHead {
		// A client that is gone is noticed by net/http.
		_, _ = x.Write(body)
	}
}

// challenge is the WWW-Authenticate of a 401.
func challenge(f *fault.Fault) string {
	if !strings.HasPrefix(f.Code, "PGRST30") {
		return "Bearer"
	}
	return `Bearer error="invalid_token", error_description=` + strconv.QuoteToASCII(f.Message)
}

// details are a text, or the JSON list of the relations that a name may mean.
func details(f *fault.Fault) any {
	if f.Code == query.CodeManyRelations && json.Valid([]byte(f.Details)) {
		return json.RawMessage(f.Details)
	}
	return optional(f.Details)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Header values that never change; nobody appends to them in place.
var (
	typeJSON       = []string{"application/json; charset=utf-8"}
	typeObject     = []string{"application/vnd.pgrst.object+json; charset=utf-8"}
	typeCSV        = []string{"text/csv; charset=utf-8"}
	cacheNever     = []string{"private, no-store"}
	cacheValidate  = []string{"private, no-cache"}
	varyOrigin     = []string{"Origin"}
	varyCaller     = []string{"Origin, Authorization, apikey"}
	publicProfile  = []string{"public"}
	allowedOfTable = []string{"OPTIONS,GET,HEAD,POST,PATCH,DELETE"}
	allowedOfRow   = []string{"OPTIONS,GET,HEAD,PATCH,DELETE"}
)
