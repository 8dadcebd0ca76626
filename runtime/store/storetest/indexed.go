package storetest

import (
	"slices"
	"strconv"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// indexedTables have the same columns, each table an index of another kind.
func indexedTables() *query.Schema {
	parents := query.NewTable("parents", []*query.Column{required("id", query.KindInt)}, nil)
	tables := []*query.Table{parents}
	for name, index := range map[string]func(t *query.Table) *query.Index{
		"one":       func(t *query.Table) *query.Index { return &query.Index{Columns: columns(t, "a"), Unique: true} },
		"pair":      func(t *query.Table) *query.Index { return &query.Index{Columns: columns(t, "a", "b"), Unique: true} },
		"full":      func(t *query.Table) *query.Index { return &query.Index{Columns: columns(t, "c", "id"), Unique: true} },
		"pairPlain": func(t *query.Table) *query.Index { return &query.Index{Columns: columns(t, "a", "b")} },
		"partial": func(t *query.Table) *query.Index {
			return &query.Index{Columns: columns(t, "a"), Unique: true, Where: equal(t, "on", query.Bool(true))}
		},
		"partialPlain": func(t *query.Table) *query.Index {
			return &query.Index{Columns: columns(t, "a", "b"), Where: equal(t, "on", query.Bool(true))}
		},
	} {
		t := query.NewTable(name, []*query.Column{
			required("id", query.KindInt), ref("a", "parents", query.KindInt, query.Cascade), column("b", query.KindInt), required("c", query.KindInt), column("on", query.KindBool),
		}, nil)
		t.Indexes = []*query.Index{index(t)}
		t.Indexes[0].Name = "tried"
		tables = append(tables, t)
	}
	return query.NewSchema(tables)
}

// testIndexed compares columns that indexes begin with, and sorts by them: an
// index that lacks rows, or reads too many, shows in none of it.
func testIndexed(t *testing.T, s store.Store) {
	f := open(t, s, indexedTables())
	for i := range int64(6) {
		f.apply(f.insert("parents", query.Row{query.Int(i + 1)}))
	}
	for _, table := range f.schema.Tables[1:] {
		t.Run(table.Name, func(t *testing.T) {
			rows := indexedRows(table.Name)
			f.apply(f.insert(table.Name, rows...))
			key := []query.Output{{Name: "id", Expr: table.Ref(table.Key())}}
			for _, where := range indexedConditions(table) {
				var want []string
				for _, row := range rows {
					if query.Holds(where, row, nil) == query.True {
						want = append(want, strconv.FormatInt(row[0].N, 10))
					}
				}
				if got := keys(f.rows(query.Select{Table: table, Columns: key, Where: where, Limit: -1})); !slices.Equal(got, want) {
					t.Errorf("%s: got %v, want %v", query.String(where), got, want)
				}
			}
			for _, name := range []string{"a", "b", "c"} {
				for _, descending := range []bool{false, true} {
					order := []query.Order{{Expr: columnOf(table, name), Descending: descending}}
					if got := f.rows(query.Select{Table: table, Columns: key, Order: order, Limit: -1}); len(got) != len(rows) {
						t.Errorf("by %s: %d rows, want %d", name, len(got), len(rows))
					}
				}
			}
			f.apply(query.Write{Op: query.Delete, Table: f.table("parents"), Where: equal(f.table("parents"), "id", query.Int(3))})
			if left := f.rows(query.Select{Table: table, Columns: key, Where: &query.Is{Operand: equal(table, "a", query.Int(3)), What: query.IsTrue}, Limit: -1}); len(left) > 0 {
				t.Errorf("rows of a row that is gone: %v", left)
			}
			f.apply(f.insert("parents", query.Row{query.Int(3)}))
		})
	}
}

// indexedRows have each pair of a and b, null among them, as far as the table's
// index lets them.
func indexedRows(table string) []query.Row {
	orNull := func(n int64) query.Value {
		if n == 0 {
			return query.Null()
		}
		return query.Int(n)
	}
	var rows []query.Row
	for a := range int64(6) {
		for b := range int64(4) {
			key := int64(len(rows) + 1)
			on := query.Bool(b == 1)
			if b == 2 {
				on = query.Null()
			}
			if table == "one" && a > 0 && b > 0 {
				continue
			}
			rows = append(rows, query.Row{query.Int(key), orNull(a), orNull(b), query.Int(a), on})
		}
	}
	return rows
}

// indexedConditions are comparisons of each column, alone and two together.
func indexedConditions(t *query.Table) []query.Expr {
	var single, list []query.Expr
	for _, name := range []string{"a", "b", "c"} {
		for op := query.Equal; op <= query.GreaterEqual; op++ {
			for _, n := range []int64{2, 3} {
				single = append(single, &query.Compare{Op: op, Left: columnOf(t, name), Right: &query.Literal{Value: query.Int(n), Of: t.Column(name).Type}})
			}
		}
		single = append(single, &query.Is{Operand: columnOf(t, name), What: query.IsNull})
	}
	for i, x := range single {
		list = append(list, x, &query.Not{Term: x})
		for _, y := range single[i+1:] {
			list = append(list, &query.And{Terms: []query.Expr{x, y}})
		}
		list = append(list, &query.Or{Terms: []query.Expr{x, single[(i*7+3)%len(single)]}})
	}
	return list
}
