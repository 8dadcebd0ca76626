//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

// What may go wrong in an upgrade: programs that are no good, processes that are killed
// in the midst of it, and what else is asked for meanwhile. Somebody always serves,
// unless it is the one who serves that is killed.

// plainly is the storm's manifest over HTTP.
func plainly(more string) func(int) string {
	return func(version int) string { return fmt.Sprintf(upgradeManifest, stormPlain, version) + more }
}

// startQuiet is a backend without load, that may log what went wrong.
func startQuiet(t *testing.T, times engine.UpgradeTimes, more string, prepare func(dir string)) *upgradeStorm {
	t.Helper()
	s := startStorm(t, plainly(more), prepare, patiently(times), "EDGEHIVE_PROGRAM="+stormProgram(t))
	s.allowed = []string{`"level":"WARN"`, `"level":"ERROR"`}
	return s
}

// program writes a shell script that stands for another program.
func (s *upgradeStorm) program(name, text string) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		s.Fatal(err)
	}
	return path
}

// gated is a program that begins once the file "go" is there.
func (s *upgradeStorm) gated() string {
	return s.program("gated", `while [ ! -e go ]; do sleep 0.02; done; exec "$EDGEHIVE_PROGRAM" "$@"`)
}

func (s *upgradeStorm) open() {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *upgradeStorm) await(what string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(stormPatience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("not within %s: %s", stormPatience, what)
		}
	}
}

func (s *upgradeStorm) serving() int { return s.pids[len(s.pids)-1] }

// begins asks for an upgrade, whose answer is waited for elsewhere, and gives the
// process that was started.
func (s *upgradeStorm) begins(program string) (pid int, answer <-chan upgradeEnd) {
	s.Helper()
	before := map[int]bool{}
	for _, child := range childrenOf(s.serving()) {
		before[child] = true
	}
	ended := make(chan upgradeEnd, 1)
	go func() {
		a, err := s.admin.Upgrade(context.WithoutCancel(s.Context()), program)
		ended <- upgradeEnd{a, err}
	}()
	s.await("a process is started", func() bool {
		for _, child := range childrenOf(s.serving()) {
			if !before[child] {
				pid = child
			}
		}
		return pid != 0 || len(ended) > 0
	})
	return pid, ended
}

type upgradeEnd struct {
	admin.UpgradeAnswer
	err error
}

// fails upgrades to a program that is no good, and sees to it that who has served
// serves on.
func (s *upgradeStorm) fails(program, want string) {
	s.Helper()
	answer, err := s.admin.Upgrade(s.Context(), program)
	if err != nil || !strings.Contains(answer.Error, want) {
		s.Errorf("%s: %+v, %v; want %q", program, answer, err, want)
	}
	s.servesOn(program)
}

// servesOn sees to it that the process of before answers, and writes.
func (s *upgradeStorm) servesOn(after string) {
	s.Helper()
	if status, err := s.admin.Status(s.Context()); err != nil || status.PID != s.serving() || !status.Ready {
		s.Errorf("after %s: %+v, %v; want process %d", after, status, err, s.serving())
	}
	s.insert(fmt.Sprint("after ", after))
}

func (s *upgradeStorm) insert(text string) {
	s.Helper()
	s.post(s.client(), strings.NewReader(fmt.Sprintf(`{"text":%q}`, text)), text)
}

// childrenOf are the processes that a process has started.
func childrenOf(parent int) []int {
	var children []int
	entries, _ := os.ReadDir("/proc") // none, then
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if _, of := stateOf(pid); of == parent {
			children = append(children, pid)
		}
	}
	return children
}

// stateOf is how a process is, and who has started it.
func stateOf(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

// hasOpen tells whether a process has the database open.
func hasOpen(pid int) bool {
	// Before it has become another program, it has the files of its parent.
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || !strings.Contains(string(environment), "EDGEHIVE_UPGRADE=") {
		return false
	}
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(folder) // it has ended
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(folder, entry.Name())); err == nil && strings.HasSuffix(target, "/storm.db") {
			return true
		}
	}
	return false
}

// TestUpgradeWithinAnother: what is asked for while an upgrade is under way.
func TestUpgradeWithinAnother(t *testing.T) {
	t.Parallel()
	s := startQuiet(t, engine.UpgradeTimes{}, "", nil)
	hangup := func(pid int) {
		if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
			t.Error(err)
		}
	}
	generation := func(want uint64) {
		t.Helper()
		s.await(fmt.Sprintf("generation %d of process %d", want, s.serving()), func() bool {
			status, err := s.admin.Status(t.Context())
			return err == nil && status.PID == s.serving() && status.Generation == want
		})
	}
	// One that fails: what a signal has asked for is done after it.
	_, ended := s.begins(s.program("failing", `while [ ! -e go ]; do sleep 0.02; done; exit 3`))
	if answer, err := s.admin.Upgrade(t.Context(), ""); err != nil || !strings.Contains(answer.Error, "an upgrade is under way") {
		t.Errorf("a second upgrade: %+v, %v", answer, err)
	}
	s.write()
	if answer, err := s.admin.Reload(t.Context()); err != nil || answer.Result != admin.Refused || len(answer.Faults) != 1 || answer.Faults[0].Code != "upgrading" {
		t.Errorf("a reload: %+v, %v", answer, err)
	}
	refusals := strings.Count(string(s.said()), "an upgrade is under way")
	hangup(s.serving())
	s.await("the signal is heard", func() bool { return strings.Count(string(s.said()), "an upgrade is under way") > refusals })
	s.insert("meanwhile")
	s.open()
	if end := <-ended; end.err != nil || !strings.Contains(end.Error, "exit status 3") {
		t.Errorf("%+v", end)
	}
	generation(2)
	// One that does not fail: the new process hears of the signal. A connection that
	// waits keeps the one before.
	client := s.client()
	s.post(client, strings.NewReader(`{"text":"waits"}`), "waits")
	before := s.serving()
	s.upgrade()
	s.write()
	hangup(before)
	generation(2)
	client.CloseIdleConnections()
	// A stop ends what has been begun.
	if err := os.Remove(filepath.Join(s.dir, "go")); err != nil {
		t.Fatal(err)
	}
	pid, ended := s.begins(s.gated())
	s.insert("before the stop")
	if err := syscall.Kill(s.serving(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if end := <-ended; end.err == nil && end.Error == "" {
		t.Errorf("a stopped upgrade: %+v", end)
	}
	s.await("the new process ends", func() bool { state, _ := stateOf(pid); return state == "" || state == "Z" })
	s.await("the old one, too", func() bool { _, err := s.admin.Status(t.Context()); return err != nil })
}

// largeSeed takes a while to be put into a table.
func largeSeed(dir string) {
	if err := os.WriteFile(filepath.Join(dir, "large.csv"), []byte("text\n"+strings.Repeat("a row of the seed\n", 20_000)), 0o600); err != nil {
		panic(err)
	}
}

// inMigration begins an upgrade whose migration takes a while, and does something to
// the new process in the midst of it, unless it has ended or serves by then.
func (s *upgradeStorm) inMigration(do func(pid int)) (done bool, pid int, end upgradeEnd) {
	s.Helper()
	s.version++
	more := fmt.Sprintf("tables: t%04d: {columns: text: type: \"text\", seed: \"large.csv\", access: read: true}\n", s.version)
	text := s.manifest(s.version) + more
	s.manifest = func(version int) string { return plainly("")(version) + more }
	if err := os.WriteFile(filepath.Join(s.dir, "edgehive.cue"), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	pid, ended := s.begins("")
	s.await("the new process opens the database", func() bool { return hasOpen(pid) || len(ended) > 0 })
	if len(ended) == 0 {
		do(pid)
		done = true
	}
	return done, pid, <-ended
}

func (e upgradeEnd) isGood() bool { return e.err == nil && e.Error == "" }

// killAgain ends a new process that serves before something could be done to it.
func (s *upgradeStorm) killAgain(end upgradeEnd) {
	s.Helper()
	_ = syscall.Kill(end.PID, syscall.SIGKILL) // it may have been killed
	s.await("the one before serves", func() bool {
		status, err := s.admin.Status(s.Context())
		return err == nil && status.PID == s.serving() && status.Ready
	})
}

// TestUpgradeNewIsKilled: the new process is killed in the midst of its migration, or
// hangs, while the file says what the old program cannot read. What was served is
// served on.
func TestUpgradeNewIsKilled(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		signal syscall.Signal
		ready  time.Duration
	}{"killed": {syscall.SIGKILL, 0}, "hangs": {syscall.SIGSTOP, 2 * time.Second}} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := startQuiet(t, engine.UpgradeTimes{Ready: c.ready, Prove: 5 * stormPatience}, "", largeSeed)
			s.insert("first")
			kill := func(pid int) {
				if err := os.WriteFile(filepath.Join(s.dir, "edgehive.cue"), []byte("of another version: {"), 0o600); err != nil {
					t.Error(err)
				}
				if err := syscall.Kill(pid, c.signal); err != nil {
					t.Error(err)
				}
			}
			for enough := time.Now().Add(stormPatience); ; {
				done, _, end := s.inMigration(kill)
				t.Logf("reached: %v, the answer: %v %s", done, end.err, end.Error)
				if end.isGood() { // too late
					s.killAgain(end)
				}
				s.manifest = plainly("")
				s.servesOn(what)
				if done && !end.isGood() || t.Failed() {
					break
				}
				if time.Now().After(enough) {
					t.Log("the machine is too slow to be in time")
					break
				}
			}
			s.end()
		})
	}
}

// TestUpgradeOldIsKilled: the old process is killed in the midst of the new one's
// migration: that one goes on, and serves. One that is not as far ends.
func TestUpgradeOldIsKilled(t *testing.T) {
	t.Parallel()
	s := startQuiet(t, engine.UpgradeTimes{Prove: 5 * stormPatience}, "", largeSeed)
	s.insert("first")
	kill := func(int) {
		s.killed[s.serving()] = true
		if err := syscall.Kill(s.serving(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	done, next, end := s.inMigration(kill)
	for enough := time.Now().Add(stormPatience); !done && time.Now().Before(enough); done, next, end = s.inMigration(kill) {
		if !end.isGood() {
			t.Fatalf("%+v", end)
		}
		s.killAgain(end)
	}
	t.Logf("reached: %v, the answer: %v", done, end.err) // there is one where the new process was as quick
	s.pids = append(s.pids, next)
	s.await("the new process serves", func() bool {
		status, err := s.admin.Status(t.Context())
		return err == nil && status.PID == next && status.Ready
	})
	s.servesOn("a kill of the old process")
	// Before it may open the database.
	pid, ended := s.begins(s.gated())
	if err := syscall.Kill(s.serving(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.killed[s.serving()] = true
	<-ended
	s.open()
	s.await("the new process ends", func() bool { state, _ := stateOf(pid); return state == "" || state == "Z" })
	if status, err := s.admin.Status(t.Context()); err == nil {
		t.Errorf("%+v serves", status)
	}
	_ = s.process.Wait() // it was killed
	s.launch(stormProgram(t), "serve")
	s.insert("again")
	s.end()
}

// TestUpgradeCrash: a program that says that it serves and crashes is followed by the
// one before, with what clients have written meanwhile.
func TestUpgradeCrash(t *testing.T) {
	t.Parallel()
	s := startQuiet(t, engine.UpgradeTimes{Prove: 5 * stormPatience}, "", nil)
	s.insert("before")
	for range 2 { // an heir may have one, too
		answer, err := s.admin.Upgrade(t.Context(), "")
		if err != nil || answer.Error != "" {
			t.Fatalf("%+v, %v", answer, err)
		}
		s.insert("by the new process")
		if err := syscall.Kill(answer.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.await("the one before serves", func() bool {
			status, err := s.admin.Status(t.Context())
			return err == nil && status.PID == s.serving() && status.Ready
		})
		s.servesOn("a crash")
	}
	response, err := s.client().Get(s.url + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	s.end()
}
