package plan_test

import (
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// past carries out schemas one after the other, as a history has them.
func past(removed []string, stages ...plan.Schema) []plan.Record {
	var records []plan.Record
	before := plan.Schema{}
	for i, to := range stages {
		p := plan.Diff(before, to, removed)
		if len(p.Refused()) > 0 {
			panic(p.Refused()[0].Reason)
		}
		records = append(records, plan.Record{ID: int64(i + 1), Steps: plan.RecordSteps(p.Steps), Before: before, After: recorded(to)})
		before = recorded(to)
	}
	return records
}

// recorded is a schema as it is read again: without former names.
func recorded(s plan.Schema) plan.Schema {
	var out plan.Schema
	for _, t := range s.Tables {
		t.Was, t.Columns, t.Indexes = "", slices.Clone(t.Columns), slices.Clone(t.Indexes)
		for i := range t.Columns {
			t.Columns[i].Was = ""
		}
		for i := range t.Indexes {
			t.Indexes[i].Cond = nil
		}
		out.Tables = append(out.Tables, t)
	}
	return out
}

func asWas(t plan.Table, name string) plan.Table { t.Was = name; return t }

// TestEarlier: the way back is the way there in reverse, names of now and then
// put together over any number of migrations.
func TestEarlier(t *testing.T) {
	index := func(t plan.Table, x ...plan.Index) plan.Table { t.Indexes = x; return t }
	open := plan.Index{Name: "open", Columns: []string{"x"}, Unique: true, Where: "x is null"}
	for _, test := range []struct {
		name   string
		past   []plan.Record
		to     int64
		tables []string // that go
		gone   [][2]string
		want   []string
	}{
		{
			name: "names over two migrations",
			past: past(nil, schema(table("a", text("x"))),
				schema(asWas(table("b", was(text("y"), "x")), "a")),
				schema(asWas(table("c", was(text("z"), "y")), "b"))),
			to: 1, want: []string{"rename-table safe a", "rename-column safe a.x"},
		},
		{
			name: "what came since goes, under the names of now",
			past: past(nil, schema(table("a", text("x"))),
				schema(table("a", text("x"), text("new")), table("more")),
				schema(asWas(table("b", text("x"), was(text("newer"), "new")), "a"), table("more"))),
			to: 1, tables: []string{"more"}, gone: [][2]string{{"b", "newer"}},
			want: []string{"drop-column loses-data b.newer", "drop-table loses-data more", "rename-table safe a"},
		},
		{
			name: "what went comes back, empty",
			past: past([]string{"gone", "a.x"}, schema(table("a", text("x")), table("gone")), schema(table("a"))),
			to:   1, want: []string{"create-table safe gone", "add-column safe a.x"},
		},
		{
			name: "a conversion", past: past(nil, schema(table("a", text("x"))), schema(table("a", plan.Column{Name: "x", Type: "int", Required: true}))),
			to: 1, want: []string{"convert-column breaks-clients a.x", "allow-null safe a.x"},
		},
		{
			name: "before the first", past: past(nil, schema(table("a")), schema(table("a"), table("b"))),
			to: 0, tables: []string{"a", "b"}, want: []string{"drop-table loses-data a", "drop-table loses-data b"},
		},
		{
			name: "an index with a condition stays where its table does",
			past: past(nil, schema(index(table("a", text("x")), open)), schema(index(table("a", text("x")), open), table("b"))),
			to:   1, tables: []string{"b"}, want: []string{"drop-table loses-data b"},
		},
		{
			name: "and is left to the next start where it does not",
			past: past(nil, schema(index(table("a", text("x")), open)), schema(index(table("a", text("x"), text("y")), open))),
			to:   1, gone: [][2]string{{"a", "y"}}, want: []string{"drop-index safe a.open", "drop-column loses-data a.y"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := test.past[len(test.past)-1].After
			then, ok := plan.Earlier(test.past, test.to)
			if !ok {
				t.Fatal("not found")
			}
			tables, columns := plan.Gone(now, then)
			if !slices.Equal(tables, test.tables) || !slices.Equal(columns, test.gone) {
				t.Errorf("gone are %v, %v", tables, columns)
			}
			removed := tables
			for _, c := range columns {
				next := c[0]
				for _, to := range then.Tables {
					if to.Was == next {
						next = to.Name
					}
				}
				removed = append(removed, next+"."+c[1])
			}
			var got []string
			for _, s := range plan.Diff(now, then, removed).Steps {
				name := s.Table
				if s.Name != "" {
					name += "." + s.Name
				}
				got = append(got, string(s.Kind)+" "+string(s.Grade)+" "+name)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("steps are %q, want %q", got, test.want)
			}
		})
	}
	if _, ok := plan.Earlier(past(nil, schema(table("a"))), 7); ok {
		t.Error("a migration that never was is found")
	}
	if _, ok := plan.Earlier(nil, 0); ok {
		t.Error("an empty history leads back")
	}
}
