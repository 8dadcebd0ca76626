// Package store holds the contracts between the gate and the engines: Store
// outlives a generation, View is one generation's prepared way in. Engines
// (store/sqlite) implement them, data and live use them; it contains no
// engine's code.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Store is what outlives a generation: files or connections, and the feed.
// Its methods may be called concurrently.
type Store interface {
	Ledger
	// Inspect tells the schema that is in the database now; an empty database
	// has an empty schema.
	Inspect(context.Context) (plan.Schema, error)
	// Migrate carries out a plan in one transaction. It refuses a plan that was
	// made against another schema than the one it finds (ErrMoved).
	Migrate(context.Context, plan.Plan) error
	// History has every migration that was carried out, the first one first.
	History(context.Context) ([]plan.Record, error)
	// Drift is what somebody changed in the database by hand.
	Drift(context.Context) ([]plan.Drift, error)
	// Open prepares a view on the schema, which must be the one in the database.
	Open(context.Context, *query.Schema) (View, error)
	// Changes reads commits after a cursor, oldest first, at most limit, and
	// fewer when they are large; none is the end. A cursor that the feed no
	// longer reaches is ErrTruncated.
	Changes(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error)
	// Position is the cursor of the last commit.
	Position(context.Context) (query.Cursor, error)
	// Watch gives a wake-up after commits (coalesced, never the data) until the
	// context ends; then the channel is closed.
	Watch(context.Context) (<-chan struct{}, error)
	// Health is nil when the store can read and write durably.
	Health(context.Context) error
	// Broken is closed when writing has ended for good, because what the disk
	// holds is not known any more (a commit that did not reach it). Reads go on;
	// only a new start recovers.
	Broken() <-chan struct{}
	// Backup writes one consistent copy while serving.
	Backup(context.Context, io.Writer) error
	// Close waits for running work and closes files and connections.
	Close() error
}

// Relay carries messages between the processes that share a database. A Store
// that several may share is one.
type Relay interface {
	// Tell hands a message to every other process that listens. It is kept no
	// longer than it takes them to hear it.
	Tell(ctx context.Context, message []byte) error
	// Listen gives hear what others tell from now on, until the context ends:
	// each message once, those of one process that were told one after the other
	// in that order. hear may not keep the bytes. What was told while the database
	// could not be reached for long is lost.
	Listen(ctx context.Context, hear func(message []byte))
}

// View is one generation's prepared way in. Methods may be called
// concurrently; each is bounded by its context and by the statement time.
type View interface {
	// Select writes the rows to w in order.
	Select(ctx context.Context, s query.Select, w query.RowWriter) (Info, error)
	// Query runs a named query and hands its rows to visit, in the text's order;
	// a row is visit's to keep, and an error of it ends the query and is
	// returned. Nothing is written.
	Query(ctx context.Context, call query.Invocation, visit func(query.Row) error) error
	// Test judges conditions that are about no row at hand (query.Place), each
	// against what is stored now, all at one moment.
	Test(context.Context, []query.Expr) ([]query.Truth, error)
	// Apply commits the batch, named queries that write among it, durably, or does nothing. Faults of the caller
	// are *fault.Fault with Postgres's codes (23505, 23503, ...).
	Apply(context.Context, query.Batch) (query.Result, error)
	// Snapshot begins to read at one moment; what is written later is not seen,
	// and holds nobody back. An engine bounds how many are open at once: more are
	// a fault.
	Snapshot(context.Context) (Snapshot, error)
	// Version is the version of a table: it changes with every commit that
	// touches the table, before that commit is acknowledged. From memory.
	Version(*query.Table) uint64
	// Explain tells how a select would be run.
	Explain(context.Context, query.Select) (string, error)
	// Close ends the view; running work is waited for.
	Close() error
}

// Snapshot is a database at one moment, for exports: it may be read for as long
// as its reader takes, also when its view is closed or the tables are changed.
// One goroutine at a time.
type Snapshot interface {
	// Select is the View's, without the statement time: its context alone bounds
	// it, and of embeds only those of one row are bounded.
	Select(ctx context.Context, s query.Select, w query.RowWriter) (Info, error)
	// Close must be called once; the store waits for it.
	Close() error
}

// Info is what a select says besides its rows.
type Info struct {
	Rows     int
	Count    int64        // -1 when not asked
	Position query.Cursor // when asked
	Revision int64        // of the last row, when asked
}

var (
	// ErrTruncated is returned when the feed no longer reaches back to a cursor.
	ErrTruncated = errors.New("the feed no longer reaches back to this cursor")
	// ErrMoved is returned when the database's schema changed since the plan.
	ErrMoved = errors.New("the database's schema changed since the plan was made")
	// ErrUnavailable is returned while the database cannot be reached.
	ErrUnavailable = errors.New("the database cannot be reached")
	// ErrFull is returned when there is no room to write; reads go on.
	ErrFull = errors.New("no room left to write")
	// ErrRevisionMoved is returned when a row has none of a write's Revisions.
	ErrRevisionMoved = errors.New("the row has another revision")
	// ErrKeyReused is returned for a batch under the key of another one.
	ErrKeyReused = errors.New("the key names another batch")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the store is closed")
)

// WriteError says which write of a batch of several an error is of.
type WriteError struct {
	Write int
	Err   error
}

func (e *WriteError) Error() string { return fmt.Sprintf("write %d: %v", e.Write, e.Err) }

// Unwrap gives the error of the write.
func (e *WriteError) Unwrap() error { return e.Err }

// RowError says which row of an insert of several an error is of.
type RowError struct {
	Row int
	Err error
}

func (e *RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

// Unwrap gives the error of the row.
func (e *RowError) Unwrap() error { return e.Err }

// NotSingleError says that a Single write affected another number of rows.
type NotSingleError struct{ Affected int }

func (e *NotSingleError) Error() string { return "not exactly one row was affected" }

// TooManyError says that a write affected more rows than its AtMost.
type TooManyError struct{ Affected int }

func (e *TooManyError) Error() string { return "too many rows were affected" }

// CheckCount is the error of a write that affected another number of rows than it
// may: a *NotSingleError or a *TooManyError.
func CheckCount(w *query.Write, affected int) error {
	if w.Single && affected != 1 {
		return &NotSingleError{Affected: affected}
	}
	if w.AtMost != nil && affected > *w.AtMost {
		return &TooManyError{Affected: affected}
	}
	return nil
}
