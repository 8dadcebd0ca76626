//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

// TestUpgradeToNothingGood: a program that cannot begin changes nothing.
func TestUpgradeToNothingGood(t *testing.T) {
	t.Parallel()
	s := startQuiet(t, engine.UpgradeTimes{}, "", nil)
	s.fails(s.dir, "permission denied")
	unexecutable := s.program("text", "exit 0")
	if err := os.Chmod(unexecutable, 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(unexecutable, "permission denied")
	s.fails(filepath.Join(s.dir, "absent"), "no such file")
	s.fails(s.program("crashing", "echo broken >&2; kill -SEGV $$"), "broken")
	s.fails(s.program("future", `EDGEHIVE_UPGRADE=$(echo "$EDGEHIVE_UPGRADE" | sed 's/"protocol":1/"protocol":99/') exec "$EDGEHIVE_PROGRAM" "$@"`), "version 99")
	s.end()
}

// TestUpgradeToHangingProgram: one that says nothing is ended after its time. So is what
// it has started, which has the same pipes and sockets.
func TestUpgradeToHangingProgram(t *testing.T) {
	t.Parallel()
	s := startQuiet(t, engine.UpgradeTimes{Prepare: time.Second}, "", nil)
	hanging := s.program("hanging", `sleep 1000 & echo $! >hanging.pid; wait`)
	left := 0
	for enough := time.Now().Add(stormPatience); left == 0 && time.Now().Before(enough); {
		s.fails(hanging, "was not prepared within 1s")
		text, _ := os.ReadFile(filepath.Join(s.dir, "hanging.pid")) // it may have been too slow
		left, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if left != 0 {
		s.await("what a hanging program has started ends", func() bool { state, _ := stateOf(left); return state == "" || state == "Z" })
	}
	s.end()
}

// TestUpgradeByWrapper: a program that starts the server as a process of its own is
// followed by that one.
func TestUpgradeByWrapper(t *testing.T) {
	t.Parallel()
	s := startQuiet(t, engine.UpgradeTimes{}, "", nil)
	answer, err := s.admin.Upgrade(t.Context(), s.program("wrapper", `"$EDGEHIVE_PROGRAM" "$@"; exit $?`))
	if err != nil || answer.Error != "" {
		t.Fatalf("%+v %v", answer, err)
	}
	s.pids = append(s.pids, answer.PID)
	s.servesOn("a wrapper")
	s.killed[answer.PID] = true // the shell hears of its end
	s.end()
}
