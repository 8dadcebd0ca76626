package storetest

import (
	"errors"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// slots has unique indexes whose names and columns are in another order than
// they.
func slots() *query.Schema {
	t := query.NewTable("slots", []*query.Column{
		required("id", query.KindText), column("a", query.KindInt), column("b", query.KindInt), column("c", query.KindInt), column("d", query.KindBool),
	}, nil)
	t.Indexes = []*query.Index{
		{Name: "zeta", Columns: columns(t, "c"), Unique: true},
		{Name: "alpha", Columns: columns(t, "b", "a"), Unique: true},
		{Name: "middle", Columns: columns(t, "b"), Unique: true, Where: equal(t, "d", query.Bool(true))},
	}
	ties := query.NewTable("ties", []*query.Column{required("id", query.KindInt), ref("from", "slots", query.KindText, query.Cascade), ref("to", "slots", query.KindText, query.Cascade)}, nil)
	ties.Columns[1].Required, ties.Columns[2].Required = true, true
	ties.Edge = &query.Edge{From: ties.Columns[1], To: ties.Columns[2]}
	ties.Indexes = []*query.Index{{Name: "pair", Columns: columns(ties, "from", "to"), Unique: true}}
	return query.NewSchema([]*query.Table{t, ties})
}

func tie(key int64, from, to string) query.Row {
	return query.Row{query.Int(key), query.Text(from), query.Text(to)}
}

// slot has no value where a number is 0.
func slot(key string, a, b, c int64, d bool) query.Row {
	row := query.Row{query.Text(key), query.Int(a), query.Int(b), query.Int(c), query.Bool(d)}
	for i := 1; i < 4; i++ {
		if row[i].N == 0 {
			row[i] = query.Null()
		}
	}
	return row
}

// testUniqueNamed breaks several unique constraints at once: the key is named
// first, then the indexes in their order.
func testUniqueNamed(t *testing.T, s store.Store) {
	f := open(t, s, slots())
	table := f.table("slots")
	f.apply(f.insert("slots", slot("p", 1, 1, 1, true), slot("q", 2, 2, 2, true), slot("r", 3, 3, 3, false)))
	const key, c, ba, b = "slots_pkey", "slots_c_key", "slots_b_a_key", "slots_b_key"
	upsert := func(target string, rows ...query.Row) query.Write {
		w := f.insert("slots", rows...)
		w.Conflict = &query.Conflict{Target: columns(table, target), Columns: columns(table, "a", "b", "c", "d")}
		return w
	}
	assign := func(where query.Expr, values map[string]query.Value) query.Write {
		w := query.Write{Op: query.Update, Table: table, Where: where}
		for _, column := range table.Columns {
			if v, ok := values[column.Name]; ok {
				w.Set = append(w.Set, set(table, column.Name, &query.Literal{Value: v, Of: column.Type}))
			}
		}
		return w
	}
	is := func(key string) query.Expr { return equal(table, "id", query.Text(key)) }
	deleteP := query.Write{Op: query.Delete, Table: table, Where: is("p")}
	all := map[string]query.Value{"a": query.Int(1), "b": query.Int(1), "c": query.Int(1), "d": query.Bool(true)}
	for _, test := range []struct {
		name string
		// write and row are those that the error is of, -1 where it does not say.
		write, row int
		want       string
		writes     []query.Write
	}{
		{"key and all indexes", -1, -1, key, []query.Write{f.insert("slots", slot("p", 1, 1, 1, true))}},
		{"key and the last", -1, -1, key, []query.Write{f.insert("slots", slot("q", 0, 1, 0, true))}},
		{"all indexes", -1, -1, c, []query.Write{f.insert("slots", slot("x", 1, 1, 1, true))}},
		{"the last two", -1, -1, ba, []query.Write{f.insert("slots", slot("x", 1, 1, 9, true))}},
		{"two of other rows", -1, -1, c, []query.Write{f.insert("slots", slot("x", 1, 1, 2, false))}},
		{"the last, beside nulls", -1, -1, b, []query.Write{f.insert("slots", slot("x", 0, 1, 0, true))}},
		{"among the rows of one write", -1, 1, c, []query.Write{f.insert("slots", slot("x", 7, 7, 7, true), slot("y", 7, 7, 7, true))}},
		{"key among the rows of one write", -1, 2, key, []query.Write{f.insert("slots", slot("w", 8, 8, 8, true), slot("x", 7, 7, 7, true), slot("x", 7, 7, 7, true))}},
		{"by an earlier write", 1, -1, c, []query.Write{f.insert("slots", slot("x", 7, 7, 7, true)), f.insert("slots", slot("y", 7, 7, 7, true))}},
		{"not what an earlier write freed", 1, 1, ba, []query.Write{deleteP, f.insert("slots", slot("p", 1, 1, 1, true), slot("x", 2, 2, 9, true))}},
		{"where a row was taken out", 1, -1, c, []query.Write{deleteP, f.insert("slots", slot("p", 2, 2, 2, true))}},
		{"key of an upsert by an index", -1, -1, key, []query.Write{upsert("c", slot("p", 1, 1, 9, true))}},
		{"an upsert that inserts", -1, -1, c, []query.Write{upsert("id", slot("x", 1, 1, 1, true))}},
		{"an upsert that merges", -1, -1, c, []query.Write{upsert("id", slot("q", 1, 1, 1, true))}},
		{"the second of an upsert", -1, 1, ba, []query.Write{upsert("id", slot("x", 5, 5, 5, true), slot("q", 1, 1, 2, true))}},
		{"an update", -1, -1, c, []query.Write{assign(is("q"), all)}},
		{"an update of what is the same and more", -1, -1, ba, []query.Write{assign(is("q"), map[string]query.Value{"a": query.Int(1), "b": query.Int(1), "c": query.Int(2)})}},
		{"an update of several rows", -1, -1, c, []query.Write{assign(nil, all)}},
		{"an update that lets a condition hold", -1, -1, b, []query.Write{f.insert("slots", slot("x", 9, 2, 9, false)), assign(is("x"), map[string]query.Value{"d": query.Bool(true)})}},
		{"an update of the key", -1, -1, key, []query.Write{assign(is("q"), map[string]query.Value{"id": query.Text("p"), "c": query.Int(1)})}},
		{"an update of the key to a free one", -1, -1, c, []query.Write{assign(is("q"), map[string]query.Value{"id": query.Text("x"), "c": query.Int(1), "a": query.Int(1), "b": query.Int(1)})}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := f.refused(test.writes...)
			wantFault(t, err, "23505", `duplicate key value violates unique constraint "`+test.want+`"`)
			var row *store.RowError
			if errors.As(err, &row) != (test.row >= 0) || row != nil && row.Row != test.row {
				t.Errorf("%v, want row %d", err, test.row)
			}
			var write *store.WriteError
			if len(test.writes) > 1 && (!errors.As(err, &write) || test.write >= 0 && write.Write != test.write) {
				t.Errorf("%v, want write %d", err, test.write)
			}
		})
	}
	f.apply(f.insert("ties", tie(1, "p", "q"), tie(2, "p", "r"), tie(3, "q", "r")))
	ties := f.table("ties")
	for name, test := range map[string]struct {
		want  string
		write query.Write
	}{
		"an edge's key, elsewhere":  {"ties_pkey", f.insert("ties", tie(1, "r", "r"))},
		"an edge's key and ends":    {"ties_pkey", f.insert("ties", tie(1, "p", "r"))},
		"an edge's ends":            {"ties_from_to_key", f.insert("ties", tie(9, "p", "r"))},
		"an edge that moves":        {"ties_from_to_key", query.Write{Op: query.Update, Table: ties, Where: equal(ties, "id", query.Int(1)), Set: []query.Assignment{set(ties, "to", &query.Literal{Value: query.Text("r"), Of: ties.Columns[2].Type})}}},
		"edges that move, together": {"ties_from_to_key", query.Write{Op: query.Update, Table: ties, Set: []query.Assignment{set(ties, "from", &query.Literal{Value: query.Text("r"), Of: ties.Columns[1].Type})}}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, f.refused(test.write), "23505", `duplicate key value violates unique constraint "`+test.want+`"`)
		})
	}
	sameRows(t, "ties", f.all("ties"), []query.Row{tie(1, "p", "q"), tie(2, "p", "r"), tie(3, "q", "r")})
	sameRows(t, "slots", f.all("slots"), []query.Row{slot("p", 1, 1, 1, true), slot("q", 2, 2, 2, true), slot("r", 3, 3, 3, false)})
	// What only seems to break them: nulls, rows beside the condition, the row itself.
	f.apply(f.insert("slots", slot("s", 0, 1, 0, false), slot("t", 0, 1, 0, false)), assign(is("p"), all), upsert("c", slot("p", 1, 1, 1, true)))
}
