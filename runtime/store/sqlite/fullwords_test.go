package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// TestFullWithWords fills, again and again, a database that may not grow, with
// rows whose words are indexed, and that share commits: a row that found no room
// for all that belongs to it is not there at all, and its neighbours are.
func TestFullWithWords(t *testing.T) {
	keys := query.NewTable("keys", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindText}, Required: true},
		{Name: "text", Type: query.Type{Kind: query.KindText}},
	}, nil)
	keys.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: keys.Columns[1:2]}}
	path := filepath.Join(t.TempDir(), "full.db")
	s := openStore(t, sqlite.Options{Path: path, MaxSize: 300 << 10, ChangesMax: 1})
	schema := query.NewSchema([]*query.Table{keys})
	if err := s.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	v, err := s.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	there, full := map[string]int{}, 0
	for round := range 10 {
		var wait sync.WaitGroup
		var mu sync.Mutex
		for i := range 16 {
			wait.Go(func() {
				for j := range 12 {
					key := fmt.Sprintf("k%dx%dx%d", round, i, j)
					// Keys are long, so that the index needs pages of its own.
					_, err := v.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: keys, Rows: []query.Row{
						{query.Text(key + strings.Repeat("k", 300)), query.Text(key + " all")},
					}}}})
					mu.Lock()
					switch {
					case err == nil:
						there[key]++
					case errors.Is(err, store.ErrFull):
						full++
					default:
						t.Error(err)
					}
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		if got := count(t, v, keys, wordsOf(t, keys, "all")); got != len(there) {
			t.Fatalf("round %d: the index finds %d rows, %d were acknowledged", round, got, len(there))
		}
		if got := countKeys(t, v, keys, "id"); len(got) != len(there) {
			t.Fatalf("round %d: %d rows, %d were acknowledged", round, len(got), len(there))
		}
		if round%5 == 4 { // room again
			if _, err := v.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Delete, Table: keys}}}); err == nil {
				clear(there)
			} else if !errors.Is(err, store.ErrFull) { // deleting takes room too
				t.Fatal(err)
			}
		}
	}
	if full == 0 {
		t.Error("it was never full")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if said := wholeness(t, path); said != "ok\n" {
		t.Errorf("damaged: %s", said)
	}
}
