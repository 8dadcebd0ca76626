package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// The password of the tests' server, and the secret that its nodes share.
const (
	surrealPass   = "EDGEHIVE_TEST_SURREAL_PASS"
	surrealSecret = "EDGEHIVE_TEST_SECRET"
)

var namespaces atomic.Int64

// onSurreal is a manifest with its rows on a server, in a namespace of its own.
func onSurreal(t *testing.T, manifest, url string) string {
	t.Helper()
	t.Setenv(surrealPass, "root")
	t.Setenv(surrealSecret, strings.Repeat("0123456789abcdef", 3))
	return manifest + inNamespaceOf(url, fmt.Sprintf("e%d_%d", time.Now().UnixNano(), namespaces.Add(1)))
}

func inNamespaceOf(url, namespace string) string {
	return fmt.Sprintf(`
auth: secret: env: %q
database: {engine: "surrealdb", url: %q, namespace: %q, database: "main", user: "root", password: env: %q}
`, surrealSecret, url, namespace, surrealPass)
}

// oneFault is the only fault of an error.
func oneFault(t *testing.T, err error) *fault.Fault {
	t.Helper()
	var list fault.List
	if errors.As(err, &list) && len(list) == 1 {
		return list[0]
	}
	var f *fault.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%v is not one fault", err)
	}
	return f
}

// A manifest is served, written to, read, reloaded, stopped and started again.
func TestServeOnSurreal(t *testing.T) {
	server := surrealtest.Shared(t)
	manifest := onSurreal(t, base, server.URL)
	b := start(t, manifest)
	b.want("GET", "/ready", "", http.StatusOK, "")
	b.want("POST", "/api/data/notes", `{"text":"one"}`, http.StatusCreated, "")
	b.want("GET", "/api/data/notes?select=text,done", "", http.StatusOK, `[{"text":"one","done":false}]`)
	status := b.Status(t.Context())
	if status.Database.Engine != "surrealdb" || !strings.HasPrefix(status.Database.Path, server.URL+"/") || !status.Database.Healthy {
		t.Errorf("status: %+v", status.Database)
	}
	wider := strings.Replace(manifest, `text: {type: "text", required: true}`, `text: {type: "text", required: true}, more: type: "int"`, 1)
	b.mustReload(wider)
	b.want("POST", "/api/data/notes", `{"text":"two","more":2}`, http.StatusCreated, "")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Engine = nil
	b.start()
	b.want("GET", "/api/data/notes?select=text,more&order=text", "", http.StatusOK, `[{"text":"one","more":null},{"text":"two","more":2}]`)
	if log := b.log.String(); !strings.Contains(log, server.URL) {
		t.Error("the log does not say where the database is")
	}
}

// What a start finds wrong with the server is one fault with its place, without
// the password.
func TestStartRefusedBySurreal(t *testing.T) {
	server := surrealtest.Shared(t)
	const wrong = "hunter2-is-not-it"
	manifest := onSurreal(t, base, server.URL)
	t.Setenv(surrealPass, wrong)
	b := prepare(t, manifest)
	err := b.try()
	f := oneFault(t, err)
	if len(f.Positions) == 0 || f.Hint == "" {
		t.Errorf("a fault without place or hint: %v", f)
	}
	if strings.Contains(err.Error()+b.log.String(), wrong) {
		t.Error("the password is told")
	}
	if err := os.Unsetenv(surrealPass); err != nil {
		t.Fatal(err)
	}
	if f := oneFault(t, b.try()); f.Code != "no-secret" || f.Path != "database.password" {
		t.Errorf("without a password: %v", f)
	}
}

// A start that is stopped while it waits for the server ends at once.
func TestStartWaitsForSurreal(t *testing.T) {
	address := porttest.Free(t).Address()
	b := prepare(t, onSurreal(t, base, "ws://"+address))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := engine.Start(ctx, engine.Options{Path: b.dir, Log: b.log})
		ended <- err
	}()
	eventually(t, "it says that it waits", func() bool { return strings.Contains(b.log.String(), "does not answer yet") })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the start ended with %v", err)
	}
	if _, err := engine.History(t.Context(), source(t, b)); oneFault(t, err).Code != "no-database" {
		t.Errorf("a command without a server: %v", err)
	}
}

func source(t *testing.T, b *backend) engine.Source {
	t.Helper()
	m := b.loaded()
	return engine.Source{Server: admin.NewClient(m.DataDir()), Manifest: m}
}

// A server that goes is told by /ready, answers are 503 meanwhile, and it all
// goes on when it is back.
func TestSurrealGoesAndComes(t *testing.T) {
	dir := t.TempDir()
	server, err := surrealtest.Start(t.Context(), dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := server.Stop
	t.Cleanup(func() { stop() })
	b := start(t, onSurreal(t, base, server.URL))
	b.want("POST", "/api/data/notes", `{"text":"one"}`, http.StatusCreated, "")
	server.Kill()
	stop = func() {}
	eventually(t, "/ready tells", func() bool {
		status, _ := b.call("GET", "/ready", "")
		return status == http.StatusServiceUnavailable
	})
	b.want("GET", "/health", "", http.StatusOK, "")
	for method, body := range map[string]string{"GET": "", "POST": `{"text":"lost"}`} {
		request, err := http.NewRequest(method, b.URL()+"/api/data/notes", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("apikey", b.Keys().Secret)
		request.Header.Set("Content-Type", "application/json")
		response, err := b.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q", method, response.StatusCode, response.Header.Get("Retry-After"))
		}
	}
	again, err := surrealtest.Start(t.Context(), dir, server.Address())
	if err != nil {
		t.Fatal(err)
	}
	stop = again.Stop
	eventually(t, "/ready tells", func() bool {
		status, _ := b.call("GET", "/ready", "")
		return status == http.StatusOK
	})
	b.want("POST", "/api/data/notes", `{"text":"two"}`, http.StatusCreated, "")
	b.want("GET", "/api/data/notes?select=text&order=text", "", http.StatusOK, `[{"text":"one"},{"text":"two"}]`)
}

// Two nodes that start together on nothing: one migrates, both serve.
func TestNodesStartTogether(t *testing.T) {
	manifest := onSurreal(t, base, surrealtest.Shared(t).URL)
	nodes := []*backend{prepare(t, manifest), prepare(t, manifest)}
	errs := make(chan error, len(nodes))
	for _, b := range nodes {
		go func() { errs <- b.try() }()
	}
	for range nodes {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	nodes[0].want("POST", "/api/data/notes", `{"text":"one"}`, http.StatusCreated, "")
	nodes[1].want("GET", "/api/data/notes?select=text", "", http.StatusOK, `[{"text":"one"}]`)
	records, err := engine.History(t.Context(), source(t, nodes[0]))
	if err != nil || len(records) != 1 {
		t.Errorf("%d migrations, %v; want one", len(records), err)
	}
}

// A node whose tables another one has taken away is not ready; with the new
// manifest in its folder it goes over by itself.
func TestAnotherNodeMigrates(t *testing.T) {
	manifest := onSurreal(t, base, surrealtest.Shared(t).URL)
	first, second := start(t, manifest), start(t, manifest)
	next := strings.Replace(manifest, `done: {type: "bool", default: false}`, `finished: {type: "bool", default: false, was: "done"}`, 1)
	first.mustReload(next)
	eventually(t, "the second is not ready", func() bool {
		status, _ := second.call("GET", "/ready", "")
		return status == http.StatusServiceUnavailable
	})
	second.write("edgehive.cue", next)
	eventually(t, "the second has gone over", func() bool {
		status, _ := second.call("GET", "/ready", "")
		return status == http.StatusOK
	})
	first.want("POST", "/api/data/notes", `{"text":"one"}`, http.StatusCreated, "")
	second.want("GET", "/api/data/notes?select=text,finished", "", http.StatusOK, `[{"text":"one","finished":false}]`)
}

// Where the database is cannot change while it is served.
func TestSurrealNeedsRestart(t *testing.T) {
	manifest := onSurreal(t, base, surrealtest.Shared(t).URL)
	b := start(t, manifest)
	for _, change := range [][2]string{
		{`database: "main"`, `database: "other"`},
		{`user: "root"`, `user: "shop"`},
		{`url: "ws://`, `url: "wss://`},
	} {
		out := b.reload(strings.Replace(manifest, change[0], change[1], 1))
		if out.Result != admin.Refused || len(out.Faults) != 1 || out.Faults[0].Code != "needs-restart" {
			t.Errorf("%s: %s %v", change[1], out.Result, out.Faults)
		}
	}
	out := b.reload(base)
	if out.Result != admin.Refused || out.Faults[0].Path != "database.engine" {
		t.Errorf("another engine: %s %v", out.Result, out.Faults)
	}
}

// What needs a file to copy says what does it here.
func TestNoCopiesOnSurreal(t *testing.T) {
	b := start(t, onSurreal(t, base, surrealtest.Shared(t).URL))
	m := b.loaded()
	_, backup := engine.WriteBackup(t.Context(), source(t, b), filepath.Join(t.TempDir(), "x"), false)
	stream := engine.StreamBackup(t.Context(), source(t, b), &bytes.Buffer{})
	_, restore := engine.Restore(t.Context(), m, "x")
	_, verify := engine.VerifyBackup(t.Context(), "x", m)
	for name, err := range map[string]error{"backup": backup, "stream": stream, "restore": restore, "verify": verify} {
		if !fault.Is(err, "no-copy") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := admin.NewClient(m.DataDir()).Backup(t.Context(), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "surreal export") {
		t.Errorf("the socket: %v", err)
	}
}

// The commands find the rows and the history without a server of ours.
func TestCommandsOnSurreal(t *testing.T) {
	b := start(t, onSurreal(t, base, surrealtest.Shared(t).URL))
	b.want("POST", "/api/data/notes", `{"text":"one"}`, http.StatusCreated, "")
	b.want("POST", "/api/data/users", `{"email":"ann@example.com"}`, http.StatusCreated, "")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Engine = nil
	m := b.loaded()
	user, err := engine.FindUser(t.Context(), m, "ann@example.com")
	if err != nil || user.ID == "" {
		t.Errorf("user: %+v %v", user, err)
	}
	comparison, err := engine.Compare(t.Context(), m)
	if err != nil || len(comparison.Changes) != 0 || !strings.HasPrefix(comparison.Database, "ws://") {
		t.Errorf("plan: %+v %v", comparison, err)
	}
	rows, err := engine.OpenRows(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	records, err := engine.History(t.Context(), source(t, b))
	if err != nil || len(records) != 1 {
		t.Errorf("history: %v %v", records, err)
	}
	_, err = engine.Rollback(t.Context(), m, 0, "test", func(engine.Back) (bool, error) { return true, nil })
	var faults fault.List
	if !errors.As(err, &faults) || !strings.Contains(faults[0].Message, "has rows") {
		t.Errorf("rollback: %v", err)
	}
}
