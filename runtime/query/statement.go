package query

import "github.com/edge-hive/edge-hive/runtime/fault"

// Select reads rows of one table. Where is bound: rule and filter together.
// Where an output aggregates (HasAggregate), it gives groups of rows instead:
// one for each combination of the outputs that do not, and one for all rows
// where every output does; the key is then no tie-breaker, and Count counts
// groups.
type Select struct {
	Table   *Table
	Columns []Output
	Where   Expr    // nil: every row
	Reach   *Reach  // nil: rows wherever they are
	Order   []Order // the engine adds the key as the last tie-breaker
	Limit   int     // -1: no bound
	Offset  int
	// Count asks for the exact number of rows that match Where.
	Count bool
	// Position asks for the feed's cursor, read in the same transaction.
	Position bool
	// Revision asks for the revision of the last row, in Info.
	Revision bool
}

// Output is one member of an answer's objects.
type Output struct {
	Name string
	Expr Expr
}

// Order is one term of an order.
type Order struct {
	Expr       Expr
	Descending bool
	NullsFirst bool
}

// RowWriter receives a Select's rows: for each row BeginRow, one call per
// Output in order, EndRow. Bytes are valid during the call alone.
type RowWriter interface {
	BeginRow()
	Null()
	Bool(bool)
	Int(int64)
	Float(float64)
	Decimal(n int64, scale uint8)
	Text([]byte) // text and uuid
	Timestamp(micros int64)
	Date(days int64)
	JSON([]byte) // json and list, valid JSON
	// EndRow ends the row; an error ends the select and is returned by it.
	EndRow() error
}

// Op is what a write does.
type Op uint8

// The operations.
const (
	Insert Op = iota
	Update
	Delete
	// Run is a named query that writes; no change in the feed is one.
	Run
)

// Batch is the writes of one request: one transaction, all or nothing.
type Batch struct {
	Writes []Write
	// Once, when set, makes a repetition of the batch give the first one's
	// result and change nothing.
	Once *Once
	// Rollback does everything but keep it: the result is as if it had been
	// kept, its Cursor is zero.
	Rollback bool
	// Position asks for the commit's place in the feed. An engine may have to
	// wait until the feed shows it.
	Position bool
	// Depth is how many functions led to the batch, one after the other; the feed
	// keeps it with the commit, so that a chain of them ends. At most MaxDepth.
	Depth int
}

// MaxDepth bounds what a Batch's Depth can say; what is deeper is as deep.
const MaxDepth = 255

// Once names a batch for as long as an engine remembers it (24 h).
type Once struct {
	// Key is the caller's name for the batch, already bound to the caller.
	Key string
	// Request tells requests apart: a batch under a key that another request
	// had is the store's ErrKeyReused.
	Request [32]byte
}

// Write is one write. Everything in it is bound.
type Write struct {
	Op Op
	// Table is, of a Run, the query's Result; Rows, Where and what else speaks of
	// a table's rows is not of it then.
	Table *Table
	// Invocation is the call of a Run.
	Invocation *Invocation
	// Guards are, of a Run, what is demanded of the rows that it writes, for each
	// table that it may write.
	Guards []Guard
	// Accept, of a Run, judges the rows that it gives; an error undoes the batch.
	// It is not asked where the batch was done before.
	Accept func([]Row) error
	// Rows are whole rows to insert, defaults filled; a null int key is made by
	// the engine.
	Rows []Row
	// Given are values of Rows that earlier writes of the batch decide.
	Given []Given
	// Conflict, of an insert, says what becomes of a row that is there already;
	// nil is the error 23505.
	Conflict *Conflict
	// Where picks the rows of an update or delete: filter, read rule and the
	// rule on the row before, together. nil is every row.
	Where Expr
	// Revisions, when set, are those that a row which Where picks may have;
	// otherwise the batch is undone and the error is the store's
	// ErrRevisionMoved. It is also the error where Where picks no row.
	Revisions []int64
	// Set is what an update assigns; expressions see the row before.
	Set []Assignment
	// Checks are judged on each resulting row inside the transaction (on the
	// row before, for a delete); ColumnRef.Old is the row before. The first
	// that fails undoes the batch and its Fault is the error.
	Checks []Check
	// Single demands that exactly one row is affected; otherwise the batch is
	// undone and the error is the store's NotSingleError with the count.
	Single bool
	// AtMost is how many rows may be affected, nil for any number; where they are
	// more the batch is undone.
	AtMost *int
	// Returning asks for the rows themselves in the result.
	Returning bool
	// Beyond are expressions over each resulting row (the row before, for a
	// delete) that look beyond it. They are evaluated when all writes of the
	// batch are done, in the same transaction; see WriteResult.Beyond.
	Beyond []Expr
}

// Guard is what is demanded of the rows of one table that a named query writes
// by its text, be it new ones or others. What references do to further rows is
// not its concern, nor are rows that go.
type Guard struct {
	Table *Table
	// Fit judges the columns of a row by themselves; before is nil for a new row.
	Fit func(before, after Row) error
	// Set is assigned to a row that was there, but for columns that the text has
	// changed; expressions see the row as the text left it.
	Set []Assignment
	// Checks are judged on the resulting row.
	Checks []Check
}

// Given is a value of a row to insert that an earlier write decides.
type Given struct {
	Row    int
	Column *Column
	Value  *Made
}

// Conflict is what an insert does with a row whose values in the target
// columns another row has already. Checks of the write are judged on every row
// as if it were new.
type Conflict struct {
	// Target is the key alone, or the columns of a unique index. A conflict in
	// another unique index is the error 23505.
	Target []*Column
	// Ignore passes over the row: it is not affected and not returned.
	Ignore bool
	// Before must hold for the row that is there, or Denied is the error and
	// the batch is undone. nil holds always.
	Before Expr
	Denied *fault.Fault
	// Columns take the values of the row that was to be inserted.
	Columns []*Column
	// Set is assigned after them, over the row that was there with Columns
	// taken over: what an update sets by itself.
	Set []Assignment
	// Checks are judged on the resulting row, with old.
	Checks []Check
}

// Assignment sets a column.
type Assignment struct {
	Column *Column
	Value  Expr
}

// Check is a condition with the fault of breaking it.
type Check struct {
	Cond Expr
	// AllowUnknown passes unknown too (a table's checks); access passes on
	// true alone.
	AllowUnknown bool
	Fault        *fault.Fault
}

// Result is what a batch did, write by write.
type Result struct {
	Writes []WriteResult
	// Cursor is the commit's place in the feed; zero when nothing changed. It may
	// be zero too when the batch did not ask for it.
	Cursor Cursor
	// Replayed says that the batch was done before, under the same Once.
	Replayed bool
}

// WriteResult is what one write did.
type WriteResult struct {
	Affected int
	// Inserted are those of Affected that were not there before.
	Inserted int
	Rows     []Row // when Returning: as they are now, or as they were (delete)
	// Beyond has the values of Write.Beyond for each row of Rows.
	Beyond [][]Value
	// Keys are those of the rows of an insert, in the order of the request; null
	// for a row that was passed over.
	Keys []Value
}
