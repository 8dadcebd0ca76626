package query

import (
	"bytes"
	"strconv"
)

// CSVWriter is a RowWriter that writes rows as RFC 4180: a header of the
// outputs' names, then a line for each row, ended by a line feed. Null is
// nothing, an empty text is "", json and lists are their JSON. One goroutine at
// a time.
type CSVWriter struct {
	buf    []byte
	column int
	rows   int
}

var _ RowWriter = (*CSVWriter)(nil)

// NewCSVWriter writes the header, appended to dst.
func NewCSVWriter(dst []byte, outputs []Output) *CSVWriter {
	for i := range outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, []byte(outputs[i].Name))
	}
	return &CSVWriter{buf: append(dst, '\n')}
}

// Rows is the number of rows so far.
func (w *CSVWriter) Rows() int { return w.rows }

// Bytes gives the buffer.
func (w *CSVWriter) Bytes() []byte { return w.buf }

// Len is the number of bytes in the buffer.
func (w *CSVWriter) Len() int { return len(w.buf) }

// Take gives what was written since the last Take and empties the buffer; what
// it gives is valid until the next row begins.
func (w *CSVWriter) Take() []byte {
	taken := w.buf
	w.buf = w.buf[:0]
	return taken
}

// BeginRow begins a line.
func (w *CSVWriter) BeginRow() { w.column = 0 }

// EndRow ends the line; it never fails.
func (w *CSVWriter) EndRow() error {
	w.buf = append(w.buf, '\n')
	w.rows++
	return nil
}

func (w *CSVWriter) next() {
	if w.column > 0 {
		w.buf = append(w.buf, ',')
	}
	w.column++
}

// Null writes nothing.
func (w *CSVWriter) Null() { w.next() }

// Bool writes true or false.
func (w *CSVWriter) Bool(b bool) {
	w.next()
	w.buf = strconv.AppendBool(w.buf, b)
}

// Int writes an integer, exactly.
func (w *CSVWriter) Int(n int64) {
	w.next()
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

// Float writes the shortest number that reads back the same.
func (w *CSVWriter) Float(f float64) {
	w.next()
	w.buf = appendFloat(w.buf, f)
}

// Decimal writes a number with all its places.
func (w *CSVWriter) Decimal(n int64, scale uint8) {
	w.next()
	w.buf = appendDecimal(w.buf, n, scale)
}

// Text writes a text, quoted where it must be.
func (w *CSVWriter) Text(s []byte) {
	w.next()
	w.buf = appendField(w.buf, s)
}

// Timestamp writes RFC 3339.
func (w *CSVWriter) Timestamp(micros int64) {
	w.next()
	w.buf = appendTimestamp(w.buf, micros)
}

// Date writes a calendar day.
func (w *CSVWriter) Date(days int64) {
	w.next()
	w.buf = appendDate(w.buf, days)
}

// JSON writes JSON as a text.
func (w *CSVWriter) JSON(raw []byte) {
	w.next()
	w.buf = appendField(w.buf, raw)
}

// appendField quotes a field that is empty (null is nothing), or that holds
// what separates fields and lines.
func appendField(dst, s []byte) []byte {
	if len(s) > 0 && !bytes.ContainsAny(s, ",\"\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			return append(append(dst, s...), '"')
		}
		dst = append(append(dst, s[:i]...), `""`...)
		s = s[i+1:]
	}
}
