package ruletest

import (
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Gap is a rule that the tests do not prove.
type Gap struct {
	// Path is the rule's in the manifest: tables.orders.access.delete.
	Path string `json:"path"`
	// Missing is "both", "pass" or "refuse": what no test has seen it do.
	Missing string `json:"missing"`
	// Position is FILE:LINE:COLUMN, "" where it is not known.
	Position string `json:"position,omitempty"`
}

// seen is what a rule was seen to do.
type seen struct{ passed, refused bool }

// coverage notes what every rule that decides something was seen to do.
type coverage struct {
	rules map[string]*seen
}

func operation(table, op string) string { return table + "." + op }

func columnOperation(table, column, op string) string { return table + "." + column + "." + op }

func (c *coverage) note(table, op string, passed, refused bool) {
	c.noteAt(operation(table, op), passed, refused)
}

func (c *coverage) noteAt(at string, passed, refused bool) {
	s := c.rules[at]
	if s == nil {
		s = &seen{}
		c.rules[at] = s
	}
	s.passed = s.passed || passed
	s.refused = s.refused || refused
}

// noteColumns notes which columns a reader could see.
func (c *coverage) noteColumns(w *world, caller *auth.Caller, table string) {
	t := w.manifest.Table(table)
	for i := range t.Columns {
		if name := t.Columns[i].Name; t.Columns[i].Access.Read.Text != "" {
			shown := w.shows(caller, table, name)
			c.noteAt(columnOperation(table, name, "read"), shown, !shown)
		}
	}
}

// noteSet notes the columns that a write sent.
func (c *coverage) noteSet(e *manifest.Expectation, passed bool) {
	for _, v := range e.Set {
		c.noteAt(columnOperation(e.Table, v.Column, e.Op), passed, !passed)
	}
}

// gaps are the rules of the manifest that depend on the caller or the row and
// that the tests did not see both pass and refuse. Guards are part of each
// operation; they are listed with the table's read.
func (c *coverage) gaps(m *manifest.Manifest) []Gap {
	gaps := []Gap{}
	add := func(at string, condition manifest.Condition) {
		if condition.Text == "" {
			return
		}
		s := c.rules[at]
		if s == nil {
			s = &seen{}
		}
		var missing string
		switch {
		case s.passed && s.refused:
			return
		case s.passed:
			missing = "refuse"
		case s.refused:
			missing = "pass"
		default:
			missing = "both"
		}
		gap := Gap{Path: condition.Path, Missing: missing}
		if at := m.Positions.At(condition.Path); at.Known() {
			gap.Position = at.String()
		}
		gaps = append(gaps, gap)
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		a := &t.Access
		add(operation(t.Name, "read"), a.Read)
		for _, guard := range a.Guards {
			add(operation(t.Name, "read"), guard.Condition)
		}
		add(operation(t.Name, "create"), a.Create)
		add(operation(t.Name, "update"), a.UpdateBefore)
		if a.UpdateAfter.Path != a.UpdateBefore.Path {
			add(operation(t.Name, "update"), a.UpdateAfter)
		}
		add(operation(t.Name, "delete"), a.Delete)
		for j := range t.Columns {
			column := &t.Columns[j]
			add(columnOperation(t.Name, column.Name, "read"), column.Access.Read)
			add(columnOperation(t.Name, column.Name, "create"), column.Access.Create)
			add(columnOperation(t.Name, column.Name, "update"), column.Access.Update)
		}
	}
	return gaps
}
