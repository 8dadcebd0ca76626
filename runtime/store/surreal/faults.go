package surreal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// The codes are PostgreSQL's.
const (
	codeUnique    = "23505"
	codeForeign   = "23503"
	codeNotNull   = "23502"
	codeTwice     = "21000"
	codeTimeout   = "57014"
	codeOverload  = "53000"
	codeContended = "40001"
	codeSequence  = "2200H"
	codeTooLarge  = "54000"
	codeUnknown   = "08007"
	codeOutgrown  = "55000"
	codeMigrating = gate.CodeShut
)

func faultMigrating() *fault.Fault { return gate.FaultShut() }

func faultTimeout() *fault.Fault {
	return fault.New(codeTimeout, "canceling statement due to statement timeout")
}

func faultNotNull(table, column string) *fault.Fault {
	return fault.Newf(codeNotNull, "null value in column %q of relation %q violates not-null constraint", column, table)
}

func faultUnique(constraint string) *fault.Fault {
	return fault.Newf(codeUnique, "duplicate key value violates unique constraint %q", constraint)
}

// faultHugeNumber is a number in json that SurrealDB has no type for.
func faultHugeNumber() *fault.Fault {
	return fault.New(query.CodeRange, "a number in json is out of range for SurrealDB").WithHint("send it as a text")
}

// faultTwice is an upsert whose rows meet in one row.
func faultTwice() *fault.Fault {
	return fault.New(codeTwice, "ON CONFLICT DO UPDATE command cannot affect row a second time").
		WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
}

// faultMissing is a row that points at nothing. The value is what the write
// itself says, so it tells its caller nothing.
func faultMissing(table string, c *query.Column, value query.Value) *fault.Fault {
	return fault.Newf(codeForeign, "insert or update on table %q violates foreign key constraint %q", table, foreignName(table, c.Name)).
		WithDetails(fmt.Sprintf("Key (%s)=(%s) is not present in table %q.", c.Name, query.AppendText(nil, value), c.Ref.Table))
}

// faultReferenced is a row that another still points at. It names neither: the
// row may be one that its caller does not see.
func faultReferenced(table, child, column string) *fault.Fault {
	return fault.Newf(codeForeign, "update or delete on table %q violates foreign key constraint %q on table %q", table, foreignName(child, column), child)
}

func foreignName(table, column string) string { return table + "_" + column + "_fkey" }

// faultUnknown is a write whose answer was lost.
func faultUnknown() *fault.Fault {
	return fault.New(codeUnknown, "the database was lost before it answered: it is not known whether the write was done").
		WithHint("read the rows before you send it again, or send writes with an Idempotency-Key: such a write is done once however often it is sent")
}

// requestError is an error as its caller may see it; ctx is the request's.
func requestError(ctx context.Context, err error) error {
	if own := new(fault.Fault); errors.As(err, &own) {
		return err
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return faultTimeout().WithCause(err)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, rpc.ErrOverloaded):
		return fault.New(codeOverload, "too many requests are waiting").WithHint("try again in a moment").WithCause(err)
	case errors.Is(err, rpc.ErrUnavailable):
		return unavailable(err)
	case expressionFault(err) != nil:
		return expressionFault(err)
	case storageError(err) != nil:
		return storageError(err)
	case errors.Is(err, rpc.ErrTooLarge):
		return fault.New(codeTooLarge, "the statement or one of its values is too large").WithCause(err)
	}
	return unavailable(err)
}

// statementError says what the error of a text of ours means. before is the
// number of statements that stand before those of ops.
func (t *transaction) statementError(err error, before int) error {
	var failed *rpc.StatementError
	if !errors.As(err, &failed) {
		return err
	}
	if isRetryable(failed) {
		return errAgain
	}
	if isShut(failed) {
		return errShut
	}
	if lost := t.lostStorage(failed); lost != nil {
		return lost
	}
	i := failed.Statement - before
	if i < 0 || i >= len(t.ops) || isTimeout(failed) { // within a condition it arrives as thrown
		return err
	}
	o := &t.ops[i]
	switch {
	case o.kind == opMoved && failed.Kind == kindThrown:
		return errAgain
	case o.kind == opThrow && failed.Kind == kindThrown:
		return t.located(o.fault, o.write, o.row)
	}
	constraint, index, isBroken := broken(o, failed)
	switch {
	case o.fault != nil && errors.Is(o.fault, errCarefully), // an update of several rows
		o.kind == opInsert && o.row < 0 && t.ofSeveral(o):
		if isBroken && slices.ContainsFunc(o.table.Indexes, func(x *query.Index) bool { return x.Unique }) {
			return errUnnamed
		}
		return errCarefully
	case isBroken:
		if o.racing && index == o.target || o.made && index == "" {
			t.collided = true // another's row came between
			return errAgain
		}
		if !t.naming && !isFirst(o, index) {
			return errUnnamed
		}
		return t.located(faultUnique(constraint), o.write, o.row)
	}
	return t.located(fmt.Errorf("write to the database: %w", err), o.write, o.row)
}

// ofSeveral reports a statement that inserts more than one row.
func (t *transaction) ofSeveral(o *op) bool {
	return !t.careful && o.write < len(t.batch.Writes) && len(t.batch.Writes[o.write].Rows) > 1
}

const (
	kindThrown = "Thrown"
	kindExists = "AlreadyExists"

	// indexTaken begins the message of a unique index that is broken; the index's
	// quoted name follows, then the values.
	indexTaken = "Database index `"
	// otherEnd ends the message of an edge that is to be made where another one
	// is, between other rows.
	otherEnd = "` field, which does not match the existing field value"
)

// broken tells the unique constraint that a statement broke, and its index, ""
// for the key. The message names the index before it shows any value.
func broken(o *op, failed *rpc.StatementError) (constraint, index string, ok bool) {
	if o.table == nil {
		return "", "", false
	}
	if failed.Kind == kindExists && strings.HasPrefix(failed.Message, "Database record `") ||
		o.kind == opInsert && o.table.Edge.Joins() && strings.HasPrefix(failed.Message, "Found ") && strings.HasSuffix(failed.Message, otherEnd) {
		return o.table.Constraint(nil), "", true
	}
	rest, isIndex := strings.CutPrefix(failed.Message, indexTaken)
	if !isIndex {
		return "", "", false
	}
	name, _, _ := strings.Cut(rest, "`")
	return constraintOf(o.table.Table, name), name, true
}

// constraintOf is the name that a unique index has in faults.
func constraintOf(t *query.Table, index string) string {
	if x := t.Index(index); x != nil {
		return t.Constraint(x)
	}
	return t.Name + "_key"
}

// isRetryable reports a transaction that another was in the way of: nothing of it
// was kept.
func isRetryable(failed *rpc.StatementError) bool {
	return failed.Kind != kindThrown && failed.Kind != kindExists && !strings.HasPrefix(failed.Message, indexTaken) &&
		strings.Contains(failed.Message, "Transaction conflict")
}
