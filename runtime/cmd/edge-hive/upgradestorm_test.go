//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// The storm of restarts: one backend under load, whose process is replaced and whose
// manifest is changed again and again. No request fails, no acknowledged row and no
// event is lost.
const (
	upgradesVariable = "EDGEHIVE_UPGRADES"
	reloadsVariable  = "EDGEHIVE_RELOADS"
	// stormPatience is how long anything may take on a busy machine.
	stormPatience = 2 * time.Minute
	// uploadTime is how long a slow body takes.
	uploadTime = time.Second
)

const upgradeManifest = `
manifest: 1
name: "storm"
server: %s
rates: default: {requests: 100%04d}
limits: {connectionsPerAddress: 1000, statement: "10m"}
auth: secret: env: "EDGEHIVE_STORM_SECRET"
tables: notes: {
	columns: text: {type: "text", required: true}
	access: {read: true, create: true, update: true, delete: true}
}
channels: notes: table: "notes"
`

// The ways in. Over HTTPS clients speak HTTP/2.
const (
	stormPlain = `listen: http: "127.0.0.1:0"`
	stormTLS   = `{listen: {http: "127.0.0.1:0", https: "127.0.0.1:0", http3: "127.0.0.1:0"}, tls: {kind: "internal", domains: ["localhost"]}}`
)

const stormSurreal = `
database: {
	engine: "surrealdb", url: %q, namespace: "storm", database: "main"
	user: "root", password: env: "EDGEHIVE_STORM_PASS"
}
`

// upgradeStorm is the backend, and what its clients have seen.
type upgradeStorm struct {
	*testing.T
	manifest  func(version int) string
	allowed   []string // in the log
	killed    map[int]bool
	dir, url  string
	admin     *admin.Client
	variables []string
	process   *exec.Cmd
	log       *os.File
	version   int // of the manifest

	mu         sync.Mutex
	transports []*http.Transport
	acked      map[string]bool // rows, by their text
	requests   int
	failures   int
	slowest    time.Duration
	pids       []int // of all processes, the first one first
}

func TestRestartStorm(t *testing.T) {
	upgrades, reloads := stormNumber(t, upgradesVariable, 3), stormNumber(t, reloadsVariable, 6)
	t.Run("http", func(t *testing.T) { restartStorm(t, stormPlain, "", upgrades, reloads) })
	t.Run("https", func(t *testing.T) { restartStorm(t, stormTLS, "", upgrades, reloads) })
	// On SurrealDB both processes serve while one takes over.
	t.Run("surreal", func(t *testing.T) {
		server, err := surrealtest.Start(t.Context(), filepath.Join(t.TempDir(), "surreal"), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Kill() })
		restartStorm(t, stormPlain, fmt.Sprintf(stormSurreal, server.URL), (upgrades+2)/3, (reloads+2)/3)
	})
}

func restartStorm(t *testing.T, server, more string, upgrades, reloads int) {
	t.Helper()
	s := startStorm(t, func(version int) string { return fmt.Sprintf(upgradeManifest, server, version) + more }, nil)
	load := s.load()
	var held, took time.Duration
	for i := range upgrades {
		for range share(reloads, upgrades, i) {
			s.reload()
		}
		one, all := s.upgrade()
		held, took = max(held, one), max(took, all)
		s.awaitRequests(20)
	}
	s.awaitRequests(100)
	load.stop()
	s.end()
	t.Logf("%d upgrades, %d reloads, %d requests, %d rows: none failed. Requests were held for %v at most, an upgrade took %v at most, the slowest request %v",
		upgrades, reloads, s.requests, len(s.acked), held, took, s.slowest.Round(time.Millisecond))
}

// share is how many of all are to be done in one of several turns.
func share(all, turns, turn int) int { return all*(turn+1)/turns - all*turn/turns }

func stormNumber(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// startStorm starts a backend in a folder that has been prepared, with variables.
func startStorm(t *testing.T, manifest func(version int) string, prepare func(dir string), variables ...string) *upgradeStorm {
	t.Helper()
	// The processes that follow are started by the ones before: when those have
	// ended, this one hears of their ends.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "hive") // short: the socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &upgradeStorm{T: t, manifest: manifest, dir: dir, admin: admin.NewClient(filepath.Join(dir, "data")), acked: map[string]bool{}, killed: map[int]bool{}}
	s.write()
	if prepare != nil {
		prepare(dir)
	}
	if s.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	s.variables = append([]string{"EDGEHIVE_STORM_PASS=root", stormSecret, patiently(engine.UpgradeTimes{})}, variables...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", tail(s.said(), 16<<10))
			for _, pid := range s.pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	s.launch(stormProgram(t), "serve")
	return s
}

const stormSecret = "EDGEHIVE_STORM_SECRET=0123456789abcdef0123456789abcdef0123456789abcdef"

// patiently is the variable of an upgrade's times: a slow machine has as long as it
// takes, but for what a test shortens. That a new process is watched for a while is left
// as it is.
func patiently(times engine.UpgradeTimes) string {
	for _, limit := range []*time.Duration{&times.Prepare, &times.Ready} {
		if *limit == 0 {
			*limit = 5 * stormPatience
		}
	}
	text, err := json.Marshal(times)
	if err != nil {
		panic(err)
	}
	return timesVariable + "=" + string(text)
}

func stormProgram(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("edge-hive")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// launch starts the first process, and waits until it serves.
func (s *upgradeStorm) launch(program string, arguments ...string) {
	s.Helper()
	s.process = exec.Command(program, arguments...)
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, s.log, s.log
	s.process.Env = append(os.Environ(), s.variables...)
	if err := s.process.Start(); err != nil {
		s.Fatal(err)
	}
	s.pids = []int{s.process.Process.Pid}
	for deadline := time.Now().Add(stormPatience); ; time.Sleep(20 * time.Millisecond) {
		status, err := s.admin.Status(s.Context())
		if err == nil && status.Ready {
			s.url = "http://" + status.Listeners[0].Address
			for _, l := range status.Listeners {
				if _, port, err := net.SplitHostPort(l.Address); err == nil && l.Name == "https" {
					s.url = "https://localhost:" + port
				}
			}
			// A first start does not wait for certificates.
			client := s.client()
			if response, err := client.Get(s.url + "/health"); err == nil {
				_ = response.Body.Close()
				client.CloseIdleConnections() // one that waits would keep the first process
				return
			}
		}
		if time.Now().After(deadline) {
			s.Fatalf("it does not serve: %v", err)
		}
	}
}

func (s *upgradeStorm) said() []byte {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.Error(err)
	}
	return text
}

// write writes another manifest than before.
func (s *upgradeStorm) write() {
	s.Helper()
	s.version++
	if err := os.WriteFile(filepath.Join(s.dir, "edgehive.cue"), []byte(s.manifest(s.version)), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *upgradeStorm) reload() {
	s.Helper()
	s.write()
	answer, err := s.admin.Reload(s.Context())
	if err != nil || answer.Result != admin.Swapped {
		s.Fatalf("reload: %+v, %v", answer, err)
	}
}

// upgrade puts another process in the place of the one that serves.
func (s *upgradeStorm) upgrade() (held, took time.Duration) {
	s.Helper()
	answer, err := s.admin.Upgrade(s.Context(), "")
	if err != nil || answer.Error != "" {
		s.Fatalf("upgrade: %+v, %v", answer, err)
	}
	status, err := s.admin.Status(s.Context())
	if err != nil || status.PID != answer.PID || status.PID == s.pids[len(s.pids)-1] {
		s.Fatalf("process %d serves after %v, the answer was %+v: %v", status.PID, s.pids, answer, err)
	}
	s.pids = append(s.pids, answer.PID)
	held, _ = time.ParseDuration(answer.Held)
	took, _ = time.ParseDuration(answer.Took)
	return held, took
}

// awaitRequests waits until so many more were answered.
func (s *upgradeStorm) awaitRequests(more int) {
	s.Helper()
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.requests
	}
	first := count()
	for deadline := time.Now().Add(stormPatience); count() < first+more; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("%d of %d requests were answered", count()-first, more)
		}
	}
}

// end stops the last process, and sees to it that all of them have ended well, and
// that every row is there that was acknowledged.
func (s *upgradeStorm) end() {
	s.Helper()
	stored := s.stored()
	for text := range s.acked {
		if !stored[text] {
			s.Errorf("row %q was acknowledged, and is lost", text)
		}
	}
	s.leave()
	last := s.pids[len(s.pids)-1]
	if err := syscall.Kill(last, syscall.SIGTERM); err != nil {
		s.Fatal(err)
	}
	first := make(chan error, 1)
	go func() { first <- s.process.Wait() }()
	select {
	case err := <-first:
		if err != nil && !s.killed[s.pids[0]] {
			s.Errorf("the first process: %v", err)
		}
	case <-time.After(stormPatience):
		s.Fatal("the first process does not end: an upgrade to another has failed")
	}
	for _, pid := range s.pids[1:] {
		if s.killed[pid] {
			continue
		}
		var status syscall.WaitStatus
		ended := make(chan error, 1)
		go func() {
			_, err := syscall.Wait4(pid, &status, 0, nil)
			ended <- err
		}()
		select {
		case err := <-ended:
			if errors.Is(err, syscall.ECHILD) {
				continue // the one before has watched it, and heard of its end
			}
			if err != nil || status.ExitStatus() != 0 {
				s.Errorf("process %d: %v, exit status %d", pid, err, status.ExitStatus())
			}
		case <-time.After(stormPatience):
			s.Fatalf("process %d does not end", pid)
		}
	}
	for _, name := range []string{"admin.sock", "forward.sock"} {
		if _, err := os.Stat(filepath.Join(s.dir, "data", name)); err == nil && len(s.killed) == 0 {
			s.Errorf("%s is still there", name)
		}
	}
	for line := range bytes.Lines(s.said()) {
		if bytes.Contains(line, []byte("an authority of our own was made")) {
			continue // once, as it first starts
		}
		if slices.ContainsFunc(s.allowed, func(text string) bool { return bytes.Contains(line, []byte(text)) }) {
			continue
		}
		if bytes.Contains(line, []byte(`"level":"ERROR"`)) || bytes.Contains(line, []byte(`"level":"WARN"`)) || bytes.Contains(line, []byte("panic")) {
			s.Errorf("the log says: %s", line)
		}
	}
	if s.failures > 0 {
		s.Errorf("%d of %d requests failed", s.failures, s.requests)
	}
}

// answered notes a request.
func (s *upgradeStorm) answered(what string, status, want int, took time.Duration, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.slowest = max(s.slowest, took)
	if err == nil && status == want {
		return true
	}
	if s.failures++; s.failures <= mostFaults {
		s.Errorf("%s: %d, %v", what, status, err)
	}
	return false
}

// leave closes connections that wait: each keeps the process that it is of.
func (s *upgradeStorm) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.transports {
		t.CloseIdleConnections()
	}
}

func (s *upgradeStorm) client() *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 1, TLSClientConfig: stormTrust(), ForceAttemptHTTP2: true}
	s.Cleanup(transport.CloseIdleConnections)
	s.mu.Lock()
	s.transports = append(s.transports, transport)
	s.mu.Unlock()
	return &http.Client{Transport: transport, Timeout: stormPatience}
}

// stormTrust believes every certificate: what is tested is that there is one.
func stormTrust() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true}
}
