package surreal

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// The codes of what rows forbid in a migration.
const (
	codeUnfit    = "rows-do-not-convert"
	codeNotEmpty = "not-empty"
	codeDangling = "rows-point-at-nothing"
)

// namedRows is how many rows a refusal names.
const namedRows = 10

// turn is how a column gets its values: those of the former one, converted, and
// the fill where there is none.
type turn struct {
	column   *plan.Column
	from, to query.Type
	fill     query.Value
	required bool // from now on, and nothing to fill with
	place    int  // among the converted values of a row
	rows     bad
}

// bad are rows that stand in the way: the keys of the first, and how many.
type bad struct {
	keys  []string
	count int64
}

func (b *bad) add(key string) {
	if b.count++; b.count <= namedRows {
		b.keys = append(b.keys, key)
	}
}

func (b *bad) String() string {
	text := strings.Join(b.keys, ", ")
	if more := b.count - int64(len(b.keys)); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (t *turn) converts() plan.Conversion { return plan.Converts(t.from, t.to) }

func (t *turn) fault(table string) *fault.Fault {
	path, rows := table+"."+t.column.Name, rowCount(t.rows.count)
	place := "tables." + table + ".columns." + t.column.Name
	if t.column.Name == "id" {
		place = "tables." + table
	}
	var f *fault.Fault
	switch {
	case t.converts() == plan.ConvertsNone:
		f = fault.Newf(codeNotEmpty, "column %s cannot become %s while the table has rows: none of its values is one (%s)", path, t.column.Type, rows).
			WithHint("add a new column, copy the values, and name the old one in removed")
	case t.from == t.to:
		f = fault.Newf(codeUnfit, "column %s cannot be never null: %s without a value: %s", path, has(t.rows.count), &t.rows).
			WithHint("give them a value first, or give the column a literal default to fill them with")
	default:
		f = fault.Newf(codeUnfit, "column %s cannot be converted: %s with a value that is no %s, or would lose a part of it: %s", path, has(t.rows.count), t.column.Type, &t.rows).
			WithHint("change those rows first, or keep the column and add another")
	}
	return f.At(place)
}

// has is "1 row is" or "5 rows are".
func has(n int64) string {
	if n == 1 {
		return "1 row is"
	}
	return rowCount(n) + " are"
}

func rowCount(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// inspectRows looks at every value that may not convert. Rows that do not are
// told of all tables at once.
func (m *migration) inspectRows(ctx context.Context) error {
	if err := m.refuseNotEmpty(ctx); err != nil {
		return err
	}
	for i := range m.plan.Steps { // the faults come in the order of the steps
		step := &m.plan.Steps[i]
		if c := m.changeOf(step.Table); step.Kind.Rebuilds() && c != nil {
			if err := m.inspect(ctx, c); err != nil {
				return err
			}
		}
	}
	for _, c := range m.changes {
		if len(c.filled) == 0 {
			continue
		}
		if err := m.inspect(ctx, c); err != nil {
			return err
		}
	}
	return m.unfit.Err()
}

// inspect looks at the rows of one table, for the columns that turn. They are read
// again when they are written; its seal tells whether they are the same.
func (m *migration) inspect(ctx context.Context, c *change) error {
	if c.was == nil || c.inspected {
		return nil
	}
	c.inspected = true
	c.place()
	reads := c.judges()
	if len(reads) == 0 {
		return nil
	}
	p := pagesOf(c.was.Name, c.fields(reads))
	seal, seen := newSeal(), map[[16]byte]struct{}{}
	for !p.ended {
		r, n, err := p.next(ctx, m.in)
		if err != nil {
			return err
		}
		for range n {
			id, revision := p.row(r)
			seal.add(id, revision)
			values, _ := c.turn(r, id, reads)
			if key, ok := values[&c.sources[0]]; ok && c.sources[0].converts() && !c.noteKey(key, seen) {
				return c.twiceFault(nil)
			}
		}
		if err := r.Err(); err != nil {
			return fmt.Errorf("read table %q: %w", c.was.Name, err)
		}
	}
	c.judged = seal.sum()
	for _, s := range reads {
		if s.turn.rows.count > 0 {
			m.unfit = append(m.unfit, s.turn.fault(c.now.Name))
		}
	}
	return nil
}

// place gives each value that is made here its place in a row's parameter.
func (c *change) place() {
	count := 0
	for i := range c.sources {
		if s := &c.sources[i]; s.converts() {
			s.turn.place = count
			count++
		}
	}
	for i := range c.filled {
		c.filled[i].place = count
		count++
	}
	c.made, c.converted = count, count > 0
}

// reads are the columns that must be read: those that turn, and those with words.
func (c *change) reads() []*origin {
	var reads []*origin
	for i := range c.sources {
		s := &c.sources[i]
		worded := slices.ContainsFunc(c.filled, func(f filling) bool { return slices.Contains(f.sources, s) })
		if s.was != nil && (worded || s.converts() || s.turn != nil && s.turn.required) {
			reads = append(reads, s)
		}
	}
	return reads
}

// judges are the columns whose values may forbid what is wanted.
func (c *change) judges() []*origin {
	return slices.DeleteFunc(c.reads(), func(s *origin) bool { return s.turn == nil || !s.converts() && !s.turn.required })
}

// fields are what is read of a row for some of its columns.
func (c *change) fields(reads []*origin) []string {
	fields := make([]string, len(reads))
	for i, s := range reads {
		fields[i] = quote(storedField(c.was, s.was.Name))
	}
	return fields
}

// turn reads one row and gives the new values of its columns; false where one
// does not turn.
func (c *change) turn(r *wire.Reader, id []byte, reads []*origin) (values map[*origin]query.Value, fits bool) {
	values, fits = make(map[*origin]query.Value, len(reads)), true
	key := readValue(wire.NewReader(id), c.was.Columns[0].TypeOf())
	for _, s := range reads {
		v, ok := turnValue(r, s, key)
		if ok {
			values[s] = v
		}
		fits = fits && ok
	}
	return values, fits
}

// appendTurned appends what a row's values that are made here become.
func (c *change) appendTurned(rows, id []byte, values map[*origin]query.Value) []byte {
	rows = append(wire.AppendString(wire.AppendMap(rows, 2), "r"), id...)
	rows = wire.AppendArray(wire.AppendString(rows, "v"), c.made)
	for i := range c.sources {
		s := &c.sources[i]
		if !s.converts() {
			continue
		}
		ref := s.column.Ref
		if i == 0 {
			ref = ""
		}
		rows = appendValue(rows, values[s], s.turn.to, ref)
	}
	for _, f := range c.filled {
		texts := make([]query.Value, len(f.sources))
		for i, s := range f.sources {
			texts[i] = values[s]
			if s.was == nil && s.turn != nil {
				texts[i] = s.turn.fill
			}
		}
		rows = appendWordsOf(rows, f.in, texts)
	}
	return rows
}

// turnValue reads a row's value and turns it; one that does not is noted.
func turnValue(r *wire.Reader, s *origin, id query.Value) (query.Value, bool) {
	t := s.turn
	if t == nil {
		return readValue(r, s.column.TypeOf()), true
	}
	v, ok := plan.Convert(readValue(r, t.from), t.from, t.to)
	if !ok || v.IsNull() && t.required || t.converts() == plan.ConvertsNone {
		t.rows.add(string(query.AppendText(nil, id)))
		return v, false
	}
	if v.IsNull() {
		v = t.fill
	}
	return v, true
}

// noteKey takes in a converted key; it reports whether no other row has it. Of
// each a hash is kept, which no two keys share.
func (c *change) noteKey(v query.Value, seen map[[16]byte]struct{}) bool {
	h := fnv.New128a()
	_, _ = h.Write(query.AppendText(nil, v)) // a hash takes everything
	key := [16]byte(h.Sum(nil))
	if _, twice := seen[key]; twice {
		return false
	}
	seen[key] = struct{}{}
	c.maximum = max(c.maximum, v.N)
	return true
}

func countRows(ctx context.Context, in texts, table string) (int64, error) {
	results, err := in.Query(ctx, "RETURN "+countText(table), nil)
	if err != nil {
		return 0, fmt.Errorf("count the rows of table %q: %w", table, err)
	}
	r := wire.NewReader(results[0])
	n := r.Int()
	return n, r.Err()
}

func countText(table string) string {
	return "((SELECT count() AS n FROM " + quote(table) + " GROUP ALL)[0].n ?? 0)"
}
