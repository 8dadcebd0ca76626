package plan_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// TestDiffEdges: a table begins and ceases to be one of edges by a step, and a
// rename of its ends is none.
func TestDiffEdges(t *testing.T) {
	follows := func(from, was string, edge *plan.Edge) plan.Schema {
		return plan.Schema{Tables: []plan.Table{{Name: "follows", Edge: edge, Columns: []plan.Column{
			{Name: "id", Type: "int", Required: true},
			{Name: from, Was: was, Type: "int", Required: true},
			{Name: "whom", Type: "int", Required: true},
		}}}}
	}
	for _, test := range []struct {
		name     string
		from, to plan.Schema
		want     bool
	}{
		{"becomes edges", follows("who", "", nil), follows("who", "", &plan.Edge{From: "who", To: "whom"}), true},
		{"ceases to be", follows("who", "", &plan.Edge{From: "who", To: "whom"}), follows("who", "", nil), true},
		{"is turned round", follows("who", "", &plan.Edge{From: "who", To: "whom"}), follows("who", "", &plan.Edge{From: "whom", To: "who"}), true},
		{"an end is renamed", follows("who", "", &plan.Edge{From: "who", To: "whom"}), follows("person", "who", &plan.Edge{From: "person", To: "whom"}), false},
	} {
		if plain := plan.Diff(test.from, test.to, nil); test.want && len(plain.Steps) > 0 {
			t.Errorf("%s: an engine without edges has steps %+v", test.name, plain.Steps)
		}
		test.from.Edges = true
		p := plan.Diff(test.from, test.to, nil)
		found := false
		for _, step := range p.Steps {
			found = found || step.Kind == plan.ChangeEdge
		}
		if found != test.want || len(p.Refused()) > 0 || p.Additive() {
			t.Errorf("%s: steps %+v", test.name, p.Steps)
		}
	}
}
