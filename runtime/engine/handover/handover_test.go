//go:build unix

package handover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/handover"
)

// patience is how long a process may take on a busy machine.
const patience = time.Minute

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && strings.HasPrefix(os.Args[1], "follow-") {
		os.Exit(follow(strings.TrimPrefix(os.Args[1], "follow-")))
	}
	os.Exit(m.Run())
}

// follow is a process that follows this test, in one way or another.
func follow(how string) int {
	if how == "badly" {
		fmt.Fprintln(os.Stderr, "something is missing")
		return 3
	}
	b, err := handover.FromEnvironment()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if b == nil || os.Getenv(handover.Variable) != "" {
		return 4
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch how {
	case "failing":
		if err := b.Failed(&handover.Failure{Message: "no", Hint: "yes", Report: json.RawMessage(`{"ok":false}`)}); err != nil {
			return 5
		}
		return 1
	case "silently":
		<-ctx.Done()
		return 6
	}
	if err := b.Prepared(ctx); err != nil {
		return 7
	}
	if how == "halfway" {
		return 8
	}
	// What is handed on is a file, and the note says what it is for.
	if _, err := b.Files[0].WriteString("note " + string(b.Note)); err != nil {
		return 9
	}
	if err := b.Ready(); err != nil {
		return 10
	}
	fmt.Fprintln(os.Stderr, "this is for the log alone")
	_ = b.Files[0].Close()
	return 0
}

// start starts a process, and gives what it writes to the log, and to the file that
// it is handed.
func start(t *testing.T, how string) (p *handover.Process, log, handed *os.File) {
	t.Helper()
	log, toLog := pipe(t)
	handed, toHanded := pipe(t)
	p, err := handover.Start(os.Args[0], []string{"follow-" + how}, []*os.File{toHanded}, json.RawMessage(`"hello"`), toLog)
	if err != nil {
		t.Fatal(err)
	}
	_ = toHanded.Close()
	t.Cleanup(func() { _ = toLog.Close() })
	return p, log, handed
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, w
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestFollow(t *testing.T) {
	p, logged, handed := start(t, "well")
	if err := p.Prepared(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Go(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Release(); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(handed); err != nil || string(text) != `note "hello"` {
		t.Errorf("%q %v", text, err)
	}
	line := make([]byte, 100)
	if n, err := logged.Read(line); err != nil || string(line[:n]) != "this is for the log alone\n" {
		t.Errorf("the log has %q, %v", line[:n], err)
	}
}

func TestFailures(t *testing.T) {
	for how, want := range map[string]string{
		"failing": "no",
		"badly":   "the new program ended before it served (exit status 3):\nsomething is missing",
	} {
		p, _, _ := start(t, how)
		err := p.Kill(p.Prepared(bounded(t)))
		var failure *handover.Failure
		if !errors.As(err, &failure) || failure.Message != want {
			t.Errorf("%s: %v, want %q", how, err, want)
		}
		if how == "failing" && (failure.Hint != "yes" || string(failure.Report) != `{"ok":false}`) {
			t.Errorf("%+v", failure)
		}
	}
	p, _, _ := start(t, "halfway")
	if err := p.Prepared(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(p.Go(bounded(t))); err == nil || !strings.Contains(err.Error(), "ended before it served") {
		t.Errorf("one that ended halfway: %v", err)
	}
	p, _, _ = start(t, "silently")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Kill(p.Prepared(ended)); !errors.Is(err, context.Canceled) {
		t.Errorf("one that was not waited for: %v", err)
	}
	if _, err := handover.Start("/nonexistent", nil, nil, nil, os.Stderr); err == nil {
		t.Error("a program that is not there was started")
	}
}

// TestOtherProtocol: a program of another version says so, to who asked for it.
func TestOtherProtocol(t *testing.T) {
	program := t.TempDir() + "/newer"
	script := "#!/bin/sh\n" + handover.Variable + `='{"protocol":99}' exec ` + os.Args[0] + ` "$@"` + "\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := handover.Start(program, []string{"follow-well"}, nil, nil, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Kill(p.Prepared(bounded(t)))
	var failure *handover.Failure
	if !errors.As(err, &failure) || !strings.Contains(failure.Message, "version 99") || failure.Hint == "" {
		t.Errorf("%v", err)
	}
}
