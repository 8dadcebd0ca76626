package data

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"sort"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// rowReader gives the rows of a source one by one, each with its line; io.EOF
// after the last.
type rowReader interface {
	next() (row input, line int, err error)
}

// newRows takes the reader of a form. Hints name what is readable alone.
func newRows(t *table, form Form, from *source, readable *query.ColumnSet) (rowReader, error) {
	if form == CSV {
		return newCSVRows(t, from, readable)
	}
	rows := &jsonRows{body: bodyReader{table: t.schema, readable: readable}, source: from}
	rows.decoder.Reset(from)
	return rows, nil
}

// csvRows reads the rows of a CSV file.
type csvRows struct {
	source  *source
	reader  *csv.Reader
	table   *query.Table
	columns []*query.Column // by field
}

func newCSVRows(t *table, from *source, readable *query.ColumnSet) (*csvRows, error) {
	rows := &csvRows{source: from, reader: csv.NewReader(from), table: t.schema}
	rows.reader.ReuseRecord = true
	header, err := rows.reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(CodeBody, "the file is empty").WithHint("its first line names the columns")
	}
	if err != nil {
		return nil, csvFault(err)
	}
	for i, name := range header {
		if i == 0 {
			name = trimBOM(name)
		}
		c := t.schema.Column(name)
		if c == nil {
			return nil, query.UnknownField(t.schema, name, readable)
		}
		if slices.Contains(rows.columns, c) {
			return nil, fault.Newf(CodeBody, "column %q is there twice", name)
		}
		rows.columns = append(rows.columns, c)
	}
	return rows, nil
}

// trimBOM cuts the mark that spreadsheets begin a file with.
func trimBOM(s string) string {
	const bom = "\ufeff"
	if len(s) >= len(bom) && s[:len(bom)] == bom {
		return s[len(bom):]
	}
	return s
}

func (r *csvRows) next() (input, int, error) {
	record, err := r.reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return input{}, 0, err
		}
		var bad *csv.ParseError
		line := 0
		if errors.As(err, &bad) {
			line = bad.Line
		}
		return input{}, line, csvFault(err)
	}
	r.source.row = r.reader.InputOffset()
	row := input{values: make(query.Row, len(r.table.Columns))}
	line, _ := r.reader.FieldPos(0)
	for i, field := range record {
		if field == "" {
			continue
		}
		c := r.columns[i]
		v, err := csvValue(c.Type, field)
		if err != nil {
			line, _ := r.reader.FieldPos(i)
			return input{}, line, err
		}
		row.values[c.Index] = v
		row.sent.Add(c)
	}
	return row, line, nil
}

// csvValue reads a field: JSON where the column is json, else the text that
// the API would take as a string.
func csvValue(t query.Type, field string) (query.Value, error) {
	raw := []byte(field)
	if t.Kind != query.KindJSON {
		quoted, err := jsontext.AppendQuote(nil, field)
		if err != nil {
			return query.Value{}, fault.New(query.CodeEncoding, "the field is not UTF-8")
		}
		raw = quoted
	}
	v, f := query.DecodeJSON(t, raw)
	if f != nil {
		return query.Value{}, f
	}
	return v, nil
}

func csvFault(err error) error {
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return fault.Newf(CodeBody, "the CSV is broken: %v", bad.Err)
	}
	return err
}

// jsonRows reads the rows of JSON: one array of objects, or objects one after
// the other.
type jsonRows struct {
	source  *source
	decoder jsontext.Decoder
	body    bodyReader // of one row
	array   bool
	began   bool
}

func (r *jsonRows) next() (input, int, error) {
	kind := r.decoder.PeekKind()
	if !r.began {
		r.began = true
		if kind == '[' {
			r.array = true
			if _, err := r.decoder.ReadToken(); err != nil {
				return r.broken(err)
			}
			kind = r.decoder.PeekKind()
		}
	}
	switch {
	case kind == '{':
		return r.row()
	case kind == ']' && r.array:
		if _, err := r.decoder.ReadToken(); err != nil {
			return r.broken(err)
		}
		r.array = false
		return r.next()
	case kind != 0:
		if _, err := r.decoder.ReadToken(); err != nil {
			return r.broken(err)
		}
		return input{}, r.source.line(r.decoder.InputOffset()), fault.New(CodeBody, "only objects can be rows").
			WithHint("write an array of objects, or objects one after the other")
	}
	_, err := r.decoder.ReadToken()
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !r.array {
		return input{}, 0, io.EOF
	}
	return r.broken(err)
}

// row reads one object.
func (r *jsonRows) row() (input, int, error) {
	raw, err := r.decoder.ReadValue()
	if err != nil {
		return r.broken(err)
	}
	end := r.decoder.InputOffset()
	r.source.row = end
	start := end - int64(len(raw))
	if err := checkShape(raw); err != nil {
		return input{}, r.source.line(start), err
	}
	r.body.decoder.Reset(bytes.NewReader(raw))
	row, err := r.body.row()
	if err != nil {
		return input{}, r.source.line(start + r.body.decoder.InputOffset()), err
	}
	return row, r.source.line(start), nil
}

// broken is the fault of what is no JSON, at its line; what cannot be read is
// its own error.
func (r *jsonRows) broken(err error) (input, int, error) {
	var bad *jsontext.SyntacticError
	if errors.As(err, &bad) {
		return input{}, r.source.line(bad.ByteOffset), fault.New(CodeBody, "the JSON is broken, or an object has a key twice").WithCause(err)
	}
	return input{}, r.source.line(r.decoder.InputOffset()), err
}

// maxRowBytes bounds one row of a source.
const maxRowBytes = 64 << 20

// source is what rows are read from: it knows lines, and bounds what is read.
type source struct {
	r    io.Reader
	most int64 // bytes; 0 for any number

	read   int64
	row    int64   // where the row at hand begins
	passed int     // lines that nobody asks for any more
	ends   []int64 // offsets of the line ends after them
	lines  bool    // line is asked for
}

// Read passes on what it reads.
func (s *source) Read(p []byte) (int, error) {
	switch {
	case s.most > 0 && s.read > s.most:
		return 0, fault.Newf(CodeTooLarge, "more than %d MiB are too many for one transaction", s.most>>20).WithHint(hintParts)
	case s.read-s.row > maxRowBytes:
		return 0, fault.Newf(CodeTooLarge, "a row has more than %d MiB", maxRowBytes>>20)
	}
	n, err := s.r.Read(p)
	for i := 0; s.lines && i < n; i++ {
		next := bytes.IndexByte(p[i:n], '\n')
		if next < 0 {
			break
		}
		i += next
		s.ends = append(s.ends, s.read+int64(i))
	}
	s.read += int64(n)
	return n, err
}

// line is the line of an offset, from 1. Offsets only grow.
func (s *source) line(offset int64) int {
	before := sort.Search(len(s.ends), func(i int) bool { return s.ends[i] >= offset })
	s.passed += before
	s.ends = s.ends[before:]
	return s.passed + 1
}
