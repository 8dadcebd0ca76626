//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

// supervising is what a supervisor is told, as systemd hears it.
type supervising struct {
	mu   sync.Mutex
	told []string
}

// supervise listens where processes are told to tell how they are.
func supervise(t *testing.T, path string) *supervising {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	s := &supervising{}
	var reading sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		reading.Wait()
	})
	reading.Go(func() {
		text, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
		for {
			n, m, _, _, err := l.ReadMsgUnix(text, rights)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.told = append(s.told, strings.Split(string(text[:n]), "\n")...)
			s.mu.Unlock()
			messages, _ := unix.ParseSocketControlMessage(rights[:m]) // none comes with most
			for i := range messages {
				files, _ := unix.ParseUnixRights(&messages[i])
				for _, file := range files {
					_ = unix.Close(file) // that is the answer
				}
			}
		}
	})
	return s
}

func (s *supervising) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// hold opens a connection, asks once, and keeps it.
func (s *upgradeStorm) hold() {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(stormPatience))
	if _, err := fmt.Fprint(conn, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		s.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusOK || response.Close {
		s.Fatalf("%+v %v", response, err)
	}
	_ = response.Body.Close()
}

// TestUpgradeSurvivorFails: the new process is killed once it has proved itself, while
// the old one has a connection left. Nobody serves, and who supervises hears it: the old
// process, which it takes for the service again, fails at once.
func TestUpgradeSurvivorFails(t *testing.T) {
	t.Parallel()
	path := fmt.Sprintf("@edge-hive-supervised-%d", os.Getpid())
	supervisor := supervise(t, path)
	s := startStorm(t, plainly(""), nil, "NOTIFY_SOCKET="+path, patiently(engine.UpgradeTimes{Prove: time.Nanosecond}))
	s.allowed = []string{`"level":"WARN"`, `"level":"ERROR"`}
	old := s.serving()
	ended := make(chan error, 1)
	go func() { ended <- s.process.Wait() }()
	s.hold()
	for len(ended) == 0 {
		answer, err := s.admin.Upgrade(t.Context(), "")
		if err != nil || answer.Error != "" {
			t.Fatalf("%+v, %v", answer, err)
		}
		s.insert("by the new process")
		if err := syscall.Kill(answer.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.await("the old process ends, or serves again where the kill was so early", func() bool {
			status, err := s.admin.Status(t.Context())
			return len(ended) > 0 || err == nil && status.PID == old && status.Ready
		})
	}
	var status *exec.ExitError
	if err := <-ended; !errors.As(err, &status) || status.ExitCode() <= 0 {
		t.Errorf("the old process ends with %v", err)
	}
	if !bytes.Contains(s.said(), []byte("the process that had taken over has died")) {
		t.Errorf("the log: %s", s.said())
	}
	told := supervisor.all()
	if want := []string{fmt.Sprintf("MAINPID=%d", old), "BARRIER=1"}; len(told) < 2 || !slices.Equal(told[len(told)-2:], want) {
		t.Errorf("the supervisor was told %q, and %q at last", told, want)
	}
	// As the supervisor does.
	s.launch(stormProgram(t), "serve")
	s.insert("again")
	s.killed[old] = true // and with it the one that has its sockets' files
	s.end()
}
