package engine_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

const withFunction = base + `
functions: say: {
	module:  "say.js"
	access:  call: true
	secrets: WORD: env: "EDGEHIVE_TEST_WORD"
}
`

// said calls a function and gives status and body.
func (b *backend) said(path string) (int, string) {
	b.t.Helper()
	response, err := b.http.Post("http://"+b.Addr().String()+path, "text/plain", strings.NewReader("x"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func (b *backend) wantSaid(path string, status int, body string) {
	b.t.Helper()
	if gotStatus, got := b.said(path); gotStatus != status || !strings.Contains(got, body) {
		b.t.Errorf("%s: %d %q, want %d %q", path, gotStatus, got, status, body)
	}
}

// TestFunctionReload changes what a manifest's hash does not cover: a module, and
// a secret.
func TestFunctionReload(t *testing.T) {
	t.Setenv("EDGEHIVE_TEST_WORD", "first")
	b := prepare(t, withFunction)
	b.write("say.js", `import {secrets} from "edgehive"
export default () => new Response("one " + secrets.get("WORD"))`)
	b.start()
	b.wantSaid("/api/edge/say", 200, "one first")
	b.wantSaid("/api/edge/nothing", 404, "function-unknown")

	reload := func(want string) {
		t.Helper()
		out, err := b.Reload(context.Background())
		if err != nil || out.Result != want {
			t.Fatalf("reload: %+v, %v, want %s", out, err, want)
		}
	}
	reload(admin.Unchanged)
	b.write("say.js", `import {secrets} from "edgehive"
export default () => new Response("two " + secrets.get("WORD"))`)
	reload(admin.Swapped)
	b.wantSaid("/api/edge/say", 200, "two first")
	t.Setenv("EDGEHIVE_TEST_WORD", "second")
	reload(admin.Swapped)
	b.wantSaid("/api/edge/say", 200, "two second")

	b.write("say.js", `export default (`)
	out, err := b.Reload(context.Background())
	if err != nil || out.Result != admin.Refused || len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), "say.js") || len(out.Faults[0].Positions) == 0 {
		t.Fatalf("a broken module: %+v, %v", out, err)
	}
	b.wantSaid("/api/edge/say", 200, "two second")
	if s := b.Status(t.Context()); s.Functions == nil || s.Functions.Declared != 1 || s.Functions.Memory == 0 {
		t.Errorf("status %+v", s.Functions)
	}
	if strings.Contains(b.log.String(), "second") {
		t.Errorf("the secret is in the log: %s", b.log)
	}
}

// TestFunctionEndsWhereItBegan has a call run across a reload: it ends on the code
// that it began with.
func TestFunctionEndsWhereItBegan(t *testing.T) {
	t.Setenv("EDGEHIVE_TEST_WORD", "word")
	b := prepare(t, withFunction)
	b.write("say.js", `
export default async (request) => {
	if (new URL(request.url).pathname === "/slow") await new Promise(done => setTimeout(done, 700))
	return new Response("one")
}`)
	b.start()
	b.wantSaid("/api/edge/say", 200, "one")
	t.Log(b.log)
	type answer struct {
		status int
		body   string
	}
	slow := make(chan answer, 1)
	go func() {
		response, err := b.http.Get("http://" + b.Addr().String() + "/api/edge/say/slow")
		if err != nil {
			slow <- answer{0, err.Error()}
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		slow <- answer{response.StatusCode, string(body)}
	}()
	eventually(t, "the call runs", func() bool { return b.Status(t.Context()).Functions.Running > 0 })
	b.write("say.js", `export default () => new Response("two")`)
	if out, err := b.Reload(context.Background()); err != nil || out.Result != admin.Swapped {
		t.Fatalf("reload: %+v, %v", out, err)
	}
	b.wantSaid("/api/edge/say", 200, "two")
	if got := <-slow; got.status != http.StatusOK || got.body != "one" {
		t.Errorf("the call that was under way: %+v", got)
	}
}

func TestFunctionSecretIsMissing(t *testing.T) {
	b := prepare(t, withFunction)
	b.write("say.js", `export default () => new Response("")`)
	err := b.try()
	if err == nil || !strings.Contains(err.Error(), "EDGEHIVE_TEST_WORD") || !strings.Contains(err.Error(), "edgehive.cue:") {
		t.Errorf("error %v", err)
	}
	// Who only brings the database there needs none.
	if _, err := engine.Migrate(t.Context(), engine.Options{Path: b.dir}, "test", ""); err != nil {
		t.Errorf("migrate: %v", err)
	}
}

// TestTriggerRuns has a function copy what is written, and goes on with it after a
// restart.
func TestTriggerRuns(t *testing.T) {
	b := prepare(t, base+`
tables: notes: access: create: true
tables: seen: {columns: {note: type: "text", op: type: "text"}, access: read: true}
functions: copy: {
	module: "copy.js"
	as:     "service"
	on: tables: notes: {events: ["create", "update"], when: "text != 'quiet'"}
	grants: tables: seen: ["create"]
}
`)
	b.write("copy.js", `import {db} from "edgehive"
export default {
	async change({row, op}) {
		await db.from("seen").insert({note: row.text, op})
	}
}`)
	b.start()
	b.want("POST", "/api/data/notes", `[{"text":"one"},{"text":"quiet"},{"text":"two"}]`, 201, "")
	defer func() {
		if t.Failed() {
			t.Log(b.log)
		}
	}()
	seen := func() string { _, body := b.call("GET", "/api/data/seen?select=note,op&order=note", ""); return body }
	eventually(t, "both were copied", func() bool { return seen() == `[{"note":"one","op":"create"},{"note":"two","op":"create"}]` })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.want("POST", "/api/data/notes", `{"text":"z three"}`, 201, "")
	eventually(t, "it goes on where it was", func() bool {
		return seen() == `[{"note":"one","op":"create"},{"note":"two","op":"create"},{"note":"z three","op":"create"}]`
	})
}
