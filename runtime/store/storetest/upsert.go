package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// stock is items with a code of their own, and at most one on each place of a
// shelf.
func stock() *query.Schema {
	items := query.NewTable("items", []*query.Column{
		required("id", query.KindInt), column("code", query.KindText), required("n", query.KindInt),
		column("note", query.KindText), column("shelf", query.KindText), column("place", query.KindInt),
	}, nil)
	items.Indexes = []*query.Index{
		{Name: "byCode", Columns: []*query.Column{items.Column("code")}, Unique: true},
		{Name: "byPlace", Columns: []*query.Column{items.Column("shelf"), items.Column("place")}, Unique: true},
	}
	return query.NewSchema([]*query.Table{items})
}

// item has a key made by the engine; an empty code is none.
func item(code string, n int64) query.Row {
	row := query.Row{query.Null(), query.Text(code), query.Int(n), query.Null(), query.Null(), query.Null()}
	if code == "" {
		row[1] = query.Null()
	}
	return row
}

// storedItem is an item as it comes back.
func storedItem(id int64, code string, n int64, note string) query.Row {
	row := item(code, n)
	row[0] = query.Int(id)
	if note != "" {
		row[3] = query.Text(note)
	}
	return row
}

func columns(t *query.Table, names ...string) []*query.Column {
	out := make([]*query.Column, len(names))
	for i, name := range names {
		out[i] = t.Column(name)
	}
	return out
}

func set(t *query.Table, name string, value query.Expr) query.Assignment {
	return query.Assignment{Column: t.Column(name), Value: value}
}

func old(t *query.Table, name string) query.Expr {
	return &query.ColumnRef{Table: t, Column: t.Column(name), Old: true}
}

// merging is an insert that takes n over where the code is there already.
func (f *fixture) merging(rows ...query.Row) query.Write {
	f.Helper()
	w := f.insert("items", rows...)
	w.Conflict = &query.Conflict{Target: columns(w.Table, "code"), Columns: columns(w.Table, "code", "n")}
	return w
}

func (f *fixture) ignoring(target string, rows ...query.Row) query.Write {
	f.Helper()
	w := f.insert("items", rows...)
	w.Conflict = &query.Conflict{Target: columns(w.Table, target), Ignore: true}
	return w
}

func wantCounts(t *testing.T, did query.WriteResult, affected, inserted int, keys ...int64) {
	t.Helper()
	got := make([]int64, len(did.Keys)) // 0 for a row that was passed over
	for i, key := range did.Keys {
		got[i] = key.N
	}
	if did.Affected != affected || did.Inserted != inserted || !slices.Equal(got, keys) {
		t.Errorf("affected %d, inserted %d, keys %v; want %d, %d, %v", did.Affected, did.Inserted, got, affected, inserted, keys)
	}
}

func testUpsertMerge(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	f.apply(f.insert("items", storedItem(1, "a", 1, "first"), storedItem(2, "b", 2, "second")))
	before := f.position()
	did := f.apply(f.merging(item("b", 20), item("c", 30), item("", 40))).Writes[0]
	wantCounts(t, did, 3, 2, 2, 3, 4) // the merged row used up no key
	want := []query.Row{storedItem(2, "b", 20, "second"), storedItem(3, "c", 30, ""), storedItem(4, "", 40, "")}
	sameRows(t, "returned", did.Rows, want)
	sameRows(t, "stored", f.all("items"), append([]query.Row{storedItem(1, "a", 1, "first")}, want...))
	commits := f.changes(before)
	if len(commits) != 1 || len(commits[0].Changes) != 3 {
		t.Fatalf("changes: %v", commits)
	}
	wantChange(t, commits[0].Changes[0], "items", query.Update,
		`{"id":2,"code":"b","n":2,"note":"second","shelf":null,"place":null}`, `{"id":2,"code":"b","n":20,"note":"second","shelf":null,"place":null}`)
	if commits[0].Changes[1].Op != query.Insert || commits[0].Changes[2].Op != query.Insert {
		t.Errorf("the new rows are %v", commits[0].Changes[1:])
	}
	// By the key, and with nothing to take over.
	byKey := f.insert("items", storedItem(1, "z", 100, ""))
	byKey.Conflict = &query.Conflict{Target: columns(byKey.Table, "id"), Columns: columns(byKey.Table, "id", "code")}
	sameRows(t, "by key", f.apply(byKey).Writes[0].Rows, []query.Row{storedItem(1, "z", 1, "first")})
	byKey.Conflict = &query.Conflict{Target: columns(byKey.Table, "id")}
	wantCounts(t, f.apply(byKey).Writes[0], 1, 0, 1)
	// The key itself, by another column.
	moved := f.insert("items", storedItem(9, "z", 0, ""))
	moved.Conflict = &query.Conflict{Target: columns(byKey.Table, "code"), Columns: columns(byKey.Table, "id")}
	sameRows(t, "another key", f.apply(moved).Writes[0].Rows, []query.Row{storedItem(9, "z", 1, "first")})
	wantCounts(t, f.apply(f.insert("items", item("y", 0))).Writes[0], 1, 1, 10)
}

func testUpsertSet(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	f.apply(f.insert("items", storedItem(1, "a", 1, "old note")))
	w := f.insert("items", storedItem(1, "new code", 5, "new note"))
	w.Conflict = &query.Conflict{
		Target: columns(w.Table, "id"), Columns: columns(w.Table, "note"),
		Set: []query.Assignment{
			set(w.Table, "shelf", columnOf(w.Table, "note")), // as taken over
			set(w.Table, "place", old(w.Table, "n")),         // as it was
			set(w.Table, "n", &query.Cond{If: &query.Is{Operand: columnOf(w.Table, "place")}, Then: query.NewLiteral(query.Int(7)), Else: query.NewLiteral(query.Int(8))}), // before any of Set
		},
	}
	want := storedItem(1, "a", 7, "new note")
	want[4], want[5] = query.Text("new note"), query.Int(1)
	sameRows(t, "merged", f.apply(w).Writes[0].Rows, []query.Row{want})
}

func testUpsertIgnore(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	f.apply(f.insert("items", storedItem(1, "a", 1, "")))
	did := f.apply(f.ignoring("code", item("a", 9), item("b", 2), item("b", 3), item("c", 4))).Writes[0]
	wantCounts(t, did, 2, 2, 0, 2, 0, 3)
	sameRows(t, "returned", did.Rows, []query.Row{storedItem(2, "b", 2, ""), storedItem(3, "c", 4, "")})
	before := f.position()
	if result := f.apply(f.ignoring("code", item("a", 9))); result.Writes[0].Affected != 0 || result.Cursor != (query.Cursor{}) {
		t.Errorf("all passed over: %+v", result)
	}
	if f.position() != before {
		t.Error("a write that passed over all rows is in the feed")
	}
	wantCounts(t, f.apply(f.insert("items", item("d", 0))).Writes[0], 1, 1, 4)
	// A null is no other null's equal, and two columns count together.
	wantCounts(t, f.apply(f.ignoring("code", item("", 1), item("", 1))).Writes[0], 2, 2, 5, 6)
	placed := func(code string, place query.Value) query.Row {
		row := item(code, 0)
		row[4], row[5] = query.Text("s"), place
		return row
	}
	w := f.insert("items", placed("p", query.Int(1)), placed("q", query.Int(1)), placed("r", query.Int(2)), placed("t", query.Null()), placed("u", query.Null()))
	w.Conflict = &query.Conflict{Target: columns(w.Table, "place", "shelf"), Ignore: true}
	wantCounts(t, f.apply(w).Writes[0], 4, 4, 7, 0, 8, 9, 10)
}

func testUpsertRefused(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	f.apply(f.insert("items", storedItem(1, "a", 1, "mine"), storedItem(2, "b", 2, "theirs")))
	there := f.all("items")
	denied, tooMany := fault.New("42501", "denied"), fault.New("23514", "too many")
	items := f.table("items")
	mine := equal(items, "note", query.Text("mine"))
	for _, test := range []struct {
		name    string
		write   func(*query.Write)
		rows    []query.Row
		code    string
		message string
	}{
		{"the row there is another's", func(w *query.Write) { w.Conflict.Before, w.Conflict.Denied = mine, denied }, []query.Row{item("new", 1), item("a", 1), item("b", 1)}, "42501", "denied"},
		{"unknown denies", func(w *query.Write) {
			w.Conflict.Before, w.Conflict.Denied = equal(items, "shelf", query.Text("s")), denied
		}, []query.Row{item("a", 1)}, "42501", "denied"},
		{"the row itself, as if new", func(w *query.Write) {
			w.Checks = []query.Check{{Cond: equal(items, "n", query.Int(5)), Fault: denied}}
			w.Conflict.Before, w.Conflict.Denied = query.FalseExpr(), tooMany
		}, []query.Row{item("a", 1)}, "42501", "denied"},
		{"the row itself, ignored", func(w *query.Write) {
			w.Checks, w.Conflict.Ignore = []query.Check{{Cond: equal(items, "n", query.Int(5)), Fault: denied}}, true
		}, []query.Row{item("a", 1)}, "42501", "denied"},
		{"the row after", func(w *query.Write) {
			w.Conflict.Checks = []query.Check{{Cond: &query.Compare{Op: query.LessEqual, Left: columnOf(items, "n"), Right: old(items, "n")}, Fault: tooMany}}
		}, []query.Row{item("a", 1), item("b", 3)}, "23514", "too many"},
		{"never null", func(w *query.Write) {
			w.Conflict.Set = []query.Assignment{set(items, "n", &query.Literal{Of: query.Type{Kind: query.KindInt}})}
		}, []query.Row{item("a", 1)}, "23502", `null value in column "n" of relation "items" violates not-null constraint`},
		{"no key", func(w *query.Write) { w.Conflict.Columns = columns(items, "id") }, []query.Row{item("a", 1)}, "23502", `null value in column "id" of relation "items" violates not-null constraint`},
		{"another index, new", func(w *query.Write) { w.Conflict.Target = columns(items, "id") }, []query.Row{item("a", 1)}, "23505", `duplicate key value violates unique constraint "items_code_key"`},
		{"another index, merged", func(w *query.Write) { w.Conflict.Target = columns(items, "id") }, []query.Row{storedItem(1, "b", 1, "")}, "23505", `duplicate key value violates unique constraint "items_code_key"`},
		{"another index, ignored", func(w *query.Write) { w.Conflict.Target, w.Conflict.Ignore = columns(items, "id"), true }, []query.Row{item("a", 1)}, "23505", `duplicate key value violates unique constraint "items_code_key"`},
		{"one new row twice", func(*query.Write) {}, []query.Row{item("x", 1), item("x", 2)}, "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time"},
		{"one row there twice", func(*query.Write) {}, []query.Row{item("a", 1), item("a", 2)}, "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{T: t, store: f.store, view: f.view, schema: f.schema}
			w := f.merging(test.rows...)
			test.write(&w)
			wantFault(t, f.refused(w), test.code, test.message)
			sameRows(t, "after", f.all("items"), there)
		})
	}
	wantCounts(t, f.apply(f.insert("items", item("c", 1))).Writes[0], 1, 1, 3)
	passes := f.merging(item("a", 1), item("d", 1))
	passes.Conflict.Before, passes.Conflict.Denied = mine, denied
	wantCounts(t, f.apply(passes).Writes[0], 2, 1, 1, 4)
}

func testUpsertCounts(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	f.apply(f.insert("items", item("a", 1)))
	skipped := f.ignoring("code", item("a", 2))
	skipped.Single = true
	var single *store.NotSingleError
	if err := f.refused(skipped); !errors.As(err, &single) || single.Affected != 0 {
		t.Errorf("one row, passed over: %v, want a NotSingleError of 0", err)
	}
	skipped.Rows = append(skipped.Rows, item("b", 2))
	wantCounts(t, f.apply(skipped).Writes[0], 1, 1, 0, 2)
	merged := f.merging(item("a", 2), item("c", 2))
	merged.AtMost = new(1)
	var many *store.TooManyError
	if err := f.refused(merged); !errors.As(err, &many) || many.Affected != 2 {
		t.Errorf("two rows where one may be affected: %v, want a TooManyError of 2", err)
	}
	none := f.insert("items", item("d", 1))
	none.AtMost = new(0)
	if err := f.refused(none); !errors.As(err, &many) || many.Affected != 1 {
		t.Errorf("one row where none may be affected: %v, want a TooManyError of 1", err)
	}
	if rows := f.all("items"); len(rows) != 2 {
		t.Errorf("%d rows, want 2", len(rows))
	}
}

func testUpsertTree(t *testing.T, s store.Store) {
	f := open(t, s, library())
	folder := func(id, parent string) query.Row {
		row := query.Row{query.Text(id), query.Null()}
		if parent != "" {
			row[1] = query.Text(parent)
		}
		return row
	}
	f.apply(f.insert("folders", folder("root", "")))
	w := f.insert("folders", folder("leaf", "branch"), folder("root", ""), folder("branch", "root"))
	w.Conflict = &query.Conflict{Target: columns(w.Table, "id"), Ignore: true}
	did := f.apply(w).Writes[0]
	if got := fmt.Sprint(keys(did.Rows), did.Affected, did.Keys[1].IsNull()); got != "[leaf branch] 2 true" {
		t.Errorf("passed over: %s", got)
	}
	w.Conflict = &query.Conflict{Target: columns(w.Table, "id"), Columns: columns(w.Table, "parent")}
	w.Rows = []query.Row{folder("leaf", "twig"), folder("twig", "root"), folder("branch", "leaf")}
	did = f.apply(w).Writes[0]
	if got := fmt.Sprint(keys(did.Rows), did.Affected, did.Inserted); got != "[leaf twig branch] 3 1" {
		t.Errorf("merged: %s", got)
	}
	sameRows(t, "folders", f.all("folders"), []query.Row{folder("branch", "leaf"), folder("leaf", "twig"), folder("root", ""), folder("twig", "root")})
}
