// Package outbound sends HTTP requests to addresses that are not the operator's,
// for whoever the operator does not trust with the network that this process is
// in: hosts are those that are listed, their addresses are public, and answers
// have a bound. Operations of functions use it; it knows no functions, and
// follows no proxy of the environment.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The bounds of a request.
const (
	MaxTime      = 10 * time.Second // all of it: redirects and the answer's body too
	MaxBody      = 4 << 20          // of a request; of an answer when it is inflated
	MaxRedirects = 3

	maxURL            = 8 << 10
	maxAnswerHeader   = 64 << 10
	atOnce            = 64 // requests; the others wait, in their own time
	idleConnections   = 128
	idlePerHost       = 4
	connectionsOfHost = 32
	idleTime          = 60 * time.Second
	shown             = 100 // bytes of what a fault repeats
)

// Request is what is to be sent.
type Request struct {
	Method  string // "" is GET
	URL     string
	Header  http.Header
	Body    []byte
	Timeout time.Duration // at most MaxTime, which it also is when it is 0
	// Targets are where it may go, and where redirects may send it.
	Targets []Target
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	URL    string // that answered, after redirects
}

// Client sends requests. It keeps connections, so it is made once, and closed at
// the end. A connection belongs to a target, and who may use it is asked with
// each request.
type Client struct {
	transport *http.Transport
	slots     chan struct{}
	life      context.Context // ends at Close
	end       context.CancelFunc
	mu        sync.Mutex // guards closed and the growth of running
	closed    bool
	running   sync.WaitGroup
}

// New makes a client.
func New() *Client { return newClient(&guard{resolver: net.DefaultResolver, special: Special}, nil) }

func newClient(g *guard, trust *tls.Config) *Client {
	if trust == nil {
		trust = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c := &Client{slots: make(chan struct{}, atOnce)}
	c.transport = &http.Transport{
		Proxy: nil, // none of the environment's
		// HTTP/1.1 alone: one connection is one request, so that bounds of
		// connections are bounds of work.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.dial(ctx, g, network, address)
		},
		TLSClientConfig: trust, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConns: idleConnections, MaxIdleConnsPerHost: idlePerHost, MaxConnsPerHost: connectionsOfHost,
		IdleConnTimeout: idleTime, MaxResponseHeaderBytes: maxAnswerHeader,
	}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// dial connects for the transport, which goes on with it when the request that
// wanted it is gone: it is the client's to end.
func (c *Client) dial(ctx context.Context, g *guard, network, address string) (net.Conn, error) {
	if !c.begin() {
		return nil, errClosed
	}
	defer c.running.Done()
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	return g.dial(ctx, network, address)
}

// Close ends requests that run, waits for them, and closes all connections.
// Later requests fail.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.running.Wait()
	c.transport.CloseIdleConnections()
	return nil
}

func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Add(1)
	return true
}

var (
	errClosed = fault.New(CodeFailed, "no requests are sent any more: the server stops")
	errTime   = fault.New(CodeTimeout, "no answer came in time")
)

// Do sends a request and reads the whole answer, whatever its status. Faults
// have the codes of this package.
func (c *Client) Do(ctx context.Context, r *Request) (*Answer, error) {
	hop, f := first(r)
	if f != nil {
		return nil, f
	}
	if !c.begin() {
		return nil, errClosed
	}
	defer c.running.Done()
	timeout := r.Timeout
	if timeout <= 0 || timeout > MaxTime {
		timeout = MaxTime
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, errTime.WithCause(ctx.Err())
	}
	for redirects := 0; ; redirects++ {
		answer, next, err := c.send(ctx, hop)
		if err != nil {
			return nil, explain(ctx, hop, err)
		}
		if next == "" {
			return answer, nil
		}
		if redirects == MaxRedirects {
			return nil, fault.Newf(CodeRedirects, "more than %d redirects followed from one another", MaxRedirects)
		}
		if f := hop.follow(answer.Status, next, r.Targets); f != nil {
			return nil, f
		}
	}
}

// hop is one request on the way to an answer.
type hop struct {
	method string
	url    *url.URL
	target Target
	header http.Header
	body   []byte
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// first judges a request and makes the first hop of it.
func first(r *Request) (*hop, *fault.Fault) {
	h := &hop{method: r.Method, body: r.Body}
	if h.method == "" {
		h.method = http.MethodGet
	}
	if !slices.Contains(methods, h.method) {
		return nil, fault.Newf(CodeRequest, "%q is no method that is sent", fault.Clip(r.Method, shown)).WithHint("there are " + strings.Join(methods, ", "))
	}
	if len(r.Body) > MaxBody {
		return nil, fault.Newf(CodeRequest, "the body has more than %d bytes", MaxBody)
	}
	if len(r.Body) > 0 && (h.method == http.MethodGet || h.method == http.MethodHead) {
		return nil, fault.Newf(CodeRequest, "a %s has no body", h.method)
	}
	var f *fault.Fault
	if h.header, f = checkHeader(r.Header); f != nil {
		return nil, f
	}
	if len(r.URL) > maxURL {
		return nil, fault.Newf(CodeRequest, "the URL has more than %d bytes", maxURL)
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, errURL.WithCause(why(err))
	}
	return h, h.aim(u, r.Targets)
}

var errURL = fault.New(CodeRequest, "this is no URL").WithHint("a whole one is meant, such as https://api.example.com/v1/things?id=7")

// why is what is wrong with a URL, without the URL: it may hold what no log may.
func why(err error) error {
	if bad, ok := errors.AsType[*url.Error](err); ok {
		return bad.Err
	}
	return err
}

// aim judges where a URL leads.
func (h *hop) aim(u *url.URL, targets []Target) *fault.Fault {
	if u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.Host == "" {
		return errURL
	}
	if u.User != nil {
		return fault.New(CodeRequest, "the URL holds a name or a password").WithHint("send the header Authorization")
	}
	t := targetOf(u)
	if !slices.Contains(targets, t) {
		return fault.Newf(CodeDenied, "permission denied to fetch from %s", fault.Clip(t.String(), shown)).
			WithHint("grant it: fetch lists hosts by exact name, with the port where it is not 443, and http:// for plain HTTP")
	}
	// What is sent is what was compared.
	u.Host = t.host
	if strings.IndexByte(t.host, ':') >= 0 {
		u.Host = "[" + t.host + "]"
	}
	if t.port != portOf(t.scheme) {
		u.Host = net.JoinHostPort(t.host, t.port)
	}
	u.Fragment, u.RawFragment = "", ""
	h.url, h.target = u, t
	return nil
}

// follow makes of a hop the next one, as browsers do. To another target it takes
// no header along that could say who sends it.
func (h *hop) follow(status int, location string, targets []Target) *fault.Fault {
	u, err := h.url.Parse(location)
	if err != nil || len(location) > maxURL {
		return fault.New(CodeFailed, "the answer is a redirect to what is no URL").WithCause(why(err))
	}
	from := h.target
	if f := h.aim(u, targets); f != nil {
		return f.WithDetails("the host redirects there")
	}
	reads := h.method == http.MethodGet || h.method == http.MethodHead
	if status == http.StatusSeeOther && !reads || status < http.StatusSeeOther && h.method == http.MethodPost {
		h.method, h.body = http.MethodGet, nil
		h.header.Del("Content-Type")
	}
	if h.target == from {
		return nil
	}
	for name := range h.header {
		if !slices.Contains(harmless, name) {
			delete(h.header, name)
		}
	}
	return nil
}

// send sends a hop. next is where a redirect leads, "" for an answer.
func (c *Client) send(ctx context.Context, h *hop) (answer *Answer, next string, err error) {
	r, err := http.NewRequestWithContext(ctx, h.method, h.url.String(), nil)
	if err != nil {
		return nil, "", err
	}
	r.Header = h.header.Clone()
	if len(h.body) > 0 {
		r.ContentLength = int64(len(h.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(h.body)), nil }
		r.Body, _ = r.GetBody()
	}
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer = &Answer{Status: response.StatusCode, Header: response.Header, URL: h.url.String()}
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if next = response.Header.Get("Location"); next != "" {
			return answer, next, nil
		}
	}
	answer.Body, err = io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	switch {
	case err != nil:
	case len(answer.Body) > MaxBody:
		err = errTooLarge
	case ctx.Err() != nil:
		// A server that sees us leave may end its answer as if that were all.
		err = ctx.Err()
	}
	return answer, "", err
}

var errTooLarge = fault.Newf(CodeTooLarge, "the answer has more than %d bytes", MaxBody)

// explain turns what went wrong into a fault that says nothing of the network
// that we are in.
func explain(ctx context.Context, h *hop, err error) error {
	var refused *specialError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var wait net.Error
	host := h.target.host
	switch {
	case errors.Is(err, errTooLarge):
		return err
	case errors.As(err, &refused):
		return fault.Newf(CodeAddress, "%s has no public address", host).WithCause(err).
			WithHint("a private address that is meant is granted as such, by its number: 10.0.0.5:8443")
	case ctx.Err() != nil || errors.As(err, &wait) && wait.Timeout():
		return errTime.WithCause(err)
	case errors.As(err, &name):
		return fault.Newf(CodeFailed, "the name %s cannot be resolved", host).WithCause(err)
	case errors.As(err, &certificate):
		return fault.Newf(CodeFailed, "the certificate of %s is not to be trusted", host).WithCause(err)
	}
	return fault.Newf(CodeFailed, "%s could not be reached, or gave no HTTP answer", host).WithCause(err)
}
