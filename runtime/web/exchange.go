package web

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/web/coding"
	"github.com/edge-hive/edge-hive/runtime/web/headers"
	"github.com/edge-hive/edge-hive/runtime/web/tracing"
)

// exchange is one request being answered: the ResponseWriter that handlers
// write to, and what is known about the request. Header values that we set
// point into it, so one allocation serves them all; it is never reused, for
// net/http reads them after the handler has returned.
type exchange struct {
	http.ResponseWriter
	header http.Header
	status int // 0 until the header is written
	bytes  int64

	began    time.Time
	id       string
	client   netip.Addr
	route    string // a pattern: of ours, or of the manifest
	caller   *auth.Caller
	fault    *fault.Fault // what went wrong, for the log
	hijacked bool
	deadline deadline         // the handler's, in the data API
	changes  *headers.Changes // of the answer

	request   *http.Request
	compress  *compression   // nil: the answer stays as it is
	settled   bool           // nothing is left to decide about its coding
	coded     *coded         // nil: what is written is sent as it is
	whole     *coding.Whole  // what was encoded whole, given back at the end
	knownTags []string       // If-None-Match as it came, where it names codings
	wouldBe   int            // bytes of the body that a 304 stands for, 0 for unknown
	trace     *tracing.Trace // that the request belongs to, nil for none
	span      tracing.Span   // nil where there is no tracer
	pace      time.Duration  // within which a stream's client must take something; 0: its handler bounds it

	values [12]string
	used   int
}

// set sets a response header; key must be canonical.
func (x *exchange) set(key, value string) {
	if x.used == len(x.values) {
		x.header[key] = []string{value}
		return
	}
	x.values[x.used] = value
	x.header[key] = x.values[x.used : x.used+1 : x.used+1]
	x.used++
}

// begin notes the status with which the answer begins: the last moment to change
// its headers.
func (x *exchange) begin(status int) {
	x.status = status
	if x.changes != nil {
		x.change()
	}
}

// change makes the changes that the manifest declares of the answer's headers.
func (x *exchange) change() {
	x.changes.Apply(headers.Answer{Header: x.header, Client: x.client, Host: x.request.Host, ID: x.id})
}

// WriteHeader notes the status that is sent. Informational ones pass.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.begin(status)
		if (x.compress != nil || x.knownTags != nil) && !x.settled && x.encodeAnswer(status) {
			return // what is written decides about the header
		}
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes of the body.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.coded != nil {
		return x.coded.Write(p)
	}
	return connection{x}.Write(p)
}

// ReadFrom lets the kernel send files, where net/http can have it do so.
func (x *exchange) ReadFrom(from io.Reader) (int64, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	inner, ok := x.ResponseWriter.(io.ReaderFrom)
	if !ok || x.coded != nil {
		return io.Copy(struct{ io.Writer }{x}, from)
	}
	n, err := inner.ReadFrom(from)
	x.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Flush sends what is buffered. A writer that cannot flush, or whose client has
// gone, tells at Write.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is Flush for who wants to know whether the client is still there.
func (x *exchange) FlushError() error {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.coded != nil {
		if err := x.coded.flush(); err != nil {
			return err
		}
	}
	control := http.NewResponseController(x.ResponseWriter)
	if x.request.ProtoMajor != 2 || x.pace == 0 {
		return control.Flush()
	}
	_ = control.SetWriteDeadline(time.Now().Add(x.pace))
	err := control.Flush()
	_ = control.SetWriteDeadline(time.Time{})
	return err
}

// Hijack hands the connection to a WebSocket.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(x.ResponseWriter).Hijack()
	if err == nil {
		x.hijacked = true
		x.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

var (
	_ http.Flusher  = (*exchange)(nil)
	_ http.Hijacker = (*exchange)(nil)
	_ io.ReaderFrom = (*exchange)(nil)
)

// ServeHTTP answers one request, whatever happens in its handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{ResponseWriter: w, header: w.Header(), began: time.Now(), id: h.requestID(r), request: r, compress: h.compress, pace: h.pace}
	x.set("X-Request-Id", x.id)
	x.header["X-Content-Type-Options"] = noSniff
	x.knownTags = coding.PlainTags(r.Header)
	h.boundBody(x, r)
	r = h.startTrace(x, r)
	if h.meter != nil {
		h.meter.RequestBegan()
	}
	defer h.end(x, r)
	h.serve(x, r)
}

// end recovers, answers what was left unanswered, and notes the request.
func (h *Handler) end(x *exchange, r *http.Request) {
	abort := false
	if thrown := recover(); thrown != nil {
		abort = h.recovered(x, r, thrown)
	}
	x.endBody(abort)
	x.endTrace(r, x.outcome(r))
	if h.meter != nil {
		h.meter.RequestEnded(x.route, knownMethod(r.Method), x.outcome(r), time.Since(x.began).Seconds(), x.bytes)
	}
	h.logRequest(x, r)
	if abort {
		panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
	}
}

// recovered turns a panic into a 500 where an answer is still possible; otherwise
// it reports that the connection must be cut.
func (h *Handler) recovered(x *exchange, r *http.Request, thrown any) bool {
	if err, ok := thrown.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	h.log.LogAttrs(r.Context(), slog.LevelError, "panic in a handler",
		slog.String("request_id", x.id), slog.Any("panic", thrown), slog.String("stack", string(debug.Stack())))
	if x.status != 0 || x.hijacked {
		return true
	}
	x.fail(r, fault.Internal(errPanic))
	return false
}

var errPanic = errors.New("panic in a handler")

// statusClosed stands in logs and metrics for a request whose client went away
// before the answer.
const statusClosed = 499

// outcome is the status for logs and metrics.
func (x *exchange) outcome(r *http.Request) int {
	switch {
	case x.status == 0 && r.Context().Err() != nil:
		return statusClosed
	case x.status == 0:
		return http.StatusOK
	}
	return x.status
}

// requestID takes the id of a trusted proxy before us when it is a plain word, else
// makes one: another's could be that of a request that is looked for in the log.
func (h *Handler) requestID(r *http.Request) string {
	if sent := r.Header["X-Request-Id"]; len(sent) == 1 && plainID(sent[0]) && h.proxies.Sent(r) {
		return sent[0]
	}
	var raw [8]byte
	var text [16]byte
	binary.BigEndian.PutUint64(raw[:], rand.Uint64()) //nolint:gosec // G404: an id to find log lines by, not a secret
	hex.Encode(text[:], raw[:])
	return string(text[:])
}

func plainID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// knownMethod keeps the methods of metrics bounded.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}

var noSniff = []string{"nosniff"}
