package surreal

import (
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// level is one select of the text, the statement's own or an embed's: which
// fields its rows have, and how the outputs are made of them. Columns come as
// they are stored and what asks other tables as the server says it; all else is
// evaluated here, as it is in memory. It belongs to one run of one statement.
type level struct {
	sel     *query.Select
	fields  []field // by name, as the members of an object come
	outputs []output
	// order is what the rows are sorted by here: the server has no order of json.
	order  []output
	groups *groups
	// revision is the field of the revision, nil where it is not asked for.
	revision *field
	made     int
	spans    [][]byte // of the row at hand, by fields
	scratch  []byte
	total    *int // bytes of the embeds of the whole select
	// streams says that they have gone out with their row.
	streams bool
	// single says that there is one row at most, whatever is asked.
	single bool
}

// field is a member of a level's rows.
type field struct {
	name string
	at   int        // in level.spans, once all fields are known
	expr query.Expr // what is selected under the name; nil for a column of it
	// nulls is the term of an order that it is with its nulls above all values: the
	// server has them below.
	nulls query.Expr
	embed *embedding
	// aggregate is counted, or summed, by the server.
	aggregate *query.Aggregate
	sums      bool
}

// output is a value that is made of a row's fields: the one field of source, or
// where expr is set that over the values of all leaves. casts are applied last,
// the first one first.
type output struct {
	t      query.Type
	source *field
	expr   query.Expr
	leaves []*field
	types  []query.Type
	row    query.Row
	casts  []query.Type
}

// planned is a level for a select, ready to be written. total counts the bytes
// of embeds. ofRecords says that its rows come from records' ids, not a table.
func planned(sel *query.Select, total *int, ofRecords bool) (*level, *fault.Fault) {
	l := &level{sel: sel, total: total}
	b := &builder{level: l, ofRecords: ofRecords}
	if aggregates(sel.Columns) {
		b.group()
	} else {
		for i := range sel.Columns {
			l.outputs = append(l.outputs, b.output(sel.Columns[i].Expr))
		}
		b.order()
		if sel.Revision {
			l.revision = b.field(fieldRevision, nil)
		}
	}
	b.finish()
	return l, b.fault
}

// builder finds the fields that a level needs.
type builder struct {
	level  *level
	fields []*field
	fault  *fault.Fault
	// ofRecords: the server counts no rows but a table's.
	ofRecords bool
}

// field gives the field of a name, made where it is new.
func (b *builder) field(name string, e query.Expr) *field {
	for _, f := range b.fields {
		if f.name == name {
			return f
		}
	}
	f := &field{name: name, expr: e}
	b.fields = append(b.fields, f)
	return f
}

// made gives a field for a node, under a name that no column has.
func (b *builder) made(e query.Expr) *field {
	for _, f := range b.fields {
		if f.expr == e && e != nil {
			return f
		}
	}
	b.level.made++
	return b.field("_"+strconv.Itoa(b.level.made), e)
}

func (b *builder) column(ref *query.ColumnRef) *field {
	if ref.Up > 0 || ref.Old {
		return b.made(ref)
	}
	return b.field(fieldOf(ref.Table, ref.Column), nil)
}

// output plans a value of a row.
func (b *builder) output(e query.Expr) output {
	o := output{t: e.Type()}
	e = castLast(e)
	for {
		cast, ok := e.(*query.Cast)
		if !ok {
			break
		}
		o.casts = append(o.casts, cast.Of)
		e = cast.Operand
	}
	slices.Reverse(o.casts)
	switch e := e.(type) {
	case *query.ColumnRef:
		o.source = b.column(e)
	case *query.Embed, *query.Lookup:
		o.source = b.made(e)
		if of := embedWithin(e); of != nil && o.source.embed == nil {
			embed, f := embeddingOf(of, b.level.total)
			if f != nil {
				b.fault = f
			}
			o.source.embed = embed
		}
	case *query.Exists, *query.Rank, *query.Distance, *query.Search:
		o.source = b.made(e)
	case *query.Hops:
		o.source = b.field(fieldHops, nil)
	default:
		b.computed(&o, e)
	}
	if len(o.casts) > 0 || o.expr == nil {
		o.types = append(o.types, e.Type()) // what the source is read as
	}
	return o
}

// castLast is a value that is looked up with its casts around the look, where they
// are applied here: nothing found is null either way.
func castLast(e query.Expr) query.Expr {
	lookup, ok := e.(*query.Lookup)
	if !ok {
		return e
	}
	value := castLast(lookup.Value)
	cast, ok := value.(*query.Cast)
	if !ok {
		return e
	}
	inner := *lookup
	inner.Value = cast.Operand
	outer := *cast
	outer.Operand = castLast(&inner)
	return &outer
}

// computed plans a value that is evaluated here. What holds a node of search or
// of a walk is the server's.
func (b *builder) computed(o *output, e query.Expr) {
	served := false
	query.Walk(e, func(e query.Expr) bool {
		switch e.(type) {
		case *query.Exists, *query.Lookup, *query.Embed:
			return false
		case *query.Hops, *query.Rank, *query.Distance, *query.Search, *query.Aggregate:
			served = true
		}
		return !served
	})
	if served {
		o.source = b.made(e)
		return
	}
	stands := map[*field]*query.ColumnRef{}
	o.expr = query.RewriteLeaves(e, func(leaf query.Expr) query.Expr {
		var f *field
		if ref, ok := leaf.(*query.ColumnRef); ok {
			f = b.column(ref)
		} else {
			f = b.made(leaf)
		}
		if stands[f] == nil {
			stands[f] = &query.ColumnRef{Column: &query.Column{Index: len(o.leaves), Type: leaf.Type()}}
			o.leaves = append(o.leaves, f)
			o.types = append(o.types, leaf.Type())
		}
		return stands[f]
	})
	o.row = make(query.Row, len(o.leaves))
}

// finish sorts the fields by name and numbers them.
func (b *builder) finish() {
	slices.SortFunc(b.fields, func(x, y *field) int { return strings.Compare(x.name, y.name) })
	l := b.level
	for i, f := range b.fields {
		f.at = i
		l.fields = append(l.fields, *f)
	}
	l.spans = make([][]byte, len(l.fields))
}

// local reports a level whose page is cut here, for the server does not know its
// order.
func (l *level) local() bool { return len(l.order) > 0 || l.groups != nil }

// level writes a select: from writes what it reads and where.
func (c *compiler) level(l *level, from func()) {
	c.text("SELECT ")
	for i := range l.fields {
		if i > 0 {
			c.text(", ")
		}
		c.member(&l.fields[i])
	}
	from()
	if l.groups != nil {
		c.groupBy(l)
		return
	}
	if l.single {
		return
	}
	c.order(l)
	if !l.local() {
		c.page(l.sel.Limit, l.sel.Offset)
	}
}

// member writes a field with its name.
func (c *compiler) member(f *field) {
	if !c.valueOf(f) {
		c.name(f.name)
		return
	}
	c.text(" AS ")
	c.name(f.name)
}

// valueOf writes what a field is made of; a field that is a column's own has
// nothing.
func (c *compiler) valueOf(f *field) bool {
	switch {
	case f.embed != nil:
		c.embeddedBy(f.expr, f.embed)
	case f.aggregate != nil:
		c.aggregated(f)
	case f.nulls != nil:
		c.text("(")
		c.raw(f.nulls)
		c.text(" ?? " + above(f.nulls) + ")")
	case f.expr != nil:
		// What is sorted by may not be a path alone: a sort would read it again, and
		// not along refs.
		c.text("(")
		c.expr(f.expr)
		c.text(" ?? NONE)")
	default:
		return false
	}
	return true
}

func (l *level) find(is func(*field) bool) string {
	for i := range l.fields {
		if is(&l.fields[i]) {
			return l.fields[i].name
		}
	}
	return "id"
}

func isKey(e query.Expr, t *query.Table) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && ref.Up == 0 && !ref.Old && ref.Column == t.Key()
}

// page writes which of the rows are wanted; a negative limit is no bound. They
// are digits in the text: of a parameter the server does not know, when it plans,
// that a few rows are enough.
func (c *compiler) page(limit, offset int) {
	if limit >= 0 {
		c.text(" LIMIT ")
		c.number(limit)
	}
	if offset > 0 {
		c.text(" START ")
		c.number(offset)
	}
}

// aggregates is query.HasAggregate, at no cost for columns.
func aggregates(outputs []query.Output) bool {
	for i := range outputs {
		if _, isColumn := outputs[i].Expr.(*query.ColumnRef); !isColumn && query.HasAggregate(outputs[i:i+1]) {
			return true
		}
	}
	return false
}
