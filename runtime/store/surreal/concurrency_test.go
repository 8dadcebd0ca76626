package surreal

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// nodes are two stores on one database, each with a view.
func nodes(t *testing.T, url string, schema *query.Schema) [2]store.View {
	t.Helper()
	o := Options{URL: url, Namespace: fmt.Sprintf("c%d_%d", time.Now().UnixNano(), namespaces.Add(1)), Database: "main", User: "root", Password: "root"}
	var views [2]store.View
	for i := range views {
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if i == 0 {
			from, err := s.Inspect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context(), plan.Diff(from, plan.FromQuery(schema), nil)); err != nil {
				t.Fatal(err)
			}
		}
		if views[i], err = s.Open(t.Context(), schema); err != nil {
			t.Fatal(err)
		}
	}
	return views
}

// onBothStorages runs a test on a server in memory and on one on a disk: they
// find conflicts in different ways.
func onBothStorages(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("memory", func(t *testing.T) { test(t, surrealtest.Shared(t).URL) })
	t.Run("disk", func(t *testing.T) {
		if url := os.Getenv("SURREAL_DISK_URL"); url != "" {
			test(t, url)
			return
		}
		server, err := surrealtest.Start(t.Context(), t.TempDir(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		test(t, server.URL)
	})
}

func parentsAndChildren(onDelete query.OnDelete) *query.Schema {
	parents := query.NewTable("parents", []*query.Column{{Name: "id", Type: query.Type{Kind: query.KindText}, Required: true}}, nil)
	children := query.NewTable("children", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "parent", Type: query.Type{Kind: query.KindText}, Ref: &query.Ref{Table: "parents", OnDelete: onDelete}},
		{Name: "code", Type: query.Type{Kind: query.KindText}},
	}, nil)
	children.Indexes = []*query.Index{{Name: "byCode", Columns: []*query.Column{children.Columns[2]}, Unique: true}}
	return query.NewSchema([]*query.Table{parents, children})
}

func equals(t *query.Table, column string, v query.Value) query.Expr {
	c := t.Column(column)
	return &query.Compare{Op: query.Equal, Left: t.Ref(c), Right: &query.Literal{Value: v, Of: c.Type}}
}

// TestNoReferenceLeadsNowhere deletes rows on one node while another makes rows
// that point at them.
func TestNoReferenceLeadsNowhere(t *testing.T) {
	onBothStorages(t, func(t *testing.T, url string) {
		for _, onDelete := range []query.OnDelete{query.Restrict, query.Cascade, query.SetNull} {
			schema := parentsAndChildren(onDelete)
			views := nodes(t, url, schema)
			parents, children := schema.Table("parents"), schema.Table("children")
			apply := func(node int, writes ...query.Write) error {
				_, err := views[node].Apply(t.Context(), query.Batch{Writes: writes})
				return err
			}
			deleted, made := 0, 0
			for round := range 60 {
				key := query.Text(fmt.Sprint("p", round))
				if err := apply(0, query.Write{Op: query.Insert, Table: parents, Rows: []query.Row{{key}}}); err != nil {
					t.Fatal(err)
				}
				var both sync.WaitGroup
				var gone, here error
				both.Go(func() {
					gone = apply(0, query.Write{Op: query.Delete, Table: parents, Where: equals(parents, "id", key), Single: true})
				})
				both.Go(func() {
					here = apply(1, query.Write{Op: query.Insert, Table: children, Rows: []query.Row{{query.Null(), key, query.Null()}}})
				})
				both.Wait()
				for _, err := range []error{gone, here} {
					if err != nil && !fault.Is(err, "23503") {
						t.Fatalf("round %d: %v", round, err)
					}
				}
				if gone == nil {
					deleted++
				}
				if here == nil {
					made++
				}
				left, err := views[0].(*view).pointingAt(t, children, "parent", key)
				if err != nil {
					t.Fatal(err)
				}
				if gone == nil && left > 0 {
					t.Fatalf("round %d: the row is gone, and %d rows point at it", round, left)
				}
			}
			t.Logf("on delete %d: %d deleted, %d pointed", onDelete, deleted, made)
		}
	})
}

// pointingAt counts the rows that have a value in a column.
func (v *view) pointingAt(t *testing.T, table *query.Table, column string, value query.Value) (int, error) {
	entry := v.layout.tables[table]
	c := compiler{schema: v.schema, scope: scope{rows: []string{""}}}
	c.text(entry.read)
	c.where(equals(table, column, value))
	results, err := v.store.client.Query(t.Context(), string(c.buf), c.vars())
	if err != nil {
		return 0, err
	}
	rows, err := readFound(results[0], entry)
	return len(rows), err
}

// TestUniqueOnTwoNodes has two nodes insert the same value at once.
func TestUniqueOnTwoNodes(t *testing.T) {
	onBothStorages(t, func(t *testing.T, url string) {
		schema := parentsAndChildren(query.Cascade)
		views := nodes(t, url, schema)
		children := schema.Table("children")
		for round := range 50 {
			code := query.Text(fmt.Sprint("c", round))
			var both sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				both.Go(func() {
					_, errs[i] = views[i%2].Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: children, Rows: []query.Row{{query.Null(), query.Null(), code}}}}})
				})
			}
			both.Wait()
			passed := 0
			for _, err := range errs {
				if err == nil {
					passed++
				} else if !fault.Is(err, "23505") {
					t.Fatalf("round %d: %v", round, err)
				}
			}
			if passed != 1 {
				t.Fatalf("round %d: %d of %d passed", round, passed, len(errs))
			}
		}
	})
}

// TestKeysOfTwoNodes has two nodes make keys at once: none is made twice, and all
// of those who ask get one.
func TestKeysOfTwoNodes(t *testing.T) {
	onBothStorages(t, func(t *testing.T, url string) {
		schema := parentsAndChildren(query.Cascade)
		views := nodes(t, url, schema)
		children := schema.Table("children")
		var all sync.WaitGroup
		var mutex sync.Mutex
		seen := map[int64]bool{}
		for worker := range 16 {
			all.Go(func() {
				for i := range 20 {
					row := query.Row{query.Null(), query.Null(), query.Null()}
					if i%10 == 9 { // a key of its own, ahead of what the nodes make
						row[0] = query.Int(int64(10_000_000*i + 100_000*worker))
					}
					result, err := views[worker%2].Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: children, Rows: []query.Row{row}}}})
					if err != nil {
						t.Error(err)
						return
					}
					mutex.Lock()
					if key := result.Writes[0].Keys[0].N; seen[key] {
						t.Errorf("the key %d was made twice", key)
					} else {
						seen[key] = true
					}
					mutex.Unlock()
				}
			})
		}
		all.Wait()
		if len(seen) != 16*20 {
			t.Errorf("%d keys, want %d", len(seen), 16*20)
		}
	})
}
