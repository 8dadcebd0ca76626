package data

import "github.com/edge-hive/edge-hive/runtime/query"

// keptRows keeps the rows of a select whose outputs are columns, for the gate's
// own use: a few rows, or keys alone.
type keptRows struct {
	columns []*query.Column // of the outputs
	rows    []query.Row
}

// put adds a value to the row at hand, as its column has it: a select tells no
// uuid from text, and writes lists and vectors as json.
func (r *keptRows) put(v query.Value) {
	row := &r.rows[len(r.rows)-1]
	t := r.columns[len(*row)].Type
	switch {
	case v.IsNull():
	case t.Kind == query.KindVector:
		v, _ = query.DecodeJSON(t, []byte(v.S)) // what the store wrote can be read
	default:
		v.Kind = t.Kind
	}
	*row = append(*row, v)
}

func (r *keptRows) BeginRow()                    { r.rows = append(r.rows, make(query.Row, 0, len(r.columns))) }
func (r *keptRows) EndRow() error                { return nil }
func (r *keptRows) Null()                        { r.put(query.Null()) }
func (r *keptRows) Bool(b bool)                  { r.put(query.Bool(b)) }
func (r *keptRows) Int(n int64)                  { r.put(query.Int(n)) }
func (r *keptRows) Float(f float64)              { r.put(query.Float(f)) }
func (r *keptRows) Decimal(n int64, scale uint8) { r.put(query.Decimal(n, scale)) }
func (r *keptRows) Text(s []byte)                { r.put(query.Text(string(s))) }
func (r *keptRows) Timestamp(micros int64)       { r.put(query.Timestamp(micros)) }
func (r *keptRows) Date(days int64)              { r.put(query.Date(days)) }
func (r *keptRows) JSON(raw []byte)              { r.put(query.JSON(string(raw))) }
