// Package surrealtest starts a real SurrealDB for tests and benchmarks: the one
// at SURREAL_URL, a surreal binary of the PATH, or the engine of its npm package
// behind the same WebSocket (server/). Tests and benchmarks call it; nothing
// that ships does.
package surrealtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a running SurrealDB. Its root user is root with the password root.
type Server struct {
	// URL is ws://HOST:PORT.
	URL     string
	address string
	storage string
	process *exec.Cmd
	done    chan struct{}
}

// shared is one server in memory for all tests of a process.
var shared struct {
	sync.Mutex
	server *Server
}

// Shared gives one server in memory for all tests of the process; each test
// takes a namespace of its own. It ends with the process.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		if url := os.Getenv("SURREAL_URL"); url != "" {
			shared.server = &Server{URL: url}
		} else {
			s, err := Start(context.Background(), "memory", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			shared.server = s
		}
	}
	return shared.server
}

// Start starts a server of its own: storage is "memory" or a folder, which is
// kept by RocksDB.
func Start(ctx context.Context, storage, address string) (*Server, error) {
	if storage == "memory" {
		storage = "mem://"
	} else {
		storage = "rocksdb://" + storage
	}
	_, file, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(file), "server")
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		return nil, fmt.Errorf("no SurrealDB for tests: set SURREAL_URL, or run npm ci in %s", folder)
	}
	s := &Server{storage: storage, process: exec.Command("node", filepath.Join(folder, "server.mjs"), "--storage", storage, "--listen", address)}
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	s.done = make(chan struct{})
	line := make(chan string, 1)
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			select {
			case line <- lines.Text():
			default:
			}
		}
		_ = s.process.Wait()
	}()
	select {
	case text := <-line:
		s.address = strings.TrimPrefix(text, "listening ")
		s.URL = "ws://" + s.address
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("the SurrealDB for tests ended at once")
	case <-time.After(20 * time.Second):
		_ = s.process.Process.Kill()
		return nil, fmt.Errorf("the SurrealDB for tests did not start in 20 s")
	case <-ctx.Done():
		_ = s.process.Process.Kill()
		return nil, ctx.Err()
	}
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
