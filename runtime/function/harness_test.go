package function_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// recorder keeps an answer.
type recorder struct {
	status  int
	header  http.Header
	body    bytes.Buffer
	pieces  []string
	written string
	gone    error
}

func (r *recorder) Head(status int, header http.Header) error {
	r.status, r.header = status, header
	return r.gone
}

func (r *recorder) Write(p []byte) (int, error) {
	r.written += string(p)
	return r.body.Write(p)
}

func (r *recorder) Flush() error {
	r.pieces = append(r.pieces, r.written)
	r.written = ""
	return r.gone
}

// logged is a log that tests read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func wasm(t testing.TB, name string) []byte {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("testdata", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func defaultLimits() function.Limits {
	return function.Limits{
		Memory: 16 << 20, Timeout: time.Minute, Instances: 8, Waiting: 64,
		Answer: 4 << 20, Log: 64 << 10, Operations: 1000, Statements: 100, Fetches: 10,
	}
}

// newHost gives a host that ends with the test, and what it logs.
func newHost(t testing.TB, change ...func(o *function.Options)) (*function.Host, *logged) {
	t.Helper()
	log := &logged{}
	o := function.Options{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, c := range change {
		c(&o)
	}
	h, err := function.NewHost(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if left := h.Usage().Memory; left != 0 {
			t.Errorf("%d bytes of the budget were not given back", left)
		}
	})
	return h, log
}

func load(t testing.TB, h *function.Host, name, module, entry string, change ...func(d *function.Definition)) *function.Function {
	t.Helper()
	d := function.Definition{Name: name, Code: wasm(t, module), Path: module + ".wasm", Entry: entry, Limits: defaultLimits()}
	for _, c := range change {
		c(&d)
	}
	f, err := h.Load(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func request(body string) *function.Event {
	return &function.Event{
		Kind: function.KindRequest, ID: "req-1", Caller: auth.Nobody(), Body: []byte(body),
		Request: &function.Request{Method: "POST", Path: "/", Header: http.Header{"Content-Type": {"text/plain"}}},
	}
}

// call calls a function that is to succeed.
func call(t testing.TB, f *function.Function, e *function.Event) *recorder {
	t.Helper()
	r := &recorder{}
	if err := f.Call(context.Background(), e, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// callFails calls a function that is to fail with a code.
func callFails(t testing.TB, f *function.Function, e *function.Event, code string) (*recorder, error) {
	t.Helper()
	r := &recorder{}
	err := f.Call(context.Background(), e, r)
	if !fault.Is(err, code) {
		t.Fatalf("got %v, want %s", err, code)
	}
	return r, err
}

// short gives calls little time.
func short(d *function.Definition) { d.Limits.Timeout = 100 * time.Millisecond }
