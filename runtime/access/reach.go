package access

import "github.com/edge-hive/edge-hive/runtime/query"

// Reach is whom a condition lets through, as far as that is known before there
// is a caller. The service role passes all of them.
type Reach uint8

// The reaches, the narrowest first.
const (
	ReachService  Reach = iota // nobody but the service role
	ReachSome                  // it depends on the caller or the row
	ReachEveryone              // everyone, the caller without credentials too
)

// ReachOf is the reach of one condition; nil adds nothing and lets all pass.
func ReachOf(condition query.Expr) Reach {
	switch {
	case query.IsTrueExpr(condition):
		return ReachEveryone
	case query.NeverHolds(condition):
		return ReachService
	}
	return ReachSome
}

// Reaches is the reach of each operation of a table. What touches stored rows
// touches those alone that its caller may also read.
type Reaches struct{ Read, Create, Update, Delete Reach }

// Reaches tells who may do what to some row of the table.
func (t *TableRules) Reaches() Reaches {
	read := granted(t.Granted.Read, t.Read)
	return Reaches{
		Read:   read,
		Create: granted(t.Granted.Create, t.Create),
		Update: min(granted(t.Granted.Update, t.UpdateBefore), ReachOf(t.UpdateAfter), read),
		Delete: min(granted(t.Granted.Delete, t.Delete), read),
	}
}

// Widest is the reach of the operation that most callers may do.
func (r Reaches) Widest() Reach { return max(r.Read, r.Create, r.Update, r.Delete) }

func granted(declared bool, condition query.Expr) Reach {
	if !declared {
		return ReachService
	}
	return ReachOf(condition)
}
