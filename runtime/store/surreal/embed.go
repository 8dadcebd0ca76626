package surreal

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// maxEmbedBytes bounds the embeds of one select together, for an answer is
// bounded in its own rows alone.
const maxEmbedBytes = 32 << 20

// embedding is an embed: the level of its rows, and the objects that are made of
// them.
type embedding struct {
	of     *query.Embed
	rows   *level
	shape  *query.JSONShape
	writer query.JSONWriter
	spare  []byte
	// linked says that it is fields of the record that a ref leads to, and no more:
	// they are read along the ref, without a select.
	linked bool
	// total counts the bytes of all embeds of the select; nil where another embed
	// counts those of this one as its own.
	total *int
}

func embeddingOf(e *query.Embed, total *int) (*embedding, *fault.Fault) {
	form := &embedding{of: e, shape: query.NewJSONShape(e.Rows.Columns), total: total}
	sel := e.Rows
	if !e.Many && sel.Limit != 0 {
		sel.Limit = 1
	}
	rows, f := planned(&sel, nil, e.Via != nil || e.Child == sel.Table.Key())
	form.rows = rows
	if f == nil { // sorting the one record of a ref costs more than reading it
		rows.single = !e.Many && e.Via == nil && e.Child == sel.Table.Key() && sel.Limit != 0 && sel.Offset == 0
		on, isRef := e.On.(*query.ColumnRef)
		form.linked = rows.single && always(sel.Where) && isRef && recordsOf(on) == sel.Table.Name && rows.stored()
	}
	return form, f
}

// stored reports that all fields of the level are columns of its rows.
func (l *level) stored() bool {
	return !slices.ContainsFunc(l.fields, func(f field) bool {
		return f.expr != nil || f.embed != nil || f.aggregate != nil || f.nulls != nil
	})
}

// along writes the fields of the record that a ref leads to: an object, or NONE
// where no record is there.
func (c *compiler) along(e *embedding) {
	on, _ := e.of.On.(*query.ColumnRef)
	c.field(on)
	c.text(".{")
	for i := range e.rows.fields {
		if i > 0 {
			c.text(", ")
		}
		c.name(e.rows.fields[i].name)
	}
	c.text("}")
}

// embedding writes the subquery of an embed's rows.
func (c *compiler) embedding(e *embedding) {
	c.portion(func() {
		if e.linked && !c.written { // a record that was written before has no id yet
			c.along(e)
			return
		}
		c.subquery(e.of, func() {
			var from func()
			if via := e.of.Via; via != nil {
				from = func() { c.between(e.of, via) }
			} else {
				from = func() { c.related(e.of, e.rows.sel) }
			}
			c.enter("")
			c.level(e.rows, from)
			c.leave()
		})
	})
}

// embedWithin is the embed that a value is, or that of the one row which it looks
// up: nil for any other.
func embedWithin(e query.Expr) *query.Embed {
	switch e := e.(type) {
	case *query.Embed:
		return e
	case *query.Lookup:
		return embedWithin(e.Value)
	}
	return nil
}

// embeddedBy writes the embed of a value, where it stands there or in a row that
// is looked up.
func (c *compiler) embeddedBy(value query.Expr, e *embedding) {
	if lookup, ok := value.(*query.Lookup); ok {
		c.lookupOf(lookup, func() { c.embeddedBy(lookup.Value, e) })
		return
	}
	c.embedding(e)
}

// related writes where the embedded rows come from: the record that a ref leads
// to, or all whose column has the value.
func (c *compiler) related(e *query.Embed, rows *query.Select) {
	c.text(" FROM ")
	t := e.Rows.Table
	if e.Child == t.Key() {
		c.asRecord(e.On, t.Name)
		c.whereThere(e.Rows.Where)
		return
	}
	c.name(t.Name)
	c.unhurried(rows)
	c.text(" WHERE ")
	c.name(fieldOf(t, e.Child))
	c.text(" = ")
	c.asRecord(e.On, recordsOf(t.Ref(e.Child)))
	c.andWhere(e.Rows.Where)
}

// between writes the records at the far ends of the edges that begin here.
func (c *compiler) between(e *query.Embed, via *query.Via) {
	c.text(" FROM (SELECT VALUE ")
	c.name(fieldOf(via.Table, via.Far))
	c.text(".*") // the server does not sort records that a list names
	c.text(" FROM ")
	c.name(via.Table.Name)
	c.text(" WHERE ")
	c.name(fieldOf(via.Table, via.Near))
	c.text(" = ")
	c.asRecord(e.On, recordsOf(via.Table.Ref(via.Near)))
	c.text(" AND ")
	c.name(fieldOf(via.Table, via.Far))
	c.text(" != NONE")
	c.andWhere(via.Where)
	c.text(")")
	c.unhurried(&e.Rows)
	c.whereThere(e.Rows.Where)
}

// whereThere is where, of rows that records' ids lead to: an id that leads to
// nothing is a row without fields to the server.
func (c *compiler) whereThere(e query.Expr) {
	c.text(" WHERE " + fieldRevision + " != NONE")
	c.andWhere(e)
}

// andWhere writes a condition after another one.
func (c *compiler) andWhere(e query.Expr) {
	if !always(e) {
		c.text(" AND ")
		c.outcome(e, true, true)
	}
}

// asRecord writes a column of the row outside as the id of a table's record; the
// row inside is the one at hand.
func (c *compiler) asRecord(on query.Expr, table string) {
	if literal, ok := on.(*query.Literal); ok { // of a row that was placed
		c.value(literal.Value, literal.Of, table)
		return
	}
	ref, ok := on.(*query.ColumnRef)
	if !ok {
		c.misplaced("embed")
		return
	}
	outer := *ref
	outer.Up++
	if recordsOf(&outer) == table {
		c.field(&outer)
		return
	}
	c.text("(IF ")
	c.field(&outer)
	c.text(" != NONE { type::record('" + table + "', ")
	if recordsOf(&outer) != "" {
		c.text("record::id(")
		c.field(&outer)
		c.text(")")
	} else {
		c.field(&outer)
	}
	c.text(") })")
}

// writeEmbed feeds an embed of the row at hand to w.
func (l *level) writeEmbed(w query.RowWriter, f *field) error {
	text, err := l.embedText(f)
	switch {
	case err != nil:
		return err
	case text == nil:
		w.Null()
	default:
		w.JSON(text)
	}
	return nil
}

// embedText is the JSON of an embed, nil for null. It is valid until the next.
func (l *level) embedText(f *field) ([]byte, error) {
	e := f.embed
	from := wire.NewReader(l.spans[f.at])
	kind := from.Kind()
	if kind == wire.None || kind == wire.Null { // there is no row that it would be of
		return nil, nil
	}
	if e.of.Many {
		e.writer.Reset(e.spare[:0], e.shape)
	} else {
		e.writer.ResetObjects(e.spare[:0], e.shape)
	}
	read := e.rows.read
	if kind == wire.Map {
		read = e.rows.readOne
	}
	did, err := read(from, &bounded{JSONWriter: &e.writer, of: e})
	if err != nil {
		return nil, err
	}
	e.spare = e.writer.Bytes()
	if e.exceeds(len(e.spare)) {
		return nil, faultEmbedTooLarge()
	}
	if e.total != nil {
		*e.total += len(e.spare)
	}
	if !e.of.Many && did.rows == 0 {
		return nil, nil
	}
	return e.spare, nil
}

// bounded ends an embed that becomes too large.
type bounded struct {
	*query.JSONWriter
	of *embedding
}

// EndRow ends a row.
func (b *bounded) EndRow() error {
	if b.of.exceeds(b.Len()) {
		return faultEmbedTooLarge()
	}
	return b.JSONWriter.EndRow()
}

// exceeds reports whether so many bytes more are too many.
func (e *embedding) exceeds(bytes int) bool {
	if e.total != nil {
		bytes += *e.total
	}
	return bytes > maxEmbedBytes
}

func faultEmbedTooLarge() *fault.Fault {
	return fault.Newf("embed-too-large", "the embedded rows of an answer may take %d MiB at most", maxEmbedBytes>>20).
		WithHint("embed fewer rows with a limit or a filter, select fewer of their columns, or ask for fewer rows around them")
}
