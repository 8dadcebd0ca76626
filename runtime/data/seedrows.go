package data

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"sort"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// csvRows reads the rows of a CSV file.
type csvRows struct {
	reader  *csv.Reader
	table   *query.Table
	columns []*query.Column // by field
}

func newCSVRows(t *table, r io.Reader) (*csvRows, error) {
	rows := &csvRows{reader: csv.NewReader(r), table: t.schema}
	rows.reader.ReuseRecord = true
	header, err := rows.reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(CodeSeed, "the file is empty").WithHint("its first line names the columns")
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
			return nil, query.UnknownField(t.schema, name, nil)
		}
		if slices.Contains(rows.columns, c) {
			return nil, fault.Newf(CodeSeed, "column %q is there twice", name)
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
		return fault.Newf(CodeSeed, "the CSV is broken: %v", bad.Err)
	}
	return err
}

// jsonRows reads the rows of a JSON file: one array of objects, or objects one
// after the other.
type jsonRows struct {
	body  bodyReader
	lines lineCounter
	array bool
	began bool
}

func newJSONRows(t *table, r io.Reader) *jsonRows {
	rows := &jsonRows{body: bodyReader{table: t.schema}, lines: lineCounter{r: r}}
	rows.body.decoder.Reset(&rows.lines)
	return rows
}

func (r *jsonRows) next() (input, int, error) {
	kind := r.body.decoder.PeekKind()
	if !r.began {
		r.began = true
		if kind == '[' {
			r.array = true
			if _, err := r.body.decoder.ReadToken(); err != nil {
				return input{}, r.line(), err
			}
			kind = r.body.decoder.PeekKind()
		}
	}
	switch {
	case kind == '{':
		row, err := r.body.row()
		if errors.Is(err, errBody) {
			err = fault.New(CodeSeed, "the JSON is broken, or an object has a key twice")
		}
		return row, r.line(), err
	case kind == ']' && r.array:
		if _, err := r.body.decoder.ReadToken(); err != nil {
			return input{}, r.line(), err
		}
		r.array = false
		return r.next()
	}
	if _, err := r.body.decoder.ReadToken(); errors.Is(err, io.EOF) {
		return input{}, 0, err
	}
	return input{}, r.line(), fault.New(CodeSeed, "only objects can be rows").
		WithHint("write an array of objects, or objects one after the other")
}

// line is the line on which the decoder is.
func (r *jsonRows) line() int { return r.lines.at(r.body.decoder.InputOffset()) }

// lineCounter notes where lines end while a file is read.
type lineCounter struct {
	r    io.Reader
	read int64
	ends []int64 // offsets of the line ends
}

// Read passes on what it reads.
func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// at is the line of an offset, from 1.
func (l *lineCounter) at(offset int64) int {
	return 1 + sort.Search(len(l.ends), func(i int) bool { return l.ends[i] >= offset })
}
