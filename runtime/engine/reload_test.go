package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

func TestReloadSwapsWhole(t *testing.T) {
	b := start(t, base)
	b.want("POST", "/api/data/notes", `{"text":"kept"}`, 201, "")
	b.mustReload(strings.Replace(base, "done:", `rank: type: "int"`+"\n\t\tdone:", 1) + `
tables: tags: {columns: word: type: "text", access: read: true}
routes: "GET /hello": respond: body: "hello"
cache: memory: size: "1MiB"
limits: connections: 500
observe: log: level: "warn"
`)
	b.want("GET", "/api/data/notes?select=text,rank", "", 200, `[{"text":"kept","rank":null}]`)
	b.want("GET", "/api/data/tags", "", 200, "[]")
	b.want("GET", "/hello", "", 200, "hello")
	status := b.Status(context.Background())
	if status.Generation != 2 || status.LastReload == nil || status.LastReload.Result != admin.Swapped || status.Cache.MaxBytes != 1<<20 {
		t.Errorf("status: %+v", status)
	}
	if out := b.reload(mustRead(t, b)); out.Result != admin.Unchanged || out.Generation != 2 {
		t.Errorf("the same again: %+v", out)
	}
	if b.log.has("unchanged") {
		t.Error("the log's level did not follow the manifest")
	}
}

func mustRead(t *testing.T, b *backend) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "edgehive.cue"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReloadRefusesWhole(t *testing.T) {
	b := start(t, base)
	b.want("POST", "/api/data/notes", `{"text":"kept"}`, 201, "")
	port := b.Addr().String()
	for _, c := range []struct{ name, manifest, code, path string }{
		{"syntax", base + "tables: {", "", ""},
		{"unknown field", base + "tabels: {}", "unknown-field", "tabels"},
		{"rule", base + `tables: notes: access: create: "nope == 1"`, "", "tables.notes.access.create"},
		{"column lost", strings.Replace(base, `done: {type: "bool", default: false}`, "", 1), "migration-refused", "tables.notes"},
		{"table lost", strings.NewReplacer("tables: notes:", "tables: others:", `table: "notes"`, `table: "others"`).Replace(base), "migration-refused", "tables"},
		{"column retyped", strings.Replace(base, `text: {type: "text", required: true}`, `text: type: "int"`, 1), "rows-do-not-convert", "tables.notes.columns.text"},
		{"listen", strings.Replace(base, "127.0.0.1:0", port, 1), "needs-restart", "server.listen.http"},
		{"database path", base + `database: path: "data/other.db"`, "needs-restart", "database.path"},
		{"name", strings.Replace(base, `"test"`, `"other"`, 1), "needs-restart", "name"},
		{"statement time", base + `limits: statement: "1s"`, "needs-restart", "limits.statement"},
		{"changes kept", base + `database: changes: keep: "1h"`, "needs-restart", "database.changes"},
		{"metrics", base + `observe: metrics: listen: "127.0.0.1:0"`, "needs-restart", "observe.metrics.listen"},
		{"static folder", base + `routes: "/*": static: dir: "absent"` + "\n" + `tables: more: columns: x: type: "int"`, "", `routes."/*".static.dir`},
		{"secret", base + `auth: secret: env: "EDGEHIVE_TEST_UNSET"`, "no-secret", "auth.secret"},
		{"seed", base + `tables: seeded: {columns: n: type: "int", seed: "seed.csv"}`, "bad-seed", "tables.seeded.seed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.write("seed.csv", "n\n1\nmany\n")
			out := b.reload(c.manifest)
			if out.Result != admin.Refused || len(out.Faults) == 0 {
				t.Fatalf("got %+v", out)
			}
			f := out.Faults[0]
			if (c.code != "" && f.Code != c.code) || f.Path != c.path || len(f.Positions) == 0 || !f.Positions[0].Known() || f.Hint == "" {
				t.Errorf("got %q hint %q at %v", f.Error(), f.Hint, f.Positions)
			}
			if out.Generation != 1 || b.Status(context.Background()).Draining != 0 {
				t.Errorf("generation %d", out.Generation)
			}
			b.want("GET", "/api/data/notes?select=text", "", 200, `[{"text":"kept"}]`)
			b.want("GET", "/api/data/more", "", 404, "")
			b.want("GET", "/api/data/seeded", "", 404, "")
		})
	}
	// A table whose seed was bad is made and seeded once the seed is mended.
	b.write("seed.csv", "n\n1\n2\n")
	b.mustReload(base + `tables: seeded: {columns: n: type: "int", seed: "seed.csv"}`)
	b.want("GET", "/api/data/seeded?select=n&order=n", "", 200, `[{"n":1},{"n":2}]`)
	b.mustReload(base + `tables: seeded: {columns: {n: type: "int", m: type: "int"}, seed: "seed.csv"}`)
	b.want("GET", "/api/data/seeded?select=n&order=n", "", 200, `[{"n":1},{"n":2}]`)
}

func TestRemovedAndWas(t *testing.T) {
	b := start(t, base)
	b.want("POST", "/api/data/notes", `{"text":"kept","done":true}`, 201, "")
	renamed := strings.NewReplacer("tables: notes: {", `tables: memos: {was: "notes"`, `table: "notes"`, `table: "memos"`,
		`text: {type: "text",`, `body: {type: "text", was: "text",`).Replace(base)
	b.mustReload(renamed)
	b.want("GET", "/api/data/memos?select=body,done", "", 200, `[{"body":"kept","done":true}]`)
	b.want("GET", "/api/data/notes", "", 404, "")
	dropped := strings.Replace(renamed, `done: {type: "bool", default: false}`, "", 1) + `removed: ["memos.done"]`
	b.mustReload(dropped)
	b.want("GET", "/api/data/memos", "", 200, `"body":"kept"`)
	b.want("GET", "/api/data/memos?select=done", "", 400, "42703")
}

func TestRequestsEndOnTheGenerationTheyBeganOn(t *testing.T) {
	b := start(t, base)
	slow := b.slowInsert(`{"text":"slow"}`)
	b.mustReload(base + `tables: notes: checks: never: "text != 'slow'"`)
	if draining := b.Status(context.Background()).Draining; draining != 1 {
		t.Errorf("%d generations drain, want 1", draining)
	}
	b.want("POST", "/api/data/notes", `{"text":"slow"}`, 400, "23514")
	if line := slow.finish(); !strings.Contains(line, "201") {
		t.Errorf("the request that began before got %q", line)
	}
	eventually(t, "the old generation is released", func() bool { return b.Status(context.Background()).Draining == 0 })
}

// dropsDone is base without the column done, which it drops.
var dropsDone = strings.Replace(base, `done: {type: "bool", default: false}`, "", 1) + `removed: ["notes.done"]`

func TestMigrationThatDropsWaitsForRequests(t *testing.T) {
	engine.SetPauseTime(t, patience)
	b := start(t, base)
	slow := b.slowInsert(`{"text":"slow","done":true}`)
	b.write("edgehive.cue", dropsDone)
	reloaded := make(chan engine.Outcome, 1)
	go func() {
		out, err := b.Reload(context.Background())
		if err != nil {
			t.Error(err)
		}
		reloaded <- out
	}()
	eventually(t, "requests are held back", b.Paused)
	held := make(chan string, 1)
	go func() {
		_, text, err := b.send("GET", "/api/data/notes", "")
		if err != nil {
			t.Error(err)
		}
		held <- text
	}()
	if line := slow.finish(); !strings.Contains(line, "201") {
		t.Errorf("the request that ran got %q", line)
	}
	if out := <-reloaded; out.Result != admin.Swapped {
		t.Fatalf("reload: %+v", out)
	}
	if text := <-held; !strings.Contains(text, "slow") || strings.Contains(text, "done") {
		t.Errorf("the request that was held got %s", text)
	}
}

func TestMigrationThatDropsIsGivenUp(t *testing.T) {
	engine.SetPauseTime(t, 500*time.Millisecond)
	b := start(t, base)
	slow := b.slowInsert(`{"text":"slow","done":true}`)
	if out := b.reload(dropsDone); out.Result != admin.Refused || out.Faults[0].Code != "busy" || b.Paused() {
		t.Fatalf("reload: %+v", out)
	}
	b.want("GET", "/api/data/notes?select=done", "", 200, "[]")
	if line := slow.finish(); !strings.Contains(line, "201") {
		t.Errorf("the request that ran got %q", line)
	}
	engine.SetPauseTime(t, patience)
	b.mustReload(dropsDone)
	b.want("GET", "/api/data/notes?select=text", "", 200, "slow")
	eventually(t, "the old generation is released", func() bool { return b.Status(context.Background()).Draining == 0 })
}

// brittle is where a log goes that panics at a word, as a library may in the
// midst of a reload.
type brittle struct {
	io.Writer
	word string
}

func (b brittle) Write(p []byte) (int, error) {
	if strings.Contains(string(p), b.word) {
		panic("brittle")
	}
	return b.Writer.Write(p)
}

func TestReloadThatPanics(t *testing.T) {
	b := prepare(t, base)
	b.start(func(o *engine.Options) { o.Log = brittle{b.log, `"seeded"`} })
	b.write("seed.csv", "n\n1\n")
	b.write("edgehive.cue", base+`tables: many: {columns: n: type: "int", seed: "seed.csv"}`)
	if out, err := b.Reload(context.Background()); err == nil || out.Generation != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
	if status := b.Status(context.Background()); status.LastReload == nil || status.LastReload.Result != admin.Refused {
		t.Errorf("status: %+v", status.LastReload)
	}
	b.want("GET", "/api/data/notes", "", 200, "[]")
	b.mustReload(base + `routes: "GET /hello": respond: body: "hello"` + "\n" + `tables: many: columns: n: type: "int"`)
	b.want("GET", "/hello", "", 200, "hello")
}

func TestReloadsTakeTurns(t *testing.T) {
	b := start(t, base)
	var wg sync.WaitGroup
	swapped := make(chan uint64, 8)
	b.write("edgehive.cue", base+`routes: "GET /x": respond: body: "x"`)
	for range 8 {
		wg.Go(func() {
			out, err := b.Reload(context.Background())
			if err != nil {
				t.Error(err)
			}
			if out.Result == admin.Swapped {
				swapped <- out.Generation
			}
		})
	}
	wg.Wait()
	if len(swapped) != 1 || <-swapped != 2 {
		t.Errorf("one change was swapped in %d times", len(swapped)+1)
	}
}

func TestSecretIsReadAgain(t *testing.T) {
	b := prepare(t, base+`auth: secret: file: "secret"`)
	b.write("secret", strings.Repeat("abcdefghij", 4)+"1")
	b.start()
	live := b.socket("notes")
	before := b.Keys()
	if runtime.GOOS != "windows" && !b.log.has("can be read by every user") {
		t.Error("nothing was said of a secret that everyone may read")
	}
	b.write("secret", strings.Repeat("abcdefghij", 4)+"2")
	b.mustReload(mustRead(t, b))
	if b.Keys() == before {
		t.Error("the keys are those of the old secret")
	}
	_ = live.SetReadDeadline(time.Now().Add(patience))
	var err error
	for err == nil {
		_, _, err = live.ReadMessage()
	}
	if !websocket.IsCloseError(err, 4001) {
		t.Errorf("a socket of the old key ended by %v", err)
	}
	b.want("GET", "/api/data/users", "", 200, "")
}

func TestWatchSeesRenames(t *testing.T) {
	b := start(t, base, func(o *engine.Options) { o.Watch = true })
	for i := range 3 {
		b.write("edgehive.cue.tmp", base+fmt.Sprintf(`routes: "GET /v": respond: body: "v%d"`, i))
		if err := os.Rename(filepath.Join(b.dir, "edgehive.cue.tmp"), filepath.Join(b.dir, "edgehive.cue")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the new manifest serves", func() bool {
			_, text := b.call("GET", "/v", "")
			return text == fmt.Sprintf("v%d", i)
		})
	}
	if g := b.Status(context.Background()).Generation; g != 4 {
		t.Errorf("generation %d after three saves", g)
	}
}

func (b *backend) socket(channel string) *websocket.Conn {
	b.t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(strings.Replace(b.URL(), "http", "ws", 1)+"/api/realtime/"+channel, http.Header{"Apikey": {b.Keys().Secret}})
	if err != nil {
		b.t.Fatal(err)
	}
	_ = response.Body.Close()
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestSocketsOutliveReloads(t *testing.T) {
	b := start(t, base)
	conn := b.socket("notes")
	read := func() (string, error) {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, text, err := conn.ReadMessage()
		return string(text), err
	}
	if text, err := read(); err != nil || !strings.Contains(text, "snapshot") {
		t.Fatalf("%s %v", text, err)
	}
	for i := range 3 {
		b.mustReload(base + fmt.Sprintf(`routes: "GET /v": respond: body: "v%d"`, i))
		b.want("POST", "/api/data/notes", fmt.Sprintf(`{"text":"n%d"}`, i), 201, "")
		if text, err := read(); err != nil || !strings.Contains(text, fmt.Sprintf("n%d", i)) || !strings.Contains(text, "create") {
			t.Fatalf("after reload %d: %s %v", i, text, err)
		}
	}
	eventually(t, "no generation waits for the socket", func() bool { return b.Status(context.Background()).Draining == 0 })
	b.mustReload(strings.Replace(base, `channels: notes: table: "notes"`, "", 1))
	for {
		text, err := read()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			if closed.Code < 4000 || closed.Text == "" {
				t.Errorf("a channel that is gone closes with %v", closed)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s %v", text, err)
		}
	}
}

func TestStopAnswersWhatRuns(t *testing.T) {
	b := start(t, onOwnPort(t))
	conn := b.socket("notes")
	told := make(chan error, 1)
	go func() {
		for {
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, _, err := conn.ReadMessage(); err != nil {
				told <- err
				return
			}
		}
	}()
	slow := b.slowInsert(`{"text":"slow"}`)
	closed := make(chan error, 1)
	go func() { closed <- b.Close() }()
	if err := <-told; !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the socket was told %v, want 1012", err)
	}
	eventually(t, "the port is shut", func() bool {
		c, err := net.Dial("tcp", b.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case err := <-closed:
		t.Fatalf("closed while a request ran: %v", err)
	default:
	}
	if line := slow.finish(); !strings.Contains(line, "201") {
		t.Errorf("the request that ran got %q", line)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	b.start()
	b.want("GET", "/api/data/notes?select=text", "", 200, `[{"text":"slow"}]`)
}
