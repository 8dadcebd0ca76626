package engine_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// inNamespace is set where a test was begun again in namespaces of its own.
const inNamespace = "EDGEHIVE_TEST_IN_NAMESPACE"

// mayMount tells whether the test may mount file systems. Where it may not, it
// is run once more as the root of namespaces of its own, and is over here. That
// is skipped where a machine allows neither: no fault of who runs the tests.
func mayMount(t *testing.T) bool {
	t.Helper()
	dir := t.TempDir()
	mount := []string{"mount", "-t", "tmpfs", "-o", "size=1m", "none", dir}
	out, err := exec.Command(mount[0], mount[1:]...).CombinedOutput()
	if err == nil {
		unmount(t, dir)
		return true
	}
	if os.Getenv(inNamespace) != "" {
		t.Fatalf("no file system can be mounted in the namespace: %v: %s", err, out)
	}
	own := func(args ...string) *exec.Cmd {
		return exec.Command("unshare", append([]string{"--user", "--map-root-user", "--mount", "--"}, args...)...)
	}
	if said, ownErr := own(mount...).CombinedOutput(); ownErr != nil {
		t.Skipf("no file system can be mounted, neither here: %v: %s nor in a namespace: %v: %s", err, out, ownErr, said)
	}
	again := own(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), inNamespace+"=yes")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("in a namespace: %v\n%s", err, out)
	}
	return false
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Errorf("umount: %v: %s", err, out)
	}
}

// smallDisk mounts a file system of a few megabytes.
func smallDisk(t *testing.T, dir string, megabytes int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", megabytes), "none", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { unmount(t, dir) })
}

// TestFullDisk fills the disk under a backend: writes are answered 507 and
// nothing else, reads go on, /ready tells, and once there is room the same
// process writes again. All that was acknowledged is there, also after a start.
func TestFullDisk(t *testing.T) {
	if !mayMount(t) {
		return
	}
	b := prepare(t, base)
	smallDisk(t, filepath.Join(b.dir, "data"), 6)
	t.Cleanup(func() { // before the disk goes
		if b.Engine != nil {
			if err := b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			b.Engine = nil
		}
	})
	// What takes the room, and gives it back.
	ballast := filepath.Join(b.dir, "data", "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	b.start()
	written := &written{}
	full := written.fill(b, 8)
	if full == 0 || written.n() == 0 {
		t.Fatalf("%d rows, %d refused", written.n(), full)
	}
	for range 3 { // again and again, not only as it fills
		written.fill(b, 2)
	}
	if status, text := b.call("GET", "/api/data/notes?select=id&order=id.desc&limit=1", ""); status != http.StatusOK {
		t.Errorf("reads do not go on: %d %s", status, text)
	}
	// A checkpoint may have made room for a small row: then /ready may say so.
	eventually(t, "/ready tells", func() bool {
		if status, _ := b.call("GET", "/ready", ""); status == http.StatusServiceUnavailable {
			return true
		}
		status, _ := b.call("POST", "/api/data/notes", `{"text":"small"}`)
		if status == http.StatusCreated {
			written.add("small")
		}
		return status == http.StatusCreated
	})
	written.check(t, b)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "writes go on", func() bool {
		status, _ := b.call("POST", "/api/data/notes", `{"text":"room again"}`)
		return status == http.StatusCreated
	})
	eventually(t, "/ready tells", func() bool {
		status, _ := b.call("GET", "/ready", "")
		return status == http.StatusOK
	})
	written.add("room again")
	written.check(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Engine = nil
	b.start()
	written.check(t, b)
}

// written are the texts of the rows that were acknowledged.
type written struct {
	mu    sync.Mutex
	texts []string
	sent  int
}

func (w *written) n() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.texts)
}

func (w *written) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *written) next() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent++
	return fmt.Sprintf("note %d", w.sent)
}

// fill writes from many clients at once until each has been refused a few times,
// and gives how often that was.
func (w *written) fill(b *backend, clients int) int {
	b.t.Helper()
	var wait sync.WaitGroup
	var mu sync.Mutex
	full := 0
	for range clients {
		wait.Go(func() {
			for refused := 0; refused < 5; {
				text := w.next()
				status, said, err := b.send("POST", "/api/data/notes", `{"text":"`+text+strings.Repeat("x", 20_000)+`"}`)
				switch {
				case err != nil:
					b.t.Errorf("insert: %v", err)
					return
				case status == http.StatusCreated:
					w.add(text)
				case status == http.StatusInsufficientStorage:
					refused++
					time.Sleep(time.Millisecond)
				default:
					b.t.Errorf("insert: %d %s", status, said)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			full += 5
		})
	}
	wait.Wait()
	return full
}

// check looks for every acknowledged row, and for no other.
func (w *written) check(t *testing.T, b *backend) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	status, text := b.call("GET", "/api/data/notes?select=text&limit=10000", "")
	if status != http.StatusOK {
		t.Fatalf("read: %d %.200s", status, text)
	}
	for _, row := range w.texts {
		if n := strings.Count(text, `"`+row+"x") + strings.Count(text, `"`+row+`"`); n != 1 {
			t.Errorf("acknowledged row %q is there %d times", row, n)
		}
	}
	if n := strings.Count(text, `"text":`); n != len(w.texts) {
		t.Errorf("%d rows, %d were acknowledged", n, len(w.texts))
	}
}
