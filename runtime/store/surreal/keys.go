package surreal

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Int keys are made here, from blocks that a node takes out of the table's
// counter (_keys:[table], the first key that nobody has taken). A key is never
// made twice: what is left of a block when a node ends is a gap. A block is as
// large as the table is busy, so that quiet tables have few.

const (
	maxBlock = 1000
	// busy is the time in which a block must last; else the next one is twice as
	// large.
	busy = time.Second
)

// keyMaker has the blocks of all tables.
type keyMaker struct {
	mutex  sync.Mutex
	tables map[string]*keyBlock
}

// keyBlock is what one node may still make of a table's keys.
type keyBlock struct {
	mutex sync.Mutex
	keyRange
	// ahead is the next block of a busy table, so that nobody waits for it; fetching
	// says that somebody takes it.
	ahead    keyRange
	fetching bool
	// passed counts how often a batch gave keys that are above all of the block: what
	// is being fetched then may have some of them.
	passed int
	size   int64 // of the last one that was taken
	taken  time.Time
}

// keyRange is the keys from next on, before end.
type keyRange struct{ next, end int64 }

func (m *keyMaker) of(table string) *keyBlock {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.tables == nil {
		m.tables = map[string]*keyBlock{}
	}
	b := m.tables[table]
	if b == nil {
		b = &keyBlock{}
		m.tables[table] = b
	}
	return b
}

// takings are the keys that a batch made of one table.
type takings struct {
	block *keyBlock
	made  []int64
	// given is the first key that is above all that the batch gave by itself.
	given int64
	// raise is the key that the table's counter must be above when the batch is
	// committed, 0 for none.
	raise int64
}

func (t *transaction) takings(table string) *takings {
	k := t.keys[table]
	if k == nil {
		k = &takings{block: t.store.writes.keys.of(table)}
		if t.keys == nil {
			t.keys = map[string]*takings{}
		}
		t.keys[table] = k
	}
	return k
}

// giveKey makes an int key that no row ever had, or notes the one that is
// given. It reports whether it made it.
func (t *transaction) giveKey(entry *table, row query.Row) (bool, error) {
	k := t.takings(entry.Name)
	if !row[0].IsNull() {
		k.note(row[0].N)
		return false, nil
	}
	key, err := t.makeKey(entry, k)
	if err != nil {
		return false, err
	}
	row[0] = query.Int(key)
	t.fetchAhead(entry.Name, k.block)
	return true, nil
}

// note takes in a key that the batch gives by itself.
func (k *takings) note(key int64) {
	if key < 1 {
		return
	}
	k.block.mutex.Lock()
	defer k.block.mutex.Unlock()
	if key == math.MaxInt64 {
		k.given = key
	} else {
		k.given = max(k.given, key+1)
	}
	if key >= k.block.end {
		k.raise = max(k.raise, key)
	}
}

func (t *transaction) makeKey(entry *table, k *takings) (int64, error) {
	usedUp := func() error { return fault.Newf(codeSequence, "the keys of table %q are used up", entry.Name) }
	if k.given == math.MaxInt64 {
		return 0, usedUp()
	}
	b := k.block
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.next >= b.end {
		b.keyRange, b.ahead = b.ahead, keyRange{}
	}
	if b.next >= b.end {
		size := b.grow(time.Now())
		taken, err := t.store.takeKeys(t.ctx, entry.Name, size)
		if err != nil {
			return 0, err
		}
		b.keyRange, b.size = taken, size
	}
	if b.next == math.MaxInt64 {
		return 0, usedUp()
	}
	key := b.next
	switch {
	case k.given <= b.next:
		b.next++
		k.made = append(k.made, key)
	case k.given < b.end:
		key = k.given
		k.given++
	default:
		// Above all that anybody took: the counter is raised with the batch.
		key = k.given
		k.given++
		k.raise = max(k.raise, key)
	}
	return key, nil
}

// unmake gives back the key that was made last, as if it never had been.
func (k *takings) unmake(key int64) {
	last := len(k.made) - 1
	if last < 0 || k.made[last] != key {
		return
	}
	k.made = k.made[:last]
	k.block.mutex.Lock()
	defer k.block.mutex.Unlock()
	if k.block.next == key+1 {
		k.block.next = key
	}
}

// settleKeys takes in what became of a batch: of one that was committed, the keys
// that it gave; of another, the keys that it made go back where they are the last
// ones.
func (t *transaction) settleKeys(committed bool) {
	for _, k := range t.keys {
		if !committed && t.collided {
			continue // a key of ours may be another's
		}
		if !committed {
			for len(k.made) > 0 {
				before := len(k.made)
				k.unmake(k.made[before-1])
				if len(k.made) == before {
					break
				}
			}
			continue
		}
		b := k.block
		b.mutex.Lock()
		switch {
		case k.given > b.end && k.given <= b.ahead.end: // all others are above them
			b.keyRange, b.ahead = keyRange{max(k.given, b.ahead.next), b.ahead.end}, keyRange{}
		case k.given > b.end:
			b.keyRange, b.ahead = keyRange{}, keyRange{}
			b.passed++
		case k.given > b.next:
			b.next = k.given
		}
		b.mutex.Unlock()
	}
	t.keys = nil
}

// leastAhead is the size from which on blocks are taken before they are needed.
const leastAhead = 64

// fetchAhead takes the next block of a table when half of one that did not last
// long is used up: whoever comes to that place does, and the others go on.
func (t *transaction) fetchAhead(table string, b *keyBlock) {
	b.mutex.Lock()
	if b.fetching || b.size < leastAhead || b.ahead != (keyRange{}) || b.end-b.next > b.size/2 {
		b.mutex.Unlock()
		return
	}
	b.fetching = true
	size, passed := b.grow(time.Now()), b.passed
	b.mutex.Unlock()
	taken, err := t.store.takeKeys(t.ctx, table, size)
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.fetching = false
	if err == nil && passed == b.passed { // else whoever needs it asks, and says why not
		b.ahead, b.size = taken, size
	}
}

// grow is how large the next block is, which is taken now: as large as the table
// is busy. The caller holds b.mutex.
func (b *keyBlock) grow(now time.Time) int64 {
	lasted := now.Sub(b.taken)
	b.taken = now
	if lasted < busy {
		return min(2*max(b.size, 1), maxBlock)
	}
	return max(b.size/2, 1)
}

// takeKeys takes a block out of a table's counter, in a transaction of its own.
func (s *Store) takeKeys(ctx context.Context, table string, size int64) (keyRange, error) {
	const text = "{ LET $next = (SELECT VALUE next FROM ONLY type::record('" + tableKeys + "', $table)) ?? 1;" +
		" UPSERT type::record('" + tableKeys + "', $table) SET next = IF $next > $last { $most } ELSE { $next + $size } RETURN NONE; RETURN $next; }"
	vars := wire.AppendMap(nil, 4)
	vars = wire.AppendString(wire.AppendString(vars, "table"), table)
	vars = wire.AppendInt(wire.AppendString(vars, "size"), size)
	vars = wire.AppendInt(wire.AppendString(vars, "last"), math.MaxInt64-size)
	vars = wire.AppendInt(wire.AppendString(vars, "most"), math.MaxInt64)
	for attempt := 1; ; attempt++ {
		results, err := s.client.Query(ctx, text, vars)
		switch {
		case err == nil:
			r := wire.NewReader(results[0])
			taken := keyRange{next: r.Int()}
			if taken.end = taken.next + size; taken.end < taken.next { // the last ones there are
				taken.end = math.MaxInt64
			}
			return taken, r.Err()
		case !isConflict(err) || attempt == maxAttempts:
			return keyRange{}, fmt.Errorf("take keys of table %q: %w", table, err)
		}
		if err := backOff(ctx, attempt); err != nil {
			return keyRange{}, err
		}
	}
}

// raiseKeys adds what lifts the counters above the keys that the batch gave.
func (t *transaction) raiseKeys() {
	for name, k := range t.keys {
		if k.raise == 0 {
			continue
		}
		c := t.statement(op{})
		c.text("UPSERT type::record('" + tableKeys + "', ")
		c.plain(query.Text(name))
		// An UPSERT does not see what its record holds.
		c.text(") SET next = math::max([(SELECT VALUE next FROM ONLY type::record('" + tableKeys + "', ")
		c.plain(query.Text(name))
		c.text(")) ?? 1, ")
		c.plain(query.Int(min(k.raise, math.MaxInt64-1) + 1))
		c.text("]) RETURN NONE")
	}
}

// giveBack returns what is left of the blocks, where nobody took keys after them:
// so that a restart leaves no gap.
func (s *Store) giveBack(ctx context.Context) {
	s.writes.keys.mutex.Lock()
	defer s.writes.keys.mutex.Unlock()
	for name, b := range s.writes.keys.tables {
		b.mutex.Lock()
		left, ahead := b.keyRange, b.ahead
		b.keyRange, b.ahead = keyRange{}, keyRange{}
		b.mutex.Unlock()
		s.returnKeys(ctx, name, ahead)
		s.returnKeys(ctx, name, left)
	}
}

// returnKeys lowers a table's counter where the block is the last one that was
// taken. What fails leaves a gap, no more.
func (s *Store) returnKeys(ctx context.Context, table string, block keyRange) {
	if block.next >= block.end {
		return
	}
	vars := wire.AppendMap(nil, 3)
	vars = wire.AppendString(wire.AppendString(vars, "table"), table)
	vars = wire.AppendInt(wire.AppendString(vars, "next"), block.next)
	vars = wire.AppendInt(wire.AppendString(vars, "end"), block.end)
	_, _ = s.client.Query(ctx, "UPDATE type::record('"+tableKeys+"', $table) SET next = $next WHERE next = $end RETURN NONE", vars)
}
