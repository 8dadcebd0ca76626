// Package surrealtest starts a real SurrealDB for tests and benchmarks: the one
// at SURREAL_URL, a surreal binary of the PATH, or the engine of its npm package
// behind the same WebSocket (server/); and a proxy before it, for what networks
// do. Tests and benchmarks call it; nothing that ships does.
package surrealtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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

// startTime bounds how long a server may take until it answers.
const startTime = 2 * time.Minute

// ErrNone says how to get a server.
var ErrNone = errors.New("there is no SurrealDB for the tests: set SURREAL_URL to that of a server whose root user is root with the password root, " +
	"put the surreal binary on the PATH, or run `make surreal` (needs Node and npm)")

// Server is a running SurrealDB. Its root user is root with the password root.
type Server struct {
	port *porttest.Port // nil where the address was given
	// URL is ws://HOST:PORT.
	URL     string
	address string
	storage string
	process *exec.Cmd     // nil for one that was there
	done    chan struct{} // closed when the process has ended
}

// shared is one server for all tests of a process.
var shared struct {
	sync.Mutex
	server *Server
}

// Shared gives one server for all tests of the process; each test
// takes a namespace of its own. It ends with the process.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		return shared.server
	}
	if url := os.Getenv("SURREAL_URL"); url != "" {
		_, address, _ := strings.Cut(strings.TrimSuffix(url, "/rpc"), "://")
		shared.server = &Server{URL: url, address: address}
		return shared.server
	}
	folder, err := temporary()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(context.Background(), folder, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shared.server = s
	return s
}

// temporary is a folder of RocksDB, in memory where the system has a place for
// that: SurrealDB's own storage in memory copies all writes of a transaction for
// each row that it writes. It outlives the process, so those of processes that
// are gone are removed here.
func temporary() (string, error) {
	parent := "/dev/shm"
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		parent = os.TempDir()
	}
	const prefix = "surrealtest-"
	old, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, name := range old {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(name), prefix))
		if err == nil && !alive(pid) {
			_ = os.RemoveAll(name) // another's that is not gone is left
		}
	}
	name := filepath.Join(parent, prefix+strconv.Itoa(os.Getpid()))
	return filepath.Join(name, "rocksdb"), os.MkdirAll(name, 0o700)
}

// alive reports whether a process is there.
func alive(pid int) bool {
	process, err := os.FindProcess(pid)
	return err == nil && !errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// Start starts a server of its own: storage is "memory" or a folder, which is
// kept by RocksDB. ctx bounds the start alone.
func Start(ctx context.Context, storage, address string) (*Server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("it did not answer within %s", startTime))
	defer cancel()
	s := &Server{storage: storage}
	var err error
	if strings.HasSuffix(address, ":0") {
		// It may be left, and come back to.
		if s.port, err = porttest.Take(); err != nil {
			return nil, fmt.Errorf("start a SurrealDB for the tests: %w", err)
		}
		address = s.port.Address()
	}
	if binary, found := exec.LookPath("surreal"); found == nil {
		err = s.startBinary(ctx, binary, address)
	} else {
		err = s.startPackage(ctx, address)
	}
	if err != nil {
		return nil, fmt.Errorf("start a SurrealDB for the tests: %w", err)
	}
	s.URL = "ws://" + s.address
	return s, nil
}

// Restart starts the server again, after Kill or Stop, with its folder and at
// its address.
func (s *Server) Restart(ctx context.Context) error {
	again, err := Start(ctx, s.storage, s.address)
	if err != nil {
		return err
	}
	s.process, s.done = again.process, again.done
	return nil
}

// startBinary runs `surreal start`.
func (s *Server) startBinary(ctx context.Context, binary, address string) error {
	storage := s.storage
	if storage != "memory" {
		storage = "rocksdb://" + storage
	}
	s.address = address
	s.process = exec.Command(binary, "start", "--no-banner", "--log", "none", "--user", "root", "--pass", "root", "--bind", address, storage) //nolint:gosec,noctx // a test names what it starts (G204), and the server outlives the call
	if err := s.run(); err != nil {
		return err
	}
	go s.wait()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", http.NoBody)
		if err != nil {
			return s.abandon(err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return s.abandon(context.Cause(ctx))
		}
	}
}

// Script is the path of the server around the npm package, which Node runs.
func Script() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(file), "server")
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		return "", ErrNone
	}
	return filepath.Join(folder, "server.mjs"), nil
}

// startPackage runs the server around the npm package.
func (s *Server) startPackage(ctx context.Context, address string) error {
	script, err := Script()
	if err != nil {
		return err
	}
	storage := "mem://"
	if s.storage != "memory" {
		storage = "rocksdb://" + s.storage
	}
	s.process = exec.Command("node", script, "--storage", storage, "--listen", address) //nolint:gosec,noctx // a test names what it starts (G204), and the server outlives the call
	out, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.run(); err != nil {
		return err
	}
	listening := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if where, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
				listening <- where
				break
			}
		}
		for lines.Scan() { // so that it is not held up
		}
		s.wait()
	}()
	select {
	case s.address = <-listening:
		return nil
	case <-s.done:
		return errors.New("it ended at once: run node server.mjs in surrealtest/server to see why")
	case <-ctx.Done():
		return s.abandon(context.Cause(ctx))
	}
}

// run starts the process, which ends with ours.
func (s *Server) run() error {
	s.done = make(chan struct{})
	s.process.SysProcAttr = endsWithUs()
	return s.process.Start()
}

func (s *Server) wait() {
	_ = s.process.Wait()
	close(s.done)
}

func (s *Server) abandon(err error) error {
	s.Kill()
	return err
}

// Address is HOST:PORT.
func (s *Server) Address() string { return s.address }

// Kill ends the server as kill -9 does.
func (s *Server) Kill() {
	_ = s.process.Process.Kill()
	<-s.done
}

// Stop ends it in order.
func (s *Server) Stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	<-s.done
}
