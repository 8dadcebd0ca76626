package sqlite

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// vectors keeps the vectors of columns that have an index in memory, one behind
// the other, so that a search need not read their rows. It is asked for the
// nearest alone: whether a row passes the rest of a select says SQL. A set is
// of one version of its table; it is made by the second search at a version, so
// that a table that is written between searches costs no more than its rows.
type vectors struct {
	mu    sync.Mutex
	sets  map[vectorColumn]*vectorSet
	bytes int
}

type vectorColumn struct{ table, column string }

// vectorSet is immutable but for the fields that vectors guards.
type vectorSet struct {
	epoch, seq uint64
	making     bool // guarded: a search is about to fill it
	filled     bool // guarded
	keys       []query.Value
	raw        []byte
}

const (
	// vectorMemory bounds the bytes of all sets together. A column that does
	// not fit is read from its rows.
	vectorMemory = 512 << 20
	// The nearest that are tried first, before all rows are read: so many times
	// the rows that are wanted, within bounds.
	triedTimes, triedLeast, triedMost = 8, 256, 2048
	// sampled rows tell how many pass the rest of a select.
	sampled = 64
)

// nearestOf finds the distance by which a select orders first, where an index
// says that its vectors are worth keeping.
func nearestOf(sel *query.Select) (*query.Distance, *query.ColumnRef) {
	if len(sel.Order) != 1 || sel.Order[0].Descending || sel.Order[0].NullsFirst || sel.Limit <= 0 {
		return nil, nil
	}
	d, ok := sel.Order[0].Expr.(*query.Distance)
	if !ok {
		return nil, nil
	}
	ref, ok := d.Operand.(*query.ColumnRef)
	if !ok || ref.Old || ref.Up > 0 || !slices.ContainsFunc(sel.Table.Indexes, func(x *query.Index) bool {
		return x.Kind == query.Vector && x.Columns[0] == ref.Column
	}) {
		return nil, nil
	}
	return d, ref
}

// narrow gives the select over the nearest rows alone, where enough of them
// pass it; otherwise nil. It is called in the read transaction of the select.
func (v *vectors) narrow(c *conn, epoch uint64, sel *query.Select) (*query.Select, error) {
	d, ref := nearestOf(sel)
	if d == nil || query.HasAggregate(sel.Columns) {
		return nil, nil
	}
	wanted := sel.Limit + sel.Offset
	tried := min(max(triedTimes*wanted, triedLeast), triedMost)
	set, err := v.at(c, epoch, ref)
	if err != nil || set == nil || 2*wanted > tried || len(set.keys) <= tried {
		return nil, err
	}
	// A filter that lets few rows pass finds them faster than this does.
	if passed, err := countRows(c, among(sel, set.sample())); err != nil || passed*int64(tried) < 2*int64(wanted)*sampled {
		return nil, err
	}
	near, err := set.nearest(c, d, tried)
	if err != nil {
		return nil, err
	}
	narrowed := among(sel, near)
	passed, err := countRows(c, narrowed)
	if err != nil || passed < int64(wanted) {
		return nil, err
	}
	return narrowed, nil
}

// among is a select over the rows with these keys alone.
func among(sel *query.Select, keys []query.Value) *query.Select {
	list := make([]query.Expr, len(keys))
	for i, key := range keys {
		list[i] = query.NewLiteral(key)
	}
	narrowed := *sel
	narrowed.Where = query.Conjunction(&query.In{Operand: sel.Table.Ref(sel.Table.Key()), List: list}, sel.Where)
	return &narrowed
}

// sample are keys from all over the set.
func (s *vectorSet) sample() []query.Value {
	keys := make([]query.Value, sampled)
	for i := range keys {
		keys[i] = s.keys[i*len(s.keys)/sampled]
	}
	return keys
}

// at gives the set of a column as the transaction sees it, nil where there is
// none yet.
func (v *vectors) at(c *conn, epoch uint64, ref *query.ColumnRef) (*vectorSet, error) {
	seq, err := tableSeq(c, ref.Table.Name)
	if err != nil {
		return nil, err
	}
	name := vectorColumn{ref.Table.Name, ref.Column.Name}
	v.mu.Lock()
	set := v.sets[name]
	switch {
	case set != nil && set.epoch == epoch && set.seq == seq && set.filled:
		v.mu.Unlock()
		return set, nil
	case set != nil && set.epoch == epoch && set.seq == seq && !set.making:
		set.making = true
		v.mu.Unlock()
		return v.fill(c, name, set, ref)
	case set == nil || set.epoch < epoch || set.epoch == epoch && set.seq < seq:
		v.forget(name)
		if v.sets == nil {
			v.sets = map[vectorColumn]*vectorSet{}
		}
		v.sets[name] = &vectorSet{epoch: epoch, seq: seq}
	}
	v.mu.Unlock()
	return nil, nil
}

// clear drops all sets, whose tables may have gone.
func (v *vectors) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.sets)
	v.bytes = 0
}

// forget drops a set; v.mu is held.
func (v *vectors) forget(name vectorColumn) {
	if set := v.sets[name]; set != nil && set.filled {
		v.bytes -= len(set.raw)
	}
	delete(v.sets, name)
}

func tableSeq(c *conn, table string) (uint64, error) {
	stmt, err := c.stmts.get([]byte("SELECT seq FROM _versions WHERE name=?"))
	if err != nil {
		return 0, err
	}
	defer stmt.Reset()
	if err := stmt.BindText(1, table); err != nil {
		return 0, err
	}
	if !stmt.Step() {
		return 0, stmt.Err()
	}
	return uint64(stmt.ColumnInt64(0)), nil
}

// fill reads the vectors of all rows, in the order of their keys. A set that it
// cannot fill stays empty for as long as its version: its rows are read.
func (v *vectors) fill(c *conn, name vectorColumn, set *vectorSet, ref *query.ColumnRef) (*vectorSet, error) {
	key, column := ref.Table.Key(), quote(ref.Column.Name)
	stmt, err := c.stmts.get([]byte(`SELECT "id",` + column + " FROM " + quote(ref.Table.Name) + " WHERE " + column + ` IS NOT NULL ORDER BY "id"`))
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	size := 4 * int(ref.Column.Type.Dimensions)
	var keys []query.Value
	var raw []byte
	for stmt.Step() {
		vector := stmt.ColumnRawBlob(1)
		if len(raw) > vectorMemory || len(vector) != size {
			return nil, nil
		}
		keys = append(keys, readValue(stmt, 0, key.Type))
		raw = append(raw, vector...)
	}
	if err := stmt.Err(); err != nil {
		v.mu.Lock()
		set.making = false // the time was over: another may have more
		v.mu.Unlock()
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sets[name] != set {
		return nil, nil // the table has moved on
	}
	for other := range v.sets {
		if v.bytes+len(raw) > vectorMemory && other != name {
			v.forget(other)
		}
	}
	if v.bytes+len(raw) > vectorMemory {
		return nil, nil
	}
	set.keys, set.raw, set.filled = keys, raw, true
	v.bytes += len(raw)
	return set, nil
}

// nearest are the keys of the n nearest vectors; of equally near ones, those
// with the least keys.
func (s *vectorSet) nearest(c *conn, d *query.Distance, n int) ([]query.Value, error) {
	size := len(d.To.S)
	best := make(farthestFirst, 0, n+1)
	for i := range s.keys {
		if i%1024 == 0 && c.time.Err() != nil {
			return nil, faultInterrupted
		}
		found := neighbour{d.Of(s.raw[i*size : (i+1)*size]).Float(), i}
		if len(best) == n && found.compare(best[0]) > 0 {
			continue
		}
		if heap.Push(&best, found); len(best) > n {
			heap.Pop(&best)
		}
	}
	keys := make([]query.Value, len(best))
	for i, found := range best {
		keys[i] = s.keys[found.at]
	}
	return keys, nil
}

type neighbour struct {
	distance float64
	at       int
}

func (a neighbour) compare(b neighbour) int {
	return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.at, b.at))
}

// farthestFirst is a heap of neighbours.
type farthestFirst []neighbour

func (h farthestFirst) Len() int           { return len(h) }
func (h farthestFirst) Less(i, j int) bool { return h[i].compare(h[j]) > 0 }
func (h farthestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *farthestFirst) Push(x any)        { *h = append(*h, x.(neighbour)) }

func (h *farthestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
