package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// forward is one request on its way.
type forward struct {
	proxy  *Proxy
	to     http.ResponseWriter
	in     *http.Request
	from   Origin
	client string    // from.Client as text
	said   [4]string // what is said of the caller: address, host, scheme, id
	path   string
	key    uint64 // what balance hashes
	url    url.URL
	trace  httptrace.ClientTrace
	// switches is the protocol that is asked for, "" for none.
	switches string
	body     *requestBody
	reached  atomic.Bool // the try has a connection, or nobody asks whether it has

	began     atomic.Bool // a part of the answer was handed on
	informing sync.Mutex
	answering bool // too late for informational answers; guarded by informing

	server  *upstream  // that answered
	reply   *replyBody // its answer's body, which is replied; nil for none
	replied replyBody
	span    Span // of the try, nil where nothing is recorded
	status  int
	err     error
}

func newForward(p *Proxy, w http.ResponseWriter, r *http.Request, from Origin, path string) *forward {
	f := &forward{proxy: p, to: w, in: r, from: from, path: path, key: p.pool.balance.key(r, from.Client)}
	if from.Client.IsValid() {
		f.client = addressText(from.Client, r.RemoteAddr)
	}
	return f
}

// addressText is an address as text: a part of the peer's, where he is the caller.
func addressText(client netip.Addr, peer string) string {
	if colon := strings.LastIndexByte(peer, ':'); colon > 0 && peer[0] != '[' {
		if host, err := netip.ParseAddr(peer[:colon]); err == nil && host == client {
			return peer[:colon]
		}
	}
	return client.String()
}

// end gives up what the request holds.
func (f *forward) end() {
	if f.body != nil {
		f.body.end()
	}
}

// cut notes that the answer did not reach the caller whole.
func (f *forward) cut() { f.err = errors.Join(errCut, f.err) }

// forward sends the request on and its answer back.
func (f *forward) forward() {
	res, err := f.send(f.request()) //nolint:bodyclose // whoever hands it on closes it
	f.settle()
	switch {
	case err != nil:
		f.err = err
	case res.StatusCode == http.StatusSwitchingProtocols:
		f.err = f.upgraded(res)
	default:
		f.hand(res)
	}
}

// send sends the request to a server, and to another where the first failed and
// nothing was lost by it.
func (f *forward) send(out *http.Request) (*http.Response, error) {
	pool := f.proxy.pool
	var tried tries
	if f.switches != "" {
		tried = pool.steady
	}
	if f.proxy.retries > 0 && len(pool.servers) > 1 && (f.body != nil || !safe(out.Method)) {
		f.trace.GotConn = f.connected
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
			if f.from.Trace != nil {
				out.Header = maps.Clone(out.Header)
			}
		}
		tried = tried.with(s)
		f.startSpan(s, out, attempt)
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
	if f.in.Context().Err() != nil || f.began.Load() {
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
	f.reached.Store(f.trace.GotConn == nil)
	s.begin()
	res, err = s.transport.RoundTrip(out)
	if err != nil {
		result := f.result(err)
		if result != ResultCaller && !ofRequest(err) {
			s.failed(time.Now())
		}
		f.over(s, result)
		return nil, f.reached.Load(), err
	}
	f.server, f.status = s, res.StatusCode
	return res, true, nil
}

func (f *forward) connected(httptrace.GotConnInfo) { f.reached.Store(true) }

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
	errSwitch  = errors.New("the server went over to a protocol that was not asked for")
	errNotDuly = errors.New("the server's answer cannot be written to")
)

// upgraded takes the caller's connection over, too, where the server did as it was
// asked.
func (f *forward) upgraded(res *http.Response) error {
	f.began.Store(true)
	if f.body != nil {
		f.body.answered()
	}
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
		closeQuietly(res.Body)
		f.over(f.server, ResultUnreachable)
		return err
	}
	header := f.to.Header()
	for name := range res.Header {
		if isHop(name) {
			delete(res.Header, name)
		}
	}
	merge(header, res.Header)
	delete(header, "Content-Type")
	f.proxy.response.apply(header, f)
	header["Connection"], header["Upgrade"] = connectionUpgrade, []string{asked}
	return f.tunnel(backend)
}
