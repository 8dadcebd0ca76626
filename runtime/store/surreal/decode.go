package surreal

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// feedEntry is a commit as the changefeed has it. Rows stay as they came until
// somebody asks for them, and are read by the columns of that day.
type feedEntry struct {
	seq     uint64
	changes []feedChange
	batch   string
	size    int

	breaks bool   // it is a break (see breakText)
	from   uint64 // whose cursors it voids
	epoch  uint64 // which it begins; 0 where it begins none
}

// voids reports a break that the cursor stands behind.
func (e *feedEntry) voids(seq uint64) bool { return e.breaks && e.from <= seq && seq < e.seq }

// feedChange is one row's.
type feedChange struct {
	table              string
	op                 query.Op
	hush               bool // without contents
	key, before, after []byte
}

// changeOverhead is what a change costs beside its rows, bytes.
const changeOverhead = 128

var errWideStamp = errors.New("a versionstamp of this SurrealDB has more than 64 bits, which is not supported")

// readEntries reads the answer to SHOW CHANGES, in order. read counts what was
// there, that is also what is no commit of ours: a definition of the feed.
func readEntries(answer []byte) (entries []feedEntry, read int, last uint64, err error) {
	r := wire.NewReader(answer)
	read = r.Array()
	for range read {
		e, err := readEntry(r)
		if err != nil {
			return nil, 0, 0, err
		}
		last = e.seq
		if len(e.changes) > 0 || e.breaks {
			entries = append(entries, e)
		}
	}
	return entries, read, last, r.Err()
}

func readEntry(r *wire.Reader) (feedEntry, error) {
	var e feedEntry
	var raw []byte
	for range r.Map() {
		switch string(r.String()) {
		case "versionstamp":
			if r.Kind() != wire.Int {
				return e, errWideStamp
			}
			e.seq = r.Uint()
		case "changes":
			raw = r.Raw()
		default:
			r.Skip()
		}
	}
	if err := r.Err(); err != nil {
		return e, fmt.Errorf("read the feed: %w", err)
	}
	if e.seq > math.MaxInt64 {
		return e, errWideStamp
	}
	// A copy of its own: the answer's bytes are those of many commits.
	raw = bytes.Clone(raw)
	e.size = len(raw) + changeOverhead
	in := wire.NewReader(raw)
	for range in.Array() {
		for range in.Map() {
			if string(in.String()) == "update" {
				e.readRecord(in)
			} else {
				in.Skip()
			}
		}
	}
	e.size += len(e.changes) * changeOverhead
	if err := in.Err(); err != nil {
		return e, fmt.Errorf("read the feed at %d: %w", e.seq, err)
	}
	return e, nil
}

// readRecord reads one record of _changes.
func (e *feedEntry) readRecord(r *wire.Reader) {
	var c feedChange
	var op string
	for range r.Map() {
		name := string(r.String())
		if kind := r.Kind(); kind == wire.None || kind == wire.Null {
			r.Skip()
			continue
		}
		switch name {
		case "table":
			c.table = string(r.String())
		case "op":
			op = string(r.String())
		case "batch":
			e.batch = string(r.String())
		case "from":
			e.from = r.Uint()
		case "epoch":
			e.epoch = r.Uint()
		case "key":
			c.key = r.Raw()
		case "before":
			c.before = r.Raw()
		case "after":
			c.after = r.Raw()
		default:
			r.Skip()
		}
	}
	switch op {
	case opBreak:
		e.breaks = true
		return
	case opHush:
		c.hush = true
	case "CREATE":
		c.op, c.before = query.Insert, nil
	case "UPDATE":
		c.op = query.Update
	case "DELETE":
		c.op, c.after = query.Delete, nil
	default:
		r.Fail(fmt.Errorf("no operation %q", op))
		return
	}
	e.changes = append(e.changes, c)
}

// commit reads an entry by the columns of a layout. Rows of tables that it does
// not know are told of without what is in them, as those of quiet ones.
func (e *feedEntry) commit(epoch uint64, known *layout) (query.Commit, error) {
	commit := query.Commit{Cursor: query.Cursor{Epoch: epoch, Seq: e.seq}, At: millis(e.seq) * 1000, Depth: depthOf(e.batch)}
	hushed := map[string]bool{}
	for i := range e.changes {
		c := &e.changes[i]
		var t *table
		if known != nil {
			t = known.byName[c.table]
		}
		if c.hush || t == nil || t.Quiet {
			if !hushed[c.table] {
				commit.Changes = append(commit.Changes, query.Change{Table: c.table, Op: query.Update})
			}
			hushed[c.table] = true
			continue
		}
		told, err := e.change(i, t)
		if err != nil {
			return commit, fmt.Errorf("read the feed at %d: a row of %q: %w", e.seq, c.table, err)
		}
		if told.Table != "" {
			commit.Changes = append(commit.Changes, told)
		}
	}
	return commit, nil
}

// change is one change as it is told; one without a table is told with a later
// one. An edge whose ends are changed is deleted and made anew, for SurrealDB
// leaves them as they are; it is one update.
func (e *feedEntry) change(i int, t *table) (query.Change, error) {
	c := &e.changes[i]
	op, earlier := c.op, c.before
	if t.Edge.Joins() {
		switch {
		case op == query.Delete && e.madeAnew(i):
			return query.Change{}, nil
		case op == query.Insert:
			if gone := e.goneBefore(i); gone != nil {
				op, earlier = query.Update, gone
			}
		}
	}
	told := query.Change{Table: t.Name, Op: op}
	var err error
	if earlier != nil {
		if told.Before, err = appendStored(nil, t, c.key, earlier); err != nil {
			return told, err
		}
	}
	if c.after != nil {
		told.After, err = appendStored(nil, t, c.key, c.after)
	}
	return told, err
}

// madeAnew reports a deleted row that is inserted later in the commit.
func (e *feedEntry) madeAnew(i int) bool {
	for _, later := range e.changes[i+1:] {
		if later.op == query.Insert && later.table == e.changes[i].table && bytes.Equal(later.key, e.changes[i].key) {
			return true
		}
	}
	return false
}

// goneBefore is the row whose deletion came before this insert, nil for none.
func (e *feedEntry) goneBefore(i int) []byte {
	for j := i - 1; j >= 0; j-- {
		earlier := &e.changes[j]
		if earlier.table == e.changes[i].table && bytes.Equal(earlier.key, e.changes[i].key) {
			if earlier.op == query.Delete {
				return earlier.before
			}
			return nil
		}
	}
	return nil
}

// appendStored appends a stored row as JSON by the names of the columns.
func appendStored(dst []byte, t *table, key, raw []byte) ([]byte, error) {
	row := make(query.Row, len(t.Columns))
	r := wire.NewReader(raw)
	for range r.Map() {
		c := t.fields[string(r.String())]
		if c == nil {
			r.Skip()
			continue
		}
		row[c.Index] = readValue(r, c.Type)
	}
	if err := r.Err(); err != nil {
		return dst, err
	}
	if row[0].IsNull() {
		r = wire.NewReader(key)
		if row[0] = readValue(r, t.Key().Type); r.Err() != nil {
			return dst, r.Err()
		}
	}
	return query.AppendRow(dst, t.Table, row), nil
}
