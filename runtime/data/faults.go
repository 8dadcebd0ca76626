package data

import (
	"errors"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// The codes of the gate's own faults, PostgREST's and PostgreSQL's.
const (
	CodeBody         = "PGRST102" // the body is no JSON of the right shape
	CodeNotSingle    = "PGRST116" // not exactly one row
	CodeTooMany      = "PGRST124" // more rows than the request allows
	CodeUnknownTable = "PGRST205"
	CodeUnfiltered   = "21000" // an update or delete of everything
	CodeNotNull      = "23502"
	CodeCheck        = "23514"
	CodeGenerated    = "428C9" // a column that the caller may not write
	CodeDenied       = "42501"
	CodeOverload     = "53000"
)

var (
	errBody  = fault.New(CodeBody, "Empty or invalid json")
	errPaged = fault.New(query.CodeParse, "limit, offset and order do not narrow a write").
			WithHint("pick the rows by a filter, such as id=in.(1,2)")
	errKeys = fault.New(CodeBody, "All object keys must match")
)

// shownName is how many bytes of a name a fault repeats, and compares with others
// for a hint.
const shownName = 63

// notSingle is the fault of n rows where exactly one was asked for.
func notSingle(n int) *fault.Fault {
	return fault.New(CodeNotSingle, "Cannot coerce the result to a single JSON object").
		WithDetails(fmt.Sprintf("The result contains %d rows", n))
}

func denied(kind, name string) *fault.Fault {
	return fault.Newf(CodeDenied, "permission denied for %s %s", kind, name)
}

func rowPolicy(table string) *fault.Fault {
	return fault.Newf(CodeDenied, "new row violates row-level security policy for table %q", table)
}

func unfiltered(verb string) *fault.Fault {
	return fault.Newf(CodeUnfiltered, "%s requires a WHERE clause", verb).
		WithHint("say which rows by a filter, such as id=eq.VALUE")
}

func notNull(t *query.Table, c *query.Column) *fault.Fault {
	return fault.Newf(CodeNotNull, "null value in column %q of relation %q violates not-null constraint", c.Name, t.Name)
}

func checkFailed(table, constraint string) *fault.Fault {
	return fault.Newf(CodeCheck, "new row for relation %q violates check constraint %q", table, constraint)
}

// notInsertable and notUpdatable are of columns that the caller may not write.
func notInsertable(c *query.Column) *fault.Fault {
	return fault.Newf(CodeGenerated, "cannot insert a non-DEFAULT value into column %q", c.Name).
		WithHint("leave the column out")
}

func notUpdatable(c *query.Column) *fault.Fault {
	return fault.Newf(CodeGenerated, "column %q can only be updated to DEFAULT", c.Name).
		WithHint("leave the column out")
}

// writeFault turns a store's error into what the caller is told.
func writeFault(err error) error {
	var single *store.NotSingleError
	if errors.As(err, &single) {
		return notSingle(single.Affected)
	}
	if errors.Is(err, store.ErrKeyReused) {
		return errKeyReused
	}
	var many *store.TooManyError
	if errors.As(err, &many) {
		return fault.New(CodeTooMany, "Query result exceeds max-affected preference constraint").
			WithDetails(fmt.Sprintf("The query affects %d rows", many.Affected))
	}
	return err
}
