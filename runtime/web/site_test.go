package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/web"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// gate answers as it is told and remembers what it was asked.
type gate struct {
	mu     sync.Mutex
	caller *auth.Caller
	read   data.Read
	write  data.Write
	raw    string

	answer  data.Answer
	written data.Written
	err     error
	panics  bool
	blocks  bool
}

func (g *gate) ParseSearch(caller *auth.Caller, table string, _ []byte) (*query.Request, error) {
	return g.Parse(caller, table, "")
}

func (g *gate) Parse(caller *auth.Caller, table, raw string) (*query.Request, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.raw = raw
	return &query.Request{Star: true, Limit: -1}, nil
}

func (g *gate) Select(ctx context.Context, caller *auth.Caller, r data.Read) (data.Answer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.caller, g.read = caller, r
	if g.panics {
		panic("boom")
	}
	if g.blocks {
		<-ctx.Done()
		return data.Answer{}, ctx.Err()
	}
	return g.answer, g.err
}

func (g *gate) apply(caller *auth.Caller, w data.Write) (data.Written, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.caller, g.write = caller, w
	return g.written, g.err
}

func (g *gate) Insert(_ context.Context, c *auth.Caller, w data.Write) (data.Written, error) {
	return g.apply(c, w)
}

func (g *gate) Batch(_ context.Context, c *auth.Caller, b data.Batch) (data.Batched, error) {
	_, err := g.apply(c, data.Write{Body: b.Body, Once: b.Once, Rollback: b.Rollback})
	return data.Batched{Body: []byte(`{"results":[]}`)}, err
}

func (g *gate) Export(_ context.Context, c *auth.Caller, e data.Export, w io.Writer) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.caller, g.read = c, data.Read{Table: e.Table, Request: e.Request, Form: e.Form}
	if g.err == nil || g.answer.Entry != nil { // with both, the error comes on the way
		if _, err := w.Write(g.answer.Body); err != nil {
			return 0, err
		}
	}
	return 0, g.err
}

func (g *gate) Import(_ context.Context, c *auth.Caller, i data.Import) (data.Imported, error) {
	body, err := io.ReadAll(i.Source)
	if err != nil {
		return data.Imported{}, err
	}
	_, err = g.apply(c, data.Write{Table: i.Table, Body: body, Form: i.Form, Resolution: i.Resolution, Rollback: i.Rollback, Once: i.Once})
	return data.Imported{Rows: 2, Inserted: 1}, err
}

func (g *gate) Call(context.Context, *auth.Caller, data.Call) (data.Called, error) {
	return data.Called{Entry: g.answer.Entry, Status: g.answer.Status}, g.err
}

func (g *gate) MayRun(_ context.Context, c *auth.Caller, _ string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.caller = c
	return g.err
}

// AppendVersions says that nothing was written.
func (g *gate) AppendVersions(dst []byte, _ string) []byte { return dst }

// MayPass lets those pass who are signed in.
func (g *gate) MayPass(_ context.Context, c *auth.Caller, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.caller = c
	if c.Role == auth.Anon {
		return fault.Newf(data.CodeDenied, "permission denied for middleware %s", name)
	}
	return g.err
}

func (g *gate) Update(_ context.Context, c *auth.Caller, w data.Write) (data.Written, error) {
	return g.apply(c, w)
}

func (g *gate) Delete(_ context.Context, c *auth.Caller, w data.Write) (data.Written, error) {
	return g.apply(c, w)
}

func twoRows() data.Answer {
	return data.Answer{
		Entry:  &cache.Entry{Body: []byte(`[{"id":1},{"id":2}]`), ETag: `"abc"`, Rows: 2, Count: 7},
		Status: cache.Hit,
	}
}

const testSecret = "0123456789abcdef-quite-a-long-secret-0123456789"

func newKeys(t testing.TB) *auth.Keys {
	t.Helper()
	keys, err := auth.NewKeys(manifest.NewSecretValue(testSecret), nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// plain is a manifest with nothing declared.
func plain() *manifest.Manifest {
	return &manifest.Manifest{
		Server:   manifest.Server{URL: "http://api.example.com"},
		Limits:   manifest.Limits{Body: 1 << 20, Timeout: 30 * time.Second},
		Rates:    []manifest.Rate{{Name: "default", Per: "caller", Requests: 100_000, Window: time.Minute}},
		Database: manifest.Database{Dir: filepath.Join("/nonexistent", "data")},
	}
}

// site is a handler with what stands behind it.
type site struct {
	*web.Handler
	gate *gate
	keys *auth.Keys
	log  *logged
}

// logged keeps what was logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newSite(t testing.TB, m *manifest.Manifest, change ...func(*web.Options)) *site {
	t.Helper()
	s := &site{gate: &gate{answer: twoRows(), written: data.Written{Affected: 1, Body: []byte(`[{"id":1}]`)}}, keys: newKeys(t), log: &logged{}}
	o := web.Options{
		Manifest: m, Gate: s.gate, Callers: s.keys,
		Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&o)
	}
	h, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = h
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// token issues an access token for a user.
func (s *site) token(t testing.TB, uid string) string {
	t.Helper()
	now := time.Now()
	token, err := s.keys.Issue(auth.Claims{Subject: uid, Issued: now, Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// do sends a request; headers are "Name: value".
func (s *site) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const sendsJSON = "Content-Type: application/json"

// wantFault checks an answer's status and the code in its body, and that the body
// has the dialect's four members.
func wantFault(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &members); err != nil {
		t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
	}
	for _, name := range []string{"code", "message", "details", "hint"} {
		if _, ok := members[name]; !ok {
			t.Errorf("no %q in %s", name, w.Body)
		}
	}
	if w.Code != status || members["code"] != code {
		t.Errorf("got %d %v, want %d %s (%s)", w.Code, members["code"], status, code, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}

func wantHeader(t *testing.T, h http.Header, name, value string) {
	t.Helper()
	if got := h.Get(name); got != value {
		t.Errorf("%s: %q, want %q", name, got, value)
	}
}

var errSecret = errors.New("table secret_things at /var/lib is on fire")

func hiddenFault() error { return fault.Internal(errSecret) }
