package surreal

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// widened is two nodes that have parents alone; widen adds children, on the
// second one.
type widened struct {
	*testing.T
	nodes             [2]store.View
	next              store.View
	wide              *query.Schema
	parents, children *query.Table
}

func beforeChildren(t *testing.T, onDelete query.OnDelete) *widened {
	t.Helper()
	narrow := query.NewSchema([]*query.Table{parentsAndChildren(onDelete).Table("parents")})
	w := &widened{T: t, nodes: nodes(t, surrealtest.Shared(t).URL, narrow), wide: parentsAndChildren(onDelete), parents: narrow.Table("parents")}
	w.children = w.wide.Table("children")
	return w
}

func (w *widened) widen() {
	w.Helper()
	s := w.nodes[1].(*view).store
	from, err := s.Inspect(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if err := s.Migrate(w.Context(), plan.Diff(from, plan.FromQuery(w.wide), nil)); err != nil {
		w.Fatal(err)
	}
	if w.next, err = s.Open(w.Context(), w.wide); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = w.next.Close() })
}

func (w *widened) apply(v store.View, write query.Write) error {
	_, err := v.Apply(w.Context(), query.Batch{Writes: []query.Write{write}})
	return err
}

func (w *widened) insert(v store.View, t *query.Table, row query.Row) error {
	return w.apply(v, query.Write{Op: query.Insert, Table: t, Rows: []query.Row{row}})
}

// TestReferencesOfAnotherNode deletes rows by nodes with the former manifest,
// after another one has added a table whose rows point at them: what is deleted
// there leaves no reference to nothing either.
func TestReferencesOfAnotherNode(t *testing.T) {
	for _, onDelete := range []query.OnDelete{query.Restrict, query.Cascade, query.SetNull} {
		w := beforeChildren(t, onDelete)
		for _, key := range []string{"a", "b", "c"} {
			if err := w.insert(w.nodes[0], w.parents, query.Row{query.Text(key)}); err != nil {
				t.Fatal(err)
			}
		}
		w.widen()
		again, err := Open(t.Context(), w.nodes[0].(*view).store.options) // a node that starts with it
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = again.Close() })
		late, err := again.Open(t.Context(), w.nodes[0].(*view).schema)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			key       string
			by        store.View
			returning bool
		}{{"a", w.nodes[0], false}, {"b", w.nodes[0], true}, {"c", late, false}} {
			key := query.Text(c.key)
			if err := w.insert(w.next, w.children, query.Row{query.Int(int64(i + 1)), key, query.Null()}); err != nil {
				t.Fatal(err)
			}
			err := w.apply(c.by, query.Write{Op: query.Delete, Table: w.parents, Where: equals(w.parents, "id", key), Returning: c.returning})
			if onDelete == query.Restrict && !fault.Is(err, codeForeign) || onDelete != query.Restrict && err != nil {
				t.Errorf("on delete %d, %s: got %v", onDelete, c.key, err)
			}
			left, err := w.next.(*view).pointingAt(t, w.children, "parent", key)
			if want := map[query.OnDelete]int{query.Restrict: 1}[onDelete]; err != nil || left != want {
				t.Errorf("on delete %d, %s: %d rows point at the row, %v; want %d", onDelete, c.key, left, err, want)
			}
		}
	}
}

// TestReferencesComeWhileRowsGo has a node delete rows all the time while another
// one adds a table whose rows point at them, and fills it.
func TestReferencesComeWhileRowsGo(t *testing.T) {
	w := beforeChildren(t, query.Restrict)
	const rows = 600
	all := query.Write{Op: query.Insert, Table: w.parents}
	for i := range rows {
		all.Rows = append(all.Rows, query.Row{query.Text(fmt.Sprint("p", i))})
	}
	if err := w.apply(w.nodes[0], all); err != nil {
		t.Fatal(err)
	}
	gone := make([]bool, rows)
	stop := make(chan struct{})
	var deletes sync.WaitGroup
	deletes.Go(func() {
		for i := range rows {
			select {
			case <-stop:
				return
			default:
			}
			err := w.apply(w.nodes[0], query.Write{Op: query.Delete, Table: w.parents, Where: equals(w.parents, "id", query.Text(fmt.Sprint("p", i)))})
			gone[i] = err == nil
			if err != nil && !fault.Is(err, codeForeign) {
				t.Errorf("delete %d: %v", i, err)
			}
		}
	})
	w.widen()
	var made []int
	for i := range rows { // where the deletions are, and ahead of them
		switch err := w.insert(w.next, w.children, query.Row{query.Int(int64(i + 1)), query.Text(fmt.Sprint("p", i)), query.Null()}); {
		case err == nil:
			made = append(made, i)
		case !fault.Is(err, codeForeign):
			t.Fatal(err)
		}
		if len(made) == 40 {
			break
		}
	}
	close(stop)
	deletes.Wait()
	for _, i := range made {
		if gone[i] {
			t.Errorf("row %d is gone, and a row points at it", i)
		}
	}
	t.Logf("%d rows point at others", len(made))
	if len(made) == 0 {
		t.Error("no row points at another")
	}
}

// TestReferencesShutTheirTables lists what is shut while columns are added: what
// new references point at, for a node may delete there without knowing of them.
func TestReferencesShutTheirTables(t *testing.T) {
	wide := plan.FromQuery(parentsAndChildren(query.Cascade))
	parents := plan.Schema{Tables: []plan.Table{*wide.Table("parents")}}
	unlinked := plan.Schema{Tables: []plan.Table{*wide.Table("parents"), *wide.Table("children")}}
	unlinked.Tables[1].Columns = []plan.Column{unlinked.Tables[1].Columns[0], unlinked.Tables[1].Columns[2]}
	more := plan.Schema{Tables: []plan.Table{*wide.Table("parents"), *wide.Table("children"), {Name: "others", Columns: parents.Tables[0].Columns}}}
	for _, c := range []struct {
		name     string
		from, to plan.Schema
		want     []string
	}{
		{"nothing was there", plan.Schema{}, wide, nil},
		{"a table that points at it", parents, wide, []string{"parents"}},
		{"a column that points at it", unlinked, wide, []string{"parents", "children"}}, // which get the index of the reference,
		{"a table of its own", wide, more, nil},
	} {
		p := plan.Diff(c.from, c.to, nil)
		if !p.Additive() {
			t.Fatalf("%s: it is not additive", c.name)
		}
		if got, err := (&migration{plan: &p}).shutFor(); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q are shut, %v; want %q", c.name, got, err, c.want)
		}
	}
}
