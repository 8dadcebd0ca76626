//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// needed gives a program that a test needs, or skips the test.
func needed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// prepareStorm is a backend that is not started yet.
func prepareStorm(t *testing.T, manifest string) *upgradeStorm {
	t.Helper()
	dir, err := os.MkdirTemp("", "hive")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &upgradeStorm{T: t, dir: dir, admin: admin.NewClient(filepath.Join(dir, "data")), acked: map[string]bool{}, killed: map[int]bool{}}
	s.manifest = func(int) string { return manifest }
	s.write()
	if s.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	s.variables = []string{stormSecret, patiently(engine.UpgradeTimes{})}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", tail(s.said(), 16<<10))
			for _, pid := range s.pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	return s
}

// TestUpgradeAfterSocketActivation: systemd's sockets are served, by their names, and an
// upgrade hands them on.
func TestUpgradeAfterSocketActivation(t *testing.T) {
	t.Parallel()
	activate := needed(t, "systemd-socket-activate")
	plain, secure, metrics := porttest.Free(t).Address(), porttest.Free(t).Address(), porttest.Free(t).Address()
	server := fmt.Sprintf(`{listen: {http: %q, https: %q}, tls: {kind: "internal", domains: ["localhost"]}}`, plain, secure)
	s := prepareStorm(t, fmt.Sprintf(upgradeManifest, server, 1)+fmt.Sprintf("observe: metrics: listen: %q\n", metrics))
	s.process = exec.Command(activate, "--listen="+plain, "--listen="+secure, "--listen="+metrics, "--fdname=http:https:metrics",
		"--setenv=EDGEHIVE_STORM_SECRET", "--setenv="+timesVariable, stormProgram(t), "serve")
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, s.log, s.log
	s.process.Env = append(os.Environ(), s.variables...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	s.pids = []int{s.process.Process.Pid}
	_, port, _ := net.SplitHostPort(secure)
	_, plainPort, _ := net.SplitHostPort(plain)
	s.url = "https://localhost:" + port
	works := func() {
		t.Helper()
		client := s.client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for url, want := range map[string]int{
			"http://localhost:" + plainPort + "/api/data/notes": http.StatusPermanentRedirect,
			s.url + "/ready": http.StatusOK, "http://" + metrics + "/metrics": http.StatusOK,
		} {
			response, err := client.Get(url)
			if err != nil {
				t.Errorf("%s: %v", url, err)
				continue
			}
			_ = response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s: %s, want %d", url, response.Status, want)
			}
		}
		client.CloseIdleConnections()
	}
	s.await("it listens for the server", func() bool {
		conn, err := net.Dial("tcp", plain)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	s.await("the server serves", func() bool {
		status, err := s.admin.Status(t.Context())
		return err == nil && status.Ready && status.PID == s.pids[0]
	})
	s.await("there is a certificate", func() bool {
		response, err := s.client().Get(s.url + "/health")
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	})
	works()
	for range 2 {
		s.upgrade()
		works()
	}
	s.insert("a row")
	s.allowed = []string{"handshake"}
	s.end()
}

// TestUpgradeInContainer: the server as process 1 is not replaced, and takes the ends of
// processes that nobody else waits for.
func TestUpgradeInContainer(t *testing.T) {
	t.Parallel()
	unshare, enter := needed(t, "unshare"), needed(t, "nsenter")
	own := []string{"--pid", "--fork", "--mount-proc", "--kill-child"}
	if os.Getuid() != 0 {
		own = append([]string{"--user", "--map-root-user"}, own...)
	}
	if said, err := exec.Command(unshare, append(own, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no namespace of processes can be made: %v %s", err, said) // no fault of who runs the tests
	}
	s := prepareStorm(t, fmt.Sprintf(upgradeManifest, stormPlain, 1))
	s.process = exec.Command(unshare, append(own, stormProgram(t), "serve")...)
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, s.log, s.log
	s.process.Env = append(os.Environ(), s.variables...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() })
	s.await("the server serves", func() bool {
		status, err := s.admin.Status(t.Context())
		if err != nil || !status.Ready {
			return false
		}
		if status.PID != 1 {
			t.Fatalf("it is process %d", status.PID)
		}
		s.url = "http://" + status.Listeners[0].Address
		return true
	})
	answer, err := s.admin.Upgrade(t.Context(), "")
	if err != nil || !strings.Contains(answer.Error, "process 1 of a container") || answer.Hint == "" {
		t.Errorf("%+v %v", answer, err)
	}
	s.insert("a row")
	server := childrenOf(s.process.Process.Pid)[0]
	orphans := exec.Command(enter, fmt.Sprintf("--target=%d", server), "--pid", "--mount", "sh", "-c", "for i in 1 2 3; do (sleep 0.05 & sleep 0.05 &) ; done; sleep 0.1")
	if said, err := orphans.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	s.await("nobody is left", func() bool { return len(childrenOf(server)) == 0 })
	if err := syscall.Kill(server, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.process.Wait(); err != nil {
		t.Error(err)
	}
}

// TestUpgradeOnFullDisk: the disk is full as the new process opens the database, and
// migrates it. Somebody serves, what was acknowledged is there, and once there is room
// rows are written again.
func TestUpgradeOnFullDisk(t *testing.T) {
	t.Parallel()
	unshare := needed(t, "unshare")
	own := []string{"--mount"}
	if os.Getuid() != 0 {
		own = append(own, "--user", "--map-root-user")
	}
	s := prepareStorm(t, fmt.Sprintf(upgradeManifest, stormPlain, 1))
	mount := fmt.Sprintf("mkdir -p %[1]s/data && mount -t tmpfs -o size=6m,mode=700 none %[1]s/data", s.dir)
	if said, err := exec.Command(unshare, append(own, "sh", "-c", mount)...).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted: %v %s", err, said) // no fault of who runs the tests
	}
	s.process = exec.Command(unshare, append(own, "sh", "-c", mount+` && exec "$0" serve`, stormProgram(t))...)
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, s.log, s.log
	s.process.Env = append(os.Environ(), s.variables...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	s.pids = []int{s.process.Process.Pid}
	data := fmt.Sprintf("/proc/%d/root%s/data", s.pids[0], s.dir)
	s.admin = admin.NewClient(data)
	s.await("the server serves", func() bool {
		status, err := s.admin.Status(t.Context())
		if err == nil && status.Ready {
			s.url = "http://" + status.Listeners[0].Address
		}
		return s.url != ""
	})
	s.insert("before")
	full, err := os.Create(filepath.Join(data, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = full.Write(make([]byte, 4096))
	}
	_ = full.Close()
	more := ""
	for i := range 40 {
		more += fmt.Sprintf("tables: t%d: {columns: {a: type: \"text\", b: type: \"text\"}}\n", i)
	}
	s.manifest = func(version int) string { return fmt.Sprintf(upgradeManifest, stormPlain, version) + more }
	s.write()
	answer, err := s.admin.Upgrade(context.WithoutCancel(t.Context()), "")
	if err != nil || answer.Error == "" {
		t.Errorf("%+v %v", answer, err)
	}
	t.Logf("with a full disk: %s", answer.Error)
	stored := s.stored()
	if !stored["before"] {
		t.Errorf("%v is there", stored)
	}
	if err := os.Remove(filepath.Join(data, "ballast")); err != nil {
		t.Fatal(err)
	}
	s.await("rows are written", func() bool {
		response, err := s.client().Post(s.url+"/api/data/notes", "application/json", strings.NewReader(`{"text":"room again"}`))
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		time.Sleep(20 * time.Millisecond)
		return response.StatusCode == http.StatusCreated
	})
	s.upgrade()
	s.insert("after")
	s.killed[s.serving()] = true // the file system is out of sight
	s.allowed = []string{`"level":"WARN"`, `"level":"ERROR"`}
	s.end()
}
