package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// keptSite is a site with a cache whose clock a test may turn.
func keptSite(t *testing.T, m *manifest.Manifest, f runner) (*site, *atomic.Int64) {
	t.Helper()
	var ahead atomic.Int64
	began := time.Now()
	kept, err := tiered.New(tiered.Options{Bytes: 32 << 20, Clock: func() time.Time { return began.Add(time.Duration(ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, m, runs(f), func(o *web.Options) { o.Cache = kept })
	t.Cleanup(func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, &ahead
}

func keptRoute(pattern string) manifest.Route {
	r := callsF(pattern)
	r.Cache = "short"
	return r
}

// counting answers with the number of the call, and headers that a test sets.
type counting struct {
	mu     sync.Mutex
	calls  int
	status int
	header http.Header
	seen   *function.Request
}

func (c *counting) run(_ context.Context, e *function.Event, a function.Answer) error {
	c.mu.Lock()
	c.calls++
	c.seen = e.Request
	status, header, n := c.status, c.header.Clone(), c.calls
	c.mu.Unlock()
	if status == 0 {
		status = 200
	}
	return answers(status, header, fmt.Sprint("answer ", n))(a)
}

func (c *counting) say(status int, headers ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.header = status, http.Header{"Content-Type": {"text/plain"}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		c.header.Add(name, value)
	}
}

func TestAnswersAreKept(t *testing.T) {
	c := &counting{}
	c.say(200, "X-Own: a")
	s, ahead := keptSite(t, guarded(nil, keptRoute("/a/{x}")), c.run)
	want := func(method, target, body, status string, headers ...string) {
		t.Helper()
		w := s.do(method, target, "", headers...)
		if w.Body.String() != body || w.Header().Get("X-Cache") != status {
			t.Errorf("%s %s %q: %d %q, %s; want %q, %s", method, target, headers, w.Code, w.Body, w.Header().Get("X-Cache"), body, status)
		}
		if status == "hit" && (w.Header().Get("Age") == "" || w.Header().Get("X-Own") != "a" || w.Header().Get("Content-Type") != "text/plain") {
			t.Errorf("%s %s: headers %q", method, target, w.Header())
		}
		if w.Header().Get("X-Request-Id") == "" || !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Origin") {
			t.Errorf("%s %s: headers %q", method, target, w.Header())
		}
	}
	want("GET", "/a/1", "answer 1", "miss")
	want("GET", "/a/1", "answer 1", "hit")
	want("HEAD", "/a/1", "", "hit")
	want("GET", "/a/1?b=2&a=1", "answer 2", "miss")
	want("GET", "/a/1?a=1&b=2", "answer 2", "hit") // the same query
	want("GET", "/a/1?a=2&a=1", "answer 3", "miss")
	want("GET", "/a/1?a=1&a=2", "answer 4", "miss") // of one key the order counts
	want("GET", "/a/2", "answer 5", "miss")
	want("GET", "http://other.example/a/1", "answer 6", "miss")
	want("GET", "/a/1", "answer 7", "miss", "Accept-Encoding: gzip")
	want("GET", "/a/1", "answer 7", "hit", "Accept-Encoding: gzip;q=0.5, br;q=0")
	if got := c.seen.Header.Get("Accept-Encoding"); got != "gzip" {
		t.Errorf("the handler was asked for %q", got)
	}
	want("GET", "/a/1", "answer 1", "hit", "Origin: https://a.example") // what depends on it is ours
	// Who shows credentials is answered by himself, and writes pass.
	want("GET", "/a/1", "answer 8", "bypass", "Authorization: Bearer "+s.token(t, "ann"))
	want("GET", "/a/1", "answer 9", "bypass", "Cookie: a=b")
	want("GET", "/a/1", "answer 10", "bypass", "Apikey: "+s.keys.Publishable())
	want("GET", "/a/1", "answer 11", "bypass", "Range: bytes=0-1")
	want("POST", "/a/1", "answer 12", "bypass")
	want("GET", "/a/1?%zz", "answer 13", "bypass")
	// Headers by which one caller could speak for all do not reach the handler.
	want("GET", "/a/3", "answer 14", "miss", "X-Forwarded-Host: evil.example", "X-Original-Url: /b", "Forwarded: host=evil", "If-None-Match: \"x\"")
	for name := range c.seen.Header {
		if strings.HasPrefix(name, "X-") || name == "Forwarded" || name == "If-None-Match" {
			t.Errorf("the handler saw %s", name)
		}
	}
	// A tag of its own.
	w := s.do("GET", "/a/1", "")
	tag := w.Header().Get("Etag")
	if w := s.do("GET", "/a/1", "", "If-None-Match: "+tag); w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("Etag") != tag {
		t.Errorf("%d %q %q, tag %q", w.Code, w.Body, w.Header(), tag)
	}
	ahead.Add(int64(2 * time.Minute))
	want("GET", "/a/1", "answer 15", "miss")
}

func TestWhatIsNotKept(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		headers []string
		kept    bool
	}{
		{"nothing said", 200, nil, true},
		{"moved", 301, []string{"Location: /b"}, true},
		{"not there", 404, nil, true},
		{"gone", 410, nil, true},
		{"found elsewhere", 302, []string{"Location: /b"}, false},
		{"an error", 500, nil, false},
		{"made", 201, nil, false},
		{"a cookie", 200, []string{"Set-Cookie: a=b"}, false},
		{"private", 200, []string{"Cache-Control: max-age=60, Private"}, false},
		{"no-store", 200, []string{"Cache-Control: no-store"}, false},
		{"no-cache", 200, []string{"Cache-Control: public", "Cache-Control: no-cache"}, false},
		{"over already", 200, []string{"Cache-Control: max-age=0"}, false},
		{"over for those that many share", 200, []string{"Cache-Control: max-age=60, s-maxage=0"}, false},
		{"shared alone", 200, []string{"Cache-Control: max-age=0, s-maxage=60"}, true},
		{"public", 200, []string{"Cache-Control: public, max-age=60"}, true},
		{"vary by what is in the key", 200, []string{"Vary: Accept-Encoding"}, true},
		{"vary by language", 200, []string{"Vary: Accept-Encoding, Accept-Language"}, false},
		{"vary by all", 200, []string{"Vary: *"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &counting{}
			f.say(c.status, c.headers...)
			s, _ := keptSite(t, guarded(nil, keptRoute("/a")), f.run)
			for i := range 2 {
				w := s.do("GET", "/a", "")
				want := fmt.Sprint("answer ", i+1)
				if c.kept {
					want = "answer 1"
				}
				if w.Code != c.status || w.Body.String() != want {
					t.Errorf("%d %q %q, want %d %q", w.Code, w.Body, w.Header(), c.status, want)
				}
				for _, h := range c.headers {
					name, value, _ := strings.Cut(h, ": ")
					if !strings.Contains(strings.Join(w.Header().Values(name), ", "), value) {
						t.Errorf("%s is %q, want %q", name, w.Header().Values(name), value)
					}
				}
			}
		})
	}
}

func TestAnswerSaysHowLong(t *testing.T) {
	f := &counting{}
	f.say(200, "Cache-Control: max-age=10")
	m := guarded(nil, keptRoute("/a"))
	s, ahead := keptSite(t, m, f.run)
	for i, c := range []struct {
		after time.Duration
		body  string
	}{{0, "answer 1"}, {9 * time.Second, "answer 1"}, {2 * time.Second, "answer 2"}} {
		ahead.Add(int64(c.after))
		if w := s.do("GET", "/a", ""); w.Body.String() != c.body {
			t.Errorf("%d: %q, want %q", i, w.Body, c.body)
		}
	}
}

// TestOneMakesForAll holds that a handler runs once however many ask, and that who
// leaves leaves the others alone.
func TestOneMakesForAll(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	s, _ := keptSite(t, guarded(nil, keptRoute("/a")), func(_ context.Context, _ *function.Event, a function.Answer) error {
		if calls.Add(1) == 1 {
			close(begun)
		}
		<-goOn
		return answers(200, nil, "all")(a)
	})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/a", http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		s.ServeHTTP(&goneClient{}, r)
	}()
	<-begun
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			if w := s.do("GET", "/a", ""); w.Body.String() != "all" {
				t.Errorf("%d %q", w.Code, w.Body)
			}
		})
	}
	leave()
	<-left
	close(goOn)
	asking.Wait()
	if calls.Load() != 1 {
		t.Errorf("the handler ran %d times", calls.Load())
	}
}

// TestCloseEndsWhatIsMade holds that a generation leaves nothing behind that still
// makes an answer for it.
func TestCloseEndsWhatIsMade(t *testing.T) {
	begun := make(chan struct{})
	var ended atomic.Bool
	kept, err := tiered.New(tiered.Options{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h, err := web.New(web.Options{
		Manifest: guarded(nil, keptRoute("/a")), Gate: &gate{}, Callers: newKeys(t), Cache: kept,
		Functions: runner(func(ctx context.Context, _ *function.Event, _ function.Answer) error {
			close(begun)
			<-ctx.Done()
			ended.Store(true)
			return ctx.Err()
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/a", http.NoBody)
		if err == nil {
			h.ServeHTTP(&goneClient{}, r)
		}
	}()
	<-begun
	leave()
	<-left
	if err := errors.Join(h.Close(), kept.Close()); err != nil {
		t.Error(err)
	}
	if !ended.Load() {
		t.Error("the handler runs on")
	}
}

// goneClient is a client that is gone.
type goneClient struct{ header http.Header }

func (d *goneClient) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (d *goneClient) Write(p []byte) (int, error) { return len(p), nil }
func (d *goneClient) WriteHeader(int)             {}

func TestStaleAnswers(t *testing.T) {
	f := &counting{}
	f.say(200)
	m := guarded(nil, keptRoute("/a"), keptRoute("/strict"))
	m.Cache.Policies[0].Stale = time.Hour
	s, ahead := keptSite(t, m, f.run)
	s.do("GET", "/a", "")
	ahead.Add(int64(2 * time.Minute))
	if w := s.do("GET", "/a", ""); w.Body.String() != "answer 1" || w.Header().Get("X-Cache") != "hit" {
		t.Errorf("%q %q", w.Body, w.Header())
	}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if w := s.do("GET", "/a", ""); w.Body.String() == "answer 2" {
			break
		}
		if time.Now().After(until) {
			t.Fatal("nobody made a new answer")
		}
	}
	// Made anew, it may not be kept any more: the old one is served, and nothing hangs.
	f.say(200, "Set-Cookie: a=b")
	ahead.Add(int64(2 * time.Minute))
	for range 3 {
		if w := s.do("GET", "/a", ""); w.Body.String() != "answer 2" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%q %q", w.Body, w.Header())
		}
	}
}

// TestStreamsAreNotKept holds that what comes in pieces, or is large, reaches its
// asker whole and at once, and that others do not wait for its end.
func TestStreamsAreNotKept(t *testing.T) {
	steps := []chan string{make(chan string), make(chan string)}
	var streams atomic.Int64
	s, _ := keptSite(t, guarded(nil, keptRoute("/stream"), keptRoute("/large"), keptRoute("/broken"), keptRoute("/panics")),
		func(ctx context.Context, e *function.Event, a function.Answer) error {
			switch e.Request.Path {
			case "/large":
				return answers(200, nil, strings.Repeat("x", 3<<20))(a)
			case "/broken":
				if err := answers(200, nil, "half")(a); err != nil {
					return err
				}
				return errors.New("it broke")
			case "/panics":
				panic("boom")
			}
			step := steps[streams.Add(1)-1]
			if err := a.Head(200, nil); err != nil {
				return err
			}
			for {
				select {
				case text, more := <-step:
					if !more {
						return nil
					}
					if _, err := io.WriteString(a, text); err != nil {
						return err
					}
					if err := a.Flush(); err != nil {
						return err
					}
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	get := func(path string) *http.Response {
		t.Helper()
		response, err := http.Get(server.url + path)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	go func() { steps[0] <- "one" }()
	one := get("/stream")
	go func() { steps[1] <- "two" }()
	other := get("/stream") // it does not wait for the first one's end
	wantHeader(t, one.Header, "X-Cache", "bypass")
	for i, c := range []struct {
		response *http.Response
		text     string
	}{{one, "onemore"}, {other, "twomore"}} {
		go func() { steps[i] <- "more"; close(steps[i]) }()
		if got := readAll(t, c.response); got != c.text {
			t.Errorf("%q, want %q", got, c.text)
		}
	}
	for range 2 {
		if large := get("/large"); len(readAll(t, large)) != 3<<20 || large.Header.Get("X-Cache") != "bypass" {
			t.Errorf("the large one: %q", large.Header)
		}
		panics := get("/panics")
		if readAll(t, panics); panics.StatusCode != http.StatusInternalServerError {
			t.Errorf("a panic: %d", panics.StatusCode)
		}
		if response, err := http.Get(server.url + "/broken"); err == nil {
			if _, err = io.ReadAll(response.Body); err == nil {
				t.Error("half an answer was taken for a whole one")
			}
			_ = response.Body.Close()
		}
	}
	if !strings.Contains(s.log.String(), "panic in a handler") {
		t.Error("the log says nothing of the panic")
	}
}

func FuzzKeptFor(f *testing.F) {
	for _, seed := range [][2]string{{"max-age=1", "Accept-Encoding"}, {`private="a, b", max-age="3"`, "*"}, {"s-maxage=99999999999999999999", ""}, {`x="no-store`, "origin,, cookie"}, {"max-age=-1", "a"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, control, vary string) {
		age, kept := web.KeptFor([]string{control}, []string{vary})
		if age < 0 || age > 1<<31*time.Second || !kept && age != 0 {
			t.Errorf("%q: %s, %v", control, age, kept)
		}
		for directive := range strings.SplitSeq(strings.ToLower(control), ",") {
			switch strings.TrimSpace(directive) {
			case "no-store", "private", "no-cache", "s-maxage=0":
				if kept && !strings.Contains(control, `"`) {
					t.Errorf("%q is kept", control)
				}
			}
		}
		if kept && strings.TrimSpace(vary) == "*" {
			t.Errorf("vary %q is kept", vary)
		}
	})
}
