package surreal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// notes is a table with a column of a kind, and a unique index over it.
func notesOf(kind query.Kind) plan.Schema {
	id := &query.Column{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true}
	number := &query.Column{Name: "number", Type: query.Type{Kind: kind}}
	t := query.NewTable("notes", []*query.Column{id, number}, nil)
	t.Indexes = []*query.Index{{Name: "byNumber", Columns: []*query.Column{number}, Unique: true}}
	return plan.FromQuery(query.NewSchema([]*query.Table{t}))
}

func migrateTo(ctx context.Context, s *Store, want plan.Schema, removed ...string) error {
	have, err := s.Inspect(ctx)
	if err != nil {
		return err
	}
	return s.Migrate(ctx, plan.Diff(have, want, removed))
}

func ask(t *testing.T, s *Store, text string) *wire.Reader {
	t.Helper()
	results, err := s.client.Query(t.Context(), text, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return wire.NewReader(results[len(results)-1])
}

// TestMigrateTogether: of nodes that start at once one migrates, and the others
// find it done.
func TestMigrateTogether(t *testing.T) {
	first := openEmpty(t).(*Store)
	defer first.Close()
	second, err := Open(t.Context(), first.options)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	results := make(chan error, 2)
	for _, s := range []*Store{first, second} {
		go func() { results <- s.Migrate(t.Context(), plan.Diff(plan.Schema{}, notesOf(query.KindText), nil)) }()
	}
	var done, moved int
	for range 2 {
		switch err := <-results; {
		case err == nil:
			done++
		case errors.Is(err, store.ErrMoved):
			moved++
		default:
			t.Error(err)
		}
	}
	if done != 1 || moved != 1 {
		t.Errorf("%d nodes migrated, %d found it done", done, moved)
	}
}

// TestLease: one holds it, another waits until it is given back or its time is
// over, and who lost it is told.
func TestLease(t *testing.T) {
	first := openEmpty(t).(*Store)
	defer first.Close()
	second, err := Open(t.Context(), first.options)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	held, err := first.lead(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.takeLease(t.Context(), "work"); got || err != nil {
		t.Fatalf("a lease that is held was taken: %v", err)
	}
	ask(t, first, "UPDATE _leases:work SET until = time::now() - 1s")
	taken, err := second.lead(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-held.ctx.Done():
		if err := context.Cause(held.ctx); !errors.Is(err, errLeaseLost) {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("who lost a lease was not told")
	}
	held.release()
	if got, err := first.takeLease(t.Context(), "work"); got || err != nil {
		t.Errorf("the release of a lost lease gave it back: %v", err)
	}
	taken.release()
	if got, err := first.takeLease(t.Context(), "work"); !got || err != nil {
		t.Errorf("a lease that was given back was not taken: %v", err)
	}
}

// TestDrift: what was changed by hand is found, and what cannot be served is
// refused.
func TestDrift(t *testing.T) {
	s := openEmpty(t).(*Store)
	defer s.Close()
	if err := migrateTo(t.Context(), s, notesOf(query.KindInt)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		change, undo, want string
		grave              bool
	}{
		{"DEFINE TABLE others", "REMOVE TABLE others", "table others is in the database but not recorded", false},
		{"DEFINE FIELD more ON notes TYPE none | int", "REMOVE FIELD more ON notes", "column notes.more is in the database but not recorded", false},
		{"DEFINE FIELD more ON notes TYPE int", "REMOVE FIELD more ON notes", "no row can be written without it", true},
		{"REMOVE INDEX byNumber ON notes", "DEFINE INDEX byNumber ON notes FIELDS number UNIQUE", "equal values would be taken", true},
		{"DEFINE INDEX more ON notes FIELDS number", "REMOVE INDEX more ON notes", "index more of table notes", false},
		{"DEFINE FIELD OVERWRITE number ON notes TYPE string", "DEFINE FIELD OVERWRITE number ON notes TYPE none | int PERMISSIONS NONE", "is recorded as int (none | int) but is string", true},
		{"DEFINE TABLE OVERWRITE notes SCHEMAFULL PERMISSIONS FULL", "DEFINE TABLE OVERWRITE notes TYPE NORMAL SCHEMAFULL PERMISSIONS NONE", "past all rules", true},
	} {
		ask(t, s, test.change)
		found, err := s.Drift(t.Context())
		if err != nil || len(found) != 1 || !strings.Contains(found[0].What, test.want) || found[0].Grave != test.grave || found[0].Hint == "" {
			t.Errorf("%s: drift %+v, %v", test.change, found, err)
		}
		if _, err := s.Inspect(t.Context()); (err != nil) != test.grave {
			t.Errorf("%s: inspect: %v", test.change, err)
		}
		ask(t, s, test.undo)
	}
	ask(t, s, "DEFINE TABLE papers SCHEMALESS; CREATE papers:1")
	want := notesOf(query.KindInt)
	want.Tables = append(want.Tables, plan.Table{Name: "papers", Columns: want.Tables[0].Columns})
	if err := migrateTo(t.Context(), s, want); err == nil || !strings.Contains(err.Error(), "papers") {
		t.Errorf("a table of somebody else: %v", err)
	}
	if r := ask(t, s, "SELECT * FROM papers"); r.Array() != 1 {
		t.Error("somebody else's row is gone")
	}
}
