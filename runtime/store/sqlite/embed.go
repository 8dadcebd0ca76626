package sqlite

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// maxEmbedBytes bounds the embeds of one select together, for an answer is
// bounded in its own rows alone.
const maxEmbedBytes = 32 << 20

// embedded is the form of an embed's objects. It belongs to one statement of
// one connection.
type embedded struct {
	shape  *query.JSONShape
	types  []query.Type
	writer query.JSONWriter
	spare  []byte // the buffer of an object or array that was handed over
	// total counts the bytes of all embeds of the select; nil where another
	// embed counts those of this one as its own.
	total *int
}

// embed writes a subquery that gives the embedded rows as JSON.
//
// Those that are many come from a subquery of their own, which picks and sorts
// them: functionRows sees them in its order, for nothing else stands in that
// FROM, and its LIMIT keeps SQLite from merging it into the query around it or
// from leaving its order out. What is shown of a row is computed outside of
// it, and so of the rows that are left alone.
func (c *compiler) embed(e *query.Embed) {
	rows := &e.Rows
	form := &embedded{shape: query.NewJSONShape(rows.Columns), types: make([]query.Type, len(rows.Columns))}
	for i := range rows.Columns {
		form.types[i] = rows.Columns[i].Expr.Type()
	}
	if c.scope.embeds == 0 {
		form.total = &c.embeds
	}
	c.scope.open++
	c.scope.embeds++
	switch grouped := aggregates(rows.Columns); {
	case grouped:
		c.embedGroups(e, form)
	case e.Many:
		c.embedMany(e, form)
	default:
		c.embedOne(e, form)
	}
	c.scope.embeds--
	c.scope.open--
}

func (c *compiler) embedOne(e *query.Embed, form *embedded) {
	row := c.scope.alias(e.Rows.Table)
	c.text("(SELECT " + functionRow + "(")
	c.argument(argument{pointer: form})
	c.scope.enter(row)
	for i := range e.Rows.Columns {
		c.text(",")
		c.expr(e.Rows.Columns[i].Expr)
	}
	c.text(")")
	c.related(e, row)
	c.scope.leave()
	if e.Rows.Limit == 0 {
		c.text(" LIMIT 0")
	} else {
		c.text(" LIMIT 1")
	}
	c.offset(e.Rows.Offset)
	c.text(")")
}

func (c *compiler) embedMany(e *query.Embed, form *embedded) {
	rows := &e.Rows
	row, picked := c.scope.alias(rows.Table), c.scope.alias(nil)
	c.text("(SELECT " + functionRows + "(")
	c.argument(argument{pointer: form})
	c.scope.enter(picked)
	for i := range rows.Columns {
		c.text(",")
		c.expr(rows.Columns[i].Expr)
	}
	c.scope.leave()
	c.text(") FROM (SELECT ")
	c.scope.enter(row)
	c.needed(rows, false)
	c.related(e, row)
	c.order(rows)
	c.limit(rows.Limit, rows.Offset)
	c.scope.leave()
	c.text(") AS ")
	c.alias(picked)
	c.text(")")
}

// embedGroups is of an embed that aggregates its rows.
func (c *compiler) embedGroups(e *query.Embed, form *embedded) {
	rows := &e.Rows
	row, groups := c.scope.alias(rows.Table), c.scope.alias(nil)
	function := functionRow
	if e.Many {
		function = functionRows
	}
	c.text("(SELECT " + function + "(")
	c.argument(argument{pointer: form})
	for i := range rows.Columns {
		c.text(",")
		c.alias(groups)
		c.text(".")
		c.groupName(i)
	}
	c.text(") FROM (SELECT ")
	c.scope.enter(row)
	c.outputs(rows.Columns, c.groupName)
	c.related(e, row)
	c.groupBy(rows)
	limit := rows.Limit
	if !e.Many && limit != 0 {
		limit = 1
	}
	c.limit(limit, rows.Offset)
	c.scope.leave()
	c.text(") AS ")
	c.alias(groups)
	c.text(")")
}

// related writes where the embedded rows come from, and which they are; the
// row at hand is theirs. A table between is read first, along the index of its
// reference.
func (c *compiler) related(e *query.Embed, row int) {
	c.text(" FROM ")
	via := e.Via
	near, from := e.Child, row
	if via != nil {
		near, from = via.Near, c.scope.alias(via.Table)
		c.from(via.Table, from)
		c.text(" CROSS JOIN ")
	}
	c.from(e.Rows.Table, row)
	c.text(" WHERE ")
	c.alias(from)
	c.text(".")
	c.name(near.Name)
	c.text("=")
	c.outside(e.On)
	if via != nil {
		c.text(" AND ")
		c.alias(row)
		c.text(".")
		c.name(e.Child.Name)
		c.text("=")
		c.alias(from)
		c.text(".")
		c.name(via.Far.Name)
		c.scope.leave()
		c.scope.enter(from)
		c.and(via.Where)
		c.scope.leave()
		c.scope.enter(row)
	}
	c.and(e.Rows.Where)
}

// and writes a condition after another one.
func (c *compiler) and(e query.Expr) {
	if !always(e) {
		c.text(" AND ")
		c.passes(e)
	}
}

// needed writes the columns that the outputs of a select read of its row.
func (c *compiler) needed(sel *query.Select, revision bool) {
	var columns query.ColumnSet
	for i := range sel.Columns {
		columns.AddAll(query.Columns(sel.Columns[i].Expr))
	}
	comma := false
	for _, column := range sel.Table.Columns {
		if !columns.Has(column) {
			continue
		}
		if comma {
			c.text(",")
		}
		c.column(sel.Table.Ref(column))
		comma = true
	}
	if sel.Reach != nil {
		if comma {
			c.text(",")
		}
		c.text(reachedHops)
		comma = true
	}
	if revision {
		if comma {
			c.text(",")
		}
		c.row(0, sel.Table)
		c.text("_rev")
	} else if !comma {
		c.text("1")
	}
}

// rowFunction gives the row at hand as an object.
func rowFunction(ctx sqlite3.Context, args ...sqlite3.Value) {
	form, ok := args[0].Pointer().(*embedded)
	if !ok || len(args) != len(form.types)+1 {
		ctx.ResultError(errNode)
		return
	}
	defer recovered(ctx, functionRow)
	if interrupted(ctx) {
		return
	}
	form.writer.ResetObjects(form.spare[:0], form.shape)
	form.write(&form.writer, args[1:])
	form.spare = form.writer.Bytes()
	form.give(ctx, form.spare)
}

// rowsFunction collects rows into an array.
type rowsFunction struct {
	form   *embedded
	writer query.JSONWriter
}

// Step takes one row.
func (r *rowsFunction) Step(ctx sqlite3.Context, args ...sqlite3.Value) {
	defer recovered(ctx, functionRows)
	if r.form == nil {
		form, ok := args[0].Pointer().(*embedded)
		if !ok || len(args) != len(form.types)+1 {
			ctx.ResultError(errNode)
			return
		}
		r.form = form
		r.writer.Reset(form.spare[:0], form.shape)
		form.spare = nil
	}
	if interrupted(ctx) {
		return
	}
	r.form.write(&r.writer, args[1:])
	if r.form.exceeds(r.writer.Len()) {
		resultFault(ctx, faultEmbedTooLarge())
	}
}

// Value gives the array.
func (r *rowsFunction) Value(ctx sqlite3.Context) {
	if r.form == nil { // no row
		ctx.ResultText("[]")
		return
	}
	array := r.writer.Bytes()
	r.form.spare = array
	r.form.give(ctx, array)
}

// exceeds reports whether so many bytes more are too many.
func (e *embedded) exceeds(bytes int) bool {
	if e.total != nil {
		bytes += *e.total
	}
	return bytes > maxEmbedBytes
}

func (e *embedded) give(ctx sqlite3.Context, raw []byte) {
	if e.exceeds(len(raw)) {
		resultFault(ctx, faultEmbedTooLarge())
		return
	}
	if e.total != nil {
		*e.total += len(raw)
	}
	ctx.ResultRawText(raw)
}

func (e *embedded) write(w *query.JSONWriter, row []sqlite3.Value) {
	w.BeginRow()
	for i := range row {
		writeArgument(w, row[i], e.types[i])
	}
	_ = w.EndRow() // it never fails
}

// writeArgument is writeColumn of a function's argument.
func writeArgument(w *query.JSONWriter, v sqlite3.Value, t query.Type) {
	if v.Type() == sqlite3.NULL {
		w.Null()
		return
	}
	switch t.Kind {
	case query.KindBool:
		w.Bool(v.Int64() != 0)
	case query.KindInt:
		w.Int(v.Int64())
	case query.KindFloat:
		w.Float(v.Float())
	case query.KindDecimal:
		w.Decimal(v.Int64(), t.Scale)
	case query.KindText, query.KindUUID:
		w.Text(v.RawText())
	case query.KindTimestamp:
		w.Timestamp(v.Int64())
	case query.KindDate:
		w.Date(v.Int64())
	case query.KindJSON, query.KindList:
		w.JSON(v.RawText())
	case query.KindVector:
		w.JSON(query.AppendJSON(nil, argumentValue(v, t)))
	default:
		w.Null()
	}
}
