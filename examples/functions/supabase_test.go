package functions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

const invoked = `manifest: 1
name: "invoked"
server: listen: http: "127.0.0.1:8080"
functions: {
	echo: {module: "echo.js", access: call: true}
	answer: {module: "answer.js", access: call: true, limits: timeout: "300ms"}
	closed: {module: "echo.js", access: call: "auth.role == 'authenticated'"}
}
`

const echo = `import {caller} from "edgehive"
export default async (request) => Response.json({
	method: request.method, path: new URL(request.url).pathname, type: request.headers.get("content-type"),
	text: await request.text(), role: caller.role, uid: caller.uid,
})
`

const answer = `export default async (request) => {
	switch (new URL(request.url).pathname) {
	case "/blob": return new Response(await request.arrayBuffer(), {headers: {"Content-Type": "application/octet-stream"}})
	case "/text": return new Response("some text")
	case "/nothing": return new Response(null)
	case "/stream": return new Response(new ReadableStream({
		start(controller) {
			for (const text of ["data: one\n\n", "data: two\n\n"]) controller.enqueue(new TextEncoder().encode(text))
			controller.close()
		},
	}), {headers: {"Content-Type": "text/event-stream"}})
	case "/teapot": return Response.json({error: "short and stout"}, {status: 418})
	case "/crash": throw new Error("nobody should read this")
	case "/loop": for (;;) {}
	}
	return new Response("no such answer", {status: 404})
}
`

// TestSupabaseJS calls functions with an unmodified @supabase/supabase-js.
func TestSupabaseJS(t *testing.T) {
	node, npm := backend.Program(t, "node"), backend.Program(t, "npm")
	project := t.TempDir()
	for name, text := range map[string]string{"edgehive.cue": invoked, "echo.js": echo, "answer.js": answer} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := backend.Copy(t, project)
	b.Serve(t)
	client := t.TempDir()
	for _, from := range []string{filepath.Join("..", "bookshop", "supabase-js"), "supabase-js"} {
		entries, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !entry.Type().IsRegular() {
				continue
			}
			content, err := os.ReadFile(filepath.Join(from, entry.Name()))
			if err == nil {
				err = os.WriteFile(filepath.Join(client, entry.Name()), content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(env []string, name string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), name, args...)
		command.Dir = client
		command.Env = append(os.Environ(), env...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	run(nil, npm, "ci", "--no-audit", "--no-fund")
	said := run([]string{
		"URL=" + b.URL, "ANON_KEY=" + b.Run(t, "keys", "--only", "anon"), "ANN=" + b.User(t, "ann@example.com", ""),
	}, node, "client.mjs")
	if !strings.Contains(said, "supabase-js is content") {
		t.Errorf("it said %s", said)
	}
}
