// Package examples_test runs the README, and the files of deploy/, as a reader would.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// command is one command of the README with the texts that it must print.
type command struct {
	line int
	text string
	want []string
}

// TestReadme pastes every sh block of the README, in order and in one shell,
// against the served root manifest; a line "# TEXT" after a command is part of
// what it must print.
func TestReadme(t *testing.T) {
	backend.Program(t, "curl")
	root := backend.Root(t)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := shellCommands(string(readme))
	if len(commands) < 20 {
		t.Fatalf("found only %d commands", len(commands))
	}
	b := backend.Start(t, root, "edgehive.cue", "examples/bookshop")
	judge(t, b, commands)
}

// TestPeopleReadme does the same with the README of the people, which starts a
// SurrealDB and two nodes of its own.
func TestPeopleReadme(t *testing.T) {
	backend.Program(t, "curl")
	backend.Program(t, "openssl")
	root := backend.Root(t)
	readme, err := os.ReadFile(filepath.Join(root, "examples", "people", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := shellCommands(string(readme))
	if len(commands) < 10 {
		t.Fatalf("found only %d commands", len(commands))
	}
	b := backend.Copy(t, root, "examples/people")
	b.Surreal(t)
	b.Serve(t, "dev", "examples/people")
	judge(t, b, commands)
}

// TestFrontReadme does the same with the README of the site behind one door, which
// starts the door and the service behind it.
func TestFrontReadme(t *testing.T) {
	backend.Program(t, "curl")
	root := backend.Root(t)
	readme, err := os.ReadFile(filepath.Join(root, "examples", "front", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := shellCommands(string(readme))
	if len(commands) < 15 {
		t.Fatalf("found only %d commands", len(commands))
	}
	judge(t, backend.Copy(t, root, "examples/front"), commands)
}

// judge runs the commands and holds what they print against what they must.
func judge(t *testing.T, b *backend.Backend, commands []command) {
	t.Helper()
	outputs := runShell(t, b, commands)
	for i, c := range commands {
		for _, want := range c.want {
			if !strings.Contains(outputs[i], b.Ports(want)) {
				t.Errorf("README.md:%d: %s\nprinted %q\nwant    %q", c.line, c.text, outputs[i], want)
			}
		}
	}
}

// TestReadmeManifest serves the manifest that the README shows first.
func TestReadmeManifest(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(backend.Root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```cue\n")
	manifest, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the README shows no manifest")
	}
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "edgehive.cue"), []byte(manifest+"server: listen: http: \"127.0.0.1:8080\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := backend.Start(t, project)
	ann, bob := b.User(t, "ann@example.com", ""), b.User(t, "bob@example.com", "")
	if a := b.Do(t, "POST", "/api/data/notes", ann, `{"text":"milk"}`); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	if rows := b.Do(t, "GET", "/api/data/notes?select=text,done", ann, "").Body; rows != `[{"text":"milk","done":false}]` {
		t.Errorf("Ann sees %s", rows)
	}
	for name, token := range map[string]string{"Bob": bob, "nobody": ""} {
		if a := b.Do(t, "GET", "/api/data/notes", token, ""); a.Body != "[]" {
			t.Errorf("%s sees %d %s", name, a.Status, a.Body)
		}
	}
	if a := b.Do(t, "GET", "/", "", ""); a.Status != 308 || a.Header.Get("Location") != "/api/data/notes" {
		t.Errorf("GET /: %d to %q", a.Status, a.Header.Get("Location"))
	}
}

// shellCommands reads the sh blocks: a command ends at the line that does not
// end with a backslash.
func shellCommands(readme string) []command {
	var commands []command
	inBlock, open := false, false
	for i, line := range strings.Split(readme, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock = line == "```sh"
		case !inBlock || line == "":
		case strings.HasPrefix(line, "# "):
			last := &commands[len(commands)-1]
			last.want = append(last.want, strings.TrimPrefix(line, "# "))
		case open:
			commands[len(commands)-1].text += "\n" + line
			open = strings.HasSuffix(line, "\\")
		default:
			commands = append(commands, command{line: i + 1, text: line})
			open = strings.HasSuffix(line, "\\")
		}
	}
	return commands
}

// runShell runs the commands in one shell and gives what each printed.
func runShell(t *testing.T, b *backend.Backend, commands []command) []string {
	t.Helper()
	const mark = "\x01--\x01"
	var script strings.Builder
	// What was started in the background ends with the shell.
	script.WriteString("set -e\nstarted=\ntrap 'kill $started 2>/dev/null || true' EXIT\n")
	for _, c := range commands {
		script.WriteString(b.Ports(c.text) + "\n")
		if strings.HasSuffix(c.text, "&") {
			script.WriteString("started=\"$! $started\"\n")
		}
		script.WriteString("printf '" + mark + "'\n")
	}
	shell := exec.Command("sh", "-c", script.String())
	shell.Dir = b.Dir
	shell.Env = append(os.Environ(), "PATH="+filepath.Join(b.Dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := shell.CombinedOutput()
	outputs := strings.Split(string(out), mark)
	if err != nil {
		at := commands[min(len(outputs), len(commands))-1]
		t.Fatalf("README.md:%d: %s\n%v: %s", at.line, at.text, err, outputs[len(outputs)-1])
	}
	return outputs
}
