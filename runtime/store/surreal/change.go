package surreal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// change is what becomes of one table of the wanted schema.
type change struct {
	number int
	now    *plan.Table
	was    *plan.Table // nil for one that is made
	// sources are where the values of its columns come from.
	sources []origin
	// kept are the fields of full-text indexes that stay as they are, filled those
	// whose words are found anew.
	kept   []string
	filled []filling
	// recreated: its rows get other ids, or become edges, or cease to be: they are
	// taken out and put in anew.
	recreated bool
	// rewritten: its rows are written to where they are.
	rewritten bool
	// converted: its rows are read, and some of their new values made here.
	converted bool
	inspected bool
	// judged is the seal of the rows that were looked at.
	judged string
	// postponed: one of its indexes is made after the transaction.
	postponed bool
	made      int // values of each row that are made here
	// maximum is the largest of converted int keys.
	maximum int64
}

// origin is where a column's values come from.
type origin struct {
	column *plan.Column
	was    *plan.Column // nil for a column that is added
	turn   *turn        // nil where the values stay
}

// filling is the words of one full-text index.
type filling struct {
	field   string
	in      query.Language
	sources []*origin
	place   int // among the converted values of a row
}

// findChanges tells what becomes of each table.
func (m *migration) findChanges() error {
	for i := range m.plan.To.Tables {
		c := &change{number: i, now: &m.plan.To.Tables[i]}
		m.changes = append(m.changes, c)
		if m.has(plan.CreateTable, c.now.Name, "") {
			continue
		}
		old := c.now.Name
		for _, step := range m.plan.Steps {
			if step.Kind == plan.RenameTable && step.Table == c.now.Name {
				old = step.Was
			}
		}
		if c.was = m.plan.From.Table(old); c.was == nil {
			return fmt.Errorf("no table %q in the database's schema", old)
		}
		if err := m.findSources(c); err != nil {
			return err
		}
		if err := m.findWords(c); err != nil {
			return err
		}
		c.recreated = c.was.Name != c.now.Name || c.sources[0].converts() || (c.was.Edge == nil) != (c.now.Edge == nil) || c.movesEnds()
		c.rewritten = !c.recreated && c.writesRows(m)
	}
	m.followEdges()
	return nil
}

// followEdges has edges put in anew where what they lead to is: SurrealDB takes
// edges along with a row that is taken out.
func (m *migration) followEdges() {
	leads := func(c *change) bool {
		return slices.ContainsFunc(m.changes, func(to *change) bool { return to.recreated && leadsTo(c.was, to.was.Name) })
	}
	for more := true; more; {
		more = false
		for _, c := range m.changes {
			if c.was != nil && !c.recreated && leads(c) {
				c.recreated, c.rewritten, more = true, false, true
			}
		}
	}
}

// leadsTo reports edges that begin or end at rows of a table.
func leadsTo(t *plan.Table, name string) bool {
	return t.Edge != nil && (t.Column(t.Edge.From).Ref == name || t.Column(t.Edge.To).Ref == name)
}

// edgesFirst puts edges before the edges that they lead to.
func edgesFirst(tables []*plan.Table) []*plan.Table {
	var ordered []*plan.Table
	for len(tables) > 0 {
		i := slices.IndexFunc(tables, func(t *plan.Table) bool {
			return !slices.ContainsFunc(tables, func(other *plan.Table) bool { return other != t && leadsTo(other, t.Name) })
		})
		i = max(i, 0) // all lead to each other
		ordered, tables = append(ordered, tables[i]), slices.Delete(tables, i, i+1)
	}
	return ordered
}

func (m *migration) has(kind plan.StepKind, table, name string) bool {
	return slices.ContainsFunc(m.plan.Steps, func(s plan.Step) bool {
		return s.Kind == kind && s.Table == table && s.Name == name
	})
}

func (m *migration) findSources(c *change) error {
	moved := map[string]string{}
	for _, step := range m.plan.Steps {
		if step.Kind == plan.RenameColumn && step.Table == c.now.Name {
			moved[step.Name] = step.Was
		}
	}
	for i := range c.now.Columns {
		s := origin{column: &c.now.Columns[i]}
		name := s.column.Name
		if was, ok := moved[name]; ok {
			s.was = c.was.Column(was)
		} else if !m.has(plan.AddColumn, c.now.Name, name) {
			s.was = c.was.Column(name)
		}
		c.sources = append(c.sources, s)
	}
	return m.findTurns(c)
}

// findWords tells which full-text indexes stay as they are.
func (m *migration) findWords(c *change) error {
	for i := range c.now.Indexes {
		x := &c.now.Indexes[i]
		if x.Kind != plan.FullText {
			continue
		}
		f := filling{field: plannedWords(x)}
		turned := m.has(plan.CreateIndex, c.now.Name, x.Name)
		for _, name := range x.Columns {
			j := slices.IndexFunc(c.sources, func(s origin) bool { return s.column.Name == name })
			if j < 0 {
				return fmt.Errorf("index %q of table %q: no column %q", x.Name, c.now.Name, name)
			}
			turned = turned || c.sources[j].turn != nil
			f.sources = append(f.sources, &c.sources[j])
		}
		if !turned {
			c.kept = append(c.kept, f.field)
			continue
		}
		language, refused := query.LanguageNamed(x.Language)
		if refused != nil {
			return refused
		}
		f.in = language
		c.filled = append(c.filled, f)
	}
	return nil
}

// movesEnds reports edges that begin or end elsewhere than they did: SurrealDB
// changes no edge's ends.
func (c *change) movesEnds() bool {
	return c.now.Edge != nil && slices.ContainsFunc(c.sources, func(s origin) bool {
		field := storedField(c.now, s.column.Name)
		return (field == "in" || field == "out") && s.expression(c, "") != quote(field)
	})
}

// writesRows reports a table whose rows must be written to.
func (c *change) writesRows(m *migration) bool {
	for i := range c.was.Columns {
		if !slices.ContainsFunc(c.sources, func(s origin) bool { return s.was == &c.was.Columns[i] }) {
			return true // a column that goes takes its values along
		}
	}
	for i := range c.sources {
		s := &c.sources[i]
		if i > 0 && s.expression(c, "") != quote(storedField(c.now, s.column.Name)) && s.expression(c, "") != "NONE" {
			return true
		}
	}
	hasField := func(t *plan.Table, name string) bool {
		return slices.ContainsFunc(t.Indexes, func(x plan.Index) bool { return x.Name == name && (x.Kind == plan.FullText || hasWhen(t, &x)) })
	}
	for _, x := range c.now.Indexes { // some have fields of their own
		if hasField(c.now, x.Name) && (!hasField(c.was, x.Name) || m.has(plan.CreateIndex, c.now.Name, x.Name)) {
			return true
		}
	}
	for _, x := range c.was.Indexes {
		if hasField(c.was, x.Name) && (!hasField(c.now, x.Name) || m.has(plan.DropIndex, c.was.Name, x.Name)) {
			return true
		}
	}
	return false
}

func (s *origin) converts() bool { return s.turn != nil && s.turn.from != s.turn.to }

// expression is the SurrealQL of the column's new value; prefix leads to the
// former row.
func (s *origin) expression(c *change, prefix string) string {
	if s.was == nil {
		if s.turn != nil && !s.turn.fill.IsNull() {
			return literal(appendValue(nil, s.turn.fill, s.turn.to, ""))
		}
		return "NONE"
	}
	if s.converts() {
		return fmt.Sprintf("$r.v[%d]", s.turn.place)
	}
	old := prefix + quote(storedField(c.was, s.was.Name))
	text := old
	key := "record::id(" + old + ")"
	switch {
	case s.was.Ref == s.column.Ref:
	case s.was.Ref == "":
		text = "IF " + old + " = NONE { NONE } ELSE { type::record(" + quoteText(s.column.Ref) + ", " + old + ") }"
	case s.column.Ref == "":
		text = "IF " + old + " = NONE { NONE } ELSE { " + key + " }"
	default:
		text = "IF " + old + " = NONE { NONE } ELSE { type::record(" + quoteText(s.column.Ref) + ", " + key + ") }"
	}
	if s.turn != nil && !s.turn.fill.IsNull() {
		text = "(" + text + ") ?? " + literal(appendValue(nil, s.turn.fill, s.turn.to, ""))
	}
	return text
}

// content is the object that a row becomes, without its id.
func (c *change) content(prefix string) string {
	var fields []string
	for i := range c.sources {
		if s := &c.sources[i]; i > 0 {
			fields = append(fields, quote(storedField(c.now, s.column.Name))+": "+s.expression(c, prefix))
		}
	}
	for _, field := range c.kept {
		fields = append(fields, quote(field)+": "+prefix+quote(field))
	}
	for _, f := range c.filled {
		fields = append(fields, fmt.Sprintf("%s: $r.v[%d]", quote(f.field), f.place))
	}
	revision := prefix + fieldRevision
	if c.converted && !c.recreated {
		revision += " + 1" // else a row whose numbers are equal ones of another type would not be written
	}
	fields = append(fields, fieldRevision+": "+revision)
	return "{ " + strings.Join(fields, ", ") + " }"
}

// newKey is a row's new key.
func (c *change) newKey(prefix string) string {
	if c.sources[0].converts() {
		return c.sources[0].expression(c, prefix)
	}
	return "record::id(" + prefix + "id)"
}

// stash is the table in which rows stand that are taken out and put in anew.
func (c *change) stash() string { return fmt.Sprintf("%s%d", tableMoved, c.number) }

// stashed reports rows that must be out of their table before they are put in
// anew: the new ones are in the same table, or edges, which go before the rows
// that they join, and come after them.
func (c *change) stashed() bool {
	return c.recreated && (c.was.Name == c.now.Name || c.was.Edge != nil || c.now.Edge != nil)
}

func (c *change) twiceFault(cause error) error {
	return fault.Newf(codeUnfit, "the key of table %s cannot be converted: two rows would have the same", c.now.Name).
		WithHint("change the key of one of them first").WithCause(cause)
}

// findTurns finds the columns of a table whose values change.
func (m *migration) findTurns(c *change) error {
	find := func(name string) (*origin, error) {
		i := slices.IndexFunc(c.sources, func(s origin) bool { return s.column.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no column %q in table %q", name, c.now.Name)
		}
		s := &c.sources[i]
		if s.turn == nil {
			s.turn = &turn{column: s.column, from: s.column.TypeOf(), to: s.column.TypeOf()}
		}
		return s, nil
	}
	for i := range m.plan.Steps {
		step := &m.plan.Steps[i]
		if step.Table != c.now.Name {
			continue
		}
		fills := step.Kind == plan.RequireColumn || step.Kind == plan.AddColumn && step.Column != nil && step.Column.Required
		if step.Kind != plan.ConvertColumn && !fills {
			continue
		}
		s, err := find(step.Name)
		if err != nil {
			return err
		}
		if step.Kind == plan.ConvertColumn {
			if step.Before == nil {
				return errors.New("no former column in the step")
			}
			s.turn.from = step.Before.TypeOf()
			continue
		}
		if !step.Fills() {
			s.turn.required = step.Kind == plan.RequireColumn
			continue
		}
		fill, f := query.DecodeJSON(s.turn.to, []byte(s.column.Fill))
		if f != nil {
			return fmt.Errorf("column %q: default: %w", s.column.Name, f)
		}
		s.turn.fill = fill
	}
	for i := range c.sources { // json may say null, which no column that is never null takes
		if t := c.sources[i].turn; t != nil {
			t.required = t.required || t.column.Required && t.fill.IsNull()
		}
	}
	return nil
}

// refuseNotEmpty refuses columns that need a table without rows.
func (m *migration) refuseNotEmpty(ctx context.Context) error {
	for i := range m.plan.Steps {
		step := &m.plan.Steps[i]
		if step.Kind != plan.AddColumn || !step.NeedsEmpty() {
			continue
		}
		c := m.changeOf(step.Table)
		if c == nil || c.was == nil {
			continue
		}
		rows, err := countRows(ctx, m.in, c.was.Name)
		if err != nil {
			return err
		}
		if rows != 0 {
			return fmt.Errorf("%s: %w", step.Reason, fault.Newf(codeNotEmpty, "column %s.%s is never null, but table %s has rows and nothing to fill it with", step.Table, step.Name, step.Table).
				WithHint("give it a literal default, or leave required out until every row has a value").
				At("tables."+step.Table+".columns."+step.Name))
		}
	}
	return nil
}

func (m *migration) changeOf(table string) *change {
	for _, c := range m.changes {
		if c.now.Name == table {
			return c
		}
	}
	return nil
}
