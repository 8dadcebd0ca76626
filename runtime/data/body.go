package data

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The bounds of a body's shape.
const (
	maxRows  = 1000 // a write
	maxDepth = 64   // nested arrays and objects
	maxKeys  = 256  // of one object
)

// input is one row as a request sent it.
type input struct {
	values query.Row       // by column; null where nothing was sent
	sent   query.ColumnSet // what counts as sent: columns=, else what was found
	found  query.ColumnSet // what was in the body, of columns= where that was given
	made   []madeValue     // values that earlier writes of a batch make
}

// body is a decoded request body.
type body struct {
	rows  []input
	array bool // an array was sent, not one object
}

// bodyReader reads one body by the columns of a table.
type bodyReader struct {
	table    *query.Table
	readable *query.ColumnSet // what hints may name
	listed   []*query.Column  // of columns=; nil when it was not given
	made     *madeKeys        // what may be referred to; nil outside of a batch
	decoder  jsontext.Decoder
}

// readBody decodes an object or an array of objects. Faults are PGRST102 for
// what is no such JSON or beyond a bound, PGRST204 for an unknown column, and
// those of query.DecodeJSON for values.
func readBody(raw []byte, t *query.Table, listed []*query.Column, readable *query.ColumnSet, made *madeKeys) (body, error) {
	if err := checkShape(raw); err != nil {
		return body{}, err
	}
	r := bodyReader{table: t, readable: readable, listed: listed, made: made}
	r.decoder.Reset(bytes.NewReader(raw))
	var b body
	switch r.decoder.PeekKind() {
	case '{':
		row, err := r.row()
		if err != nil {
			return body{}, err
		}
		b.rows = []input{row}
	case '[':
		rows, err := r.rows()
		if err != nil {
			return body{}, err
		}
		b.rows, b.array = rows, true
	default:
		return body{}, errBody
	}
	if _, err := r.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return body{}, errBody
	}
	return b, nil
}

// rows reads an array of objects. Without columns= all of them have the keys of
// the first.
func (r *bodyReader) rows() ([]input, error) {
	if _, err := r.decoder.ReadToken(); err != nil {
		return nil, errBody
	}
	var rows []input
	for {
		switch r.decoder.PeekKind() {
		case ']':
			_, err := r.decoder.ReadToken()
			if err != nil {
				return nil, errBody
			}
			return rows, nil
		case '{':
		default:
			return nil, errBody
		}
		if len(rows) == maxRows {
			return nil, fault.Newf(CodeBody, "a write takes at most %d rows", maxRows).WithHint("send them in several requests")
		}
		row, err := r.row()
		if err != nil {
			return nil, err
		}
		if r.listed == nil && len(rows) > 0 && !sameColumns(&row.sent, &rows[0].sent) {
			return nil, errKeys
		}
		rows = append(rows, row)
	}
}

func sameColumns(a, b *query.ColumnSet) bool { return a.Contains(*b) && b.Contains(*a) }

// row reads one object.
func (r *bodyReader) row() (input, error) {
	in := input{values: make(query.Row, len(r.table.Columns))}
	if _, err := r.decoder.ReadToken(); err != nil {
		return in, errBody
	}
	for r.decoder.PeekKind() != '}' {
		name, err := r.decoder.ReadToken()
		if err != nil {
			return in, errBody
		}
		if err := r.member(&in, name.String()); err != nil {
			return in, err
		}
	}
	if _, err := r.decoder.ReadToken(); err != nil {
		return in, errBody
	}
	if r.listed == nil {
		in.sent = in.found
		return in, nil
	}
	for _, c := range r.listed {
		in.sent.Add(c)
	}
	return in, nil
}

// member reads one value. With columns= a key that is not listed is passed
// over, whatever it is.
func (r *bodyReader) member(in *input, name string) error {
	c := r.table.Column(name)
	if r.listed != nil && (c == nil || !listed(r.listed, c)) {
		if err := r.decoder.SkipValue(); err != nil {
			return errBody
		}
		return nil
	}
	if c == nil {
		return query.UnknownField(r.table, name, r.readable)
	}
	raw, err := r.decoder.ReadValue()
	if err != nil {
		return errBody
	}
	if r.made != nil && refersToMade(raw) && (c.Index == 0 || c.Ref != nil) {
		key, err := r.made.find(raw, c)
		if err != nil {
			return err
		}
		in.made = append(in.made, madeValue{c, key})
		in.found.Add(c)
		return nil
	}
	value, f := query.DecodeJSON(c.Type, raw)
	if f != nil {
		return f
	}
	in.values[c.Index] = value
	in.found.Add(c)
	return nil
}

func listed(columns []*query.Column, c *query.Column) bool {
	for _, one := range columns {
		if one == c {
			return true
		}
	}
	return false
}

// checkShape bounds depth and keys before anything is decoded. It trusts
// nothing about raw; the decoder judges what it passes.
func checkShape(raw []byte) error {
	commas := make([]int, 0, 8) // of each open object; -1 stands for an array
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if len(commas) == maxDepth {
				return fault.Newf(CodeBody, "the body nests deeper than %d", maxDepth).WithHint("send flatter rows, or what is deep as a text")
			}
			n := 0
			if raw[i] == '[' {
				n = -1
			}
			commas = append(commas, n)
		case '}', ']':
			commas = commas[:max(len(commas)-1, 0)]
		case ',':
			last := len(commas) - 1
			if last < 0 || commas[last] < 0 {
				continue
			}
			if commas[last]++; commas[last] >= maxKeys {
				return fault.Newf(CodeBody, "an object of the body has more than %d keys", maxKeys).WithHint("send what has many keys as a list, or as a text")
			}
		}
	}
	return nil
}
