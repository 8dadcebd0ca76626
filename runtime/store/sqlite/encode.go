package sqlite

import (
	"encoding/binary"
	"errors"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// A commit's body in the feed is its changes one after the other: the
// operation in a byte, then table, row before and row after, each as a uvarint
// of its length plus one (0 for none) and its bytes. A change without rows says
// that a quiet table's rows changed. One without a table comes first where
// functions led to the commit, and its row before is a byte: how many.

// body collects the changes of one commit.
type body struct {
	bytes   []byte
	changes int
	scratch []byte
}

func (b *body) reset() { b.bytes, b.changes = b.bytes[:0], 0 }

// add appends a change; nil rows are none.
func (b *body) add(t *query.Table, op query.Op, before, after query.Row) {
	b.bytes = append(b.bytes, byte(op))
	b.bytes = binary.AppendUvarint(b.bytes, uint64(len(t.Name))+1)
	b.bytes = append(b.bytes, t.Name...)
	b.row(t, before)
	b.row(t, after)
	b.changes++
}

func (b *body) row(t *query.Table, row query.Row) {
	if row == nil {
		b.bytes = append(b.bytes, 0)
		return
	}
	b.scratch = query.AppendRow(b.scratch[:0], t, row)
	b.bytes = binary.AppendUvarint(b.bytes, uint64(len(b.scratch))+1)
	b.bytes = append(b.bytes, b.scratch...)
}

// appendDepth begins a body that functions led to.
func appendDepth(dst []byte, depth int) []byte {
	if depth <= 0 {
		return dst
	}
	return append(dst, byte(query.Update), 0, 2, byte(min(depth, query.MaxDepth)), 0)
}

var errBody = errors.New("a commit in the feed cannot be read")

// decodeChanges reads a body and its depth; the changes share its memory.
func decodeChanges(raw []byte) (changes []query.Change, depth int, err error) {
	for len(raw) > 0 {
		change := query.Change{Op: query.Op(raw[0])}
		raw = raw[1:]
		var parts [3][]byte
		for i := range parts {
			n, size := binary.Uvarint(raw)
			if size <= 0 || n > uint64(len(raw)-size)+1 {
				return nil, 0, errBody
			}
			raw = raw[size:]
			if n > 0 {
				parts[i], raw = raw[:n-1:n-1], raw[n-1:]
			}
		}
		if parts[0] == nil {
			if len(parts[1]) != 1 {
				return nil, 0, errBody
			}
			depth = int(parts[1][0])
			continue
		}
		change.Table, change.Before, change.After = string(parts[0]), parts[1], parts[2]
		changes = append(changes, change)
	}
	return changes, depth, nil
}
