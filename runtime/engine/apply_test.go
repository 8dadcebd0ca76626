package engine_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// backups are the files that were written before migrations.
func (b *backend) backups() []string {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, "data", "backups", "*"))
	if err != nil {
		b.t.Fatal(err)
	}
	return files
}

// TestBackupBeforeLoss: a reload that loses data writes a whole backup before,
// keeps the last five, and does nothing where it cannot.
func TestBackupBeforeLoss(t *testing.T) {
	b := start(t, base)
	b.want("POST", "/api/data/notes", `{"text":"kept"}`, 201, "")
	out := b.reload(dropsDone)
	if out.Result != admin.Swapped || len(b.backups()) != 1 || b.backups()[0] != out.Backup {
		t.Fatalf("%+v, backups %v", out, b.backups())
	}
	found, err := engine.VerifyBackup(t.Context(), out.Backup, nil)
	if err != nil || found.Rows != 1 {
		t.Errorf("the backup: %+v, %v", found, err)
	}
	first := out.Backup
	for range 5 {
		if out := b.reload(base); out.Backup != "" {
			t.Errorf("a backup before a migration that loses nothing: %s", out.Backup)
		}
		b.mustReload(dropsDone)
	}
	if files := b.backups(); len(files) != 5 {
		t.Errorf("%d backups are kept: %v", len(files), files)
	}
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("the first of six is kept: %v", err)
	}
	b.mustReload(base)
	if err := os.RemoveAll(filepath.Join(b.dir, "data", "backups")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "data", "backups"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out = b.reload(dropsDone)
	if out.Result != admin.Refused || len(out.Faults) != 1 || out.Faults[0].Code != "backup-failed" {
		t.Errorf("without a backup: %+v", out)
	}
	b.want("GET", "/api/data/notes?select=done", "", 200, "[{")
}

// TestReloadNamesRows: rows that do not convert are faults with the place of
// their column, and what serves goes on; when they are mended, it converts.
func TestReloadNamesRows(t *testing.T) {
	b := start(t, strings.Replace(base, "access: read: true", "access: {read: true, create: true, update: true}", 1))
	b.want("POST", "/api/data/notes", `{"text":"12"}`, 201, "")
	b.want("POST", "/api/data/notes", `{"text":"many"}`, 201, "")
	typed := strings.Replace(b.read("edgehive.cue"), `type: "text"`, `type: "int"`, 1)
	out := b.reload(typed)
	if out.Result != admin.Refused || len(out.Faults) != 1 || out.Faults[0].Code != "rows-do-not-convert" ||
		len(out.Faults[0].Positions) != 1 || !out.Faults[0].Positions[0].Known() {
		t.Fatalf("%+v", out)
	}
	b.want("PATCH", "/api/data/notes?text=eq.many", `{"text":"7"}`, 204, "")
	b.mustReload(typed)
	b.want("GET", "/api/data/notes?select=text&order=text", "", 200, `[{"text":7},{"text":12}]`)
}

func (b *backend) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// TestApplyAnotherManifest: what was planned is applied, and nothing else.
func TestApplyAnotherManifest(t *testing.T) {
	b := start(t, base)
	m := b.loaded()
	b.write("edgehive.cue", base+`tables: more: columns: n: type: "int"`)
	answer, err := admin.NewClient(m.DataDir()).Apply(t.Context(), "apply (ann)", m.Hash)
	if err != nil || answer.Result != admin.Refused || answer.Generation != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
	answer, err = admin.NewClient(m.DataDir()).Apply(t.Context(), "apply (ann)", b.loaded().Hash)
	if err != nil || answer.Result != admin.Swapped {
		t.Errorf("%+v, %v", answer, err)
	}
	records, err := engine.History(t.Context(), engine.Source{Server: admin.NewClient(m.DataDir())})
	if err != nil || len(records) != 2 || records[1].Who != "apply (ann)" || records[1].Hash != b.loaded().Hash || !strings.HasPrefix(records[0].Who, "serve") {
		t.Errorf("history %+v, %v", records, err)
	}
}

// TestDriftIsSaid: what somebody changed by hand is in the log, the status and
// the plan, and what is grave keeps the database from being served.
func TestDriftIsSaid(t *testing.T) {
	b := start(t, base)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	path := b.loaded().Database.Path
	change := func(sql string) {
		db, err := sqlite3.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Exec(sql); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	change("CREATE VIEW mine AS SELECT 1")
	var said bytes.Buffer
	if err := b.try(func(o *engine.Options) { o.Log = &said }); err != nil {
		t.Fatal(err)
	}
	status := b.Status(t.Context())
	found, err := engine.Compare(t.Context(), b.loaded())
	if err != nil || len(found.Drift) != 1 || found.Grave() || len(found.Changes) != 0 || len(status.Database.Drift) != 1 || !strings.Contains(status.Database.Drift[0], "view mine") {
		t.Errorf("%+v, %+v, %v", found, status.Database, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "view mine") {
		t.Errorf("the log does not say it: %s", said.String())
	}
	change("ALTER TABLE notes DROP COLUMN done")
	found, err = engine.Compare(t.Context(), b.loaded())
	if err != nil || !found.Grave() {
		t.Errorf("%+v, %v", found, err)
	}
	if err := b.try(); err == nil || !strings.Contains(err.Error(), "column notes.done is recorded but not in the database") {
		t.Errorf("served: %v", err)
	}
}

// TestMigrateServed: a database that is served is not migrated beside its
// server.
func TestMigrateServed(t *testing.T) {
	b := start(t, base)
	if _, err := engine.Migrate(t.Context(), engine.Options{Path: b.dir}, "apply", ""); !fault.Is(err, "running") {
		t.Errorf("%v", err)
	}
	if _, err := engine.Rollback(t.Context(), b.loaded(), engine.BeforeLast, "rollback", nil); !fault.Is(err, "running") {
		t.Errorf("%v", err)
	}
}

// TestSeedFaultUndoesConversion: where a seed fails after columns were renamed
// and converted, they are as before, and what serves goes on.
func TestSeedFaultUndoesConversion(t *testing.T) {
	b := start(t, strings.Replace(base, "access: read: true", "access: {read: true, create: true}", 1))
	b.want("POST", "/api/data/notes", `{"text":"12"}`, 201, "")
	b.write("more.json", `[{"n": "no number"}]`)
	next := strings.Replace(b.read("edgehive.cue"), `text: {type: "text", required: true}`, `words: {type: "int", was: "text"}`, 1)
	out := b.reload(next + `tables: more: {columns: n: type: "int", seed: "more.json"}`)
	if out.Result != admin.Refused || len(out.Faults) != 1 || out.Faults[0].Code != "bad-seed" {
		t.Fatalf("%+v", out)
	}
	b.want("GET", "/api/data/notes?select=text", "", 200, `[{"text":"12"}]`)
	b.mustReload(next)
	b.want("GET", "/api/data/notes?select=words", "", 200, `[{"words":12}]`)
}
