package admin_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// folder is a data folder with a path of at least n bytes.
func folder(t *testing.T, n int) string {
	t.Helper()
	root, err := os.MkdirTemp("", "hive")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	dir := root
	for len(dir) < n {
		dir = filepath.Join(dir, strings.Repeat("d", 40))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serve answers on the socket of a folder until the test ends.
func serve(t *testing.T, dir string, handler http.Handler) net.Listener {
	t.Helper()
	l, err := admin.Listen(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return l
}

func ok(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
}

func TestSocketIsOursAlone(t *testing.T) {
	for _, length := range []int{0, 200} {
		dir := folder(t, length)
		serve(t, dir, ok(`{"name":"x"}`))
		path := admin.SocketPath(dir)
		if len(path) > 103 {
			t.Errorf("%s has %d bytes", path, len(path))
		}
		if (length == 0) != (filepath.Dir(path) == dir) {
			t.Errorf("the socket of %s is %s", dir, path)
		}
		if runtime.GOOS != "windows" {
			for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
				if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
					t.Errorf("%s: %v %v, want %04o", name, info.Mode(), err, want)
				}
			}
		}
		status, err := admin.NewClient(dir).Status(context.Background())
		if err != nil || status.Name != "x" {
			t.Errorf("status %+v, %v", status, err)
		}
	}
}

func TestFallbackFolderOfSomebodyElse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	dir := folder(t, 200)
	fallback := filepath.Dir(admin.SocketPath(dir))
	if err := os.MkdirAll(fallback, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(fallback, 0o755); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(fallback, 0o700) }()
	if l, err := admin.Listen(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "shorter database.path") {
		t.Errorf("listened in an open folder: %v %v", l, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	dir := folder(t, 0)
	dead, err := net.Listen("unix", admin.SocketPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that was killed leaves it
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	client := admin.NewClient(dir)
	if _, err := client.Status(context.Background()); !errors.Is(err, admin.ErrNotRunning) {
		t.Errorf("a stale socket: %v", err)
	}
	serve(t, dir, ok("{}"))
	if _, err := client.Status(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := admin.Listen(context.Background(), dir); !errors.Is(err, admin.ErrTaken) {
		t.Errorf("a living socket was replaced: %v", err)
	}
	if _, err := client.Status(context.Background()); err != nil {
		t.Errorf("the living one was harmed: %v", err)
	}
}

func TestClientErrors(t *testing.T) {
	dir := folder(t, 0)
	client := admin.NewClient(dir)
	if _, err := client.Reload(context.Background()); !errors.Is(err, admin.ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc(admin.PathUser, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("email") != "a+b@example.com" {
			t.Errorf("asked for %q", r.URL.Query().Get("email"))
		}
		http.Error(w, "no", http.StatusNotFound)
	})
	mux.HandleFunc(admin.PathReload, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "disk on fire", http.StatusInternalServerError)
	})
	mux.Handle(admin.PathStatus, ok("not json"))
	serve(t, dir, mux)
	if _, err := client.User(context.Background(), "a+b@example.com"); !errors.Is(err, admin.ErrNoUser) {
		t.Errorf("an absent user: %v", err)
	}
	if _, err := client.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("a failed reload: %v", err)
	}
	if _, err := client.Status(context.Background()); err == nil {
		t.Error("an answer that is no JSON was taken")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.Status(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}
