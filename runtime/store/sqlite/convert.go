package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// The codes of what rows forbid in a migration.
const (
	codeUnfit    = "rows-do-not-convert"
	codeNotEmpty = "not-empty"
	codeDangling = "rows-point-at-nothing"
)

// namedRows is how many rows a refusal names.
const namedRows = 10

// turn is how a column that stays gets its values: those of the former column,
// converted, and the fill where there is none.
type turn struct {
	column   *plan.Column
	from, to query.Type
	fill     query.Value
	required bool // from now on, and nothing to fill with
	rows     bad
}

// bad are rows that stand in the way: the keys of the first, and how many.
type bad struct {
	keys  []string
	count int64
}

func (b *bad) add(key string) {
	if b.count++; b.count <= namedRows {
		b.keys = append(b.keys, key)
	}
}

func (b *bad) String() string {
	text := strings.Join(b.keys, ", ")
	if more := b.count - int64(len(b.keys)); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// rebuild makes a table anew as the wanted schema has it, and converts its rows.
// The first of the steps that ask for it does it for all. Rows that do not
// convert are kept in m.unfit, so that those of all tables are told at once.
func (m *migration) rebuild(name string) error {
	if m.rebuilt[name] {
		return nil
	}
	m.rebuilt[name] = true
	t := m.plan.To.Table(name)
	if t == nil {
		return fmt.Errorf("no table %q in the plan's schema", name)
	}
	turns, err := m.turns(t)
	if err != nil {
		return err
	}
	fit, err := m.inspectRows(t, turns)
	if err != nil || !fit {
		return err
	}
	return m.remake(t, turns)
}

// turns are the columns whose values change.
func (m *migration) turns(t *plan.Table) ([]turn, error) {
	var turns []turn
	find := func(c *plan.Column) *turn {
		for i := range turns {
			if turns[i].column == c {
				return &turns[i]
			}
		}
		turns = append(turns, turn{column: c, from: c.TypeOf(), to: c.TypeOf()})
		return &turns[len(turns)-1]
	}
	for i := range m.plan.Steps {
		step := &m.plan.Steps[i]
		if step.Table != t.Name || !step.Kind.Rebuilds() {
			continue
		}
		c := t.Column(step.Name)
		if c == nil || step.Before == nil {
			return nil, fmt.Errorf("no column %q in table %q", step.Name, t.Name)
		}
		switch step.Kind {
		case plan.ConvertColumn:
			find(c).from = step.Before.TypeOf()
		case plan.RequireColumn:
			found := find(c)
			if found.required = !step.Fills(); found.required {
				continue
			}
			fill, f := query.DecodeJSON(found.to, []byte(c.Fill))
			if f != nil {
				return nil, fmt.Errorf("column %q: default: %w", c.Name, f)
			}
			found.fill = fill
		}
	}
	// json may say null, which no column that is never null takes.
	for i := range turns {
		turns[i].required = turns[i].required || turns[i].column.Required && turns[i].fill.IsNull()
	}
	return turns, nil
}

func (t *turn) converts() plan.Conversion { return plan.Converts(t.from, t.to) }

// inspectRows looks at every value that may not convert; it reports whether all
// do.
func (m *migration) inspectRows(t *plan.Table, turns []turn) (bool, error) {
	columns := []string{quote(t.Columns[0].Name)}
	for i := range turns {
		columns = append(columns, quote(turns[i].column.Name))
	}
	if len(turns) == 0 {
		return true, nil
	}
	stmt, _, err := m.conn.db.Prepare("SELECT " + strings.Join(columns, ", ") + " FROM " + quote(t.Name))
	if err != nil {
		return false, err
	}
	for stmt.Step() {
		for i := range turns {
			v, ok := plan.Convert(readValue(stmt, i+1, turns[i].from), turns[i].from, turns[i].to)
			if !ok || v.IsNull() && turns[i].required || turns[i].converts() == plan.ConvertsNone {
				turns[i].rows.add(stmt.ColumnText(0))
			}
		}
	}
	if err := stmt.Close(); err != nil {
		return false, err
	}
	fit := true
	for i := range turns {
		if turns[i].rows.count > 0 {
			fit = false
			m.unfit = append(m.unfit, turns[i].fault(t.Name))
		}
	}
	return fit, nil
}

func (t *turn) fault(table string) *fault.Fault {
	path, rows := table+"."+t.column.Name, count(t.rows.count, "row")
	place := "tables." + table + ".columns." + t.column.Name
	if t.column.Name == "id" {
		place = "tables." + table
	}
	var f *fault.Fault
	switch {
	case t.converts() == plan.ConvertsNone:
		f = fault.Newf(codeNotEmpty, "column %s cannot become %s while the table has rows: none of its values is one (%s)", path, t.column.Type, rows).
			WithHint("add a new column, copy the values, and name the old one in removed")
	case t.from == t.to:
		f = fault.Newf(codeUnfit, "column %s cannot be never null: %s without a value: %s", path, has(t.rows.count), &t.rows).
			WithHint("give them a value first, or give the column a literal default to fill them with")
	default:
		f = fault.Newf(codeUnfit, "column %s cannot be converted: %s with a value that is no %s, or would lose a part of it: %s", path, has(t.rows.count), t.column.Type, &t.rows).
			WithHint("change those rows first, or keep the column and add another")
	}
	return f.At(place)
}

// has is "1 row is" or "5 rows are".
func has(n int64) string {
	if n == 1 {
		return "1 row is"
	}
	return count(n, "row") + " are"
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// remake fills the new table from the former one, within SQLite where the
// values stay what they are.
func (m *migration) remake(t *plan.Table, turns []turn) error {
	db := m.conn.db
	if err := db.CreateFunction(functionConvert, 2, sqlite3.DIRECTONLY, convertFunction(turns)); err != nil {
		return err
	}
	sequence := int64(1)
	if countsKeys(t) && m.keepsKeys(t) {
		var err error
		if sequence, err = nextKey(m.conn, t.Name); err != nil {
			return err
		}
	}
	text, err := createTable("_rebuilt", t)
	if err != nil {
		return err
	}
	into, from := remakeColumns(t, turns)
	if err := db.Exec(text); err != nil {
		return err
	}
	if err := db.Exec("INSERT INTO _rebuilt (" + into + ") SELECT " + from + " FROM " + quote(t.Name)); err != nil {
		if errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY) || errors.Is(err, sqlite3.CONSTRAINT_ROWID) || errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
			return fault.Newf(codeUnfit, "the key of table %s cannot be converted: two rows would have the same", t.Name).
				WithHint("change the key of one of them first").WithCause(err)
		}
		return err
	}
	m.touched[t.Name] += db.Changes()
	for _, sql := range []string{"DROP TABLE " + quote(t.Name), "ALTER TABLE _rebuilt RENAME TO " + quote(t.Name)} {
		if err := db.Exec(sql); err != nil {
			return err
		}
	}
	if err := m.restoreSequence(t.Name, sequence); err != nil {
		return err
	}
	return m.remakeIndexes(t)
}

// remakeColumns are the columns to fill, and what they are filled with.
func remakeColumns(t *plan.Table, turns []turn) (into, from string) {
	var names, values []string
	for i := range t.Columns {
		name := quote(t.Columns[i].Name)
		names, values = append(names, name), append(values, name)
		for j := range turns {
			if turns[j].column == &t.Columns[i] {
				values[i] = turns[j].expression(j)
			}
		}
	}
	return strings.Join(append(names, "_rev"), ", "), strings.Join(append(values, "_rev"), ", ")
}

// expression is the SQL of a column's new value.
func (t *turn) expression(at int) string {
	text := quote(t.column.Name)
	switch {
	case t.from == t.to || isStoredAlike(t.from, t.to):
	case t.from.Kind == query.KindInt && t.to.Kind == query.KindText:
		text = "CAST(" + text + " AS TEXT)"
	default:
		text = fmt.Sprintf("%s(%d, %s)", functionConvert, at, text)
	}
	if t.fill.IsNull() {
		return text
	}
	return "coalesce(" + text + ", " + literalText(t.fill) + ")"
}

// isStoredAlike reports types of which every value is stored as the other's.
func isStoredAlike(from, to query.Type) bool {
	switch from.Kind {
	case query.KindUUID:
		return to.Kind == query.KindText
	case query.KindJSON, query.KindList:
		return plan.Converts(from, to) == plan.ConvertsAll
	case query.KindBool:
		return to.Kind == query.KindInt
	}
	return false
}

// countsKeys reports a table whose keys SQLite counts.
func countsKeys(t *plan.Table) bool { return t.Columns[0].Type == "int" && t.Columns[0].Ref == "" }

// keepsKeys reports whether they were counted before, too.
func (m *migration) keepsKeys(t *plan.Table) bool {
	for i := range m.plan.Steps {
		step := &m.plan.Steps[i]
		if step.Table == t.Name && step.Name == t.Columns[0].Name && step.Kind.Rebuilds() {
			return step.Before.Type == "int" && step.Before.Ref == ""
		}
	}
	return true
}

// remakeIndexes makes those that stay; the others are steps of their own.
func (m *migration) remakeIndexes(t *plan.Table) error {
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if m.has(plan.CreateIndex, t.Name, x.Name) {
			continue
		}
		if err := m.createIndex(&plan.Step{Table: t.Name, Name: x.Name, Index: x}); err != nil {
			return err
		}
	}
	return nil
}

// rebuilds reports whether the table that has this name in the wanted schema is
// made anew, with its indexes.
func (m *migration) rebuilds(table string) bool {
	for i := range m.plan.Steps {
		if m.plan.Steps[i].Table == table && m.plan.Steps[i].Kind.Rebuilds() {
			return true
		}
	}
	return false
}

// convertFunction is plan.Convert for SQLite: its first argument is the place of
// the turn, the second the value.
func convertFunction(turns []turn) sqlite3.ScalarFunction {
	return func(ctx sqlite3.Context, args ...sqlite3.Value) {
		defer recovered(ctx, functionConvert)
		if interrupted(ctx) {
			return
		}
		at := args[0].Int64()
		if at < 0 || at >= int64(len(turns)) {
			ctx.ResultError(fmt.Errorf("%s: no turn %d", functionConvert, at))
			return
		}
		t := &turns[at]
		v, ok := plan.Convert(argumentValue(args[1], t.from), t.from, t.to)
		if !ok {
			ctx.ResultError(fmt.Errorf("%s: column %q: a value does not convert", functionConvert, t.column.Name))
			return
		}
		result(ctx, v)
	}
}
