package data

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// CodeNoTarget is the code of an on_conflict that no unique index covers.
const CodeNoTarget = "42P10"

// Resolution is what an insert does with a row that is there already.
type Resolution uint8

// The resolutions.
const (
	Refuse Resolution = iota // 23505
	Merge                    // it takes what was sent
	Ignore                   // it stays, and the new one is passed over
)

var errNoTarget = fault.New(CodeNoTarget, "there is no unique or exclusion constraint matching the ON CONFLICT specification").
	WithHint("name the columns of one unique index, or leave on_conflict out for the key")

// conflict is what becomes of rows that are there already; nil where none can
// be, as there is no key to meet. To meet a row by a value is to look for it,
// so a column that the caller may not read is as if it were not there.
func (t *table) conflict(w *Write, sent *query.ColumnSet, visible *query.ColumnSet) (*query.Conflict, error) {
	if w.Resolution == Refuse {
		return nil, nil
	}
	key := t.schema.Key()
	target := []*query.Column{key}
	if w.Request != nil && w.Request.OnConflict != nil {
		target = w.Request.OnConflict
		for _, c := range target {
			if !visible.Has(c) {
				return nil, query.UnknownField(t.schema, c.Name, visible)
			}
		}
	} else if !sent.Has(key) {
		return nil, nil
	}
	if !slices.Equal(target, t.schema.Columns[:1]) && t.schema.UniqueIndex(target) == nil {
		return nil, errNoTarget
	}
	return &query.Conflict{Target: target, Ignore: w.Resolution == Ignore}, nil
}

// merging completes a conflict whose rows take what was sent: the rules of an
// update hold for them, on the row that is there and on what comes of it.
func (t *table) merging(c *query.Conflict, sent *query.ColumnSet, sees *sight, b query.Binding, shown *representation) error {
	c.Before = query.Conjunction(sees.read, sees.bind(t.rules.UpdateBefore, b))
	c.Denied = t.rowPolicy
	if rule := sees.bind(t.rules.UpdateAfter, b); rule != nil {
		c.Checks = append(c.Checks, query.Check{Cond: rule, Fault: t.rowPolicy})
	}
	for i := range t.columns {
		column := &t.columns[i]
		if !sent.Has(column.schema) || slices.Contains(c.Target, column.schema) {
			continue
		}
		c.Columns = append(c.Columns, column.schema)
		refused, rule := column.refused(column.rules.Update, sees, b)
		same := kept(t.schema, column.schema)
		switch {
		case i != 0 && !refused && rule == nil:
			continue
		case !sees.visible.set.Has(column.schema):
			// What the caller may not read must not tell whether he guessed it.
			same = query.FalseExpr()
		}
		if i != 0 && !refused {
			same = query.Simplify(&query.Or{Terms: []query.Expr{same, rule}})
		}
		c.Checks = append(c.Checks, query.Check{Cond: same, Fault: column.notUpdated})
	}
	var err error
	if c.Set, err = t.setOwn(c.Set, sent, sees, b); err != nil {
		return err
	}
	c.Checks = t.appendChecks(c.Checks, b)
	if shown != nil && sees.read != nil {
		c.Checks = append(c.Checks, query.Check{Cond: sees.read, Fault: t.rowPolicy})
	}
	return nil
}

// kept holds where the row after has the value that the row before had; null is
// a value here.
func kept(t *query.Table, c *query.Column) query.Expr {
	before := &query.ColumnRef{Table: t, Column: c, Old: true}
	return &query.Or{Terms: []query.Expr{
		&query.Compare{Op: query.Equal, Left: t.Ref(c), Right: before},
		&query.And{Terms: []query.Expr{
			&query.Is{Operand: t.Ref(c), What: query.IsNull},
			&query.Is{Operand: before, What: query.IsNull},
		}},
	}}
}
