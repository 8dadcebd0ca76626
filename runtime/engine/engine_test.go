package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/porttest"
)

func TestMain(m *testing.M) {
	// The SurrealDB of the tests ends with the process.
	// Those of certmagic's limits and of the authority of the tests do, too.
	leaktest.Main(m, goleak.IgnoreAnyFunction("github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest.(*Server).startPackage.func1"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// patience is for loaded machines: it never decides.
const patience = time.Minute

// base is a manifest that the tests change; notes may be read by all.
const base = `
manifest: 1
name:     "test"
server: listen: http: "127.0.0.1:0"
rates: default: {requests: 1000000}
tables: notes: {
	columns: {
		text: {type: "text", required: true}
		done: {type: "bool", default: false}
	}
	access: read: true
}
channels: notes: table: "notes"
`

// backend is an engine under test, on a folder of its own.
type backend struct {
	*engine.Engine
	t    *testing.T
	dir  string
	log  *logBuffer
	http *http.Client
}

func start(t *testing.T, manifest string, change ...func(*engine.Options)) *backend {
	t.Helper()
	b := prepare(t, manifest)
	b.start(change...)
	return b
}

// onOwnPort is base on a port that is nobody else's when the backend has left it.
func onOwnPort(t *testing.T) string {
	t.Helper()
	return strings.Replace(base, "127.0.0.1:0", porttest.Free(t).Address(), 1)
}

func prepare(t *testing.T, manifest string) *backend {
	t.Helper()
	dir, err := os.MkdirTemp("", "hive") // short: the socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	b := &backend{t: t, dir: dir, log: &logBuffer{}, http: &http.Client{Transport: transport, Timeout: 2 * patience}}
	b.write("edgehive.cue", manifest)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if b.Engine != nil {
			if err := b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *backend) start(change ...func(*engine.Options)) {
	b.t.Helper()
	if err := b.try(change...); err != nil {
		b.t.Fatalf("start: %v", err)
	}
}

func (b *backend) try(change ...func(*engine.Options)) error {
	o := engine.Options{Path: b.dir, Log: b.log, Version: "test"}
	for _, c := range change {
		c(&o)
	}
	e, err := engine.Start(context.Background(), o)
	if err == nil {
		b.Engine = e
	}
	return err
}

func (b *backend) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// reload writes a manifest and reloads.
func (b *backend) reload(manifest string) engine.Outcome {
	b.t.Helper()
	b.write("edgehive.cue", manifest)
	out, err := b.Reload(context.Background())
	if err != nil {
		b.t.Fatalf("reload: %v", err)
	}
	return out
}

func (b *backend) mustReload(manifest string) {
	b.t.Helper()
	if out := b.reload(manifest); out.Result != admin.Swapped {
		b.t.Fatalf("reload: %s\n%v", out.Result, out.Faults)
	}
}

// call sends a request as the service role and gives status and body.
func (b *backend) call(method, path, body string) (int, string) {
	b.t.Helper()
	status, text, err := b.send(method, path, body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, text
}

func (b *backend) send(method, path, body string) (int, string, error) {
	request, err := http.NewRequest(method, b.URL()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("apikey", b.Keys().Secret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := b.http.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func (b *backend) want(method, path, body string, status int, contains string) {
	b.t.Helper()
	got, text := b.call(method, path, body)
	if got != status || !strings.Contains(text, contains) {
		b.t.Fatalf("%s %s: %d %s, want %d with %q", method, path, got, text, status, contains)
	}
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// slowInsert is a POST whose body is held back until finish.
type slowInsert struct {
	t    *testing.T
	conn net.Conn
	body string
}

func (b *backend) slowInsert(body string) *slowInsert {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	before := b.Status(context.Background()).Requests
	_, err = fmt.Fprintf(conn, "POST /api/data/notes HTTP/1.1\r\nHost: x\r\napikey: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		b.Keys().Secret, len(body), body[:1])
	if err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "the request has begun", func() bool { return b.Status(context.Background()).Requests > before })
	return &slowInsert{b.t, conn, body[1:]}
}

func (s *slowInsert) finish() string {
	s.t.Helper()
	if _, err := io.WriteString(s.conn, s.body); err != nil {
		s.t.Fatal(err)
	}
	answer, err := io.ReadAll(s.conn)
	if err != nil {
		s.t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return line
}

func TestStartAndStop(t *testing.T) {
	b := start(t, onOwnPort(t))
	b.want("GET", "/health", "", 200, "ok")
	b.want("GET", "/ready", "", 200, "")
	b.want("POST", "/api/data/notes", `{"text":"one"}`, 201, "")
	b.want("GET", "/api/data/notes?select=text", "", 200, `[{"text":"one"}]`)

	status := b.Status(context.Background())
	if status.Generation != 1 || !status.Ready || !status.Database.Healthy || status.Name != "test" || status.LastReload != nil {
		t.Errorf("status: %+v", status)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", b.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
	if !b.log.has("started") || !b.log.has("stopped") {
		t.Errorf("log: %s", b.log)
	}
	// What was written is there at the next start.
	b.start()
	b.want("GET", "/api/data/notes?select=text", "", 200, `[{"text":"one"}]`)
}

func TestFilesAreOursAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	b := start(t, base)
	data := filepath.Join(b.dir, "data")
	for path, want := range map[string]os.FileMode{
		data: 0o700, filepath.Join(data, "auth.secret"): 0o600, filepath.Join(data, "test.db"): 0o600, admin.SocketPath(data): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	keys := b.Keys()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.start()
	if b.Keys() != keys {
		t.Error("the keys changed with a restart")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(data, "auth.secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.try(); err == nil || !strings.Contains(err.Error(), "read by others") {
		t.Errorf("an open secret was taken: %v", err)
	}
}

func TestStartFaults(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, c := range []struct{ name, manifest, code, path string }{
		{"port", strings.Replace(base, "127.0.0.1:0", taken.Addr().String(), 1), "cannot-listen", "server.listen.http"},
		{"metrics port", base + `observe: metrics: listen: "` + taken.Addr().String() + `"`, "cannot-listen", "observe.metrics.listen"},
		{"unset secret", base + `auth: secret: env: "EDGEHIVE_TEST_UNSET"`, "no-secret", "auth.secret"},
		{"rule", base + `tables: notes: access: create: "nothing == 1"`, "", "tables.notes.access.create"},
		{"syntax", base + `tables: {`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := prepare(t, c.manifest)
			err := b.try()
			f := fault.From(err)
			if list := fault.List(nil); errors.As(err, &list) {
				f = list[0]
			}
			if err == nil || f.Code == fault.CodeInternal || (c.code != "" && f.Code != c.code) || f.Path != c.path || len(f.Positions) == 0 {
				t.Fatalf("got %v", err)
			}
			// What was begun was given back: the same folder starts.
			b.write("edgehive.cue", base)
			b.start()
		})
	}
}

func TestTwoServersOfOneFolder(t *testing.T) {
	b := start(t, base)
	err := (&backend{t: t, dir: b.dir, log: &logBuffer{}}).try()
	if err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("a second server: %v", err)
	}
	b.want("GET", "/ready", "", 200, "")
}

func TestDevIsLocal(t *testing.T) {
	b := start(t, strings.Replace(base, "127.0.0.1:0", "0.0.0.0:0", 1)+`cors: origins: ["https://example.com"]`, func(o *engine.Options) { o.Dev = true })
	if !strings.HasPrefix(b.Addr().String(), "127.0.0.1:") {
		t.Errorf("dev listens on %s", b.Addr())
	}
	request, err := http.NewRequest(http.MethodGet, b.URL()+"/api/data/notes", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "http://localhost:5173")
	response, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK || response.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a local origin got %d, %v", response.StatusCode, response.Header)
	}
	if !b.log.has("level=INFO") {
		t.Errorf("the log is not for people: %s", b.log)
	}
}

func TestMetricsListener(t *testing.T) {
	b := start(t, base+`observe: metrics: listen: "127.0.0.1:0"`)
	b.want("GET", "/api/data/notes", "", 200, "")
	b.want("GET", "/metrics", "", 404, "")
	response, err := b.http.Get("http://" + b.MetricsAddr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"edgehive_http_requests_total", "edgehive_cache_entries", "edgehive_live_connections", "edgehive_generation 1"} {
		if !bytes.Contains(text, []byte(name)) {
			t.Errorf("no %s in the metrics", name)
		}
	}
}

// logBuffer keeps a log that several goroutines write.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logBuffer) has(text string) bool { return strings.Contains(l.String(), text) }
