package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

func (b *backend) loaded() *manifest.Manifest {
	b.t.Helper()
	m, err := load.Load(b.t.Context(), load.Options{Path: b.dir})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b *backend) source() engine.Source {
	m := b.loaded()
	return engine.Source{Server: admin.NewClient(m.DataDir()), Manifest: m}
}

// TestBackupWhileServing writes over HTTP from 16 clients, makes a backup
// meanwhile, restores it elsewhere, and looks for every row that was
// acknowledged before.
func TestBackupWhileServing(t *testing.T) {
	writable := strings.Replace(base, "access: read: true", "access: {read: true, create: true}", 1)
	b := start(t, writable)
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("n%d-%d", w, i)
				response, err := b.http.Post(b.URL()+"/api/data/notes", "application/json", strings.NewReader(`{"text":"`+text+`"}`))
				if err != nil {
					t.Error(err)
					return
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusCreated {
					t.Errorf("write: %s", response.Status)
					return
				}
				mu.Lock()
				acknowledged[text] = true
				mu.Unlock()
			}
		})
	}
	eventually(t, "rows", func() bool { mu.Lock(); defer mu.Unlock(); return len(acknowledged) > 200 })
	mu.Lock()
	before := make([]string, 0, len(acknowledged))
	for text := range acknowledged {
		before = append(before, text)
	}
	mu.Unlock()
	target := filepath.Join(b.dir, "notes.backup")
	made, err := engine.WriteBackup(t.Context(), b.source(), target, false)
	stop()
	writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if made.Rows < int64(len(before)) || len(made.Tables) != 2 || made.Cursor == "" || made.Bytes == 0 {
		t.Errorf("backup %+v, %d rows before", made, len(before))
	}
	elsewhere := prepare(t, writable)
	restored, err := engine.Restore(t.Context(), elsewhere.loaded(), target)
	if err != nil || restored.Kept != "" {
		t.Fatalf("restore: %+v, %v", restored, err)
	}
	elsewhere.start()
	seen := map[string]int{}
	for offset := 0; ; offset += 1000 {
		var rows []struct{ Text string }
		page, err := elsewhere.http.Get(fmt.Sprintf("%s/api/data/notes?select=text&limit=1000&order=text&offset=%d", elsewhere.URL(), offset))
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(json.NewDecoder(page.Body).Decode(&rows), page.Body.Close())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			seen[row.Text]++
		}
		if len(rows) < 1000 {
			break
		}
	}
	for _, text := range before {
		if seen[text] != 1 {
			t.Fatalf("acknowledged row %s is there %d times", text, seen[text])
		}
	}
	if int64(len(seen)) != made.Rows {
		t.Errorf("%d rows restored, the backup said %d", len(seen), made.Rows)
	}
	if _, err := engine.Restore(t.Context(), elsewhere.loaded(), target); !fault.Is(err, "running") {
		t.Errorf("restore under a running server: %v", err)
	}
}

func TestBackupTargets(t *testing.T) {
	b := start(t, base)
	target := filepath.Join(b.dir, "a.backup")
	if err := os.WriteFile(target, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(b.dir, "link")); err != nil {
		t.Skip("this machine makes no links:", err)
	}
	for _, c := range []struct {
		target string
		force  bool
	}{
		{target, false},
		{filepath.Join(b.dir, "data"), true},
		{filepath.Join(b.dir, "link"), true},
		{filepath.Join(b.dir, "absent", "a.backup"), false},
		{b.loaded().Database.Path, true},
	} {
		if _, err := engine.WriteBackup(t.Context(), b.source(), c.target, c.force); !fault.Is(err, "target") {
			t.Errorf("%s: %v", c.target, err)
		}
	}
	if content, err := os.ReadFile(target); err != nil || string(content) != "mine" {
		t.Errorf("the file is %q, %v", content, err)
	}
	if _, err := engine.WriteBackup(t.Context(), b.source(), target, true); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := engine.WriteBackup(ended, b.source(), filepath.Join(b.dir, "never"), false); err == nil {
		t.Error("an ended context makes a backup")
	}
	var stream bytes.Buffer
	if err := engine.StreamBackup(t.Context(), b.source(), &stream); err != nil || stream.Len() == 0 {
		t.Errorf("stream: %d bytes, %v", stream.Len(), err)
	}
	if err := engine.StreamBackup(t.Context(), b.source(), failingWriter{}); err == nil {
		t.Error("a full disk is a whole backup")
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || entry.Name() == "never" {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	made, err := engine.WriteBackup(t.Context(), b.source(), filepath.Join(b.dir, "offline"), false)
	if err != nil || made.Bytes == 0 {
		t.Errorf("of a stopped backend: %+v, %v", made, err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestVerifyBackupAgainstManifest(t *testing.T) {
	b := start(t, base)
	b.want("POST", "/api/data/notes", `{"text":"kept"}`, 201, "")
	target := filepath.Join(b.dir, "a.backup")
	if _, err := engine.WriteBackup(t.Context(), b.source(), target, false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ manifest, grades string }{
		{base, ""},
		{base + "tables: more: columns: n: type: \"int\"", "safe"},
		{strings.Replace(base, "done:", `must: {type: "int", required: true}`+"\n\t\tdone:", 1), "refused"},
		{strings.Replace(base, `done: {type: "bool", default: false}`, "", 1), "refused"},
	} {
		b.write("edgehive.cue", c.manifest)
		verified, err := engine.VerifyBackup(t.Context(), target, b.loaded())
		if err != nil {
			t.Fatal(err)
		}
		var grades []string
		for _, change := range verified.Changes {
			grades = append(grades, string(change.Grade))
		}
		if got := strings.Join(grades, " "); got != c.grades || verified.Rows != 1 {
			t.Errorf("%+v, want grades %q", verified, c.grades)
		}
	}
}

func TestCompare(t *testing.T) {
	b := start(t, base)
	b.want("POST", "/api/data/notes", `{"text":"kept"}`, 201, "")
	port := b.Addr().String()
	for _, c := range []struct{ name, manifest, grade, what string }{
		{"nothing", base, "", ""},
		{"formatted", "// a comment\n" + base, "", ""},
		{"a rule", strings.Replace(base, "access: read: true", "access: {read: true, create: true}", 1), "widens access", "opens create of notes"},
		{"a macro", base + `rules: "me()": "auth.uid != null"`, "", ""},
		{"a column with rows", strings.Replace(base, "done:", `must: {type: "int", required: true}`+"\n\t\tdone:", 1), "refused", "table notes has rows"},
		{"a channel", strings.Replace(base, "channels: notes:", "channels: others:", 1), "breaks clients", "channel notes goes"},
		{"a column dropped", strings.Replace(base, `done: {type: "bool", default: false}`, "", 1) + `removed: ["notes.done"]`, "loses data", "drops column notes.done"},
		{"the address", strings.Replace(base, "127.0.0.1:0", port, 1), "needs restart", "the address to listen on"},
		{"a route", base + `routes: "GET /x": respond: body: "x"`, "safe", "adds route GET /x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.write("edgehive.cue", c.manifest)
			found, err := engine.Compare(t.Context(), b.loaded())
			if err != nil {
				t.Fatal(err)
			}
			if found.Running == nil || found.Running.Generation != 1 {
				t.Errorf("compared with %+v", found.Running)
			}
			told := c.what == "" && len(found.Changes) == 0
			for _, change := range found.Changes {
				told = told || string(change.Grade) == c.grade && strings.Contains(change.What, c.what) && c.what != ""
			}
			if !told {
				t.Errorf("%+v, want %s %q", found.Changes, c.grade, c.what)
			}
		})
	}
	if status := b.Status(t.Context()); status.Generation != 1 {
		t.Errorf("generation %d after plans", status.Generation)
	}
	b.write("edgehive.cue", base+`tables: more: columns: n: type: "int"`)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := engine.Compare(t.Context(), b.loaded())
	if err != nil || found.Running != nil || len(found.Changes) != 1 || found.Changes[0].What != "creates table more" {
		t.Errorf("of a stopped backend: %+v, %v", found, err)
	}
}

// TestCompareInDev compares with what dev serves, which binds loopback whatever
// the manifest says.
func TestCompareInDev(t *testing.T) {
	open := strings.Replace(base, "127.0.0.1:0", ":0", 1) + `cors: origins: ["https://a.example"]`
	b := start(t, open, func(o *engine.Options) { o.Dev = true })
	b.write("edgehive.cue", open+"\n"+`routes: "GET /x": respond: body: "x"`)
	found, err := engine.Compare(t.Context(), b.loaded())
	if err != nil || len(found.Changes) != 1 {
		t.Errorf("%+v, %v", found.Changes, err)
	}
}

const backupChild = "EDGEHIVE_BACKUP_CHILD"

// TestBackupKilled ends processes in the middle of backups: the file is there
// whole, or not at all.
func TestBackupKilled(t *testing.T) {
	b := start(t, strings.Replace(base, "access: read: true", "access: {read: true, create: true}", 1))
	for range 40 {
		b.want("POST", "/api/data/notes", `{"text":"`+strings.Repeat("x", 50_000)+`"}`, 201, "")
	}
	target := filepath.Join(b.dir, "killed.backup")
	whole := 0
	seen := map[string]bool{} // what the killed have left
	for round := range 8 {
		child := exec.Command(os.Args[0], "-test.run=^TestBackupChild$")
		child.Env = append(os.Environ(), backupChild+"="+b.dir+"|"+target)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a backup has begun", func() bool {
			left, _ := filepath.Glob(filepath.Join(b.dir, ".killed.backup.partial-*"))
			fresh := slices.ContainsFunc(left, func(name string) bool { return !seen[name] })
			for _, name := range left {
				seen[name] = true
			}
			return fresh
		})
		time.Sleep(time.Duration(round*40) * time.Millisecond) // another moment each round
		_ = child.Process.Kill()
		_ = child.Wait()
		if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if _, err := engine.VerifyBackup(t.Context(), target, nil); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		whole++
	}
	t.Logf("%d of 8 rounds left a backup", whole)
	// The server has cleared away what it made for clients that are gone.
	eventually(t, "the data folder is tidy", func() bool {
		left, _ := filepath.Glob(filepath.Join(b.dir, "data", ".*.backup-*"))
		return len(left) == 0
	})
}

// TestBackupChild makes backups until it is killed, or its parent must be gone.
func TestBackupChild(t *testing.T) {
	dir, target, child := strings.Cut(os.Getenv(backupChild), "|")
	if !child {
		t.Skip("runs as a child of TestBackupKilled")
	}
	b := &backend{t: t, dir: dir}
	for began := time.Now(); time.Since(began) < time.Minute; {
		if _, err := engine.WriteBackup(context.Background(), b.source(), target, true); err != nil {
			t.Fatal(err)
		}
	}
}
