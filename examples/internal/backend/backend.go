// Package backend runs an example as a user would: it builds the command,
// copies the project into an empty folder, and serves it as a process of its
// own on free ports. The examples' tests call it; of the runtime's packages
// it knows the one that starts a SurrealDB for tests.
package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// Backend is a served project.
type Backend struct {
	// URL is where it answers, without a trailing slash.
	URL string
	// Dir is the copy of the project; its manifest may be edited.
	Dir string
	// Binary is the built command.
	Binary string

	ports   *strings.Replacer
	command *exec.Cmd
	exited  chan error // how the command ended
	log     *bytes.Buffer
}

// Root is the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	return root()
}

func root() string {
	_, file, _, _ := runtime.Caller(0) // this file
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Copy lays the named files and folders of dir (all of it when none is named)
// into an empty folder with the ports that the manifest listens on replaced by
// free ones, and the built command beside them as bin/edge-hive. Nothing is
// started.
func Copy(t testing.TB, dir string, names ...string) *Backend {
	t.Helper()
	project := t.TempDir()
	b := Empty(t, project, filepath.Join(project, "bin", "edge-hive"))
	if err := Install(b.Binary); err != nil {
		t.Fatal(err)
	}
	api, metrics, database := FreePort(t), FreePort(t), FreePort(t)
	b.URL = "http://127.0.0.1:" + api
	b.ports = strings.NewReplacer("localhost:8080", "127.0.0.1:"+api, ":8080", ":"+api, ":8081", ":"+api, ":8082", ":"+api,
		":8085", ":"+FreePort(t), ":8443", ":"+FreePort(t), ":8091", ":"+FreePort(t), ":8092", ":"+FreePort(t), "localhost:9090", "127.0.0.1:"+metrics, ":9090", ":"+metrics,
		"127.0.0.1:8000", "127.0.0.1:"+database)
	if len(names) == 0 {
		names = []string{"."}
	}
	for _, name := range names {
		b.copyTree(t, dir, name)
	}
	return b
}

// Empty is a project of which the test writes all, its ports as well, and the
// command that serves it.
func Empty(t testing.TB, dir, binary string) *Backend {
	t.Helper()
	return &Backend{Dir: dir, Binary: binary, log: &bytes.Buffer{}, ports: strings.NewReplacer()}
}

// built is the command, made once for all tests of the process. Its file
// has no name any more, so that nothing stays behind.
var built = sync.OnceValues(func() (*os.File, error) {
	dir, err := os.MkdirTemp("", "edge-hive-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "edge-hive")
	build := exec.Command("go", "build", "-o", name, "./runtime/cmd/edge-hive")
	build.Dir = root()
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return os.Open(name)
})

// Install lays the built command at a path.
func Install(path string) error {
	from, err := built()
	if err != nil {
		return err
	}
	info, err := from.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.NewSectionReader(from, 0, info.Size()))
	return errors.Join(err, to.Close())
}

// Start copies the project and serves it until the test ends, which it must do
// with exit code 0.
func Start(t testing.TB, dir string, names ...string) *Backend {
	t.Helper()
	b := Copy(t, dir, names...)
	b.Serve(t)
	return b
}

// Serve starts the copied project, by `serve edgehive.cue` or the arguments
// given, and waits until it is ready.
func (b *Backend) Serve(t testing.TB, args ...string) {
	t.Helper()
	b.Launch(t, args...)
	b.Ready(t)
}

// Launch is Serve without the waiting, which Ready does.
func (b *Backend) Launch(t testing.TB, args ...string) {
	t.Helper()
	if len(args) == 0 {
		args = []string{"serve", "edgehive.cue"}
	}
	b.command = exec.Command(b.Binary, args...)
	b.command.Dir = b.Dir
	b.command.Stdout, b.command.Stderr = b.log, b.log
	if err := b.command.Start(); err != nil {
		t.Fatal(err)
	}
	b.exited = make(chan error, 1)
	go func(command *exec.Cmd, exited chan<- error) { exited <- command.Wait() }(b.command, b.exited)
	t.Cleanup(func() { b.Stop(t) })
}

// Ready waits until a launched project is ready.
func (b *Backend) Ready(t testing.TB) {
	t.Helper()
	b.Answers(t, func() error {
		answer, err := http.Get(b.URL + "/ready")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
}

// Answers waits until a launched project answers as ask wants it.
func (b *Backend) Answers(t testing.TB, ask func() error) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := ask()
		if err == nil {
			return
		}
		select {
		case err := <-b.exited:
			b.command = nil
			t.Fatalf("the backend ended: %v\n%s", err, b.log)
		default:
		}
		if time.Now().After(deadline) {
			b.Kill(t)
			t.Fatalf("the backend is not ready: %v\n%s", err, b.log)
		}
	}
}

// Kill ends the process as a power cut would. Serve may be called again.
func (b *Backend) Kill(t testing.TB) {
	t.Helper()
	if err := b.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-b.exited
	b.command = nil
}

// Stop ends the process politely, if it still runs; it must end with exit code 0.
// Serve may be called again.
func (b *Backend) Stop(t testing.TB) {
	t.Helper()
	if b.command == nil {
		return
	}
	if err := b.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case err := <-b.exited:
		if err != nil {
			t.Errorf("the backend did not stop cleanly: %v\n%s", err, b.log)
		}
	case <-time.After(2 * time.Minute):
		b.command.Process.Kill()
		<-b.exited
		t.Errorf("the backend did not stop\n%s", b.log)
	}
	b.command = nil
	http.DefaultClient.CloseIdleConnections() // those to it lead nowhere
}

// Run runs the command in the project's folder and gives what it printed; a
// failure ends the test.
func (b *Backend) Run(t testing.TB, args ...string) string {
	t.Helper()
	command := exec.Command(b.Binary, args...)
	command.Dir = b.Dir
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		t.Fatalf("edge-hive %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// Log is what the stopped process has written.
func (b *Backend) Log() string { return b.log.String() }

// Ports replaces the manifest's ports in a text by those that are served.
func (b *Backend) Ports(text string) string { return b.ports.Replace(text) }

// Answer is what a request got.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Rows decodes the body, an array of objects.
func (a Answer) Rows(t testing.TB) []map[string]any {
	t.Helper()
	var rows []map[string]any
	if err := json.Unmarshal([]byte(a.Body), &rows); err != nil {
		t.Fatalf("not an array of rows: %v\n%s", err, a.Body)
	}
	return rows
}

// Do sends one request. headers are pairs of name and value; a body that is
// not empty is JSON.
func (b *Backend) Do(t testing.TB, method, path, token, body string, headers ...string) Answer {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, b.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Status: answer.StatusCode, Header: answer.Header, Body: string(raw)}
}

// User makes a user with this address and gives a token for it.
func (b *Backend) User(t testing.TB, email, metadata string) string {
	t.Helper()
	service := b.Run(t, "keys", "--only", "service_role")
	if metadata == "" {
		metadata = "{}"
	}
	a := b.Do(t, "POST", "/api/data/users", service, fmt.Sprintf(`{"email":%q,"app_metadata":%s}`, email, metadata))
	if a.Status != http.StatusCreated {
		t.Fatalf("make user %s: %d %s", email, a.Status, a.Body)
	}
	return b.Run(t, "token", "--user", email)
}

func (b *Backend) copyTree(t testing.TB, dir, name string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, name), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "data" || entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(b.Dir, relative), 0o755)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".cue") {
			raw = []byte(b.ports.Replace(string(raw)))
		}
		target := filepath.Join(b.Dir, relative)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, raw, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// FreePort is a port that nobody else takes while the test runs.
func FreePort(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(porttest.Free(t).Number)
}
