package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"edge-hive": func() {
		if text := os.Getenv(timesVariable); text != "" {
			if err := json.Unmarshal([]byte(text), &upgradeTimes); err != nil {
				panic(err)
			}
		}
		main()
	}})
}

// timesVariable has the upgradeTimes of a process that a test starts, as JSON.
const timesVariable = "EDGEHIVE_TEST_UPGRADE_TIMES"

// patience is for loaded machines: it never decides.
const patience = 2 * time.Minute

// TestScripts runs testdata/script. EDGEHIVE_UPDATE=1 rewrites what they
// expect.
func TestScripts(t *testing.T) {
	compiled := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", compiled) // what functions are compiled to serves all scripts
			return nil
		},
		UpdateScripts:       os.Getenv("EDGEHIVE_UPDATE") != "",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"running": waitRunning,
			"http":    callHTTP,
			"first":   firstFrame,
			"signal":  sendSignal,
			"reloads": waitReloads,
			"mode":    checkMode,
			"keyof":   setKey,

			"until-grep": waitText,
			"dead":       waitDead,

			"until-upgraded": waitUpgraded,
			"stopped":        waitStopped,
		},
	})
}

// waitRunning DATADIR: waits until a server answers there, and sets $URL.
func waitRunning(ts *testscript.TestScript, _ bool, args []string) {
	client := admin.NewClient(ts.MkAbs(args[0]))
	until(ts, "a server runs", func() bool {
		status, err := client.Status(context.Background())
		if err == nil {
			ts.Setenv("URL", "http://"+status.Listeners[0].Address)
		}
		return err == nil && status.Ready
	})
}

// waitReloads DATADIR N: waits until generation N serves.
func waitReloads(ts *testscript.TestScript, _ bool, args []string) {
	client := admin.NewClient(ts.MkAbs(args[0]))
	until(ts, "generation "+args[1]+" serves", func() bool {
		status, err := client.Status(context.Background())
		return err == nil && fmt.Sprint(status.Generation) == args[1]
	})
}

// waitUpgraded STATUS DATADIR: waits until another process serves than the one whose
// status a file has.
func waitUpgraded(ts *testscript.TestScript, _ bool, args []string) {
	var before admin.Status
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &before))
	client := admin.NewClient(ts.MkAbs(args[1]))
	until(ts, "another process serves", func() bool {
		status, err := client.Status(context.Background())
		return err == nil && status.PID != before.PID
	})
}

// waitStopped DATADIR: waits until no server answers there.
func waitStopped(ts *testscript.TestScript, _ bool, args []string) {
	client := admin.NewClient(ts.MkAbs(args[0]))
	until(ts, "no server runs", func() bool {
		_, err := client.Status(context.Background())
		return errors.Is(err, admin.ErrNotRunning)
	})
}

// waitText FILE PATTERN: waits until a file that is being written has a text.
func waitText(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[1])
	until(ts, args[0]+" has "+args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(text)
	})
}

func until(ts *testscript.TestScript, what string, cond func() bool) {
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// callHTTP METHOD PATH STATUS [BODYPATTERN] [KEY] [BODY]: calls $URL.
func callHTTP(ts *testscript.TestScript, neg bool, args []string) {
	get := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	request, err := http.NewRequest(get(0), ts.Getenv("URL")+get(1), strings.NewReader(get(5)))
	ts.Check(err)
	switch key := get(4); {
	case strings.HasPrefix(key, "ey"):
		request.Header.Set("Authorization", "Bearer "+key)
	case key != "":
		request.Header.Set("apikey", key)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "return=representation")
	response, err := (&http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(request)
	if neg {
		if err == nil {
			ts.Fatalf("%s answered %s", get(1), response.Status)
		}
		return
	}
	ts.Check(err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	if fmt.Sprint(response.StatusCode) != get(2) || !regexp.MustCompile(get(3)).Match(body) {
		ts.Fatalf("%s %s: %s %s, want %s %q", get(0), get(1), response.Status, body, get(2), get(3))
	}
}

// firstFrame CHANNEL PATTERN: opens an event stream and matches its first event.
func firstFrame(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("URL")+"/api/realtime/"+args[0], http.NoBody)
	ts.Check(err)
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer func() { _ = response.Body.Close() }()
	for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
		if data, ok := strings.CutPrefix(scanner.Text(), "data: "); ok {
			if !regexp.MustCompile(args[1]).MatchString(data) {
				ts.Fatalf("the first event is %s", data)
			}
			return
		}
	}
	ts.Fatalf("no event: %s", response.Status)
}

// sendSignal NAME DATADIR: signals the server that serves a data folder.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	status, err := admin.NewClient(ts.MkAbs(args[1])).Status(context.Background())
	ts.Check(err)
	process, err := os.FindProcess(status.PID)
	ts.Check(err)
	ts.Check(process.Signal(signalNamed(args[0])))
}

// checkMode MODE FILE...
func checkMode(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", file, got, args[0])
		}
	}
}

// setKey [FIELD]: sets $KEY to the last output, or to a field of it.
func setKey(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile("stdout"))
	if len(args) == 1 {
		var fields map[string]string
		ts.Check(json.Unmarshal([]byte(text), &fields))
		text = fields[args[0]]
	}
	ts.Setenv("KEY", text)
}
