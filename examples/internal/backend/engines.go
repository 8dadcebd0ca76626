package backend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// Engine is where a served project has its rows.
type Engine string

// The engines. A project is on SQLite as it is.
const (
	SQLite    Engine = "sqlite"
	SurrealDB Engine = "surrealdb"
)

// OnEach runs a test on a project that is served on each engine: what an example
// does for its users is the same on both.
func OnEach(t *testing.T, dir string, names []string, test func(t *testing.T, b *Backend)) {
	t.Helper()
	for _, engine := range []Engine{SQLite, SurrealDB} {
		t.Run(string(engine), func(t *testing.T) {
			b := Copy(t, dir, names...)
			b.On(t, engine)
			b.Serve(t)
			test(t, b)
		})
	}
}

// namespaces are counted, so that each project has one of its own.
var namespaces atomic.Int64

// databaseLine is what a manifest says of its database, in one line.
var databaseLine = regexp.MustCompile(`(?m)^database: \{.*\}\n`)

// On has the copied project keep its rows on an engine, where it has none. Only
// the database of its manifest is replaced, and the secret named.
func (b *Backend) On(t testing.TB, engine Engine) {
	t.Helper()
	if engine == SQLite {
		return
	}
	server := surrealtest.Shared(t)
	for name, text := range map[string]string{"surreal.pass": "root", "auth.secret": "the secret that all nodes of these tests sign with"} {
		if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.Edit(t, func(manifest string) string {
		return databaseLine.ReplaceAllString(manifest, "") + fmt.Sprintf(`
auth: secret: file: "auth.secret"
database: {
	engine: "surrealdb", url: %q
	namespace: "example%d_%d", database: "main"
	user: "root", password: file: "surreal.pass"
}
`, server.URL, time.Now().UnixNano(), namespaces.Add(1))
	})
}

// Edit replaces the text of the copied project's manifest.
func (b *Backend) Edit(t testing.TB, edit func(manifest string) string) {
	t.Helper()
	name := filepath.Join(b.Dir, "edgehive.cue")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(edit(string(raw))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Surreal puts a program called surreal beside the built command, where the PATH
// has none: the tests' own server, which takes the words of `surreal start` that
// examples use.
func (b *Backend) Surreal(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("surreal"); err == nil {
		return
	}
	script, err := surrealtest.Script()
	if err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\n" + `[ "$1 $2 $4 $6" = "start --bind --user --pass" ] || { echo "surreal: unknown words: $*" >&2; exit 2; }` + "\n" +
		"exec node '" + script + `' --listen "$3" --user "$5" --pass "$7" --storage "$8" >/dev/null 2>&1` + "\n"
	if err := os.WriteFile(filepath.Join(b.Dir, "bin", "surreal"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
