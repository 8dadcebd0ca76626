package query

// The nodes of this file look beyond the row at hand. A store evaluates them;
// in memory they are unknown, so that what is forgotten denies. Place puts a
// row's values in the place of its columns first, where a store is asked about
// one row in memory.

type (
	// Exists is true where the table has a row that the condition holds for,
	// false where it has none, never unknown.
	Exists struct {
		Table *Table
		Where Expr // over a row of Table; ColumnRef.Up reaches out
	}

	// Lookup is a value of the one row of a table that the condition holds for,
	// null where there is none. Where there are more it is that of any.
	Lookup struct {
		Table *Table
		Where Expr // over a row of Table
		Value Expr // over the same row
	}

	// Embed is the rows of another table that belong to the row at hand, as
	// JSON: an array of objects, or, where Many is false, one object or null.
	Embed struct {
		// Rows says what is shown of them. It is over the embedded table; its
		// Where holds filter and rule, and Count, Position and Revision are not
		// asked for.
		Rows Select
		// On is the value, over the row at hand, that Child has in its rows.
		On    Expr
		Child *Column
		// Via is the table between, of a many-to-many relation: On is then the
		// value of its Near column, and Child equals its Far one.
		Via  *Via
		Many bool
	}

	// Via is the table whose rows join two others.
	Via struct {
		Table     *Table
		Near, Far *Column
		Where     Expr // over a row of Table, its read rule; nil is every row
	}

	// Aggregate is a value of many rows, in the outputs of a Select alone: the
	// rows are grouped by all outputs that are none. A Cast may stand around it.
	Aggregate struct {
		Func    AggregateFunc
		Operand Expr // nil counts rows
		Of      Type
	}

	// Cast reads a value as another type, as PostgreSQL's ::type does. Build it
	// with NewCast. In outputs alone.
	Cast struct {
		Operand Expr
		Of      Type
	}

	// Made is the key of a row that an earlier write of the same Batch
	// inserted. The engine puts a literal in its place before the write is run.
	Made struct {
		Write, Row int
		Of         Type
	}
)

// AggregateFunc names an aggregate.
type AggregateFunc uint8

// The aggregates. Nulls are passed over; of nothing, Count is 0 and all others
// null.
const (
	AggregateCount AggregateFunc = iota
	AggregateSum
	AggregateAvg
	AggregateMin
	AggregateMax
)

// Type is bool.
func (*Exists) Type() Type { return boolType }

// Type is the value's.
func (e *Lookup) Type() Type { return e.Value.Type() }

// Type is json.
func (*Embed) Type() Type { return Type{Kind: KindJSON} }

// Type is the type of the result.
func (e *Aggregate) Type() Type { return e.Of }

// Type is the type that is cast to.
func (e *Cast) Type() Type { return e.Of }

// Type is the key's type.
func (e *Made) Type() Type { return e.Of }

// LooksBeyond reports whether e can be evaluated by a store alone.
func LooksBeyond(e Expr) bool {
	return contains(e, func(e Expr) bool {
		switch e.(type) {
		case *Exists, *Lookup, *Embed:
			return true
		}
		return false
	})
}

// Place puts the values of a row in memory in the place of its columns, and
// simplifies what that makes constant: the condition that is left asks about
// other rows alone, and means the same whatever row is at hand.
func Place(e Expr, row, old Row) Expr {
	return rewriteAt(e, 0, func(e Expr, depth uint8) Expr {
		if ref, ok := e.(*ColumnRef); ok {
			if ref.Up != depth {
				return e
			}
			return &Literal{Value: evalColumn(ref, row, old), Of: ref.Column.Type}
		}
		return simplifyNode(e)
	})
}

// HasAggregate reports whether one of the outputs aggregates, so that the
// select gives groups of rows; what an embed in them aggregates is its own.
func HasAggregate(outputs []Output) bool {
	found := false
	for i := range outputs {
		walkAt(outputs[i].Expr, 0, func(e Expr, depth uint8) bool {
			found = found || depth == 0 && isAggregate(e)
			return !found && depth == 0
		})
	}
	return found
}

func isAggregate(e Expr) bool {
	_, ok := e.(*Aggregate)
	return ok
}

// TablesOf calls visit with every table that a select reads: its own, and
// those that its outputs, conditions and order look at. A table may come more
// than once.
func TablesOf(s *Select, visit func(*Table)) {
	visit(s.Table)
	for i := range s.Columns {
		tablesOfExpr(s.Columns[i].Expr, visit)
	}
	tablesOfExpr(s.Where, visit)
	if s.Reach != nil {
		s.Reach.tables(visit)
	}
	for i := range s.Order {
		tablesOfExpr(s.Order[i].Expr, visit)
	}
}

func tablesOfExpr(e Expr, visit func(*Table)) {
	Walk(e, func(e Expr) bool {
		switch e := e.(type) {
		case *Exists:
			visit(e.Table)
		case *Lookup:
			visit(e.Table)
		case *Embed:
			visit(e.Rows.Table)
			if e.Via != nil {
				visit(e.Via.Table)
			}
		}
		return true
	})
}

// RewriteLeaves is Rewrite of the leaves alone: the columns of the row at hand
// and of those outside of it, and whole Exists and Lookup, what they ask other
// tables left as it is.
func RewriteLeaves(e Expr, f func(Expr) Expr) Expr {
	return rewriteAt(e, 0, func(e Expr, depth uint8) Expr {
		if depth > 0 {
			return e
		}
		switch e.(type) {
		case *ColumnRef, *Exists, *Lookup:
			return f(e)
		}
		return e
	})
}
