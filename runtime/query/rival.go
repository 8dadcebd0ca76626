package query

// Rival is a unique constraint of a table beside a row that is to be written.
type Rival struct {
	// Index is the unique index, nil for the key.
	Index *Index
	// Constraint is its name in faults.
	Constraint string
	// Rows is the condition that the rows meet which keep the row out.
	Rows Expr
}

// Rivals are the unique constraints that may refuse a row, in the order in which
// one that breaks several is told of them, as in PostgreSQL: the key first, then
// the unique indexes as they are declared. before is the row as it is stored,
// which is in no way of itself; nil for a new one.
func (t *Table) Rivals(row, before Row) []Rival {
	same := func(c *Column) Expr {
		return &Compare{Op: Equal, Left: t.Ref(c), Right: &Literal{Value: row[c.Index], Of: c.Type}}
	}
	var list []Rival
	if before == nil || before[0] != row[0] {
		list = append(list, Rival{Constraint: t.Constraint(nil), Rows: same(t.Key())})
	}
	for _, x := range t.Indexes {
		if !x.Unique || !x.holds(row) {
			continue
		}
		var terms []Expr
		for _, c := range x.Columns {
			terms = append(terms, same(c))
		}
		if x.Where != nil {
			terms = append(terms, x.Where)
		}
		if before != nil {
			terms = append(terms, &Compare{Op: NotEqual, Left: t.Ref(t.Key()), Right: &Literal{Value: before[0], Of: t.Key().Type}})
		}
		list = append(list, Rival{Index: x, Constraint: t.Constraint(x), Rows: &And{Terms: terms}})
	}
	return list
}

// holds reports a row that the index lets no other be equal to: a null is no
// other null's equal.
func (x *Index) holds(row Row) bool {
	for _, c := range x.Columns {
		if row[c.Index].IsNull() {
			return false
		}
	}
	return x.Where == nil || Holds(x.Where, row, nil) == True
}

// Constraint is the name that a unique index has in faults; nil is the key.
func (t *Table) Constraint(x *Index) string {
	if x == nil {
		return t.Name + "_pkey"
	}
	name := t.Name
	for _, c := range x.Columns {
		name += "_" + c.Name
	}
	return name + "_key"
}
