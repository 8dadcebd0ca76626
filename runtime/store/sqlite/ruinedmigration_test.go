package sqlite_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// TestRuinedMigration: where the connection of the writer is not as before after
// a migration, nothing is written with it any more.
func TestRuinedMigration(t *testing.T) {
	notes, none := plan.FromQuery(query.NewSchema([]*query.Table{notes()})), plan.Schema{}
	noRollback := func(action sqlite3.AuthorizerActionCode, name, _ string) sqlite3.AuthorizerReturnCode {
		if action == sqlite3.AUTH_TRANSACTION && name == "ROLLBACK" {
			return sqlite3.AUTH_DENY
		}
		return sqlite3.AUTH_OK
	}
	noReferences := func(action sqlite3.AuthorizerActionCode, name, value string) sqlite3.AuthorizerReturnCode {
		if action == sqlite3.AUTH_PRAGMA && name == "foreign_keys" && value == "ON" {
			return sqlite3.AUTH_IGNORE
		}
		return sqlite3.AUTH_OK
	}
	for _, test := range []struct {
		name      string
		authorize func(action sqlite3.AuthorizerActionCode, name, value string) sqlite3.AuthorizerReturnCode
		migration plan.Plan
		said      string
	}{
		{"a transaction that stays open", noRollback, plan.Plan{From: none, To: none, Steps: []plan.Step{{Kind: plan.DropTable, Table: "notes"}}}, store.ErrMoved.Error()},
		{"one of an additive plan", noRollback, plan.Diff(none, notes, nil), store.ErrMoved.Error()},
		{"references that are not looked at", noReferences, plan.Diff(notes, none, []string{"notes"}), "references are not looked at"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := openNotes(t, sqlite.Options{})
			if err := n.store.Authorize(t.Context(), test.authorize); err != nil {
				t.Fatal(err)
			}
			err := n.store.Migrate(t.Context(), test.migration)
			if err == nil || !strings.Contains(err.Error(), test.said) {
				t.Errorf("the migration: %v", err)
			}
			select {
			case <-n.store.Broken():
			default:
				t.Error("whoever runs the store is not told")
			}
			if _, err := n.write(t.Context(), "lost"); err == nil {
				t.Error("a write after it is acknowledged")
			}
		})
	}
	// A migration that fails, and is undone, is none of this.
	n := openNotes(t, sqlite.Options{})
	if err := n.store.Migrate(t.Context(), plan.Plan{From: none, To: none, Steps: []plan.Step{{Kind: plan.DropTable, Table: "notes"}}}); !errors.Is(err, store.ErrMoved) {
		t.Error(err)
	}
	if _, err := n.write(t.Context(), "kept"); err != nil {
		t.Error(err)
	}
}
