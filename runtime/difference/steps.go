package difference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Steps are what the database would do for m, a change a step. filled are the
// tables that have rows, by the names they have now: what needs an empty table is
// refused there.
func Steps(p plan.Plan, m *manifest.Manifest, filled map[string]bool) []Change {
	changes := make([]Change, 0, len(p.Steps))
	former := map[string]string{}
	for _, step := range p.Steps {
		if step.Kind == plan.RenameTable {
			former[step.Table] = step.Was
		}
		change := Change{Area: Database, Sign: signOf(step.Kind)}
		if table := m.Table(step.Table); table != nil && step.Kind == plan.CreateTable {
			change.Is = sayTable(m, table)
		}
		if filled[cmp.Or(former[step.Table], step.Table)] {
			step = overRows(step)
		}
		change.Grade, change.What, change.Hint = gradeOf(step), step.Reason, step.Hint
		if why := indexBreaks(p, step); why != "" {
			change.Grade, change.What = Breaks, change.What+": "+why
		}
		change.Path, change.Position = place(m, StepPath(m, step))
		changes = append(changes, change)
	}
	return changes
}

// overRows is a step on a table that has rows.
func overRows(step plan.Step) plan.Step {
	switch {
	case step.NeedsEmpty() && step.Kind == plan.AddColumn:
		step.Grade = plan.Refused
		step.Reason = fmt.Sprintf("column %s.%s is never null, but table %s has rows and nothing to fill it with", step.Table, step.Name, step.Table)
		step.Hint = "give it a literal default, or leave required out until every row has a value"
	case step.NeedsEmpty():
		step.Grade = plan.Refused
		step.Hint = fmt.Sprintf("write the type as it was, or add a new column, copy the values and name %s.%s in removed", step.Table, step.Name)
	case step.RowsDecide() && step.Hint == "":
		step.Hint = "the rows decide: edge-hive plan --rehearse tries it on a copy"
	}
	return step
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
	case plan.Breaks:
		return Breaks
	}
	return Safe
}

// indexBreaks says what clients notice of an index that comes or goes, "" for
// nothing.
func indexBreaks(p plan.Plan, step plan.Step) string {
	if step.Index == nil {
		return ""
	}
	twin := func(kind plan.StepKind, same func(was, is *plan.Index) bool) bool {
		return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
			return s.Kind == kind && nameAfter(p, s) == nameAfter(p, step) && (s.Index == nil || same(step.Index, s.Index))
		})
	}
	switch {
	case step.Kind == plan.CreateIndex && step.Index.Unique:
		if !twin(plan.CreateTable, nil) && !twin(plan.DropIndex, sameUnique) {
			return "writes that repeat what is there are refused"
		}
	case step.Kind == plan.DropIndex && step.Index.Unique:
		if !twin(plan.CreateIndex, sameUnique) {
			return "upserts that go by its columns fail"
		}
	case step.Kind == plan.DropIndex && step.Index.Kind == plan.FullText:
		if !twin(plan.CreateIndex, func(a, b *plan.Index) bool { return a.Kind == b.Kind && a.Name == b.Name }) {
			return "searches by it fail"
		}
	}
	return ""
}

// nameAfter is what the table of a step is called in the end: what drops names
// it as it is now.
func nameAfter(p plan.Plan, step plan.Step) string {
	for _, s := range p.Steps {
		if s.Kind == plan.RenameTable && s.Was == step.Table {
			return s.Table
		}
	}
	return step.Table
}

// sameUnique reports two indexes that refuse the same rows.
func sameUnique(a, b *plan.Index) bool {
	return a.Unique && b.Unique && a.Where == b.Where && contains(a.Columns, b.Columns) && contains(b.Columns, a.Columns)
}

// sayTable is a table that comes: the type of its key, its columns, and what its
// rows do by themselves.
func sayTable(m *manifest.Manifest, t *manifest.Table) string {
	parts := []string{"id " + sayType(manifest.QueryType{Type: t.Key.Type, Table: t.Key.Table})}
	for i := range t.Columns {
		parts = append(parts, t.Columns[i].Name+" "+sayColumnType(&t.Columns[i]))
	}
	said := strings.Join(parts, ", ")
	if t.Edge != nil {
		said += "; an edge " + sayEdge(t.Edge)
	}
	if t.Retention != nil {
		said += "; rows leave by themselves " + sayRetention(t.Retention)
	}
	if t.Quiet {
		said += "; no changes are kept"
	}
	if t.Seed != "" {
		said += "; filled from " + sayFile(m, t.Seed)
	}
	return said
}

func sayColumnType(c *manifest.Column) string {
	if c.Type == "vector" {
		return fmt.Sprintf("vector of %d dimensions, %s", c.Dimensions, c.Metric)
	}
	return sayType(manifest.QueryType{Type: c.Type, Scale: c.Scale, Of: c.Of, Table: c.Table})
}
