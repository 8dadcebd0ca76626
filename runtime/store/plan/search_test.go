package plan_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

func TestSearchIndexes(t *testing.T) {
	of := func(dimensions int, kinds ...string) plan.Schema {
		table := plan.Table{Name: "books", Columns: []plan.Column{{Name: "id", Type: "int", Required: true}, {Name: "title", Type: "text"}, {Name: "v", Type: "vector", Dimensions: dimensions}}}
		for _, kind := range kinds {
			kind, language, _ := strings.Cut(kind, " ")
			table.Indexes = append(table.Indexes, plan.Index{Name: "words", Kind: kind, Language: language, Columns: []string{"title"}})
		}
		return plan.Schema{Tables: []plan.Table{table}}
	}
	for _, test := range []struct {
		name     string
		from, to plan.Schema
		kinds    []plan.StepKind
		additive bool
	}{
		{"made", of(3), of(3, plan.FullText), []plan.StepKind{plan.CreateIndex}, true},
		{"the same", of(3, plan.FullText), of(3, plan.FullText), nil, true},
		{"gone, which ends searches by it", of(3, plan.FullText), of(3), []plan.StepKind{plan.DropIndex}, false},
		{"of another kind", of(3, ""), of(3, plan.FullText), []plan.StepKind{plan.DropIndex, plan.CreateIndex}, true},
		{"of another language", of(3, "fulltext"), of(3, "fulltext english"), []plan.StepKind{plan.DropIndex, plan.CreateIndex}, false},
		{"of no language any more", of(3, "fulltext english"), of(3, "fulltext"), []plan.StepKind{plan.DropIndex, plan.CreateIndex}, false},
		{"the same language", of(3, "fulltext english"), of(3, "fulltext english"), nil, true},
		{"other dimensions", of(3), of(4), []plan.StepKind{plan.ConvertColumn}, false},
	} {
		p := plan.Diff(test.from, test.to, nil)
		var kinds []plan.StepKind
		for _, step := range p.Steps {
			kinds = append(kinds, step.Kind)
		}
		if len(kinds) != len(test.kinds) || p.Additive() != test.additive {
			t.Errorf("%s: %v, additive %t; want %v, %t", test.name, kinds, p.Additive(), test.kinds, test.additive)
			continue
		}
		for i := range kinds {
			if p.Steps[i].Kind == plan.DropIndex && p.Steps[i].Grade != plan.Safe {
				t.Errorf("%s: %s is %s", test.name, kinds[i], p.Steps[i].Grade)
			}
			if kinds[i] != test.kinds[i] {
				t.Errorf("%s: %v, want %v", test.name, kinds, test.kinds)
			}
		}
	}
	if plan.Converts(query.Type{Kind: query.KindVector, Dimensions: 3}, query.Type{Kind: query.KindVector, Dimensions: 4}) != plan.ConvertsNone {
		t.Error("a vector converts to one of another length")
	}
}
