package surreal

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// groups is a level that gives groups of rows. Where the server can say exactly
// what the groups are it does; else the rows are grouped here.
type groups struct {
	keys    []output
	columns []grouped // those of the select, and then what only the order names
	shown   int       // how many of columns are outputs
	order   []int     // columns, by terms of the order
	served  bool
}

// grouped is a column of a level of groups: the key of this number, or an
// aggregate.
type grouped struct {
	key     int
	of      *query.Aggregate
	operand output
	casts   []query.Type
	count   *field // served: how many values there are
	sum     *field // served: their sum
}

// group plans a level of groups.
func (b *builder) group() {
	sel := b.level.sel
	g := &groups{shown: len(sel.Columns), served: !b.ofRecords && isServed(sel)}
	b.level.groups = g
	for i := range sel.Columns {
		b.groupColumn(g, sel.Columns[i].Expr)
	}
	for i := range sel.Order {
		e := sel.Order[i].Expr
		place := placeOf(sel, e)
		if place < 0 {
			if !query.HasAggregate([]query.Output{{Expr: e}}) {
				b.fault = faultNotGrouped(sel.Table, e)
				return
			}
			place = len(g.columns)
			b.groupColumn(g, e)
		}
		g.order = append(g.order, place)
	}
	if len(b.fields) == 0 {
		b.field("id", nil) // rows that are only counted
	}
}

func (b *builder) groupColumn(g *groups, e query.Expr) {
	column := grouped{key: -1}
	if !query.HasAggregate([]query.Output{{Expr: e}}) {
		column.key = len(g.keys)
		g.keys = append(g.keys, b.output(e))
		g.columns = append(g.columns, column)
		return
	}
	for {
		cast, ok := e.(*query.Cast)
		if !ok {
			break
		}
		column.casts = append(column.casts, cast.Of)
		e = cast.Operand
	}
	slices.Reverse(column.casts)
	of, ok := e.(*query.Aggregate)
	if !ok {
		b.fault = fault.New("XX000", "an aggregate stands where none can be")
		return
	}
	column.of = of
	switch {
	case g.served:
		column.count = b.served(of, false)
		if of.Func != query.AggregateCount {
			column.sum = b.served(of, true)
		}
	case of.Operand != nil:
		column.operand = b.output(of.Operand)
	}
	g.columns = append(g.columns, column)
}

// served gives the field of a count, or of a sum.
func (b *builder) served(of *query.Aggregate, sum bool) *field {
	f := b.made(nil)
	f.aggregate, f.sums = of, sum
	return f
}

// isServed reports groups that the server can say: by plain values, with counts,
// and sums that are exact as decimals. (A sum of ints leaves its type unnoticed.)
func isServed(sel *query.Select) bool {
	for i := range sel.Columns {
		e := sel.Columns[i].Expr
		if !query.HasAggregate(sel.Columns[i : i+1]) {
			ref, ok := e.(*query.ColumnRef)
			if !ok || ref.Up > 0 || !sortsAlike(ref.Column.Type) || ref.Column.Type.Kind == query.KindFloat {
				return false
			}
			continue
		}
		if !isServedAggregate(e) {
			return false
		}
	}
	for i := range sel.Order {
		if query.HasAggregate([]query.Output{{Expr: sel.Order[i].Expr}}) && !isServedAggregate(sel.Order[i].Expr) {
			return false
		}
	}
	return true
}

func isServedAggregate(e query.Expr) bool {
	of, ok := e.(*query.Aggregate)
	switch {
	case !ok:
		return false
	case of.Operand == nil:
		return true
	}
	ref, ok := of.Operand.(*query.ColumnRef)
	if !ok || ref.Up > 0 || ref.Old {
		return false
	}
	switch of.Func {
	case query.AggregateCount:
		return true
	case query.AggregateSum, query.AggregateAvg:
		kind := ref.Column.Type.Kind
		return kind == query.KindDecimal || kind == query.KindInt && (of.Func != query.AggregateSum || of.Of.Kind != query.KindFloat)
	}
	return false
}

// aggregated writes a count or a sum.
func (c *compiler) aggregated(f *field) {
	switch {
	case f.aggregate.Operand == nil:
		c.text("count()")
	case f.sums:
		c.text("math::sum(<decimal> (")
		c.raw(f.aggregate.Operand)
		c.text(" ?? 0))")
	default:
		c.text("count(")
		c.raw(f.aggregate.Operand)
		c.text(" != NONE)")
	}
}

// groupBy writes by what the server groups.
func (c *compiler) groupBy(l *level) {
	if !l.groups.served {
		return
	}
	if len(l.groups.keys) == 0 {
		c.text(" GROUP ALL")
		return
	}
	separator := " GROUP BY "
	for i := range l.groups.keys {
		c.text(separator)
		c.name(l.groups.keys[i].source.name)
		separator = ", "
	}
}

// group is one group of rows.
type group struct {
	keys    []query.Value
	tallies []tally
	values  []query.Value
}

// readGroups reads rows, groups them and feeds the groups to w.
func (l *level) readGroups(r *wire.Reader, w query.RowWriter) (result, error) {
	var did result
	list, err := l.gather(r)
	if err != nil {
		return did, err
	}
	for _, g := range list {
		if err := l.finishGroup(g); err != nil {
			return did, err
		}
	}
	slices.SortStableFunc(list, l.compareGroups)
	did.groups = int64(len(list))
	for _, g := range cut(list, l.sel.Limit, l.sel.Offset) {
		w.BeginRow()
		for _, v := range g.values[:l.groups.shown] {
			query.WriteValue(w, v)
		}
		did.rows++
		if err := w.EndRow(); err != nil {
			return did, err
		}
	}
	return did, nil
}

// gather reads all rows into their groups.
func (l *level) gather(r *wire.Reader) ([]*group, error) {
	var list []*group
	byKey := map[string]*group{}
	var name []byte
	for range r.Array() {
		if err := l.take(r); err != nil {
			return nil, err
		}
		keys := make([]query.Value, len(l.groups.keys))
		name = name[:0]
		for i := range keys {
			v, err := l.value(&l.groups.keys[i])
			if err != nil {
				return nil, err
			}
			keys[i] = v
			name = append(query.AppendJSON(name, v), 0)
		}
		g := byKey[string(name)]
		if g == nil {
			g = &group{keys: keys, tallies: make([]tally, len(l.groups.columns))}
			byKey[string(name)] = g
			list = append(list, g)
		}
		if err := l.add(g); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 && len(l.groups.keys) == 0 { // all rows are one group, be it empty
		list = append(list, &group{tallies: make([]tally, len(l.groups.columns))})
	}
	return list, r.Err()
}

// add counts the row at hand into its group.
func (l *level) add(g *group) error {
	for i := range l.groups.columns {
		column, t := &l.groups.columns[i], &g.tallies[i]
		switch {
		case column.key >= 0:
		case l.groups.served:
			if err := l.addServed(column, t); err != nil {
				return err
			}
		case column.of.Operand == nil:
			t.count++
		default:
			v, err := l.value(&column.operand)
			if err != nil {
				return err
			}
			t.add(column.of, v)
		}
	}
	return nil
}

// addServed takes what the server says of a whole group.
func (l *level) addServed(column *grouped, t *tally) error {
	r := wire.NewReader(l.spans[column.count.at])
	if t.count = r.Int(); r.Err() != nil {
		return r.Err()
	}
	if column.sum == nil {
		return nil
	}
	r = wire.NewReader(l.spans[column.sum.at])
	var text []byte
	if r.Kind() == wire.Int {
		text = query.AppendJSON(nil, query.Int(r.Int()))
	} else {
		text = r.Decimal()
	}
	if r.Err() != nil {
		return r.Err()
	}
	of := column.of.Operand.Type()
	sum, f := query.DecodeJSON(query.Type{Kind: query.KindDecimal, Scale: of.Scale}, text)
	if f != nil {
		return faultSum().WithCause(f)
	}
	t.addInt(sum.N)
	return nil
}

// finishGroup computes the values of a group's columns.
func (l *level) finishGroup(g *group) error {
	g.values = make([]query.Value, len(l.groups.columns))
	for i := range l.groups.columns {
		column := &l.groups.columns[i]
		if column.key >= 0 {
			g.values[i] = g.keys[column.key]
			continue
		}
		v, err := g.tallies[i].value(column.of)
		if err != nil {
			return err
		}
		for _, t := range column.casts {
			next, f := query.CastValue(v, t)
			if f != nil {
				return f
			}
			v = next
		}
		g.values[i] = v
	}
	return nil
}

// compareGroups orders groups as asked, then by their keys, so that pages do not
// overlap.
func (l *level) compareGroups(a, b *group) int {
	for k, column := range l.groups.order {
		if n := compareTerms(&l.sel.Order[k], a.values[column], b.values[column]); n != 0 {
			return n
		}
	}
	byKey := query.Order{NullsFirst: true}
	for i := range a.keys {
		if n := compareTerms(&byKey, a.keys[i], b.keys[i]); n != 0 {
			return n
		}
	}
	return 0
}

// placeOf finds the output that is the same expression; -1 for none.
func placeOf(sel *query.Select, e query.Expr) int {
	text := query.String(e)
	return slices.IndexFunc(sel.Columns, func(o query.Output) bool { return query.String(o.Expr) == text })
}

func faultNotGrouped(t *query.Table, e query.Expr) *fault.Fault {
	name := "the expression in order"
	if ref, ok := e.(*query.ColumnRef); ok {
		name = t.Name + "." + ref.Column.Name
	}
	return fault.Newf(query.CodeGrouping, "column %q must appear in the GROUP BY clause or be used in an aggregate function", name).
		WithHint("order by what is selected, or leave the order out")
}
