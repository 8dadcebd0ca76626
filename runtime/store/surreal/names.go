package surreal

import "github.com/edge-hive/edge-hive/runtime/query"

// The names that are ours. No manifest can utter one that begins with "_".
const (
	tableChanges = "_changes" // the feed; its rows are dropped, its changefeed is kept
	tableMeta    = "_meta"    // _meta:schema is the recorded schema, _meta:feed the feed's epoch
	tableHistory = "_history"
	tableOnce    = "_once"
	tableKeys    = "_keys"    // the next int key of each table
	tableLeases  = "_leases"  // who leads what
	tableNotes   = "_notes"   // the ledger of what runs beside requests
	tableNodes   = "_nodes"   // which stores stand on the database, see nodes.go
	tableTouched = "_touched" // rows that a named query wrote when it was tried; nothing of it is kept
	tableMoved   = "_moved"   // with a number behind it: rows on their way, within a migration's transaction
	tableWitness = "_held"    // who points at rows, against who deletes them; see transaction.hold

	tableBroadcasts = "_broadcasts" // what nodes tell each other, kept for seconds; see relay.go

	accessForget = "_forget" // an access method without grants, see transaction.forget

	fieldRevision = "_rev" // of every row: another number after every write

	// paramOurs is set in every text that writes for the API, and seen by events
	// and asserts: what a text of ours does by itself, they do for writes by hand
	// alone.
	paramOurs = "_ours"
	// paramWorded has the fields of words that the text itself keeps.
	paramWorded = "_worded"
	// paramSilent is set where the contents of rows do not change: the feed is
	// not told.
	paramSilent = "_silent"
	// paramTouching is set where a named query is tried: events note its rows.
	paramTouching = "_touching"
)

// fieldOf is the field that a column is stored in. The two refs of edges that
// always have both ends are SurrealDB's own in and out.
func fieldOf(t *query.Table, c *query.Column) string {
	if t.Edge.Joins() {
		switch c {
		case t.Edge.From:
			return "in"
		case t.Edge.To:
			return "out"
		}
	}
	return c.Name
}

// wordsField is the field that holds the words of a full-text index.
func wordsField(index string) string { return "_words_" + index }
