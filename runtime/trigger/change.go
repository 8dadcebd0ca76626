package trigger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// change is one row's change, as a function is told of it.
type change struct {
	// index is its place among those of the commit.
	index  int
	table  string
	op     string
	key    string // the row's
	detail json.RawMessage
	// unread is why the rows do not fit their columns, "" where they do.
	unread string
}

// rows are a change's, by today's columns. A deleted row stands for both, and of a
// created one there is none before.
type rows struct {
	table         *query.Table
	before, after query.Row
}

func decode(t *query.Table, c *query.Change) (rows, error) {
	r := rows{table: t}
	var err error
	if c.Before != nil {
		if r.before, err = query.DecodeRow(t, c.Before); err != nil {
			return r, fmt.Errorf("the row before: %w", err)
		}
	}
	if c.After != nil {
		if r.after, err = query.DecodeRow(t, c.After); err != nil {
			return r, fmt.Errorf("the row after: %w", err)
		}
	}
	return r, nil
}

// judged are the row and the old row that a condition is about.
func (r *rows) judged() (row, old query.Row) {
	if r.after == nil {
		return r.before, r.before
	}
	return r.after, r.before
}

// holds tells whether a condition is true of the rows.
func (r *rows) holds(when query.Expr) bool {
	row, old := r.judged()
	return query.Holds(when, row, old) == query.True
}

// tell says a change to a function.
func (r *rows) tell(at query.Cursor, index int, op query.Op) change {
	row, _ := r.judged()
	c := change{index: index, table: r.table.Name, op: opName(op), key: string(query.AppendText(nil, row[r.table.Key().Index]))}
	b := append([]byte(`{"table":"`), c.table...) // names need no escape
	b = append(append(b, `","op":"`...), c.op...)
	b = append(append(b, `","cursor":"`...), placeText(at, index)...)
	b = append(b, `","row":`...)
	b = r.append(b, r.after)
	b = append(b, `,"old":`...)
	b = r.append(b, r.before)
	b = append(b, '}')
	c.detail = b
	return c
}

// unreadable says a change whose rows do not fit their columns, as it is stored.
func unreadable(at query.Cursor, index int, c *query.Change, why error) change {
	raw := func(row []byte) json.RawMessage {
		if row == nil {
			return json.RawMessage("null")
		}
		return row
	}
	op := opName(c.Op)
	detail := fmt.Sprintf(`{"table":%q,"op":%q,"cursor":%q,"row":%s,"old":%s}`, c.Table, op, placeText(at, index), raw(c.After), raw(c.Before))
	return change{index: index, table: c.Table, op: op, detail: json.RawMessage(detail), unread: "the stored row cannot be read: " + why.Error()}
}

func (r *rows) append(dst []byte, row query.Row) []byte {
	if row == nil {
		return append(dst, "null"...)
	}
	return query.AppendRow(dst, r.table, row)
}

func opName(op query.Op) string {
	switch op {
	case query.Insert:
		return "create"
	case query.Delete:
		return "delete"
	}
	return "update"
}

// placeText is the place of a change for guests: opaque, and the same whenever the
// change comes again.
func placeText(at query.Cursor, index int) string {
	return at.String() + "." + strconv.FormatInt(int64(index), 36)
}

// mostChanges is more than a commit has.
const mostChanges = 36*36*36*36*36 - 1

// idOf names a change so that names are sorted as the feed is.
func idOf(at query.Cursor, index int) string {
	return pad(at.Epoch, 11) + pad(at.Seq, 13) + pad(uint64(index), 5)
}

// pad writes a number to the base 36, of a width that no cursor outgrows.
func pad(n uint64, width int) string {
	text := strconv.FormatUint(n, 36)
	return strings.Repeat("0", max(0, width-len(text))) + text
}
