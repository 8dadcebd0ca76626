package proxy

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// forward is one request on its way: what ReverseProxy is told to do with it, and the
// transport that finds a server for it.
type forward struct {
	proxy   *Proxy
	reverse httputil.ReverseProxy
	answer  answer
	in      *http.Request
	from    Origin
	client  string    // from.Client as text
	said    [4]string // what is said of the caller: address, host, scheme, id
	path    string
	key     uint64 // what balance hashes
	// switches is the protocol that is asked for, "" for none.
	switches string
	body     *requestBody

	server  *upstream  // that answered
	reply   *replyBody // its answer's body, which is replied; nil for none
	replied replyBody
	backend io.ReadWriteCloser // when it went over to another protocol
	status  int
	err     error
}

func newForward(p *Proxy, w http.ResponseWriter, r *http.Request, from Origin, path string) *forward {
	f := &forward{proxy: p, answer: answer{to: w}, in: r, from: from, path: path, key: p.pool.balance.key(r, from.Client)}
	if from.Client.IsValid() {
		f.client = from.Client.String()
	}
	f.reverse.Rewrite, f.reverse.Transport, f.reverse.ModifyResponse, f.reverse.ErrorHandler = f.rewrite, f, f.answered, f.failed
	f.reverse.BufferPool, f.reverse.ErrorLog = buffers, silent
	if p.unbuffered {
		f.reverse.FlushInterval = -1
	}
	return f
}

// silent is a log that is not kept: what went wrong is in the answer's fault.
var silent = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)

// end gives up what the request holds.
func (f *forward) end() {
	if f.body != nil {
		f.body.end()
	}
}

// rewrite makes the request that is sent on. ReverseProxy has removed what belongs to
// the connection.
func (f *forward) rewrite(pr *httputil.ProxyRequest) {
	p, in, out := f.proxy, f.in, pr.Out
	setPath(out.URL, f.path)
	out.URL.RawQuery = in.URL.RawQuery
	if out.Header["Upgrade"] != nil {
		f.switches = upgrade(in.Header)
		if f.switches == "" || p.pool.steady.all(p.pool.servers) {
			f.switches = ""
			delete(out.Header, "Upgrade")
			delete(out.Header, "Connection")
		}
	}
	f.said = [4]string{f.client, in.Host, f.from.Scheme, f.from.ID}
	p.screen(out.Header)
	withhold(out.Header, out.URL, f.from.Service)
	if f.client != "" {
		out.Header["X-Forwarded-For"] = f.said[:1:1]
		out.Header["X-Real-Ip"] = f.said[:1:1]
	}
	out.Header["X-Forwarded-Host"] = f.said[1:2:2]
	out.Header["X-Forwarded-Proto"] = f.said[2:3:3]
	out.Header["X-Request-Id"] = f.said[3:4:4]
	p.request.apply(out.Header, f)
	switch {
	case p.host != "":
		out.Host = p.host
	case in.Host == "":
		out.Host = "localhost" // of HTTP/1.0, which knows no hosts
	}
	if out.Body != nil {
		out.Trailer = f.trailersAhead()
		f.body = newRequestBody(f, out)
		out.Body = f.body
	}
}

// trailersAhead names the headers that the body says it will end with.
func (f *forward) trailersAhead() http.Header {
	var ahead http.Header
	for name := range f.in.Trailer {
		if f.proxy.allowedTrailer(name) {
			if ahead == nil {
				ahead = http.Header{}
			}
			ahead[name] = nil
		}
	}
	return ahead
}

// RoundTrip sends the request to a server, and to another where the first failed and
// nothing was lost by it.
func (f *forward) RoundTrip(out *http.Request) (*http.Response, error) {
	pool := f.proxy.pool
	var tried tries
	if f.switches != "" {
		tried = pool.steady
	}
	var last error
	for attempt := 0; ; attempt++ {
		s := pool.pick(f.key, tried)
		switch {
		case s == nil && last != nil:
			return nil, last
		case s == nil:
			return nil, errNoServer
		}
		if attempt > 0 {
			pool.home.meter.ProxyRetry(pool.route)
			again := *out.URL // the transport may still look at the one before
			out = out.WithContext(out.Context())
			out.URL = &again
		}
		tried = tried.with(s)
		res, reached, err := f.try(s, out)
		if err == nil {
			return res, nil
		}
		last = err
		if attempt >= f.proxy.retries || !f.mayRepeat(out, reached) {
			return nil, err
		}
	}
}

// mayRepeat judges whether a request that failed may be tried again: none that a
// server may have acted on, and none whose body has gone or whose answer has begun.
func (f *forward) mayRepeat(out *http.Request, reached bool) bool {
	if f.in.Context().Err() != nil || f.answer.began.Load() {
		return false
	}
	if !reached {
		return f.body == nil || !f.body.touched.Load()
	}
	return f.body == nil && safe(out.Method)
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// try asks one server. reached is false when it never learned of the request.
func (f *forward) try(s *upstream, out *http.Request) (res *http.Response, reached bool, err error) {
	out.URL.Scheme, out.URL.Host = s.scheme, s.authority
	reached = true
	if f.proxy.retries > 0 && len(f.proxy.pool.servers) > 1 && (f.body != nil || !safe(out.Method)) {
		var connected atomic.Bool
		defer func() { reached = connected.Load() }()
		trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
		out = out.WithContext(httptrace.WithClientTrace(out.Context(), trace))
	}
	s.begin()
	res, err = s.transport.RoundTrip(out)
	if err != nil {
		result := f.result(err)
		if result != ResultCaller && !ofRequest(err) {
			s.failed(time.Now())
		}
		s.end(result)
		return nil, reached, err
	}
	f.server, f.status = s, res.StatusCode
	return res, reached, nil
}

// result is what became of a request that was not answered.
func (f *forward) result(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case f.gone(), f.body != nil && f.body.failure() != nil:
		return ResultCaller
	case errors.As(err, &timeout) && timeout.Timeout():
		return ResultTimeout
	}
	return ResultUnreachable
}

// ofRequest reports an error that the request would meet at every server: headers
// beyond what HTTP/2 servers said they take.
func ofRequest(err error) bool {
	return strings.Contains(err.Error(), "request header list larger than")
}

var (
	errUpgraded = errors.New("the connection goes over to another protocol")
	errSwitch   = errors.New("the server went over to a protocol that was not asked for")
	errNotDuly  = errors.New("the server's answer cannot be written to")
)

// answered looks at an answer before it is handed on.
func (f *forward) answered(res *http.Response) error {
	f.answer.began.Store(true)
	if f.body != nil {
		f.body.answered()
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return f.upgraded(res)
	}
	const eventStream = "text/event-stream"
	media := res.Header.Get("Content-Type")
	events := len(media) >= len(eventStream) && strings.EqualFold(media[:len(eventStream)], eventStream)
	f.replied = replyBody{inner: res.Body, from: f, events: events}
	f.reply, res.Body = &f.replied, &f.replied
	if events {
		f.proxy.pool.home.enter(f.reply)
	}
	if events || strings.EqualFold(res.Header.Get("X-Accel-Buffering"), "no") {
		f.reverse.FlushInterval = -1
	}
	if (events || res.ContentLength < 0 || res.ContentLength > lasting) && f.from.Detach != nil {
		f.from.Detach(f.in.Context())
	}
	f.relocate(res.Header)
	header := f.answer.to.Header()
	merge(header, res.Header)
	f.proxy.response.apply(header, f)
	res.Header = nil // it is where it belongs
	return nil
}

// upgraded takes over from ReverseProxy, which would neither know when the process
// ends nor wait for what it starts.
func (f *forward) upgraded(res *http.Response) error {
	backend, writable := res.Body.(io.ReadWriteCloser)
	asked := f.switches
	var err error
	switch {
	case asked == "" || !strings.EqualFold(asked, res.Header.Get("Upgrade")):
		err = errSwitch
	case !writable:
		err = errNotDuly
	}
	if err != nil {
		f.server.end(ResultUnreachable)
		return err
	}
	header := f.answer.to.Header()
	for name := range res.Header {
		if isHop(name) {
			delete(res.Header, name)
		}
	}
	merge(header, res.Header)
	delete(header, "Content-Type")
	f.proxy.response.apply(header, f)
	header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{asked}
	f.backend, res.Body = backend, http.NoBody
	return errUpgraded
}

// failed keeps why there is no answer.
func (f *forward) failed(_ http.ResponseWriter, _ *http.Request, err error) {
	if errors.Is(err, errUpgraded) {
		return
	}
	f.err = err
}

// relocate takes a server's own address out of where it sends the caller.
func (f *forward) relocate(header http.Header) {
	for _, name := range []string{"Location", "Content-Location"} {
		values := header[name]
		if len(values) != 1 {
			continue
		}
		u, err := url.Parse(values[0])
		if err != nil || u.Host == "" || strings.EqualFold(u.Host, f.in.Host) {
			continue
		}
		inner := strings.EqualFold(u.Host, f.server.authority) || f.proxy.host != "" && strings.EqualFold(u.Host, f.proxy.host) ||
			f.server.socket != "" && strings.EqualFold(u.Host, f.server.host)
		if !inner {
			continue
		}
		target := f.proxy.path.strip + "/" + strings.TrimLeft(u.EscapedPath(), "/")
		if u.RawQuery != "" {
			target += "?" + u.RawQuery
		}
		if u.Fragment != "" {
			target += "#" + u.EscapedFragment()
		}
		header[name] = []string{target}
	}
}

// buffers are what answers are copied through.
var buffers = &bufferPool{pool: sync.Pool{New: func() any { return new([bufferSize]byte) }}}

const bufferSize = 32 << 10

type bufferPool struct{ pool sync.Pool }

// Get gives a buffer.
func (b *bufferPool) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] }

// Put takes one back.
func (b *bufferPool) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
