package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// project is a folder with a manifest whose rows are on a SurrealDB.
type project struct {
	*testing.T
	dir      string
	password string
}

// run runs a command and gives all that it printed; fails says whether it must.
func (p *project) run(fails bool, args ...string) string {
	p.Helper()
	ctx, done := context.WithTimeout(p.Context(), 2*patience)
	defer done()
	command := exec.CommandContext(ctx, "edge-hive", args...)
	command.Dir, command.Env = p.dir, p.environment()
	text, err := command.CombinedOutput()
	if (err != nil) != fails {
		p.Errorf("edge-hive %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	p.untold("edge-hive "+strings.Join(args, " "), string(text))
	return string(text)
}

func (p *project) environment() []string {
	return append(os.Environ(), "SHOP_PASSWORD="+p.password, "JWT_SECRET="+strings.Repeat("0123456789abcdef", 3))
}

func (p *project) untold(what, text string) {
	p.Helper()
	if strings.Contains(text, "hunter2") {
		p.Errorf("%s tells the password:\n%s", what, text)
	}
}

func (p *project) manifest(url, namespace, user string) {
	p.Helper()
	p.write("edgehive.cue", fmt.Sprintf(`
manifest: 1
name: "shop"
server: listen: http: "127.0.0.1:0"
observe: log: level: "debug"
auth: secret: env: "JWT_SECRET"
database: {engine: "surrealdb", url: %q, namespace: %q, database: "main", user: %q, password: env: "SHOP_PASSWORD"}
tables: notes: {
	columns: text: {type: "text", required: true}
	access: read: true
}
`, url, namespace, user))
}

func (p *project) write(name, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
}

// TestPasswordIsNotTold runs commands with the password of the database, with
// another one, as another user, and where the server is of no use: what they
// print and log tells none.
func TestPasswordIsNotTold(t *testing.T) {
	url := surrealtest.Shared(t).URL
	namespace := fmt.Sprintf("k%d", time.Now().UnixNano())
	root, err := rpc.Dial(t.Context(), rpc.Options{URL: url, Namespace: namespace, Database: "main", User: "root", Password: "root"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if _, err := root.Query(t.Context(), "DEFINE DATABASE OVERWRITE main STRICT; DEFINE USER shop ON DATABASE PASSWORD 'hunter2-is-right' ROLES OWNER", nil); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "hive") // short: the socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &project{T: t, dir: dir, password: "hunter2-is-right"}
	p.manifest(url, namespace, "shop")
	for _, args := range []string{"validate", "apply --yes", "plan", "history", "export -o rows"} {
		p.run(false, strings.Fields(args)...)
	}
	p.served()

	for _, c := range []struct{ name, url, namespace, user, password, says string }{
		{"another password", url, namespace, "shop", "hunter2-is-wrong", `no user "shop" with this password`},
		{"another user", url, namespace, "shopp", "hunter2-is-right", `no user "shopp"`},
		{"another namespace", url, namespace + "x", "shop", "hunter2-is-right", "no user"},
		{"nobody there", "ws://127.0.0.1:9", namespace, "shop", "hunter2-is-right", "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &project{T: t, dir: dir, password: c.password}
			p.manifest(c.url, c.namespace, c.user)
			p.run(false, "validate")
			commands := [][]string{{"plan"}, {"history"}, {"export", "-o", "more"}, {"apply", "--yes"}, {"serve"}}
			if c.name == "nobody there" {
				commands = [][]string{{"plan"}} // each waits
			}
			for _, args := range commands {
				if text := p.run(true, args...); !strings.Contains(text, c.says) {
					t.Errorf("edge-hive %s says\n%s", args[0], text)
				}
			}
		})
	}
}

// served serves, and looks at what the log says.
func (p *project) served() {
	p.Helper()
	ctx, done := context.WithCancel(p.Context())
	defer done()
	var logged bytes.Buffer
	server := exec.CommandContext(ctx, "edge-hive", "serve")
	server.Dir, server.Env, server.Stdout, server.Stderr = p.dir, p.environment(), &logged, &logged
	if err := server.Start(); err != nil {
		p.Fatal(err)
	}
	client := admin.NewClient(filepath.Join(p.dir, "data"))
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		status, err := client.Status(ctx)
		if err == nil && status.Ready {
			break
		}
		if time.Now().After(end) {
			done()
			_ = server.Wait()
			p.Fatalf("it does not serve: %v\n%s", err, logged.String())
		}
	}
	for _, args := range []string{"status", "plan", "apply --yes", "history", "export -o served", "reload"} {
		p.run(false, strings.Fields(args)...)
	}
	done()
	_ = server.Wait() // it was killed
	if logged.Len() == 0 {
		p.Error("nothing was logged")
	}
	p.untold("the log", logged.String())
}
