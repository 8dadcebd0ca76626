package data

import (
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

var errAggregated = fault.New(query.CodeParse, "written rows are shown one by one: select has an aggregate").
	WithHint("read the aggregate in a request of its own")

// representation shows written rows.
type representation struct {
	outputs []query.Output
	shape   *query.JSONShape
	form    Form
	// beyond are the outputs that look at other rows, which the store evaluates
	// after the write; places is where each output is in it, or -1.
	beyond []query.Expr
	places []int
	// inner, where it is not -1, is the place in beyond of the condition of the
	// rows that are shown: relations leave others out.
	inner int
}

// representation resolves a write's request, and says how written rows are
// shown; nil when they were not asked for.
func (g *Gate) representation(t *table, w *Write, sees *sight, b query.Binding) (*query.Request, *representation, error) {
	if w.Request != nil && w.Request.Reach != nil {
		return nil, nil, errReach
	}
	x := relating{gate: g, caller: sees.caller, binding: b}
	q, inner, err := x.resolve(w.Request)
	if err != nil || !w.Representation {
		return q, nil, err
	}
	if !sees.everything() && !t.rules.Granted.Read {
		return nil, nil, t.denied
	}
	p, err := t.selected(q, sees.visible)
	if err != nil {
		return nil, nil, err
	}
	shown := &representation{outputs: p.outputs, shape: p.shape, form: w.Form, inner: -1}
	if p == sees.visible { // the table's own columns
		return q, shown, nil
	}
	if query.HasAggregate(p.outputs) {
		return nil, nil, errAggregated
	}
	shown.places = make([]int, len(p.outputs))
	for i, o := range p.outputs {
		shown.places[i] = -1
		if query.LooksBeyond(o.Expr) {
			shown.places[i] = len(shown.beyond)
			shown.beyond = append(shown.beyond, o.Expr)
		}
	}
	if inner != nil {
		shown.inner = len(shown.beyond)
		shown.beyond = append(shown.beyond, inner)
	}
	return q, shown, nil
}

// returning asks for the rows of an insert or update, and refuses them whole
// where the caller may not read one of them.
func (p *prepared) returning(sees *sight) {
	if p.shown == nil {
		return
	}
	p.write.Returning, p.write.Beyond = true, p.shown.beyond
	if sees.read != nil {
		p.write.Checks = append(p.write.Checks, query.Check{Cond: sees.read, Fault: p.table.rowPolicy})
	}
}

// nothing is the answer of a write that touches no row and did not reach the
// store.
func (r *representation) nothing(single bool) (Written, error) {
	if single {
		return Written{}, notSingle(0)
	}
	if r == nil {
		return Written{}, nil
	}
	body, err := r.body(&query.WriteResult{}, false)
	return Written{Body: body}, err
}

// writer is what writes rows in the representation's form: j, or else the CSV.
func (r *representation) writer(j *query.JSONWriter, rows int) (query.RowWriter, *query.CSVWriter) {
	buf := make([]byte, 0, 256*rows+2)
	if r.form == CSV {
		w := query.NewCSVWriter(buf, r.outputs)
		return w, w
	}
	j.Reset(buf, r.shape)
	if r.form == Stripped {
		j.StripNulls()
	}
	return j, nil
}

// body is written rows as an array, or as the object of a Single.
func (r *representation) body(did *query.WriteResult, single bool) ([]byte, error) {
	var j query.JSONWriter
	w, table := r.writer(&j, len(did.Rows))
	for i, row := range did.Rows {
		if r.inner >= 0 && query.TruthOf(did.Beyond[i][r.inner]) != query.True {
			continue
		}
		w.BeginRow()
		for k := range r.outputs {
			if r.places != nil && r.places[k] >= 0 {
				query.WriteValue(w, did.Beyond[i][r.places[k]])
				continue
			}
			query.WriteValue(w, query.Eval(r.outputs[k].Expr, row, nil))
		}
		if err := w.EndRow(); err != nil {
			return nil, err
		}
	}
	if table != nil {
		return table.Bytes(), nil
	}
	if single && j.Rows() != 1 {
		return []byte("null"), nil // a relation leaves the row out
	}
	return object(j.Bytes(), single), nil
}

// object cuts the object of a Single out of its array.
func object(array []byte, single bool) []byte {
	if single {
		return array[1 : len(array)-1]
	}
	return array
}
