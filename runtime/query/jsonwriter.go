package query

import "strconv"

// JSONShape is the form of an answer's objects: the member names, escaped
// once. It is immutable; keep it with a prepared select.
type JSONShape struct {
	prefixes [][]byte // `{"id":`, `,"title":`, ...
}

// NewJSONShape prepares the objects of a select.
func NewJSONShape(outputs []Output) *JSONShape {
	s := &JSONShape{prefixes: make([][]byte, len(outputs))}
	for i := range outputs {
		prefix := make([]byte, 0, len(outputs[i].Name)+4)
		if i == 0 {
			prefix = append(prefix, '{')
		} else {
			prefix = append(prefix, ',')
		}
		prefix = appendString(prefix, outputs[i].Name)
		s.prefixes[i] = append(prefix, ':')
	}
	return s
}

// JSONWriter is a RowWriter that writes rows as JSON: one array of objects,
// or, with ResetObjects, single objects that Row gives one by one, or, with
// ResetLines, an object a line. It allocates
// nothing but room in its buffer, which belongs to the caller: pass a pooled
// one and take it back from Bytes. One goroutine at a time.
type JSONWriter struct {
	buf     []byte
	shape   *JSONShape
	column  int
	rows    int
	objects bool
	lines   bool
	ends    []int // objects: where each row ends
	base    int
	strip   bool // members that are null are left out
	opened  bool // strip: the object at hand has a member
}

var _ RowWriter = (*JSONWriter)(nil)

// NewJSONWriter writes an array of objects, appended to dst.
func NewJSONWriter(dst []byte, shape *JSONShape) *JSONWriter {
	w := &JSONWriter{}
	w.Reset(dst, shape)
	return w
}

// Reset starts a new array of objects, appended to dst.
func (w *JSONWriter) Reset(dst []byte, shape *JSONShape) {
	*w = JSONWriter{buf: append(dst, '['), shape: shape, ends: w.ends[:0]}
}

// ResetObjects starts a sequence of single objects, appended to dst without
// anything between them.
func (w *JSONWriter) ResetObjects(dst []byte, shape *JSONShape) {
	*w = JSONWriter{buf: dst, shape: shape, objects: true, ends: w.ends[:0], base: len(dst)}
}

// ResetLines starts a sequence of objects, each ended by a line feed, appended
// to dst. Take hands them out as they come.
func (w *JSONWriter) ResetLines(dst []byte, shape *JSONShape) {
	*w = JSONWriter{buf: dst, shape: shape, lines: true, ends: w.ends[:0]}
}

// Take gives what was written since the last Take and empties the buffer; what
// it gives is valid until the next row begins.
func (w *JSONWriter) Take() []byte {
	taken := w.buf
	w.buf = w.buf[:0]
	return taken
}

// StripNulls leaves members that are null out of the rows that follow, and out
// of the objects inside their json, until the next Reset.
func (w *JSONWriter) StripNulls() { w.strip = true }

// Rows is the number of rows so far.
func (w *JSONWriter) Rows() int { return w.rows }

// Len is the number of bytes in the buffer so far, dst's included.
func (w *JSONWriter) Len() int { return len(w.buf) }

// Bytes ends the array and gives the buffer. Call it once, at the end.
func (w *JSONWriter) Bytes() []byte {
	if !w.objects && !w.lines {
		w.buf = append(w.buf, ']')
	}
	return w.buf
}

// Row gives the object of row i, after ResetObjects. It is valid until the
// buffer is used again.
func (w *JSONWriter) Row(i int) []byte {
	start := w.base
	if i > 0 {
		start = w.ends[i-1]
	}
	return w.buf[start:w.ends[i]:w.ends[i]]
}

// BeginRow begins an object.
func (w *JSONWriter) BeginRow() {
	if w.rows > 0 && !w.objects && !w.lines {
		w.buf = append(w.buf, ',')
	}
	w.column, w.opened = 0, false
}

// EndRow ends the object; it never fails.
func (w *JSONWriter) EndRow() error {
	if w.column == 0 || w.strip && !w.opened {
		w.buf = append(w.buf, '{')
	}
	w.buf = append(w.buf, '}')
	w.rows++
	if w.objects {
		w.ends = append(w.ends, len(w.buf))
	}
	if w.lines {
		w.buf = append(w.buf, '\n')
	}
	return nil
}

func (w *JSONWriter) member() {
	prefix := w.shape.prefixes[w.column]
	if w.strip && !w.opened {
		w.opened = true
		w.buf = append(w.buf, '{')
		prefix = prefix[1:]
	}
	w.buf = append(w.buf, prefix...)
	w.column++
}

// Null writes null.
func (w *JSONWriter) Null() {
	if w.strip {
		w.column++
		return
	}
	w.member()
	w.buf = append(w.buf, "null"...)
}

// Bool writes a boolean.
func (w *JSONWriter) Bool(b bool) {
	w.member()
	w.buf = strconv.AppendBool(w.buf, b)
}

// Int writes an integer, exactly.
func (w *JSONWriter) Int(n int64) {
	w.member()
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

// Float writes the shortest number that reads back the same.
func (w *JSONWriter) Float(f float64) {
	w.member()
	w.buf = appendFloat(w.buf, f)
}

// Decimal writes a number with all its places.
func (w *JSONWriter) Decimal(n int64, scale uint8) {
	w.member()
	w.buf = appendDecimal(w.buf, n, scale)
}

// Text writes a string.
func (w *JSONWriter) Text(s []byte) {
	w.member()
	w.buf = appendString(w.buf, s)
}

// Timestamp writes RFC 3339.
func (w *JSONWriter) Timestamp(micros int64) {
	w.member()
	w.buf = append(w.buf, '"')
	w.buf = appendTimestamp(w.buf, micros)
	w.buf = append(w.buf, '"')
}

// Date writes a calendar day.
func (w *JSONWriter) Date(days int64) {
	w.member()
	w.buf = append(w.buf, '"')
	w.buf = appendDate(w.buf, days)
	w.buf = append(w.buf, '"')
}

// JSON writes JSON as it is.
func (w *JSONWriter) JSON(raw []byte) {
	if w.strip {
		w.stripped(string(raw))
		return
	}
	w.member()
	w.buf = append(w.buf, raw...)
}

// stripped writes JSON without the members that are null; null itself is such
// a member here.
func (w *JSONWriter) stripped(raw string) {
	if raw == "null" {
		w.column++
		return
	}
	w.member()
	w.buf = appendStripped(w.buf, raw)
}

// appendStripped appends valid JSON without the members that are null. Items of
// an array stay.
func appendStripped(dst []byte, raw string) []byte {
	it := itemsOf(raw)
	if it.open == 0 {
		return append(dst, raw...)
	}
	dst = append(dst, it.open)
	first := true
	for {
		key, value, ok := it.next()
		if !ok {
			break
		}
		if key != "" && value == "null" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if key != "" {
			dst = append(append(dst, key...), ':')
		}
		dst = appendStripped(dst, value)
	}
	return append(dst, it.open+2) // ] after [, } after {
}
