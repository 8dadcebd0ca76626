package query

// Cursor is a place in the feed. Within one epoch later commits have greater
// Seq; an epoch ends with a restore or a rebuild. The zero Cursor is before
// everything. Clients see its text and must treat it as opaque.
type Cursor struct {
	Epoch, Seq uint64
}

// Commit is one committed batch, as the feed keeps it.
type Commit struct {
	Cursor Cursor
	At     int64 // microseconds since the epoch
	// Depth is the batch's: how many functions led to it.
	Depth   int
	Changes []Change
}

// Change is one row that a commit changed. Before and After are the stored row
// as a JSON object by column name (nil where there is none): they outlive the
// generation that wrote them, so DecodeRow reads them by today's columns. Both
// are nil where rows of a Quiet table changed: once a commit and table, with the
// Op Update, whatever was done to how many of them.
type Change struct {
	Table  string
	Op     Op
	Before []byte
	After  []byte
}
