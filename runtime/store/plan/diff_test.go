package plan_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

func key() plan.Column { return plan.Column{Name: "id", Type: "uuid", Required: true} }

func text(name string) plan.Column { return plan.Column{Name: name, Type: "text"} }

func was(c plan.Column, name string) plan.Column { c.Was = name; return c }

func refTo(name, table, onDelete string) plan.Column {
	return plan.Column{Name: name, Type: "uuid", Ref: table, OnDelete: onDelete}
}

func table(name string, columns ...plan.Column) plan.Table {
	return plan.Table{Name: name, Columns: append([]plan.Column{key()}, columns...)}
}

func schema(tables ...plan.Table) plan.Schema { return plan.Schema{Tables: tables} }

func TestDiff(t *testing.T) {
	index := func(t plan.Table, x ...plan.Index) plan.Table { t.Indexes = x; return t }
	for _, test := range []struct {
		name     string
		from, to plan.Schema
		removed  []string
		want     []string // kind grade table.name
	}{
		{name: "nothing", from: schema(table("a")), to: schema(table("a"))},
		{name: "other order", from: schema(table("a", text("x"), text("y")), table("b")), to: schema(table("b"), table("a", text("y"), text("x")))},
		{
			name: "tables come after those they point at",
			to:   schema(table("books", refTo("author", "authors", "cascade")), table("authors"), table("shops")),
			want: []string{"create-table safe authors", "create-table safe shops", "create-table safe books"},
		},
		{
			name: "tables go before those they point at",
			from: schema(table("authors"), table("books", refTo("author", "authors", "cascade"))), removed: []string{"authors", "books"},
			want: []string{"drop-table loses-data books", "drop-table loses-data authors"},
		},
		{
			name: "a table in a circle", to: schema(table("a", refTo("b", "b", "cascade")), table("b", refTo("a", "a", "cascade"))),
			want: []string{"create-table safe b", "create-table safe a"}, // b points at a, where the circle is cut
		},
		{name: "gone table", from: schema(table("a")), want: []string{"refuse refused a"}},
		{name: "removed that is gone already", from: schema(table("a")), to: schema(table("a")), removed: []string{"b", "a.x"}},
		{
			name: "columns", from: schema(table("a", text("x"), text("y"))), to: schema(table("a", text("x"), text("z"))), removed: []string{"a.y"},
			want: []string{"drop-column loses-data a.y", "add-column safe a.z"},
		},
		{name: "gone column", from: schema(table("a", text("x"))), to: schema(table("a")), want: []string{"refuse refused a.x"}},
		{
			name: "renames", from: schema(table("old", text("x"))), to: schema(plan.Table{Name: "new", Was: "old", Columns: []plan.Column{key(), was(text("y"), "x")}}),
			want: []string{"rename-table safe new", "rename-column safe new.y"},
		},
		{
			name: "refs follow a rename", from: schema(table("old"), table("b", refTo("r", "old", "restrict"))),
			to:   schema(plan.Table{Name: "new", Was: "old", Columns: []plan.Column{key()}}, table("b", refTo("r", "new", "restrict"))),
			want: []string{"rename-table safe new"},
		},
		{
			name: "renamed already", from: schema(table("new", text("y"))),
			to: schema(plan.Table{Name: "new", Was: "old", Columns: []plan.Column{key(), was(text("y"), "x")}}),
		},
		{
			name: "old and new both there", from: schema(table("old"), table("new")),
			to:   schema(plan.Table{Name: "new", Was: "old", Columns: []plan.Column{key()}}),
			want: []string{"refuse refused new", "refuse refused old"},
		},
		{
			name: "old and new column both there", from: schema(table("a", text("x"), text("y"))), to: schema(table("a", was(text("y"), "x"))),
			want: []string{"refuse refused a.y", "refuse refused a.x"},
		},
		{
			name: "was of a table that stays", from: schema(table("a")), to: schema(table("a"), plan.Table{Name: "b", Was: "a", Columns: []plan.Column{key()}}),
			want: []string{"refuse refused b"},
		},
		{
			name: "two say was", from: schema(table("a")),
			to:   schema(plan.Table{Name: "b", Was: "a", Columns: []plan.Column{key()}}, plan.Table{Name: "c", Was: "a", Columns: []plan.Column{key()}}),
			want: []string{"refuse refused c", "rename-table safe b"},
		},
		{name: "letter case", from: schema(table("Books")), to: schema(table("books")), want: []string{"refuse refused books", "refuse refused Books"}},
		{
			name: "column in letter case", from: schema(table("a", text("X"))), to: schema(table("a", text("x"))),
			want: []string{"refuse refused a.X", "refuse refused a.x"},
		},
		{
			name: "type", from: schema(table("a", text("x"))), to: schema(table("a", plan.Column{Name: "x", Type: "int"})),
			want: []string{"convert-column breaks-clients a.x"},
		},
		{
			name: "scale", from: schema(table("a", plan.Column{Name: "x", Type: "decimal", Scale: 2})),
			to: schema(table("a", plan.Column{Name: "x", Type: "decimal", Scale: 3})), want: []string{"convert-column safe a.x"},
		},
		{
			name: "smaller scale", from: schema(table("a", plan.Column{Name: "x", Type: "decimal", Scale: 3})),
			to: schema(table("a", plan.Column{Name: "x", Type: "decimal", Scale: 2})), want: []string{"convert-column breaks-clients a.x"},
		},
		{
			name: "items", from: schema(table("a", plan.Column{Name: "x", Type: "list", Of: "text"})),
			to: schema(table("a", plan.Column{Name: "x", Type: "list", Of: "int"})), want: []string{"convert-column breaks-clients a.x"},
		},
		{
			name: "required", from: schema(table("a", text("x"))), to: schema(table("a", plan.Column{Name: "x", Type: "text", Required: true})),
			want: []string{"require-column breaks-clients a.x"},
		},
		{
			name: "no longer required", from: schema(table("a", plan.Column{Name: "x", Type: "text", Required: true})), to: schema(table("a", text("x"))),
			want: []string{"allow-null safe a.x"},
		},
		{
			name: "everything at once, renamed", from: schema(table("b"), plan.Table{Name: "old", Columns: []plan.Column{key(), text("x"), text("y"), refTo("r", "b", "cascade")}, Indexes: []plan.Index{{Name: "i", Columns: []string{"x"}}}}),
			to:      schema(table("b"), plan.Table{Name: "a", Was: "old", Columns: []plan.Column{key(), was(plan.Column{Name: "z", Type: "int", Required: true}, "x"), refTo("r", "b", "setNull"), text("n")}, Indexes: []plan.Index{{Name: "i", Columns: []string{"z"}}}}),
			removed: []string{"a.y"},
			want: []string{
				"drop-column loses-data old.y", "rename-table safe a", "rename-column safe a.z", "add-column safe a.n",
				"convert-column breaks-clients a.z", "change-ref safe a.r", "require-column breaks-clients a.z",
			},
		},
		{
			name: "onDelete", from: schema(table("a"), table("b", refTo("r", "a", "cascade"))), to: schema(table("a"), table("b", refTo("r", "a", "restrict"))),
			want: []string{"change-ref breaks-clients b.r"},
		},
		{
			name: "other target", from: schema(table("a"), table("c"), table("b", refTo("r", "a", "cascade"))),
			to: schema(table("a"), table("c"), table("b", refTo("r", "c", "cascade"))), want: []string{"change-ref breaks-clients b.r"},
		},
		{
			name: "a ref no more", from: schema(table("a"), table("b", refTo("r", "a", "cascade"))),
			to: schema(table("a"), table("b", refTo("r", "", ""))), want: []string{"change-ref safe b.r"},
		},
		{
			name: "key", from: schema(table("a")), to: schema(plan.Table{Name: "a", Columns: []plan.Column{{Name: "id", Type: "int", Required: true}}}),
			want: []string{"convert-column breaks-clients a.id"},
		},
		{
			name: "indexes",
			from: schema(index(table("a", text("x"), text("y")),
				plan.Index{Name: "same", Columns: []string{"x"}}, plan.Index{Name: "gone", Columns: []string{"x"}},
				plan.Index{Name: "now unique", Columns: []string{"x"}}, plan.Index{Name: "other where", Columns: []string{"x"}, Where: "1"})),
			to: schema(index(table("a", was(text("z"), "x"), text("y")),
				plan.Index{Name: "same", Columns: []string{"z"}}, plan.Index{Name: "new", Columns: []string{"y"}},
				plan.Index{Name: "now unique", Columns: []string{"z"}, Unique: true}, plan.Index{Name: "other where", Columns: []string{"z"}, Where: "2"})),
			want: []string{
				"drop-index safe a.gone", "drop-index safe a.now unique", "drop-index safe a.other where", "rename-column safe a.z",
				"create-index safe a.new", "create-index safe a.now unique", "create-index safe a.other where",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := plan.Diff(test.from, test.to, test.removed)
			var got []string
			for _, s := range p.Steps {
				name := s.Table
				if s.Name != "" {
					name += "." + s.Name
				}
				got = append(got, strings.Join([]string{string(s.Kind), string(s.Grade), name}, " "))
				if s.Reason == "" {
					t.Errorf("step %v has no reason", s)
				}
				if s.Grade == plan.Refused && (s.Hint == "" || !strings.Contains(s.Reason, s.Table)) {
					t.Errorf("refused step does not help: %q, %q", s.Reason, s.Hint)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("steps are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if p.Empty() != (len(test.want) == 0) {
				t.Errorf("empty is %t", p.Empty())
			}
			for range 5 {
				if again := plan.Diff(test.from, test.to, test.removed); len(again.Steps) != len(p.Steps) {
					t.Fatal("a second plan is another")
				}
			}
		})
	}
}

// TestRefusalsSayWhy holds what a person reads of the refusals against the
// mistake behind each.
func TestRefusalsSayWhy(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to plan.Schema
		removed  []string
		want     []string // reason -> hint
	}{
		{
			name: "two columns were one", from: schema(table("a", text("x"))), to: schema(table("a", was(text("y"), "x"), was(text("z"), "x"))),
			want: []string{"columns y and z of table a both say that they were x -> keep was in one of them"},
		},
		{
			name: "both columns are there", from: schema(table("a", text("x"), text("y"))), to: schema(table("a", was(text("y"), "x"))),
			want: []string{
				"columns x and y of table a are both in the database, so x cannot be renamed -> remove was; to drop x, name a.x in removed as well",
				`column a.x is in the database but no longer in the manifest -> put it back, rename it with was, or write removed: ["a.x"] to drop its values`,
			},
		},
		{
			name: "what that hint says", from: schema(table("a", text("x"), text("y"))), to: schema(table("a", text("y"))), removed: []string{"a.x"},
		},
		{
			name: "letter case of a table", from: schema(table("Books")), to: schema(table("books")),
			want: []string{
				`table books is in the database as Books -> write was: "Books" to rename it`,
				`table Books is in the database but no longer in the manifest -> put it back, rename it with was, or write removed: ["Books"] to drop its rows`,
			},
		},
		{name: "letter case of a table that goes", from: schema(table("Books")), to: schema(table("books")), removed: []string{"Books"}},
		{name: "other tables are not asked", from: schema(table("books"), table("x")), to: schema(table("books"), table("y"), table("x"))},
		{
			name: "letter case of a column", from: schema(table("a", text("Title"))), to: schema(table("a", text("title"))),
			want: []string{
				`column a.Title is in the database but no longer in the manifest -> put it back, rename it with was, or write removed: ["a.Title"] to drop its values`,
				`column a.title is in the database as Title -> write was: "Title" to rename it`,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, step := range plan.Diff(test.from, test.to, test.removed).Refused() {
				got = append(got, step.Reason+" -> "+step.Hint)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("refused\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestDiffOfManyRefs ends at once: there are more ways through these tables
// than could ever be walked.
func TestDiffOfManyRefs(t *testing.T) {
	const many = 40
	var to plan.Schema
	for i := range many {
		made := table(fmt.Sprint("t", i))
		for j := range many {
			made.Columns = append(made.Columns, refTo(fmt.Sprint("c", j), fmt.Sprint("t", j), "restrict"))
		}
		to.Tables = append(to.Tables, made)
	}
	if p := plan.Diff(plan.Schema{}, to, nil); len(p.Steps) != many {
		t.Errorf("%d steps", len(p.Steps))
	}
}

// TestWhereOfIndexes: a condition that nobody parsed is not lost, or a unique
// index would cover every row.
func TestWhereOfIndexes(t *testing.T) {
	m := &manifest.Manifest{Tables: []manifest.Table{{
		Name: "notes", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{{Name: "open", Type: "bool"}},
		Indexes: []manifest.Index{
			{Name: "parsed", Columns: []string{"open"}, Unique: true, Where: "open"},
			{Name: "left", Columns: []string{"open"}, Unique: true, Where: "open == true"},
			{Name: "all", Columns: []string{"open"}},
		},
	}}}
	s, err := query.Declare(m)
	if err != nil {
		t.Fatal(err)
	}
	notes := s.Table("notes")
	notes.Indexes[0].Where = notes.Ref(notes.Column("open"))
	want := []plan.Index{
		{Name: "parsed", Columns: []string{"open"}, Unique: true, Where: "open", Cond: notes.Indexes[0].Where},
		{Name: "left", Columns: []string{"open"}, Unique: true, Where: "open == true"},
		{Name: "all", Columns: []string{"open"}},
	}
	if got := plan.FromManifest(m, s).Tables[0].Indexes; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestFromManifest(t *testing.T) {
	m := &manifest.Manifest{Tables: []manifest.Table{
		{Name: "users", Key: manifest.Key{Type: "uuid"}},
		{Name: "profiles", Key: manifest.Key{Type: "ref", Table: "users", OnDelete: "cascade"}},
		{
			Name: "notes", Was: "memos", Key: manifest.Key{Type: "int"},
			Columns: []manifest.Column{
				{Name: "owner", Type: "ref", Table: "profiles", OnDelete: "setNull"},
				{Name: "price", Was: "cost", Type: "decimal", Scale: 2, Default: &manifest.Default{JSON: "1.50"}},
				{Name: "at", Type: "timestamp", Default: &manifest.Default{CEL: "now()"}},
				{Name: "tags", Type: "list", Of: "text"},
			},
			Indexes: []manifest.Index{{Name: "byOwner", Columns: []string{"owner", "at"}, Unique: true}},
		},
	}}
	s, err := query.Declare(m)
	if err != nil {
		t.Fatal(err)
	}
	got := plan.FromManifest(m, s)
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"tables":[` +
		`{"name":"users","columns":[{"name":"id","type":"uuid","required":true}]},` +
		`{"name":"profiles","columns":[{"name":"id","type":"uuid","ref":"users","onDelete":"cascade","required":true}]},` +
		`{"name":"notes","columns":[{"name":"id","type":"int","required":true},` +
		`{"name":"owner","type":"uuid","ref":"profiles","onDelete":"setNull"},` +
		`{"name":"price","type":"decimal","scale":2,"required":true},{"name":"at","type":"timestamp","required":true},` +
		`{"name":"tags","type":"list","of":"text"}],"indexes":[{"name":"byOwner","columns":["owner","at"],"unique":true}]}]}`
	if string(text) != want {
		t.Errorf("schema is\n%s\nwant\n%s", text, want)
	}
	notes := got.Table("notes")
	if notes.Was != "memos" || notes.Column("price").Was != "cost" || notes.Column("price").Fill != "1.50" || notes.Column("at").Fill != "" {
		t.Errorf("was or fill is lost: %+v", notes)
	}
}
