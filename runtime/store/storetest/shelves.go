package storetest

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// shelves is writers with mentors among them and one profile each, works of
// all types, and labels that edges stick on works.
func shelves() *query.Schema {
	price := column("price", query.KindDecimal)
	price.Type.Scale = 2
	tags := column("tags", query.KindList)
	tags.Type.Elem = query.KindText
	profile := ref("id", "writers", query.KindText, query.Cascade)
	profile.Required = true
	stickers := query.NewTable("stickers", []*query.Column{
		required("id", query.KindInt), ref("work", "works", query.KindInt, query.Cascade),
		ref("label", "labels", query.KindText, query.Cascade), column("weight", query.KindInt), column("note", query.KindText),
	}, nil)
	stickers.Edge = &query.Edge{From: stickers.Column("work"), To: stickers.Column("label")}
	works := query.NewTable("works", []*query.Column{
		required("id", query.KindInt), column("title", query.KindText), ref("writer", "writers", query.KindText, query.Cascade),
		price, column("pages", query.KindInt), column("score", query.KindFloat), column("open", query.KindBool),
		column("at", query.KindTimestamp), column("day", query.KindDate), column("meta", query.KindJSON), tags,
	}, nil)
	works.Indexes = []*query.Index{{Name: "byTitle", Columns: []*query.Column{works.Column("title")}}}
	return query.NewSchema([]*query.Table{
		query.NewTable("writers", []*query.Column{
			required("id", query.KindText), column("name", query.KindText), ref("mentor", "writers", query.KindText, query.SetNull), column("born", query.KindDate),
		}, nil),
		query.NewTable("profiles", []*query.Column{profile, column("bio", query.KindText)}, nil),
		works,
		query.NewTable("labels", []*query.Column{required("id", query.KindText), column("text", query.KindText)}, nil),
		stickers,
	})
}

// stocked is a store with a few rows of shelves.
func stocked(t *testing.T, s store.Store) *fixture {
	f := open(t, s, shelves())
	text, number := query.Text, query.Int
	f.apply(
		f.insert("writers",
			query.Row{text("ann"), text("Ann"), query.Null(), query.Date(0)},
			query.Row{text("bob"), text("Bob"), text("ann"), query.Null()},
			query.Row{text("cid"), query.Null(), text("bob"), query.Null()},
		),
		f.insert("profiles", query.Row{text("ann"), text("says \"hi\"")}),
		f.insert("works",
			query.Row{
				number(1), text("Zoo"), text("ann"), query.Decimal(-1205, 2), number(300), query.Float(0.1), query.Bool(true),
				query.Timestamp(1_700_000_000_123_400), query.Date(19_700), query.JSON(`{"a":[1,2.5]}`), query.List(`["x"]`),
			},
			partly(f.table("works"), number(2), map[string]query.Value{"title": text("Ant"), "writer": text("ann"), "pages": number(100), "price": query.Decimal(300, 2)}),
			partly(f.table("works"), number(3), map[string]query.Value{"title": text("Bee"), "writer": text("bob"), "pages": number(200)}),
			partly(f.table("works"), number(4), map[string]query.Value{"title": text("Nobody's")}),
		),
		f.insert("labels", query.Row{text("new"), text("New")}, query.Row{text("old"), text("Old")}, query.Row{text("odd"), query.Null()}),
		f.insert("stickers",
			query.Row{number(1), number(1), text("new"), number(5), query.Null()},
			query.Row{number(2), number(1), text("old"), number(1), query.Null()},
			query.Row{number(3), number(2), text("old"), number(9), query.Null()},
			query.Row{number(4), query.Null(), text("odd"), number(9), query.Null()},
		),
	)
	return f
}

// answer is what a select gives, as JSON.
func (f *fixture) answer(s query.Select) string {
	f.Helper()
	w := query.NewJSONWriter(nil, query.NewJSONShape(s.Columns))
	if _, err := f.view.Select(f.ctx(), s, w); err != nil {
		f.Fatalf("select: %v", err)
	}
	return string(w.Bytes())
}

// fails is the fault that a select ends with.
func (f *fixture) fails(s query.Select, code string) *fault.Fault {
	f.Helper()
	_, err := f.view.Select(f.ctx(), s, &collector{types: make([]query.Type, len(s.Columns))})
	if !fault.Is(err, code) {
		f.Fatalf("want %s, got %v", code, err)
	}
	return fault.From(err)
}

// shown are outputs by name, in order.
func (f *fixture) shown(table string, names ...string) []query.Output {
	f.Helper()
	outputs := make([]query.Output, len(names))
	for i, name := range names {
		outputs[i] = query.Output{Name: name, Expr: columnOf(f.table(table), name)}
	}
	return outputs
}

// embedded is an output with the rows along a relation, all of them, by key.
func (f *fixture) embedded(from, constraint, to string, columns ...query.Output) query.Output {
	f.Helper()
	for _, r := range f.schema.Relations(f.table(from)) {
		if r.Constraint != constraint || r.To.Name != to {
			continue
		}
		// Of a table's relations with itself, the one that the name is for.
		if from == to && r.Many != strings.HasPrefix(columns[0].Name, "*") {
			continue
		}
		e := &query.Embed{On: r.From.Ref(r.Near), Child: r.Far, Many: r.Many, Rows: query.Select{Table: r.To, Limit: -1}}
		for _, c := range columns {
			e.Rows.Columns = append(e.Rows.Columns, query.Output{Name: strings.TrimPrefix(c.Name, "*"), Expr: c.Expr})
		}
		if r.Via != nil {
			e.Via = &query.Via{Table: r.Via, Near: r.ViaNear, Far: r.ViaFar}
		}
		return query.Output{Name: to, Expr: e}
	}
	f.Fatalf("no relation %s from %s to %s", constraint, from, to)
	return query.Output{}
}

// with changes the embed of an output.
func with(o query.Output, change func(*query.Embed)) query.Output {
	e := *o.Expr.(*query.Embed)
	change(&e)
	return query.Output{Name: o.Name, Expr: &e}
}

// partly is a row with a few values; the others are null.
func partly(t *query.Table, key query.Value, values map[string]query.Value) query.Row {
	row := make(query.Row, len(t.Columns))
	row[0] = key
	for name, v := range values {
		row[t.Column(name).Index] = v
	}
	return row
}
