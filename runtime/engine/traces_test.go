package engine_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// collector counts deliveries by the key that came with them.
type collector struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string]string // of what was sent with it
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{keys: make(map[string]string)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.keys[r.Header.Get("X-Key")] += string(text)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) got(key, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(c.keys[key], text)
}

// Traces follow a reload, the secret included, and what waits at a stop is sent.
func TestTracesFollowTheManifest(t *testing.T) {
	c := newCollector(t)
	b := start(t, base)
	key := func(value string) { b.write("key", value) }
	key("hunter-one")
	traced := base + `
observe: traces: {url: "` + c.URL + `", sample: 1, headers: "X-Key": file: "` + filepath.ToSlash(filepath.Join(b.dir, "key")) + `"}
routes: "/first": respond: body: "1"
`
	b.mustReload(traced)
	b.want("GET", "/first", "", 200, "1")
	key("hunter-two")
	b.mustReload(strings.Replace(traced, "/first", "/second", 1)) // the tracer before sends what it has
	b.want("GET", "/second", "", 200, "1")
	deadline := time.Now().Add(time.Minute)
	for !c.got("hunter-one", "GET /first") && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if !c.got("hunter-one", "GET /first") || c.got("hunter-one", "/second") {
		t.Error("the first tracer did not send just its own")
	}
	if out := b.reload(traced + "// again"); len(out.Faults) > 0 {
		t.Error(out.Faults)
	}
	b.write("key", "")
	if out := b.reload(traced + "tables: more: columns: x: type: \"int\""); len(out.Faults) != 1 || out.Faults[0].Path == "" {
		t.Errorf("a secret that is gone: %v", out.Faults)
	}
	b.want("GET", "/first", "", 200, "1")
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if !c.got("hunter-two", "GET /first") || !c.got("hunter-two", "GET /second") {
		t.Error("what waited at the stop was not sent")
	}
	if strings.Contains(b.log.String(), "hunter-two") {
		t.Error("the secret is in the log")
	}
}
