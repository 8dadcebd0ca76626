package storetest

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// replies is edges between edges: who follows whom, and which of these answers
// which.
func replies(people string, key query.Kind, edge bool) *query.Schema {
	end := func(name, table string, kind query.Kind) *query.Column {
		c := ref(name, table, kind, query.Cascade)
		c.Required = true
		return c
	}
	nodes := query.NewTable(people, []*query.Column{required("id", key)}, nil)
	follows := query.NewTable("follows", []*query.Column{required("id", query.KindInt), end("who", people, key), end("whom", people, key)}, nil)
	answers := query.NewTable("answers", []*query.Column{required("id", query.KindInt), end("to", "follows", query.KindInt), end("by", "follows", query.KindInt), column("note", query.KindText)}, nil)
	for _, t := range []*query.Table{follows, answers} {
		t.Indexes = []*query.Index{{Name: "once", Columns: t.Columns[1:3], Unique: true}}
	}
	answers.Edge = &query.Edge{From: answers.Columns[1], To: answers.Columns[2]}
	if edge {
		follows.Edge = &query.Edge{From: follows.Columns[1], To: follows.Columns[2]}
	}
	return query.NewSchema([]*query.Table{follows, answers, nodes})
}

// testMigrationEdges: edges that lead to edges stay whatever becomes of these, and
// what their indexes know is true.
func testMigrationEdges(t *testing.T, s store.Store) {
	f := open(t, s, replies("people", query.KindText, true))
	f.apply(f.insert("people", query.Row{query.Text("1")}, query.Row{query.Text("2")}),
		f.insert("follows", query.Row{query.Int(1), query.Text("1"), query.Text("2")}, query.Row{query.Int(2), query.Text("2"), query.Text("1")}),
		f.insert("answers", query.Row{query.Int(1), query.Int(1), query.Int(2), query.Text("so")}))
	for _, step := range []struct {
		name   string
		people string
		key    query.Kind
		edge   bool
	}{
		{"nodes get another name", "persons", query.KindText, true},
		{"nodes get other keys", "persons", query.KindInt, true},
		{"what edges lead to ceases to be edges", "persons", query.KindInt, false},
		{"what edges lead to becomes edges", "persons", query.KindInt, true},
	} {
		want := plan.FromQuery(replies(step.people, step.key, step.edge))
		if step.people == "persons" {
			want.Table("persons").Was = "people"
		}
		f.migrate(want, nil)
		f.reopen(replies(step.people, step.key, step.edge))
		key := query.Text
		if step.key == query.KindInt {
			key = func(s string) query.Value { return query.Int(int64(s[0] - '0')) }
		}
		sameRows(t, step.name+": follows", f.all("follows"), []query.Row{{query.Int(1), key("1"), key("2")}, {query.Int(2), key("2"), key("1")}})
		sameRows(t, step.name+": answers", f.all("answers"), []query.Row{{query.Int(1), query.Int(1), query.Int(2), query.Text("so")}})
		for _, again := range []query.Write{
			f.insert("follows", query.Row{query.Int(3), key("1"), key("2")}),
			f.insert("answers", query.Row{query.Int(2), query.Int(1), query.Int(2), query.Null()}),
		} {
			if err := f.refused(again); !fault.Is(err, "23505") {
				t.Errorf("%s: the same edge was made again in %s: %v", step.name, again.Table.Name, err)
			}
		}
		answers := f.table("answers")
		f.apply(query.Write{Op: query.Delete, Table: answers, Where: equal(answers, "id", query.Int(1))})
		f.apply(f.insert("answers", query.Row{query.Int(1), query.Int(1), query.Int(2), query.Text("so")}))
	}
	follows := f.table("follows")
	f.apply(query.Write{Op: query.Delete, Table: follows, Where: equal(follows, "id", query.Int(2))})
	if rows := f.all("answers"); len(rows) != 0 {
		t.Errorf("edges left after the cascade: %v", rows)
	}
}
