package engine_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

const notesBefore = `
manifest: 1
name: "notes"
server: listen: http: "127.0.0.1:0"
tables: notes: {columns: text: type: "text", access: {read: true, create: true}}
`

// TestHeirTakesBackAMigration: a process that has migrated and failed has answered
// nobody, and who serves on finds the tables as they were.
func TestHeirTakesBackAMigration(t *testing.T) {
	b := start(t, notesBefore)
	b.want(http.MethodPost, "/api/data/notes", `{"text":"kept"}`, http.StatusCreated, "")
	served := b.Engine
	if err := served.Close(); err != nil {
		t.Fatal(err)
	}
	b.write("edgehive.cue", strings.Replace(notesBefore, `text: type: "text"`, `{text: type: "text", extra: type: "int"}`, 1)+"tables: other: columns: n: type: \"int\"\n")
	if out, err := engine.Migrate(t.Context(), engine.Options{Path: b.dir}, "the new program", ""); err != nil || len(out.Steps) == 0 {
		t.Fatalf("%+v %v", out, err)
	}
	heir, err := engine.StartAfter(t.Context(), served, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.Engine = heir
	if status, body := b.call(http.MethodGet, "/api/data/notes", ""); status != http.StatusOK || !strings.Contains(body, "kept") || strings.Contains(body, "extra") {
		t.Errorf("%d %s", status, body)
	}
	if !b.log.has("was taken back") {
		t.Errorf("the log: %s", b.log)
	}
}

// TestUpgradeOfATest: a server that the command has not started is not replaced.
func TestUpgradeOfATest(t *testing.T) {
	b := start(t, notesBefore)
	if _, err := b.Upgrade(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "was not started by the command") {
		t.Errorf("%v", err)
	}
	b.want(http.MethodGet, "/health", "", http.StatusOK, "")
}

// TestStopAnswersWhoIsAtWork: a client that sends on its connection as the server
// stops gets an answer, which says that it is the last; POSTs are not sent twice.
func TestStopAnswersWhoIsAtWork(t *testing.T) {
	b := start(t, notesBefore, func(o *engine.Options) { o.Linger = time.Minute; o.Drain = time.Millisecond })
	url := b.URL()
	stopped := make(chan error, 1)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	for i, last := 0, false; !last; i++ {
		if i == 1 {
			go func() { stopped <- b.Close() }()
		}
		response, err := client.Post(url+"/api/data/notes", "application/json", strings.NewReader(`{"text":"x"}`))
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusCreated {
			t.Fatalf("request %d: %d %s %v", i, response.StatusCode, text, err)
		}
		last = response.Close
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	b.Engine = nil
}
