package query

import (
	"errors"
	"fmt"
	"strings"
)

// AppendRow appends a stored row as a JSON object of all columns, as the feed
// keeps it.
func AppendRow(dst []byte, t *Table, r Row) []byte {
	for i, c := range t.Columns {
		if i == 0 {
			dst = append(dst, '{', '"')
		} else {
			dst = append(dst, ',', '"')
		}
		dst = append(dst, c.Name...)
		dst = append(dst, '"', ':')
		dst = AppendJSON(dst, r[i])
	}
	return append(dst, '}')
}

var errNotRow = errors.New("a stored row is no JSON object")

// DecodeRow reads what AppendRow wrote, by today's columns: members without a
// column are ignored, columns without a member are null. raw comes from our
// own feed, so its json is not checked again. An error means that a stored
// value does not fit its column any more.
func DecodeRow(t *Table, raw []byte) (Row, error) {
	it := itemsOf(string(raw))
	if it.open != '{' {
		return nil, errNotRow
	}
	row := make(Row, len(t.Columns))
	next := 0 // rows are written in the order of the columns
	for {
		key, value, ok := it.next()
		if !ok {
			return row, nil
		}
		var c *Column
		if next < len(t.Columns) && keyIs(key, t.Columns[next].Name) {
			c = t.Columns[next]
		} else if c = t.Column(jsonString(key)); c == nil {
			continue
		}
		next = c.Index + 1
		v, err := decodeStored(c.Type, value)
		if err != nil {
			return nil, fmt.Errorf("column %s.%s: %w", t.Name, c.Name, err)
		}
		row[c.Index] = v
	}
}

func decodeStored(t Type, raw string) (Value, error) {
	if raw == "null" {
		return Value{}, nil
	}
	if t.Kind == KindJSON || t.Kind == KindList {
		return Value{Kind: t.Kind, S: strings.TrimSpace(raw)}, nil
	}
	v, f := assign(t, jsonString(raw))
	if f != nil {
		return Value{}, f
	}
	return v, nil
}

// WriteRow feeds one row in memory to a RowWriter: the outputs of a Select on
// the row's table, as an engine would.
func WriteRow(w RowWriter, outputs []Output, row Row) error {
	w.BeginRow()
	for i := range outputs {
		WriteValue(w, Eval(outputs[i].Expr, row, nil))
	}
	return w.EndRow()
}

// WriteValue feeds one value to a RowWriter.
func WriteValue(w RowWriter, v Value) {
	switch v.Kind {
	case KindBool:
		w.Bool(v.N != 0)
	case KindInt:
		w.Int(v.N)
	case KindFloat:
		w.Float(v.Float())
	case KindDecimal:
		w.Decimal(v.N, v.Scale)
	case KindText, KindUUID:
		w.Text([]byte(v.S))
	case KindTimestamp:
		w.Timestamp(v.N)
	case KindDate:
		w.Date(v.N)
	case KindJSON, KindList:
		w.JSON([]byte(v.S))
	case KindVector:
		w.JSON(appendVector(nil, v.S))
	default:
		w.Null()
	}
}
