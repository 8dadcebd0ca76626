package web

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/web/coding"
)

// bodyTimeout is how long a body may take to come.
const bodyTimeout = 30 * time.Second

var (
	errMediaType = fault.New(codeMediaType, "a body needs Content-Type: application/json").
			WithHint("forms and text are refused, so that no page can write across sites unasked")
	errEncoded     = fault.New(codeMediaType, "bodies with Content-Encoding are not accepted").WithHint("send the body as it is")
	errBodyTimeout = fault.New(codeBodyTimeout, "the body did not come within 30 seconds").WithHint("send less at once")
	errNotInflated = fault.New(codeBadRequest, "the body is not what its Content-Encoding says").WithHint("compress it whole, or send it as it is")
	errInflation   = fault.New(codeTooLarge, "the body is more than 10 times as large as it was sent").WithHint("send it as it is")
	errBodyCut     = fault.New(codeBadRequest, "the body ended before its Content-Length")
)

// boundBody bounds, before anybody reads it, the time in which a body must have
// come: net/http reads what a handler leaves, and would wait for it for ever. It
// also ends connections on which another's idea of where a body ends could differ
// from ours, so that nothing after it is taken for a request: those of HTTP/1.0,
// and of bodies without a length. Of HTTP/3, where nothing but the end of a stream says
// that there is no body, a request that only reads and says no length has none.
func (h *Handler) boundBody(x *exchange, r *http.Request) {
	if r.ProtoMajor == 3 && r.ContentLength < 0 && (safe(r.Method) || r.Method == http.MethodOptions) {
		r.ContentLength, r.Body = 0, http.NoBody
	}
	if r.ProtoMajor != 1 {
		return // a stream that is left is reset
	}
	if r.ProtoMinor == 0 || len(r.TransferEncoding) > 0 {
		x.header["Connection"] = connectionClose
	}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return
	}
	// A writer without deadlines (a recorder in tests) has no slow client either.
	_ = http.NewResponseController(x.ResponseWriter).SetReadDeadline(time.Now().Add(h.bodyTime))
}

// readBody reads a JSON body within its bounds. What is too large by its own
// word is refused before the client is told to go on.
func (h *Handler) readBody(x *exchange, r *http.Request) ([]byte, *fault.Fault) {
	if !sendsJSON(r.Header["Content-Type"]) {
		return nil, errMediaType
	}
	return h.receive(x, r)
}

// receive reads a body whose type was judged, within its bounds.
func (h *Handler) receive(x *exchange, r *http.Request) ([]byte, *fault.Fault) {
	if coding.Encoded(r) {
		return nil, errEncoded
	}
	return h.receiveBytes(x, r, h.limits.body)
}

// receiveAny is receive for bodies of any kind and another bound. What a route
// inflates comes as it was before.
func (h *Handler) receiveAny(x *exchange, r *http.Request, limit int64) ([]byte, *fault.Fault) {
	if r.ContentLength != 0 && coding.Encoded(r) {
		return nil, errEncoded
	}
	return h.receiveBytes(x, r, limit)
}

// receiveBytes reads a body within a bound and its time.
func (h *Handler) receiveBytes(x *exchange, r *http.Request, limit int64) ([]byte, *fault.Fault) {
	if r.ContentLength > limit {
		x.header["Connection"] = connectionClose
		return nil, tooLarge(limit)
	}
	if r.ContentLength == 0 || r.Body == nil {
		return nil, nil
	}
	// Writers without deadlines (recorders in tests) have no slow clients either.
	control := http.NewResponseController(x.ResponseWriter)
	_ = control.SetReadDeadline(time.Now().Add(h.bodyTime))
	body, err := readAll(x, r, limit)
	_ = control.SetReadDeadline(time.Time{})
	if err == nil {
		return body, nil
	}
	x.header["Connection"] = connectionClose
	return nil, bodyFault(err, limit)
}

// bodyFault is what the client is told of a body that could not be read.
func bodyFault(err error, limit int64) *fault.Fault {
	var tooBig *http.MaxBytesError
	var network net.Error
	switch {
	case errors.Is(err, coding.ErrInflation):
		return errInflation
	case errors.As(err, &tooBig):
		return tooLarge(limit)
	case errors.Is(err, coding.ErrCorrupt):
		return errNotInflated.WithCause(err)
	case errors.As(err, &network) && network.Timeout():
		return errBodyTimeout
	}
	return errBodyCut.WithCause(err)
}

// believed is the Content-Length that gets its memory at once; larger bodies
// grow as they come, for a claim costs the client nothing.
const believed = 64 << 10

// readAll reads a body up to the limit. The gate may keep parts of it, so it is
// not pooled.
func readAll(x *exchange, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > 0 && r.ContentLength <= believed {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	return io.ReadAll(http.MaxBytesReader(x.ResponseWriter, r.Body, limit))
}

// sendsJSON judges the Content-Type; none at all is no JSON either, for a page
// may send a body without one across sites.
func sendsJSON(headers []string) bool {
	return len(headers) == 1 && headers[0] == "application/json" || sends(headers, "application/json")
}

// sends judges the Content-Type: this media type, in UTF-8.
func sends(headers []string, want string) bool {
	if len(headers) != 1 {
		return false
	}
	media, parameters, _ := strings.Cut(headers[0], ";")
	if !strings.EqualFold(strings.TrimSpace(media), want) {
		return false
	}
	name, charset, found := strings.Cut(strings.TrimSpace(parameters), "=")
	return !found || !strings.EqualFold(name, "charset") || strings.EqualFold(strings.Trim(charset, `"`), "utf-8")
}

var connectionClose = []string{"close"}
