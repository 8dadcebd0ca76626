package query

import "github.com/edge-hive/edge-hive/runtime/fault"

// Select reads rows of one table. Where is bound: rule and filter together.
type Select struct {
	Table   *Table
	Columns []Output
	Where   Expr    // nil: every row
	Order   []Order // the engine adds the key as the last tie-breaker
	Limit   int     // -1: no bound
	Offset  int
	// Count asks for the exact number of rows that match Where.
	Count bool
	// Position asks for the feed's cursor, read in the same transaction.
	Position bool
}

// Output is one member of an answer's objects.
type Output struct {
	Name string
	Expr Expr // a ColumnRef, or a Path on one
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
)

// Batch is the writes of one request: one transaction, all or nothing.
type Batch struct {
	Writes []Write
}

// Write is one write. Everything in it is bound.
type Write struct {
	Op    Op
	Table *Table
	// Rows are whole rows to insert, defaults filled; a null int key is made by
	// the engine.
	Rows []Row
	// Where picks the rows of an update or delete: filter, read rule and the
	// rule on the row before, together. nil is every row.
	Where Expr
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
	// Cursor is the commit's place in the feed; zero when nothing changed.
	Cursor Cursor
}

// WriteResult is what one write did.
type WriteResult struct {
	Affected int
	Rows     []Row // when Returning: as they are now, or as they were (delete)
}
