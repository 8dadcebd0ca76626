package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

const visits = base + `
tables: visits: {
	key: type: "text"
	columns: at: type: "timestamp"
	retention: {column: "at", keep: "30d"}
	changes: false
	access: {read: true, create: true}
}
`

// TestOldRowsLeave proves that a start deletes what is older than a table's
// retention, and nothing else.
func TestOldRowsLeave(t *testing.T) {
	b := start(t, visits)
	b.want("POST", "/api/data/visits", `[{"id":"old","at":"2020-01-01T00:00:00Z"},{"id":"new","at":"2999-01-01T00:00:00Z"},{"id":"none","at":null}]`, 201, "")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.start()
	eventually(t, "the old row to leave", func() bool {
		_, body := b.call("GET", "/api/data/visits?select=id&order=id", "")
		return strings.TrimSpace(body) == `[{"id":"new"},{"id":"none"}]`
	})
	eventually(t, "the log to tell", func() bool { return b.log.has("old rows were deleted") })
}

// TestBackupBeforeRetention: a reload by which rows leave that stay now writes a
// backup that has them, and does not come where it cannot.
func TestBackupBeforeRetention(t *testing.T) {
	lasting := strings.Replace(visits, `	retention: {column: "at", keep: "30d"}`+"\n", "", 1)
	shorter := strings.Replace(visits, "30d", "29d", 1)
	b := start(t, lasting)
	b.want("POST", "/api/data/visits", `[{"id":"old","at":"2020-01-01T00:00:00Z"}]`, 201, "")
	backups := filepath.Join(b.dir, "data", "backups")
	if err := os.WriteFile(backups, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := b.reload(visits); out.Result != admin.Refused || len(out.Faults) != 1 || out.Faults[0].Code != "backup-failed" ||
		out.Faults[0].Path != "tables.visits.retention" {
		t.Errorf("without a backup: %+v", out)
	}
	if err := os.Remove(backups); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what, manifest string
		loses          bool
	}{
		{"a new retention", visits, true},
		{"a shorter one", shorter, true},
		{"a longer one", visits, false},
		{"none", lasting, false},
	} {
		out := b.reload(step.manifest)
		if out.Result != admin.Swapped || (out.Backup != "") != step.loses {
			t.Fatalf("%s: %+v", step.what, out)
		}
		if out.Backup == "" {
			continue
		}
		if found, err := engine.VerifyBackup(t.Context(), out.Backup, nil); err != nil || found.Rows != 1 {
			t.Errorf("%s: the backup: %+v, %v", step.what, found, err)
		}
	}
	if files := b.backups(); len(files) != 2 {
		t.Errorf("backups: %v", files)
	}
}
