package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
)

// The codes are PostgreSQL's, but for the two of PostgREST.
const (
	codeUnique   = "23505"
	codeForeign  = "23503"
	codeNotNull  = "23502"
	codeTwice    = "21000"
	codeTimeout  = "57014"
	codeOverload = "53000"
	codeSequence = "2200H"
	codeTooLarge = "54000"
	codeRange    = "22003"
	codeGrouping = "42803"
	codeOutgrown = "55000"
	codeDiskFull = "53100"
)

func faultMigrating() *fault.Fault {
	return gate.FaultShut()
}

func faultQueue() *fault.Fault {
	return fault.New(codeOverload, "too many writes are waiting").WithHint("try again in a moment")
}

// faultFeedFull is a write that would make the feed larger than it may be, for
// what functions have not run for yet is kept.
func faultFeedFull() *fault.Fault {
	return fault.New(codeDiskFull, "the functions that are called after commits are so far behind that nothing more can be written").
		WithHint("see edge-hive status for which of them fail or are slow, or give database.changes.max more room")
}

func faultTimeout() *fault.Fault {
	return fault.New(codeTimeout, "canceling statement due to statement timeout")
}

// faultSum is a sum that is no int64 any more.
func faultSum() *fault.Fault {
	return fault.New(codeRange, "bigint out of range").WithHint("sum fewer rows: filter or group them")
}

func faultEmbedTooLarge() *fault.Fault {
	return fault.Newf("embed-too-large", "the embedded rows of an answer may take %d MiB at most", maxEmbedBytes>>20).
		WithHint("embed fewer rows with a limit or a filter, select fewer of their columns, or ask for fewer rows around them")
}

func faultNotNull(table, column string) *fault.Fault {
	return fault.Newf(codeNotNull, "null value in column %q of relation %q violates not-null constraint", column, table)
}

func faultUnique(constraint string) *fault.Fault {
	return fault.Newf(codeUnique, "duplicate key value violates unique constraint %q", constraint)
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

// statementError turns an error of a running statement into what the caller
// may see. ctx is the request's own.
func statementError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case carriedFault(err) != nil:
		return carriedFault(err)
	case errors.Is(err, sqlite3.INTERRUPT):
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return ctx.Err()
		}
		return faultTimeout().WithCause(err)
	case isFull(err):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case errors.Is(err, sqlite3.TOOBIG):
		return fault.New(codeTooLarge, "the statement or one of its values is too large").WithCause(err)
	case errors.Is(err, sqlite3.BUSY):
		return fault.New(codeOverload, "the database is locked by another process").WithHint("try again in a moment").WithCause(err)
	}
	return err
}

// uniqueFault finds the constraint's name in SQLite's message, which names the
// columns ("UNIQUE constraint failed: t.a, t.b") and no value; the driver has
// no other way to tell.
func uniqueFault(table string, err error) *fault.Fault {
	constraint := table + "_key"
	message := err.Error()
	if i := strings.LastIndex(message, "constraint failed: "); i >= 0 {
		var columns []string
		for _, part := range strings.Split(message[i+len("constraint failed: "):], ", ") {
			name, column, ok := strings.Cut(part, ".")
			if ok && name == table {
				columns = append(columns, column)
			}
		}
		switch {
		case len(columns) == 1 && columns[0] == "id":
			constraint = table + "_pkey"
		case len(columns) > 0:
			constraint = table + "_" + strings.Join(columns, "_") + "_key"
		}
	}
	return faultUnique(constraint)
}

func isUnique(err error) bool {
	return errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY) || errors.Is(err, sqlite3.CONSTRAINT_ROWID)
}

// isFull reports that the disk took no write: it is full, or read-only. The
// transaction is undone, and a later one may go through. The driver has FULL for
// SQLite's own bound alone; a disk without room fails a write, or the growth of
// the WAL's index.
func isFull(err error) bool {
	return errors.Is(err, sqlite3.FULL) ||
		errors.Is(err, sqlite3.READONLY) && !errors.Is(err, sqlite3.READONLY_DBMOVED) ||
		errors.Is(err, sqlite3.IOERR_WRITE) || errors.Is(err, sqlite3.IOERR_SHMSIZE)
}

// isBroken reports an error after which nothing may be written any more: what
// the disk holds is not known. A write that failed is none: SQLite never reads
// what was to be written there, and writes it anew.
func isBroken(err error) bool {
	return errors.Is(err, sqlite3.IOERR_FSYNC) || errors.Is(err, sqlite3.IOERR) && !isFull(err) ||
		errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB)
}
