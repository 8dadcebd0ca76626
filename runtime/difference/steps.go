package difference

import (
	"cmp"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Steps are what the database would do for m, a change a step. filled are the
// tables that have rows, by the names they have now: a column that is never null
// and has nothing to fill it with is refused there.
func Steps(p plan.Plan, m *manifest.Manifest, filled map[string]bool) []Change {
	changes := make([]Change, 0, len(p.Steps))
	former := map[string]string{}
	for _, step := range p.Steps {
		if step.Kind == plan.RenameTable {
			former[step.Table] = step.Was
		}
		if unfillable(step) && filled[cmp.Or(former[step.Table], step.Table)] {
			step.Grade = plan.Refused
			step.Reason = fmt.Sprintf("column %s.%s is never null, but table %s has rows and nothing to fill it with", step.Table, step.Name, step.Table)
			step.Hint = "give it a literal default, or leave required out until every row has a value"
		}
		change := Change{Area: Database, Sign: signOf(step.Kind), Grade: gradeOf(step), What: step.Reason, Hint: step.Hint}
		change.Path, change.Position = place(m, StepPath(m, step))
		changes = append(changes, change)
	}
	return changes
}

// unfillable reports a column whose rows, if there are any, would be without a
// value.
func unfillable(step plan.Step) bool {
	c := step.Column
	return step.Kind == plan.AddColumn && c != nil && c.Required && (c.Fill == "" || c.Ref != "")
}

// StepPath is the place in a manifest that a step is about.
func StepPath(m *manifest.Manifest, step plan.Step) string {
	table := m.Table(step.Table)
	if table == nil {
		return "tables"
	}
	path := "tables." + step.Table
	if table.Column(step.Name) != nil {
		return path + ".columns." + step.Name
	}
	for i := range table.Indexes {
		if table.Indexes[i].Name == step.Name {
			return path + ".indexes." + step.Name
		}
	}
	return path
}

func signOf(kind plan.StepKind) Sign {
	switch kind {
	case plan.CreateTable, plan.AddColumn, plan.CreateIndex:
		return Comes
	case plan.DropTable, plan.DropColumn, plan.DropIndex:
		return Goes
	}
	return Turns
}

func gradeOf(step plan.Step) Grade {
	switch step.Grade {
	case plan.Refused:
		return Refused
	case plan.LosesData:
		return LosesData
	}
	return Safe
}
