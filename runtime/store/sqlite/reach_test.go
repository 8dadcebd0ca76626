package sqlite_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// TestReachSearches has the plan of each kind of step: no table is read whole.
func TestReachSearches(t *testing.T) {
	text := query.Type{Kind: query.KindText}
	people := query.NewTable("people", []*query.Column{
		{Name: "id", Type: text, Required: true}, {Name: "boss", Type: text, Ref: &query.Ref{Table: "people"}}, {Name: "hidden", Type: query.Type{Kind: query.KindBool}},
	}, nil)
	follows := query.NewTable("follows", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "from", Type: text, Ref: &query.Ref{Table: "people"}},
		{Name: "to", Type: text, Ref: &query.Ref{Table: "people"}},
	}, nil)
	follows.Edge = &query.Edge{From: follows.Column("from"), To: follows.Column("to")}
	planner, err := sqlite.NewPlanner(t.Context(), query.NewSchema([]*query.Table{people, follows}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = planner.Close() }()
	edge := func(near, far string) query.ReachStep {
		return query.ReachStep{Near: people.Key(), Far: people.Key(), Via: &query.Via{Table: follows, Near: follows.Column(near), Far: follows.Column(far)}}
	}
	seen := &query.Is{Operand: people.Ref(people.Column("hidden")), What: query.IsFalse}
	for _, test := range []struct {
		name    string
		step    query.ReachStep
		indexes string
	}{
		{"out", edge("from", "to"), "follows:from.ref people:id"},
		{"in", edge("to", "from"), "follows:to.ref people:id"},
		{"up", query.ReachStep{Near: people.Column("boss"), Far: people.Key()}, "people:id people:id"},
		{"down", query.ReachStep{Near: people.Key(), Far: people.Column("boss")}, "people:boss.ref"},
	} {
		plan, err := planner.Plan(query.Select{
			Table: people, Columns: []query.Output{{Name: "id", Expr: people.Ref(people.Key())}}, Where: seen, Limit: 10,
			Reach: &query.Reach{Nodes: []query.ReachNode{{Table: people, Where: seen}}, Start: query.Text("ann"), Steps: []query.ReachStep{test.step}, Min: 1, Max: 3},
		})
		if err != nil {
			t.Fatal(err)
		}
		var indexes []string
		for _, step := range plan.Steps {
			if step.Table == "" {
				continue
			}
			if !step.Search {
				t.Errorf("%s: %s", test.name, step.Text)
			}
			indexes = append(indexes, step.Table+":"+step.Index)
		}
		// Where it begins, the step, and the rows that are shown.
		if got, want := strings.Join(indexes, " "), "people:id "+test.indexes+" people:id"; got != want {
			t.Errorf("%s: read along %s, want %s\n%s", test.name, got, want, plan)
		}
	}
}
