package surreal

// Every table has the event _feed, which writes each change of a row into
// _changes, in the transaction that changes the row, whoever writes it. _changes
// drops what it is given; its changefeed keeps it, one entry a transaction. The
// fields of a change:
//
//	table, key   whose row it is, from the row's own id: where a node of a graph
//	             goes, SurrealDB takes its edges along and runs the node's events
//	             for them
//	op           CREATE, UPDATE or DELETE; opHush for a row of a quiet table,
//	             whose contents the feed does not keep
//	batch        the number that the writing process gave its batch; none for
//	             what was written by hand
//	before,after the row as it is stored, hidden fields and all; the former is
//	             without its id where the transaction wrote the row before
//
// A change with the op opBreak is no change of a row: see breakText.
const (
	eventFeed = "_feed"

	// paramBatch is set in every text that writes for the API (see batch).
	paramBatch = "_batch"

	opHush  = "HUSH"
	opBreak = "BREAK"
)

// eventText is the event of a table, after its name. It says nothing of the
// table's columns, so it stays as it is while they change.
func eventText(table string, quiet bool) string {
	text := " ON " + quote(table) + " WHEN $" + paramSilent + " != true THEN { IF $" + paramTouching + " = true { CREATE " + quote(tableTouched) +
		" SET `table` = record::tb($value.id), op = $event, `key` = $value.id RETURN NONE }; CREATE " + quote(tableChanges) +
		" SET `table` = record::tb($value.id), batch = $" + paramBatch
	if quiet {
		return text + ", op = '" + opHush + "' RETURN NONE }"
	}
	return text + ", op = $event, `key` = $value.id, before = $before, after = $after RETURN NONE }"
}

// breakText is a statement that makes a break in the feed: who stands at a
// cursor from $from on, but before the commit that it is part of, may have
// missed a change and begins anew. 0 is everybody.
const breakText = "CREATE " + tableChanges + " SET op = '" + opBreak + "', `from` = $from RETURN NONE"

// epochText is the statements that begin a new epoch of the feed, in which no
// former cursor is good. They are part of the transaction after which the rows
// in the feed are no longer those of the tables.
const epochText = "UPSERT " + tableMeta + ":feed SET epoch = time::micros(time::now());\n" +
	"CREATE " + tableChanges + " SET op = '" + opBreak + "', `from` = 0, epoch = " + tableMeta + ":feed.epoch RETURN NONE;\n"

// beginText gives the feed its first epoch where it has none, and tells which
// one it has.
const beginText = "BEGIN;\n" +
	"IF " + tableMeta + ":feed.epoch = NONE {\n" + epochText + "};\n" +
	"RETURN " + tableMeta + ":feed.epoch;\nCOMMIT"
