package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// mostMaking are the answers that are being made for caches at one time.
const mostMaking = 64

// errNotKept ends a fill whose answer is its asker's alone.
var errNotKept = errors.New("the answer is not kept")

// making is one request's try to have an answer made that others get, too. Its
// handler runs beside the request, for it must not end with it: others may wait.
// When it shows that the answer is not to be shared it goes on for the request
// alone, which by then waits for nothing else; and where the request is gone, or
// had an old answer, it ends.
type making struct {
	cache *answerCache
	x     *exchange     // the request's; the handler has it only once it is given
	inner *exchange     // the handler's
	asked *http.Request // as the handler sees it
	head  bool          // no body is sent to who asked

	begun   bool          // fill has been called; read after Fetch alone
	given   chan struct{} // closed: the request's exchange is the handler's
	left    chan struct{} // closed: the request is answered, or gone
	decided chan struct{} // closed: it is known whether the answer is kept
	done    chan struct{} // closed: the handler has ended

	mu     sync.Mutex
	cancel context.CancelFunc

	// Of the handler, until done.
	own     http.Header
	status  int
	body    []byte
	through bool // written to the request's exchange
	lost    bool // nobody wants it
	entry   *cache.Entry
	thrown  any
}

// newMaking gets the handler's request ready: it shares nothing with the original
// that ends with it.
func newMaking(c *answerCache, x *exchange, r *http.Request) *making {
	m := &making{
		cache: c, x: x, head: r.Method == http.MethodHead, given: make(chan struct{}), left: make(chan struct{}),
		decided: make(chan struct{}), done: make(chan struct{}), own: http.Header{},
	}
	m.inner = &exchange{ResponseWriter: m, header: m.own, began: x.began, id: x.id, client: x.client, route: x.route, caller: nobody, trace: x.trace}
	m.asked = r.WithContext(context.WithoutCancel(r.Context()))
	m.asked.Method = http.MethodGet
	m.asked.Body = http.NoBody
	m.asked.Header = c.forHandler(x, r)
	return m
}

// forHandler are the headers with which a handler is asked for an answer that
// others get: for the whole of it, in an encoding of the class; and without those
// by which one caller could have something put into it for all.
func (c *answerCache) forHandler(x *exchange, r *http.Request) http.Header {
	sent := r.Header
	header := make(http.Header, len(sent))
	for name, values := range sent {
		switch name {
		case "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Accept-Encoding", "Forwarded", "Via", "Origin":
			continue
		}
		if !strings.HasPrefix(name, "X-") && !strings.Contains(name, "_") {
			header[name] = values
		}
	}
	if c.site.schemeOf(x, r) == "https" && r.TLS == nil { // as a proxy that is trusted says
		header["X-Forwarded-Proto"] = sent["X-Forwarded-Proto"]
	}
	if accepted := classHeader(sent["Accept-Encoding"]); accepted != nil && c.encoding {
		header["Accept-Encoding"] = accepted
	}
	return header
}

// fill is what the cache calls where nothing is kept: it makes the answer.
func (m *making) fill(ctx context.Context) (*cache.Entry, error) {
	if !m.cache.site.fills.begin() {
		return nil, errNotKept
	}
	m.mu.Lock()
	m.begun = true
	m.mu.Unlock()
	run, cancel := context.WithCancel(m.asked.Context())
	m.cancel = cancel
	stop := context.AfterFunc(ctx, cancel) // the fill's time, and the cache's end
	go m.run(run)
	<-m.decided
	stop()
	if m.entry == nil {
		return nil, errNotKept
	}
	return m.entry, nil
}

// leave tells the handler that the request needs nothing of it any more.
func (m *making) leave() { close(m.left) }

// adopt takes over the handler's answer where it began and is not kept. It
// reports whether there is something to wait for.
func (m *making) adopt(err error) bool {
	m.mu.Lock()
	begun := m.begun
	m.mu.Unlock()
	if !begun || !errors.Is(err, errNotKept) {
		m.leave()
		return false
	}
	m.x.set("X-Cache", string(cache.Bypass)) // from then on the exchange is the handler's
	close(m.given)
	return true
}

// wait is the request's part in an answer that the handler writes for it alone.
func (m *making) wait(x *exchange) {
	stop := context.AfterFunc(x.request.Context(), m.cancel)
	defer stop()
	<-m.done
	if m.thrown != nil {
		panic(m.thrown) // as the handler would have
	}
}

// run runs the handler.
func (m *making) run(ctx context.Context) {
	site := m.cache.site
	defer site.fills.finish()
	defer m.cancel()
	defer close(m.done)
	defer context.AfterFunc(site.fills.life, m.cancel)()
	inner := m.inner
	defer func() {
		m.thrown = recover()
		m.finish(inner)
		if m.thrown != nil && m.lost && m.thrown != http.ErrAbortHandler { //nolint:errorlint // a panic's value
			site.log.LogAttrs(ctx, slog.LevelError, "panic in a handler", slog.String("request_id", inner.id),
				slog.Any("panic", m.thrown), slog.String("stack", string(debug.Stack())))
		}
	}()
	inner.request = m.asked.WithContext(ctx)
	m.cache.next.answer(inner, inner.request)
}

// Header is what the handler says of its answer.
func (m *making) Header() http.Header { return m.own }

// WriteHeader decides, as far as headers tell, whether the answer is kept.
func (m *making) WriteHeader(status int) {
	if status < http.StatusOK || m.status != 0 {
		return
	}
	m.status = status
	if _, keep := m.cache.headers.judge(status, m.own); !keep || tooLong(m.own) {
		m.goOn()
	}
}

func tooLong(header http.Header) bool {
	length := contentLength(header)
	return length > mostKeptBody
}

// Write keeps a piece of the body, or hands it on.
func (m *making) Write(p []byte) (int, error) {
	if m.status == 0 {
		m.WriteHeader(http.StatusOK)
	}
	if !m.through && !m.lost && len(m.body)+len(p) > mostKeptBody {
		m.goOn()
	}
	switch {
	case m.lost:
		return 0, context.Canceled
	case m.through && m.head:
		return len(p), nil
	case m.through:
		return m.x.Write(p)
	}
	m.body = append(m.body, p...)
	return len(p), nil
}

// FlushError is called by handlers whose answers come in pieces: they are not
// kept.
func (m *making) FlushError() error {
	if m.status == 0 {
		m.WriteHeader(http.StatusOK)
	}
	if !m.through && !m.lost {
		m.goOn()
	}
	if m.lost {
		return context.Canceled
	}
	return m.x.FlushError()
}

// goOn decides that the answer is not kept, and writes it to the request that it
// was made for, if that still waits for it.
func (m *making) goOn() {
	close(m.decided)
	select {
	case <-m.given:
	case <-m.left:
		m.lost = true
		m.cancel()
		return
	}
	m.through = true
	vary := m.x.header["Vary"]
	maps.Copy(m.x.header, m.own)
	m.x.header["Vary"] = mergeVary(vary, m.own["Vary"])
	m.x.WriteHeader(m.status)
	if body := m.body; len(body) > 0 && !m.head {
		_, _ = m.x.Write(body) // a client that is gone is noticed at the next write
	}
	m.body = nil
}

// finish decides at the handler's end.
func (m *making) finish(inner *exchange) {
	if m.through {
		m.x.fault = inner.fault
		return
	}
	if m.lost {
		return
	}
	said := contentLength(m.own)
	if m.thrown == nil && m.status != 0 && inner.fault == nil && (said < 0 || said == len(m.body)) {
		m.entry = m.made()
	}
	if m.entry != nil {
		close(m.decided)
		return
	}
	if m.status == 0 || m.thrown != nil { // there is nothing to write
		close(m.decided)
		select {
		case <-m.given:
		case <-m.left:
			m.lost = true
		}
		if !m.lost {
			m.x.fault = inner.fault
		}
		return
	}
	m.goOn()
	if m.through {
		m.x.fault = inner.fault
	}
}

// made is the entry of a whole answer, nil where it cannot be one.
func (m *making) made() *cache.Entry {
	maxAge, _ := m.cache.headers.judge(m.status, m.own)
	if saidByUs(m.own["Cache-Control"]) {
		delete(m.own, "Cache-Control")
	}
	for _, name := range perAnswer {
		delete(m.own, name)
	}
	if m.status == http.StatusOK && len(m.own["Etag"]) == 0 && len(m.body) > 0 {
		sum := sha256.Sum256(m.body)
		m.own["Etag"] = []string{strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:12]))}
	}
	head, ok := (&keptAnswer{m.status, time.Now(), m.own}).text()
	if !ok {
		return nil
	}
	return &cache.Entry{Body: m.body, Next: head, MaxAge: maxAge}
}

// newFills makes the bound.
func newFills() *fills {
	f := &fills{turns: make(chan struct{}, mostMaking)}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// begin counts one in, unless there are too many or all shall end.
func (f *fills) begin() bool {
	if f.life.Err() != nil {
		return false
	}
	select {
	case f.turns <- struct{}{}:
		return true
	default:
		return false
	}
}

func (f *fills) finish() { <-f.turns }

// close ends those that run and waits for them.
func (f *fills) close() {
	f.end()
	for range cap(f.turns) { // each turn that is had here is one that has ended
		f.turns <- struct{}{}
	}
}
