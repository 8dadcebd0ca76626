package surreal

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// graph is people with what joins them, by the type of their keys.
func graph(people string, key query.Kind, edge bool) plan.Schema {
	required := func(name string, kind query.Kind, ref string) *query.Column {
		c := &query.Column{Name: name, Type: query.Type{Kind: kind}, Required: true}
		if ref != "" {
			c.Ref = &query.Ref{Table: ref, OnDelete: query.Cascade}
		}
		return c
	}
	nodes := query.NewTable(people, []*query.Column{required("id", key, "")}, nil)
	who, whom := required("who", key, people), required("whom", key, people)
	follows := query.NewTable("follows", []*query.Column{required("id", query.KindInt, ""), who, whom}, nil)
	follows.Indexes = []*query.Index{{Name: "once", Columns: []*query.Column{who, whom}, Unique: true}}
	if edge {
		follows.Edge = &query.Edge{From: who, To: whom}
	}
	return plan.FromQuery(query.NewSchema([]*query.Table{nodes, follows}))
}

// TestMigrateEdges: edges follow what they join through renames and other keys,
// and a table begins and ceases to be one of edges, with its rows.
func TestMigrateEdges(t *testing.T) {
	s := openEmpty(t).(*Store)
	defer s.Close()
	if err := migrateTo(t.Context(), s, graph("people", query.KindText, false)); err != nil {
		t.Fatal(err)
	}
	ask(t, s, "CREATE people:`1`, people:`2`; CREATE follows:1 SET who = people:`1`, whom = people:`2`")
	for _, step := range []struct {
		name       string
		people     string
		key        query.Kind
		edge       bool
		walk, find string
	}{
		{"becomes edges", "people", query.KindText, true, "people:`1`->follows->people = [people:`2`]", "in = people:`1` AND out = people:`2`"},
		{"nodes are renamed", "persons", query.KindText, true, "persons:`1`->follows->persons = [persons:`2`]", "in = persons:`1` AND out = persons:`2`"},
		{"nodes get other keys", "persons", query.KindInt, true, "persons:1->follows->persons = [persons:2]", "in = persons:1 AND out = persons:2"},
		{"ceases to be edges", "persons", query.KindInt, false, "true", "who = persons:1 AND whom = persons:2"},
	} {
		want := graph(step.people, step.key, step.edge)
		if step.people == "persons" {
			want.Tables[0].Was = "people"
		}
		if err := migrateTo(t.Context(), s, want); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if found, err := s.Drift(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("%s: drift: %v, %v", step.name, found, err)
		}
		if r := ask(t, s, "RETURN "+step.walk); !r.Bool() {
			t.Errorf("%s: the walk leads elsewhere", step.name)
		}
		if r := ask(t, s, "SELECT * FROM follows WHERE "+step.find); r.Array() != 1 {
			t.Errorf("%s: the row is not in the index", step.name)
		}
		if r := ask(t, s, "SELECT * FROM "+step.people); r.Array() != 2 {
			t.Errorf("%s: rows are lost", step.name)
		}
	}
	ask(t, s, "DELETE follows; CREATE follows:2 SET who = persons:1, whom = persons:2") // nothing is left in the index
}

// TestMigrateLost: rows that point at nothing, by what was done by hand, are named
// where a migration moves them or what they point at, and nothing is changed.
func TestMigrateLost(t *testing.T) {
	s := openEmpty(t).(*Store)
	defer s.Close()
	if err := migrateTo(t.Context(), s, graph("people", query.KindText, false)); err != nil {
		t.Fatal(err)
	}
	ask(t, s, "CREATE people:`1`, people:`2`; CREATE follows:1 SET who = people:`1`, whom = people:`2`; CREATE follows:2 SET who = people:`1`, whom = people:`1`; DELETE people:`2`")
	renamed := graph("persons", query.KindText, false)
	renamed.Tables[0].Was = "people"
	for _, step := range []struct {
		name, target string
		want         plan.Schema
	}{
		{"the table gets another name", "persons", renamed},
		{"its key another type", "people", graph("people", query.KindInt, false)},
	} {
		err := migrateTo(t.Context(), s, step.want)
		if err == nil || !strings.Contains(err.Error(), "follows.whom is a ref to "+step.target+", but 1 row is with a value that is no key there: 1") {
			t.Errorf("%s: %v", step.name, err)
		}
		if r := ask(t, s, "SELECT * FROM follows WHERE who = people:`1`"); r.Array() != 2 {
			t.Errorf("%s: rows are lost", step.name)
		}
	}
	ask(t, s, "CREATE people:`2`")
	if err := migrateTo(t.Context(), s, renamed); err != nil {
		t.Error(err)
	}
}
