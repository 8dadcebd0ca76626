package engine_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

// TestFunctionsServe is a first look.
func TestFunctionsServe(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"edgehive.cue", "hello.wasm", "js.js"} {
		b, err := os.ReadFile("/tmp/fn/" + name)
		if err != nil {
			t.Skip()
		}
		os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(string(b), "127.0.0.1:8099", "127.0.0.1:0")), 0o600)
	}
	var log strings.Builder
	e, err := engine.Start(context.Background(), engine.Options{Path: dir, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/api/edge/hello", "/api/edge/js/a?b=1", "/functions/v1/js"} {
		r, err := http.Get("http://" + e.Addr().String() + p)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		t.Log(p, r.StatusCode, r.Header, string(b))
	}
	t.Log(e.Close())
	t.Log(log.String())
}
