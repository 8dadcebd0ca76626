package access

import (
	"cel.dev/cel-go/common/ast"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Bounds of what one rule may ask of other tables, its macros put in place.
const (
	maxAsked  = 8
	maxLevels = 4 // one inside the other
)

// existsForm is how another table is asked, for hints.
const existsForm = "write tables.members.exists(m, m.user == auth.uid)"

// variable is the row of an exists, under the name that its text gives it.
type variable struct {
	name  string
	table *query.Table
	level uint8 // of the rows that it stands for
	used  bool
	outer *variable
}

// variable finds the row that a name stands for in this text; nil for none. A
// macro knows those of its own text alone, and its arguments those of theirs.
func (f *frame) variable(name string) *variable {
	for v := f.vars; v != nil; v = v.outer {
		if v.name == name {
			return v
		}
	}
	return nil
}

// variableWith finds a row that has a column of the name; nil for none.
func (f *frame) variableWith(column string) *variable {
	for v := f.vars; v != nil; v = v.outer {
		if v.table.Column(column) != nil {
			return v
		}
	}
	return nil
}

// asks translates tables.T.exists(m, condition); false where the call is
// another one.
func (t *translation) asks(e ast.Expr, f *frame) (bool, query.Expr) {
	call := e.AsCall()
	root, rootFrame, steps, ok := t.flatten(call.Target(), f)
	switch {
	case !ok:
		return true, nil
	case root.Kind() != ast.IdentKind || root.AsIdent() != "tables":
		return false, nil
	case call.FunctionName() != "exists" || len(steps) != 1 || !steps[0].step.IsKey:
		t.fail(rootFrame, rootFrame.body.offset(root.ID()), fault.New(codeBadRule, "another table can only be asked whether a row exists").
			WithHint(existsForm))
		return true, nil
	}
	made := t.exists(e, &steps[0], f)
	if made == nil {
		return true, nil
	}
	return true, made
}

// exists is nil, as an Expr, where a fault was reported.
func (t *translation) exists(e ast.Expr, named *selector, f *frame) query.Expr {
	args := e.AsCall().Args()
	if len(args) != 2 {
		t.fail(f, t.nameAt(e, f), fault.Newf(codeBadRule, "exists takes a name for the row and a condition, not %s", count(len(args), "argument")).
			WithHint(existsForm))
		return nil
	}
	table := t.c.schema.Table(named.step.Key)
	if table == nil {
		t.fail(named.frame, named.at, fault.Newf(codeUnknownTable, "there is no table %s", quoted(named.step.Key)).
			WithHint(fault.NearestHint(named.step.Key, t.c.tableNames(), "tables are "+fault.Listed(t.c.tableNames()))))
	}
	v := t.variable(args[0], table, f)
	if table == nil || v == nil || !t.enter(1, f, t.nameAt(e, f)) {
		return nil
	}
	inner := *f
	inner.vars = v
	t.level++
	v.level = t.level
	where := t.cond(args[1], &inner)
	t.level--
	if where == nil {
		return nil
	}
	if !v.used {
		t.failAt(f, args[0], fault.Newf(codeBadRule, "the condition does not speak of %s, so any row of %s would do", quoted(v.name), table.Name).
			WithHint("compare a column of it: "+v.name+"."+table.Columns[min(1, len(table.Columns)-1)].Name))
		return nil
	}
	return &query.Exists{Table: table, Where: where}
}

// variable reads the name that an exists gives its row.
func (t *translation) variable(e ast.Expr, table *query.Table, f *frame) *variable {
	if e.Kind() != ast.IdentKind {
		t.failAt(f, e, fault.New(codeBadRule, "the first argument of exists is a name for the row").WithHint(existsForm))
		return nil
	}
	name, taken := e.AsIdent(), ""
	_, isParam := f.args[name]
	switch {
	case isOurs(name):
		taken = "means something of its own in rules"
	case isParam:
		taken = "is an argument of the rule"
	case f.variable(name) != nil:
		taken = "is a row of the exists around already"
	case t.scope.table != nil && t.scope.table.Column(name) != nil:
		taken = "is a column of " + t.scope.table.Name
	}
	if taken != "" {
		t.failAt(f, e, fault.Newf(codeBadRule, "%s cannot name the row here: it %s", quoted(name), taken).
			WithHint("give the row a name that nothing else has"))
		return nil
	}
	return &variable{name: name, table: table, outer: f.vars}
}

// isOurs reports a name that means something of its own in rules.
func isOurs(name string) bool {
	switch name {
	case "auth", "row", "old", "param", "tables":
		return true
	}
	return false
}

// variableMember is m.x, where m is the row of an exists.
func (t *translation) variableMember(v *variable, steps []selector, f *frame, root ast.Expr) query.Expr {
	v.used = true
	if len(steps) == 0 || !steps[0].step.IsKey {
		t.failAt(f, root, fault.Newf(codeBadRule, "%s is a row of %s, and alone no value", quoted(v.name), v.table.Name).
			WithHint("name a column: "+v.name+"."+v.table.Key().Name))
		return nil
	}
	column := t.columnOf(v.table, &steps[0])
	if column == nil {
		return nil
	}
	ref := &query.ColumnRef{Table: v.table, Column: column, Up: t.level - v.level}
	return t.steps(ref, steps[1:], v.name+"."+column.Name)
}

// hop is a column of a row that a reference leads to.
type hop struct {
	table  *query.Table
	column *query.Column
}

// through looks through a reference: book.author.name is a value of the row
// that the row that book points at points at. A reference's id is itself.
func (t *translation) through(ref *query.ColumnRef, steps []selector, name string) query.Expr {
	first := steps[0]
	var hops []hop
	for to := ref.Column.Ref; to != nil && len(steps) > 0 && steps[0].step.IsKey; steps = steps[1:] {
		table := t.c.schema.Table(to.Table)
		if table == nil {
			return nil // reported where the column is declared
		}
		column := t.columnOf(table, &steps[0])
		if column == nil {
			return nil
		}
		name += "." + column.Name
		if to = column.Ref; column.Index > 0 {
			hops = append(hops, hop{table, column})
		}
	}
	if len(hops) == 0 {
		return t.insideAny(ref, steps, name)
	}
	if !t.enter(len(hops), first.frame, first.at) {
		return nil
	}
	return t.insideAny(follow(ref, hops), steps, name)
}

// follow builds the lookups of a chain of references, the first outermost.
func follow(ref *query.ColumnRef, hops []hop) query.Expr {
	last := hops[len(hops)-1]
	var value query.Expr = last.table.Ref(last.column)
	for i := len(hops) - 1; i >= 0; i-- {
		from := *ref
		if i > 0 {
			from = *hops[i-1].table.Ref(hops[i-1].column)
		}
		from.Up++ // it is the row outside of the lookup
		at := hops[i].table
		value = &query.Lookup{
			Table: at, Value: value,
			Where: &query.Compare{Op: query.Equal, Left: at.Ref(at.Key()), Right: &from},
		}
	}
	return value
}

// insideAny is base where no steps are left.
func (t *translation) insideAny(base query.Expr, steps []selector, name string) query.Expr {
	if len(steps) == 0 {
		return base
	}
	return t.inside(base, steps, name)
}

// columnOf finds a column of another row.
func (t *translation) columnOf(table *query.Table, named *selector) *query.Column {
	if column := table.Column(named.step.Key); column != nil {
		return column
	}
	names := columnNames(table)
	t.fail(named.frame, named.at, fault.Newf(codeUnknownName, "table %s has no column %s", table.Name, quoted(named.step.Key)).
		WithHint(fault.NearestHint(named.step.Key, names, "its columns are "+fault.Listed(names))))
	return nil
}

// enter counts rows of other tables that are asked for, and how deep.
func (t *translation) enter(levels int, f *frame, at int) bool {
	if !t.scope.beyond {
		t.fail(f, at, fault.Newf(codeBadRule, "%s cannot look at other rows", t.scope.name).WithHint(t.scope.beyondHint()))
		return false
	}
	t.asked += levels
	switch {
	case t.stuck:
	case int(t.level)+levels > maxLevels:
		t.fail(f, at, fault.Newf(codeTooComplex, "this looks through more than %d tables, one from the other", maxLevels).
			WithHint("keep what the rule needs nearer to the row"))
	case t.asked > maxAsked:
		t.stuck = true
		t.fail(f, at, fault.Newf(codeTooComplex, "with its rules put in place this asks for other rows more than %d times", maxAsked).
			WithHint("keep what the rule needs in the row, or in the caller's claims"))
	default:
		return true
	}
	return false
}

// beyondHint says what to do where other rows cannot be asked.
func (s scope) beyondHint() string {
	switch {
	case s.uuid:
		return "it is computed from the row and the caller alone; send the value, and let the create rule compare it"
	case s.auth:
		return s.noRowHint()
	}
	return "it must depend on the row alone; keep what it needs in a column"
}

func columnNames(table *query.Table) []string {
	names := make([]string, 0, len(table.Columns)+4)
	for _, column := range table.Columns {
		names = append(names, column.Name)
	}
	return names
}

func (c *compiler) tableNames() []string {
	names := make([]string, 0, len(c.schema.Tables))
	for _, table := range c.schema.Tables {
		names = append(names, table.Name)
	}
	return names
}
