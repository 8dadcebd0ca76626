package surreal

import (
	"hash/fnv"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// inserted notes a row that this batch made: it is there for those that point at
// it.
func (t *transaction) inserted(id rowID) {
	if t.fresh == nil {
		t.fresh = map[rowID]bool{}
	}
	t.fresh[id] = true
}

// deleted notes a row that this batch deleted.
func (t *transaction) deleted(id rowID) {
	if t.gone == nil {
		t.gone = map[rowID]bool{}
	}
	t.gone[id] = true
	delete(t.fresh, id)
}

// target is a row that another points at.
type target struct {
	column *query.Column
	key    query.Value
}

// referTo demands that what rows point at in some columns is there: at the end
// of the statement, so that rows may point at each other. A value that the row
// had before (nil for a new one) is not asked for again.
func (t *transaction) referTo(entry *table, columns []*query.Column, rows []query.Row, before query.Row) {
	var targets []target
	var seen map[rowID]bool
	for _, c := range columns {
		parent := t.layout.byName[c.Ref.Table]
		if parent == nil {
			continue
		}
		for _, row := range rows {
			key := row[c.Index]
			if key.IsNull() || before != nil && before[c.Index] == key {
				continue
			}
			id := idOf(parent, key)
			if t.fresh[id] || seen[id] {
				continue
			}
			if len(rows) > 1 {
				if seen == nil {
					seen = map[rowID]bool{}
				}
				seen[id] = true
			}
			targets = append(targets, target{c, key})
		}
	}
	if len(targets) == 0 {
		return
	}
	if len(rows) == 1 {
		for _, target := range targets {
			missing := faultMissing(entry.Name, target.column, target.key)
			t.throw(op{kind: opThrow, table: entry, fault: missing}, func(c *compiler) {
				c.text("(SELECT VALUE " + fieldRevision + " FROM ONLY ") // what the batch wrote has no id yet
				c.value(target.key, target.column.Type, target.column.Ref.Table)
				c.text(") = NONE")
			})
		}
	} else {
		t.throw(op{kind: opThrow, table: entry, fault: errCarefully}, func(c *compiler) {
			c.text("(SELECT VALUE " + fieldRevision + " FROM ")
			c.bind(func(dst []byte) []byte { return appendTargets(dst, targets) })
			c.text(" WHERE " + fieldRevision + " != NONE).len() != ")
			c.number(len(targets))
		})
	}
	t.hold(targets)
}

func appendTargets(dst []byte, targets []target) []byte {
	dst = wire.AppendArray(dst, len(targets))
	for _, target := range targets {
		dst = appendValue(dst, target.key, target.column.Type, target.column.Ref.Table)
	}
	return dst
}

// A row that is deleted and one that comes to point at it are written in two
// transactions that write no row in common, and the server lets both through: it
// holds what a transaction writes against what others wrote, not what it read.
// So both write a witness too, a row of _held whose number is made of the row
// pointed at: then one of them fails and is tried again, and sees what the other
// did. Of each number there are several, so that those who point at one row are
// seldom in each other's way: they write one of them, who deletes it all.
const (
	witnesses = 4096
	shards    = 16
)

// heldKey is the number of a witness.
type heldKey int64

func firstWitness(id rowID) heldKey {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(id.table))
	_, _ = sum.Write([]byte{0})
	_, _ = sum.Write([]byte(id.key))
	return heldKey(sum.Sum64() % witnesses * shards)
}

// hold writes a witness of each row that the batch points at.
func (t *transaction) hold(targets []target) {
	if t.shard == 0 {
		t.shard = t.store.writes.shard.Add(1)%shards + 1
	}
	var keys []heldKey
	for _, target := range targets {
		id := rowID{target.column.Ref.Table, keyText(target.key)}
		keys = t.witness(keys, firstWitness(id)+heldKey(t.shard-1))
	}
	t.writeWitnesses(keys)
}

// holdAll writes all witnesses of rows that go, if any may point at them.
func (t *transaction) holdAll(entry *table, rows []found) {
	if len(t.referrers(entry)) == 0 {
		return
	}
	var keys []heldKey
	for i := range rows {
		first := firstWitness(idOf(entry, rows[i].row[0]))
		for shard := range heldKey(shards) {
			keys = t.witness(keys, first+shard)
		}
	}
	t.writeWitnesses(keys)
}

// witness adds one that the batch has not written yet.
func (t *transaction) witness(keys []heldKey, key heldKey) []heldKey {
	if t.held[key] {
		return keys
	}
	if t.held == nil {
		t.held = map[heldKey]bool{}
	}
	t.held[key] = true
	return append(keys, key)
}

func (t *transaction) writeWitnesses(keys []heldKey) {
	if len(keys) == 0 {
		return
	}
	c := t.statement(op{})
	c.text("UPSERT ")
	c.bind(func(dst []byte) []byte {
		dst = wire.AppendArray(dst, len(keys))
		for _, key := range keys {
			dst = wire.AppendInt(wire.AppendRecord(dst, tableWitness), int64(key))
		}
		return dst
	})
	c.text(" SET batch = $" + paramBatch + " RETURN NONE")
}
