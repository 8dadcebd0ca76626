package kits_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// loaded is a program in a host whose operations are the test's.
type loaded struct {
	long, short *function.Function
	world       *world
	log         *logged
}

// longest is how long a call may take that must not fail: machines may be busy.
const longest = 30 * time.Second

func load(t testing.TB, file string, code []byte) *loaded {
	t.Helper()
	g := &loaded{world: newWorld()}
	var host *function.Host
	host, g.log = newHost(t)
	d := function.Definition{
		Name: "conformance", Code: code, Path: filepath.Base(file), Files: os.DirFS(filepath.Dir(file)), Operations: g.world.operations(),
		Config: map[string]string{"CURRENCY": "EUR"}, Limits: limits(64<<20, longest),
	}
	g.long = loadInto(t, host, d)
	d.Limits = limits(32<<20, 2*time.Second)
	g.short = loadInto(t, host, d)
	return g
}

// newHost gives a host that ends with the test, and its log.
func newHost(t testing.TB) (*function.Host, *logged) {
	t.Helper()
	log := &logged{}
	host, err := function.NewHost(context.Background(), function.Options{
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return host, log
}

func loadInto(t testing.TB, host *function.Host, d function.Definition) *function.Function {
	t.Helper()
	f, err := host.Load(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func limits(memory int64, timeout time.Duration) function.Limits {
	return function.Limits{
		Memory: memory, Timeout: timeout, Instances: 4, Waiting: 16, Answer: 8 << 20, Log: 64 << 10,
		Operations: 1000, Statements: 100, Fetches: 10,
	}
}

func number(n int) string { return strconv.Itoa(n) }

func request(path, query string) *function.Event {
	return &function.Event{Kind: function.KindRequest, Request: &function.Request{Method: http.MethodPost, Path: path, Query: query}}
}

// call calls the program as somebody who is signed in.
func (g *loaded) call(ctx context.Context, e *function.Event, body []byte) (*recorder, error) {
	return call(ctx, g.long, e, body)
}

// callShort calls it with little memory and time.
func (g *loaded) callShort(ctx context.Context, e *function.Event, body []byte) (*recorder, error) {
	return call(ctx, g.short, e, body)
}

func call(ctx context.Context, f *function.Function, e *function.Event, body []byte) (*recorder, error) {
	e.ID, e.Trace, e.Depth, e.Body = "r1", "00-aa-bb-01", 2, body
	e.Caller = &auth.Caller{Role: auth.Authenticated, UID: "u1", Email: "ann@example.com", Claims: `{"plan": "gold"}`}
	a := &recorder{}
	return a, f.Call(ctx, e, a)
}

// ask is call of what must not fail.
func (g *loaded) ask(t *testing.T, r *function.Request, body []byte) *recorder {
	t.Helper()
	a, err := g.call(t.Context(), &function.Event{Kind: function.KindRequest, Request: r}, body)
	if err != nil {
		t.Fatalf("%s: %v\n%s", r.Path, err, g.log.text())
	}
	return a
}

func (g *loaded) get(t *testing.T, path, query string) *recorder {
	t.Helper()
	return g.ask(t, request(path, query).Request, nil)
}

func (g *loaded) send(t *testing.T, path string, body []byte) *recorder {
	t.Helper()
	return g.ask(t, request(path, "").Request, body)
}

func codeOf(err error) string {
	var f *fault.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func faultIn(t *testing.T, a *recorder) map[string]string {
	t.Helper()
	var answer struct {
		Error map[string]string `json:"error"`
	}
	if err := json.Unmarshal(a.body.Bytes(), &answer); err != nil {
		t.Errorf("%q: %v", a.body.String(), err)
	}
	return answer.Error
}

// recorder keeps an answer.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
	pieces []string // between the flushes
	begun  int
}

func (r *recorder) Head(status int, header http.Header) error {
	r.status, r.header = status, header
	return nil
}

func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

func (r *recorder) Flush() error {
	if r.body.Len() > r.begun {
		r.pieces = append(r.pieces, r.body.String()[r.begun:])
	}
	r.begun = r.body.Len()
	return nil
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

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

// asked is an operation that a guest asked for.
type asked struct {
	op, head string
	body     []byte
}

// world answers operations, and remembers them.
type world struct {
	mu    sync.Mutex
	asked []asked
	cache map[string][]byte
	// refuse refuses all of them.
	refuse *fault.Fault
}

func newWorld() *world { return &world{cache: map[string][]byte{}} }

func (w *world) taken() []asked {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.asked
	w.asked = nil
	return taken
}

func (w *world) setRefuse(f *fault.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = f
}

// fixed are the answers that do not depend on what is asked: head and body.
var fixed = map[string][2]string{
	"db.select":       {`{"count": 9007199254740993}`, `[{"id": "1", "title": "ü"}, {"id": "2", "title": null}]`},
	"db.insert":       {`{"affected": 1}`, `[{"id": "1", "title": "ü"}]`},
	"db.update":       {`{"affected": 1}`, `[{"id": "7", "title": "new"}]`},
	"db.delete":       {`{"affected": 0}`, `[]`},
	"db.batch":        {`{}`, `{"results": [{"affected": 1, "rows": [{"title": "A"}]}, {"affected": 3}]}`},
	"db.call":         {`{}`, `[{"total": "12.50"}]`},
	"channel.publish": {`{"cursor": "c1"}`, ``},
	"fetch":           {`{"status": 418, "headers": {"content-type": ["text/plain"]}, "url": "https://example.com/end"}`, `a tea pot ü`},
	"function.call":   {`{"status": 203, "headers": {"content-type": ["text/x-answer"]}}`, "\x00\xff"},
	"secret.get":      {`{}`, `the key`},
	"config.get":      {`{"value": "EUR"}`, ``},
	"crypto.sign":     {`{}`, "\x01\x02"},
	"crypto.verify":   {`{"valid": true}`, ``},
}

func (w *world) operations() map[string]function.Operation {
	all := map[string]function.Operation{}
	for op, answer := range fixed {
		all[op] = w.operation(op, func(map[string]any, []byte) (string, []byte) { return answer[0], []byte(answer[1]) })
	}
	for op, do := range map[string]func(head map[string]any, body []byte) (string, []byte){
		"cache.get": func(head map[string]any, _ []byte) (string, []byte) {
			value, found := w.cache[head["key"].(string)]
			return `{"found": ` + strconv.FormatBool(found) + `}`, value
		},
		"cache.set": func(head map[string]any, body []byte) (string, []byte) {
			key := head["key"].(string)
			if _, found := w.cache[key]; found && head["ifAbsent"] == true {
				return `{"stored": false}`, nil
			}
			w.cache[key] = bytes.Clone(body)
			return `{"stored": true}`, nil
		},
		"cache.delete": func(head map[string]any, _ []byte) (string, []byte) {
			_, found := w.cache[head["key"].(string)]
			delete(w.cache, head["key"].(string))
			return `{"found": ` + strconv.FormatBool(found) + `}`, nil
		},
		"cache.add": func(head map[string]any, _ []byte) (string, []byte) {
			return `{"value": ` + head["by"].(json.Number).String() + `}`, nil
		},
		"crypto.hash": func(_ map[string]any, body []byte) (string, []byte) {
			sum := sha256.Sum256(body)
			return `{}`, sum[:]
		},
		"crypto.hmac": func(head map[string]any, body []byte) (string, []byte) {
			key := []byte("of " + text(head["secret"]))
			if encoded, found := head["key"]; found {
				key, _ = base64.StdEncoding.DecodeString(text(encoded))
			}
			tag := hmac.New(sha256.New, key)
			tag.Write(body)
			return `{}`, tag.Sum(nil)
		},
		"crypto.equal": func(head map[string]any, body []byte) (string, []byte) {
			to, err := base64.StdEncoding.DecodeString(text(head["to"]))
			return `{"equal": ` + strconv.FormatBool(err == nil && bytes.Equal(to, body)) + `}`, nil
		},
	} {
		all[op] = w.operation(op, do)
	}
	return all
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func (w *world) operation(op string, do func(head map[string]any, body []byte) (string, []byte)) function.Operation {
	return function.Operation{Do: func(_ context.Context, _ *function.Call, head, body []byte) (function.Reply, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked = append(w.asked, asked{op, string(head), bytes.Clone(body)})
		if w.refuse != nil {
			return function.Reply{}, w.refuse
		}
		var decoded map[string]any
		decoder := json.NewDecoder(bytes.NewReader(head))
		decoder.UseNumber()
		if err := decoder.Decode(&decoded); err != nil {
			return function.Reply{}, err
		}
		answer, given := do(decoded, body)
		return function.Reply{Head: []byte(answer), Body: given}, nil
	}}
}
