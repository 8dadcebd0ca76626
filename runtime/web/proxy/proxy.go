// Package proxy sends requests on to the servers that a manifest declares, and
// their answers back: plain requests, event streams, WebSockets and other upgrades,
// gRPC. Where a request goes is decided by the manifest alone; what a server learns
// of the caller is what the surface says, never what the caller claims.
//
// A Proxy is one route of one generation and immutable. What outlives generations,
// connections, health, and streams that go on, is in Pools.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Codes of this room's faults.
const (
	CodeBadGateway     = "bad-gateway"
	CodeGatewayTimeout = "gateway-timeout"
	CodeNoServer       = "no-server"
	CodePath           = "bad-path"
	CodeRequest        = "bad-request"
)

var (
	errBadGateway = fault.New(CodeBadGateway, "the server behind this path gave no answer that could be handed on").
			WithHint("try again; the request id finds the cause in the log")
	errGatewayTimeout = fault.New(CodeGatewayTimeout, "the server behind this path did not answer in time").
				WithHint("try again; the request id finds the cause in the log")
	errNoServer = fault.New(CodeNoServer, "no server behind this path is well").WithHint("try again in a moment")
	errNoPath   = fault.New(CodePath, "the path cannot be asked of the server behind it").WithHint("no '.' or '..' segments")
	errNoHost   = fault.New(CodeRequest, "the Host is none").WithHint("a host name or address, with a port or without")
	errProtocol = fault.New(CodeRequest, "the Upgrade names no protocol").WithHint("name one, as in Upgrade: websocket")
)

// ErrGone is that the caller went away before his answer was whole.
var ErrGone = errors.New("the caller has gone")

// BodyError is that the request's body could not be read.
type BodyError struct{ cause error }

func (e *BodyError) Error() string { return "read the body: " + e.cause.Error() }

// Unwrap gives what the reader said.
func (e *BodyError) Unwrap() error { return e.cause }

// Origin is what the surface knows of a request, and vouches for.
type Origin struct {
	ID     string
	Client netip.Addr
	Scheme string // http or https
	// Service tells whether a text is a key of the service role. Such are never sent
	// on. nil: none is.
	Service func(token string) bool
	// BodyTime is within which more of the body must come. 0: for ever.
	BodyTime time.Duration
	// Detach, when set, is called when the request, or its answer, may last: nothing of
	// the generation is needed any more.
	Detach func(context.Context)
	// Trace, when set, begins the span of each try.
	Trace func(Try) Span
}

// Proxy answers the requests of one route. It is immutable and safe for concurrent
// use. Close it when its last request has begun its answer.
type Proxy struct {
	pool       *pool
	retries    int
	path       pathRule
	host       string
	request    headerRules
	response   headerRules
	unbuffered bool
	credential bool
	oneMethod  bool
}

// New prepares the proxy of a route. pools keeps what outlives it.
func New(pools *Pools, route *manifest.Route) (*Proxy, error) {
	declared := route.Proxy
	path, err := newPathRule(route)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		retries: declared.Retries, path: path, host: declared.Host, unbuffered: declared.Unbuffered,
		credential: declared.Credentials, oneMethod: route.Method != "",
		request: newHeaderRules(&declared.Request), response: newHeaderRules(&declared.Response),
	}
	if p.pool, err = pools.acquire(route.Pattern, declared); err != nil {
		return nil, fmt.Errorf("servers of route %s: %w", route.Pattern, err)
	}
	return p, nil
}

// Close gives the servers back. Requests that run go on.
func (p *Proxy) Close() { p.pool.release() }

// Serve sends a request on and hands its answer back. An error is a *fault.Fault to
// be answered, ErrGone or a *BodyError; when the answer had begun it must be cut
// off instead.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, from Origin) error {
	path, ok := p.path.of(r)
	switch {
	case !ok:
		return errNoPath
	case !httpguts.ValidHostHeader(r.Host):
		return errNoHost
	case !printable(r.Header["Upgrade"]):
		return errProtocol
	}
	f := newForward(p, w, r, from, path)
	if from.Detach != nil && (r.ContentLength < 0 || r.ContentLength > lasting) {
		from.Detach(r.Context())
	}
	defer f.end()
	f.forward()
	return f.verdict()
}

var errCut = errors.New("the answer was cut off")

// lasting is the size of bodies that may take long.
const lasting = 1 << 20

// verdict is what the surface is told.
func (f *forward) verdict() error {
	err := f.err
	if err == nil {
		return nil
	}
	var known *fault.Fault
	var timeout interface{ Timeout() bool }
	switch {
	case f.body != nil && f.body.failure() != nil:
		return &BodyError{f.body.failure()}
	case f.gone(), errors.Is(err, errCut) && f.reply != nil && f.reply.broken == nil:
		return ErrGone
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errGatewayTimeout.WithCause(err)
	}
	return errBadGateway.WithCause(err)
}

// gone reports that the caller has left.
func (f *forward) gone() bool { return errors.Is(f.in.Context().Err(), context.Canceled) }

// upgrade is the protocol that a request asks to go over to, "" for none. HTTP and
// TLS are none: what is asked inside would pass the manifest's routes.
func upgrade(header http.Header) string {
	if !hasToken(header["Connection"], "upgrade") {
		return ""
	}
	values := header["Upgrade"]
	if len(values) != 1 {
		return ""
	}
	for protocol := range strings.SplitSeq(values[0], ",") {
		name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(protocol)), "/")
		if name == "" || name == "http" || name == "tls" || strings.HasPrefix(name, "h2") || strings.HasPrefix(name, "h3") {
			return ""
		}
	}
	return values[0]
}

func printable(values []string) bool {
	for _, value := range values {
		for i := range len(value) {
			if value[i] < ' ' || value[i] > '~' {
				return false
			}
		}
	}
	return true
}

// hasToken finds a word in comma-separated lists; it must be lower case.
func hasToken(lists []string, word string) bool {
	for _, list := range lists {
		for token := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(token), word) {
				return true
			}
		}
	}
	return false
}

// closeQuietly closes what was read to its end or given up.
func closeQuietly(c io.Closer) { _ = c.Close() }
