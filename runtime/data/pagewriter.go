package data

import "github.com/edge-hive/edge-hive/runtime/query"

// pageWriter passes the rows of a page on, without the values of the order, of
// which it keeps those of the last row that is sent.
type pageWriter struct {
	query.RowWriter
	page   *page
	rows   int
	column int
	values []query.Value
}

// next is the cursor of the page after this one, "" where this is the last.
func (w *pageWriter) next() (string, error) {
	if w.rows <= w.page.limit || w.page.limit == 0 {
		return "", nil
	}
	cursor := w.page.encode(w.values)
	if len(cursor) > maxCursor {
		return "", errLongCursor
	}
	return cursor, nil
}

// BeginRow begins a row; the one after the page is only counted.
func (w *pageWriter) BeginRow() {
	w.rows++
	w.column = 0
	if w.sent() {
		w.values = w.values[:0]
		w.RowWriter.BeginRow()
	}
}

// EndRow ends a row.
func (w *pageWriter) EndRow() error {
	if w.sent() {
		return w.RowWriter.EndRow()
	}
	return nil
}

// sent reports whether the row at hand belongs to the page.
func (w *pageWriter) sent() bool { return w.rows <= w.page.limit }

// keeps takes a value of the order, and reports whether it was one, or a value
// of the row after the page.
func (w *pageWriter) keeps(v func() query.Value) bool {
	w.column++
	if !w.sent() {
		return true
	}
	if w.column <= w.page.shown {
		return false
	}
	w.values = append(w.values, v())
	return true
}

// Null takes null.
func (w *pageWriter) Null() {
	if !w.keeps(query.Null) {
		w.RowWriter.Null()
	}
}

// Bool takes a boolean.
func (w *pageWriter) Bool(b bool) {
	if !w.keeps(func() query.Value { return query.Bool(b) }) {
		w.RowWriter.Bool(b)
	}
}

// Int takes an integer.
func (w *pageWriter) Int(n int64) {
	if !w.keeps(func() query.Value { return query.Int(n) }) {
		w.RowWriter.Int(n)
	}
}

// Float takes a number.
func (w *pageWriter) Float(f float64) {
	if !w.keeps(func() query.Value { return query.Float(f) }) {
		w.RowWriter.Float(f)
	}
}

// Decimal takes a decimal.
func (w *pageWriter) Decimal(n int64, scale uint8) {
	if !w.keeps(func() query.Value { return query.Decimal(n, scale) }) {
		w.RowWriter.Decimal(n, scale)
	}
}

// Text takes a text or a uuid.
func (w *pageWriter) Text(s []byte) {
	if !w.keeps(func() query.Value { return query.Text(string(s)) }) {
		w.RowWriter.Text(s)
	}
}

// Timestamp takes a moment.
func (w *pageWriter) Timestamp(micros int64) {
	if !w.keeps(func() query.Value { return query.Timestamp(micros) }) {
		w.RowWriter.Timestamp(micros)
	}
}

// Date takes a day.
func (w *pageWriter) Date(days int64) {
	if !w.keeps(func() query.Value { return query.Date(days) }) {
		w.RowWriter.Date(days)
	}
}

// JSON takes json or a list.
func (w *pageWriter) JSON(raw []byte) {
	if !w.keeps(func() query.Value { return query.JSON(string(raw)) }) {
		w.RowWriter.JSON(raw)
	}
}
