package sqlite_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// plannedSchema is writers with works, and labels that stickers put on works.
func plannedSchema() *query.Schema {
	column := func(name string, kind query.Kind, to string) *query.Column {
		c := &query.Column{Name: name, Type: query.Type{Kind: kind}, Required: name == "id"}
		if to != "" {
			c.Ref = &query.Ref{Table: to}
		}
		return c
	}
	works := query.NewTable("works", []*query.Column{
		column("id", query.KindInt, ""), column("title", query.KindText, ""), column("writer", query.KindText, "writers"), column("pages", query.KindInt, ""),
	}, nil)
	works.Indexes = []*query.Index{{Name: "byTitle", Columns: []*query.Column{works.Column("title")}}}
	stickers := query.NewTable("stickers", []*query.Column{
		column("id", query.KindInt, ""), column("work", query.KindInt, "works"), column("label", query.KindText, "labels"),
	}, nil)
	stickers.Edge = &query.Edge{From: stickers.Column("work"), To: stickers.Column("label")}
	return query.NewSchema([]*query.Table{
		query.NewTable("writers", []*query.Column{column("id", query.KindText, ""), column("name", query.KindText, ""), column("mentor", query.KindText, "writers")}, nil),
		works,
		query.NewTable("labels", []*query.Column{column("id", query.KindText, ""), column("text", query.KindText, "")}, nil),
		stickers,
	})
}

// along is the relation of a table by the name of its constraint.
func along(t testing.TB, schema *query.Schema, table, constraint string) *query.Relation {
	t.Helper()
	relations := schema.Relations(schema.Table(table))
	for i := range relations {
		if relations[i].Constraint == constraint {
			return &relations[i]
		}
	}
	t.Fatalf("no relation %s of %s", constraint, table)
	return nil
}

// embedOf shows all columns of the related rows.
func embedOf(r *query.Relation) *query.Embed {
	e := &query.Embed{
		Rows: query.Select{Table: r.To, Limit: -1}, On: r.From.Ref(r.Near), Child: r.Far, Many: r.Many,
	}
	for _, c := range r.To.Columns {
		e.Rows.Columns = append(e.Rows.Columns, query.Output{Name: c.Name, Expr: r.To.Ref(c)})
	}
	if r.Via != nil {
		e.Via = &query.Via{Table: r.Via, Near: r.ViaNear, Far: r.ViaFar}
	}
	return e
}

// writersName looks from a work to the name of its writer.
func writersName(schema *query.Schema) *query.Lookup {
	works, writers := schema.Table("works"), schema.Table("writers")
	return &query.Lookup{
		Table: writers, Value: writers.Ref(writers.Column("name")),
		Where: &query.Compare{Left: writers.Ref(writers.Key()), Right: &query.ColumnRef{Table: works, Column: works.Column("writer"), Up: 1}},
	}
}

func TestPlans(t *testing.T) {
	schema := plannedSchema()
	works, writers := schema.Table("works"), schema.Table("writers")
	planner, err := sqlite.NewPlanner(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := planner.Close(); err != nil {
			t.Error(err)
		}
	})
	title := works.Ref(works.Column("title"))
	name := query.NewLiteral(query.Text("x"))
	for _, test := range []struct {
		name string
		sel  query.Select
		want string
	}{
		{"by key", query.Select{Table: works, Where: &query.Compare{Left: works.Ref(works.Key()), Right: query.NewLiteral(query.Int(1))}}, "search works id"},
		{"by text key", query.Select{Table: writers, Where: &query.Compare{Left: writers.Ref(writers.Key()), Right: name}}, "search writers id"},
		{"by index", query.Select{Table: works, Where: &query.Compare{Left: title, Right: name}}, "search works byTitle"},
		{"by nothing", query.Select{Table: works, Where: &query.Compare{Left: works.Ref(works.Column("pages")), Right: query.NewLiteral(query.Int(1))}}, "scan works"},
		{"ordered by an index", query.Select{Table: works, Order: []query.Order{{Expr: title, NullsFirst: true}}, Limit: 5}, "scan works byTitle"},
		{"ordered by nothing", query.Select{Table: works, Order: []query.Order{{Expr: works.Ref(works.Column("pages"))}}, Limit: 5}, "scan works; sort"},
		{"to one", embedding(works, embedOf(along(t, schema, "works", "works_writer_fkey"))), "scan works; search writers id"},
		{"to many", embedding(writers, embedOf(along(t, schema, "writers", "works_writer_fkey"))), "scan writers id; search works writer.ref"},
		{"through an edge", embedding(works, embedOf(along(t, schema, "works", "stickers"))), "scan works; search stickers work.ref; search labels id; sort"},
		{"through an edge, backwards", embedding(schema.Table("labels"), embedOf(along(t, schema, "labels", "stickers"))), "scan labels id; search stickers label.ref; search works id; sort"},
		{"looking through", query.Select{Table: works, Where: &query.Compare{Left: writersName(schema), Right: name}}, "scan works; search writers id"},
		{"ordered by a look through", query.Select{Table: works, Order: []query.Order{{Expr: writersName(schema)}}}, "scan works; search writers id; sort"},
		{"exists", query.Select{Table: writers, Where: &query.Exists{
			Table: works, Where: &query.Compare{Left: works.Ref(works.Column("writer")), Right: &query.ColumnRef{Table: writers, Column: writers.Key(), Up: 1}},
		}}, "scan writers id; search works writer.ref"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.sel.Limit == 0 {
				test.sel.Limit = -1
			}
			if len(test.sel.Columns) == 0 {
				test.sel.Columns = []query.Output{{Name: "id", Expr: test.sel.Table.Ref(test.sel.Table.Key())}, {Name: test.sel.Table.Columns[1].Name, Expr: test.sel.Table.Ref(test.sel.Table.Columns[1])}}
			}
			plan, err := planner.Plan(test.sel)
			if err != nil {
				t.Fatal(err)
			}
			if got := short(plan); got != test.want {
				t.Errorf("got  %s\nwant %s\n%s", got, test.want, plan)
			}
		})
	}
}

func embedding(t *query.Table, e *query.Embed) query.Select {
	return query.Select{Table: t, Columns: []query.Output{{Name: "id", Expr: t.Ref(t.Key())}, {Name: "embedded", Expr: e}}, Limit: 20}
}

// short says a plan in the words that matter.
func short(p sqlite.Plan) string {
	var parts []string
	for _, step := range p.Steps {
		switch {
		case step.Sort == sqlite.SortAll:
			parts = append(parts, "sort")
		case step.Sort == sqlite.SortTies:
			parts = append(parts, "sort ties")
		case step.Table == "":
		default:
			how := "scan "
			if step.Search {
				how = "search "
			}
			parts = append(parts, strings.TrimSpace(how+step.Table+" "+step.Index))
		}
	}
	return strings.Join(parts, "; ")
}
