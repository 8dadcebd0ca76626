package surreal

import (
	"errors"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// A row may break several unique constraints. SurrealDB tells of the key or of
// any index, so that the one that Rivals names first is looked for in another
// try, which asks for each row before it writes it.

// errUnnamed ends a try that a unique constraint refused, but maybe not the one
// that is to be named.
var errUnnamed = errors.New("a row breaks a unique constraint, maybe several")

// isFirst reports that none comes before the unique constraint that a statement
// broke; index is "" for the key.
func isFirst(o *op, index string) bool {
	if index == "" {
		return true
	}
	if o.kind == opInsert && !o.made {
		return false
	}
	first := slices.IndexFunc(o.table.Indexes, func(x *query.Index) bool { return x.Unique })
	return first >= 0 && o.table.Indexes[first].Name == index
}

// nameBroken adds what tells of the first unique constraint that a row breaks.
// before is the row that is stored, nil for a new one. A key of ours that another
// row has is told by the write itself.
func (t *transaction) nameBroken(o op, row, before query.Row) {
	rivals := o.table.Rivals(row, before)
	if o.racing { // a row that is there now is one to meet
		for _, rival := range rivals {
			if nameOf(rival.Index) == o.target {
				t.nameRival(op{kind: opMoved}, o.table, &rival)
			}
		}
	}
	for _, rival := range rivals {
		if rival.Index != nil || !o.made {
			t.nameRival(op{kind: opThrow, fault: faultUnique(rival.Constraint)}, o.table, &rival)
		}
	}
}

// nameOf is how ops call a unique index.
func nameOf(x *query.Index) string {
	if x == nil {
		return ""
	}
	return x.Name
}

func (t *transaction) nameRival(o op, entry *table, rival *query.Rival) {
	t.forget()
	t.throw(o, func(c *compiler) {
		c.text("(SELECT VALUE " + fieldRevision + " FROM ")
		c.where(c.rowsOf(entry.Table, rival.Rows, true))
		c.text(" LIMIT 1) != []")
	})
}
