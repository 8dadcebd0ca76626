package sqlite

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func (t *transaction) insert(entry *table, w *query.Write, did *query.WriteResult) error {
	up, err := newUpsert(entry, w.Conflict)
	if err != nil {
		return err
	}
	checks := weigh(w.Checks)
	did.Keys = slices.Grow(did.Keys, len(w.Rows))[:len(w.Rows)]
	if w.Returning {
		did.Rows = make([]query.Row, len(w.Rows))
	}
	put := func(i int) error {
		if err := t.alive(); err != nil {
			return err
		}
		row, inserted, err := t.put(entry, w.Rows[i], checks, up)
		if err != nil && len(w.Rows) > 1 {
			err = &store.RowError{Row: i, Err: err}
		}
		if err != nil || row == nil {
			return err
		}
		did.Affected++
		if inserted {
			did.Inserted++
		}
		did.Keys[i] = row[0]
		if w.Returning {
			did.Rows[i] = row // in the order of the request
		}
		return nil
	}
	if entry.selfRef && len(w.Rows) > 1 {
		err = query.ParentsFirst(entry.Table, w.Rows, put)
	} else {
		for i := 0; i < len(w.Rows) && err == nil; i++ {
			err = put(i)
		}
	}
	if up != nil && up.Ignore {
		did.Rows = slices.DeleteFunc(did.Rows, func(row query.Row) bool { return row == nil })
	}
	return err
}

// put gives the row as it is stored, and whether it is new; nil is a row that
// was passed over.
func (t *transaction) put(entry *table, given query.Row, checks judgement, up *upsert) (query.Row, bool, error) {
	if up != nil {
		return t.upsertRow(entry, given, checks, up)
	}
	row, err := t.newRow(entry, given, checks)
	if err != nil {
		return nil, false, err
	}
	return row, true, t.insertRow(entry, row)
}

// newRow is a row as it is to be stored, with its key, judged as new. Checks
// come before constraints, so that whom a rule denies does not learn what is
// there.
func (t *transaction) newRow(entry *table, given query.Row, checks judgement) (query.Row, error) {
	if len(given) != len(entry.Columns) {
		return nil, fmt.Errorf("insert into %q: %d values for %d columns", entry.Name, len(given), len(entry.Columns))
	}
	row := make(query.Row, len(given))
	for i, c := range entry.Columns {
		v, err := stored(given[i], c.Type)
		if err != nil {
			return nil, fmt.Errorf("insert into %q.%q: %w", entry.Name, c.Name, err)
		}
		row[i] = v
	}
	if entry.makesKeys() {
		if err := t.giveKey(entry, row); err != nil {
			return nil, err
		}
	}
	return row, t.judge(checks, row, nil)
}

func (t *transaction) insertRow(entry *table, row query.Row) error {
	if err := neverNulls(entry, row); err != nil {
		return err
	}
	stmt, err := t.conn.stmts.get([]byte(entry.insert))
	if err != nil {
		return err
	}
	defer stmt.ClearBindings()
	for i := range row {
		if err := bind(stmt, i+1, row[i]); err != nil {
			return err
		}
	}
	if err := stmt.BindInt64(len(row)+1, entry.version.rev); err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return t.constraint(entry, row, nil, err)
	}
	t.changed(entry, query.Insert, nil, row)
	return nil
}

// makesKeys reports a table whose keys are numbers that the engine may make.
func (t *table) makesKeys() bool {
	return t.Key().Type.Kind == query.KindInt && t.Key().Ref == nil
}

// giveKey makes an int key that no row ever had, or notes the one that is
// given.
func (t *transaction) giveKey(entry *table, row query.Row) error {
	next, known := t.writer.keys[entry.Name]
	if !known {
		var err error
		if next, err = nextKey(t.conn, entry.Name); err != nil {
			return err
		}
	}
	if row[0].IsNull() {
		if next == math.MaxInt64 {
			return fault.Newf(codeSequence, "the keys of table %q are used up", entry.Name)
		}
		row[0] = query.Int(next)
		next++
	} else if given := row[0].N; given >= next && given < math.MaxInt64 {
		next = given + 1
	} else if given == math.MaxInt64 {
		next = given
	}
	t.writer.keys[entry.Name] = next
	return nil
}

func nextKey(c *conn, table string) (int64, error) {
	stmt, err := c.stmts.get([]byte("SELECT seq FROM sqlite_sequence WHERE name=?"))
	if err != nil {
		return 0, err
	}
	defer stmt.Reset()
	if err := stmt.BindText(1, table); err != nil {
		return 0, err
	}
	if !stmt.Step() {
		return 1, stmt.Err()
	}
	last := stmt.ColumnInt64(0)
	if last == math.MaxInt64 {
		return last, nil
	}
	return last + 1, nil
}

// stored converts a value to the type of its column, exactly or not at all.
func stored(v query.Value, t query.Type) (query.Value, error) {
	switch {
	case v.IsNull():
		return v, nil
	case v.Kind == query.KindVector && t.Kind == query.KindVector && len(v.S) != 4*int(t.Dimensions):
	case v.Kind == t.Kind && (t.Kind != query.KindDecimal || v.Scale == t.Scale):
		return v, nil
	case isText(v.Kind) && isText(t.Kind), isJSON(v.Kind) && isJSON(t.Kind):
		return query.Value{Kind: t.Kind, S: v.S}, nil
	case v.Kind == query.KindInt && t.Kind == query.KindFloat:
		return query.Float(float64(v.N)), nil
	case isExact(v.Kind) && t.Kind == query.KindDecimal && v.Scale < t.Scale:
		if scaled, ok := rescale(v, t.Scale); ok {
			return scaled.(*query.Literal).Value, nil
		}
	}
	return v, fmt.Errorf("a value of type %s does not fit type %s", v.Kind, t)
}

func neverNulls(entry *table, row query.Row) error {
	for i, c := range entry.Columns {
		if row[i].IsNull() && (c.Required || i == 0) {
			return faultNotNull(entry.Name, c.Name)
		}
	}
	return nil
}

// constraint says which constraint a written row broke. before is the row that
// is stored, nil for a new one.
func (t *transaction) constraint(entry *table, row, before query.Row, err error) error {
	switch {
	case isUnique(err):
		return t.taken(entry, row, before, err)
	case errors.Is(err, sqlite3.CONSTRAINT_FOREIGNKEY):
		return t.foreign(entry, row, err)
	}
	return err
}

// taken finds the unique constraint that is to be named; SQLite names any of
// those that a row breaks.
func (t *transaction) taken(entry *table, row, before query.Row, cause error) error {
	for _, rival := range entry.Rivals(row, before) {
		there, err := t.meets(entry, rival.Rows)
		if err != nil {
			return err
		}
		if there {
			return faultUnique(rival.Constraint)
		}
	}
	return uniqueFault(entry.Name, cause)
}

// meets reports whether a row meets a condition.
func (t *transaction) meets(entry *table, condition query.Expr) (bool, error) {
	c := compilers.Get().(*compiler)
	defer keep(c)
	c.reset()
	c.text("SELECT 1 FROM " + entry.sqlName)
	c.where(condition)
	stmt, err := c.prepare(t.conn)
	if err != nil {
		return false, err
	}
	defer c.release(stmt)
	return stmt.Step(), stmt.Err()
}

// foreign looks for the reference that leads nowhere; SQLite does not say.
func (t *transaction) foreign(entry *table, row query.Row, cause error) error {
	for _, c := range entry.refs {
		if row[c.Index].IsNull() {
			continue
		}
		parent := t.layout.byName[c.Ref.Table]
		if parent == nil {
			continue
		}
		there, err := t.exists(parent, row[c.Index])
		if err != nil {
			return err
		}
		if !there {
			return faultMissing(entry.Name, c, row[c.Index])
		}
	}
	return fault.Newf(codeForeign, "insert or update on table %q violates a foreign key constraint", entry.Name).WithCause(cause)
}

func (t *transaction) exists(entry *table, key query.Value) (bool, error) {
	stmt, err := t.conn.stmts.get([]byte("SELECT 1 FROM " + entry.sqlName + ` WHERE "id"=?`))
	if err != nil {
		return false, err
	}
	defer stmt.Reset()
	if err := bind(stmt, 1, key); err != nil {
		return false, err
	}
	return stmt.Step(), stmt.Err()
}

func keyText(v query.Value) string { return string(query.AppendText(nil, v)) }
