package data

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Write is one request that changes rows of one table: one transaction.
type Write struct {
	Table string
	// Request holds the filter of an update or delete, the columns= of a body
	// and the select of the representation; nil for none of them.
	Request *query.Request
	// Key, when HasKey, narrows an update or delete to the row with this key.
	Key    string
	HasKey bool
	// Body is the request's JSON: an object, or an array of objects to insert.
	Body []byte
	// MissingDefault fills columns that columns= lists and a row leaves out with
	// their default instead of null (Prefer: missing=default).
	MissingDefault bool
	// Representation asks for the rows; they are refused whole when the caller
	// may not read them all.
	Representation bool
	// Single demands exactly one row and answers an object; otherwise nothing is
	// written: PGRST116.
	Single bool
	// AtMost is how many rows an update or delete may affect, nil for any number;
	// where they are more nothing is written: PGRST124.
	AtMost *int
	// Unfiltered lets the service role update or delete every row without a
	// filter (the native surface).
	Unfiltered bool
}

// columns are those of columns=, nil when it was not given.
func (w *Write) columns() []*query.Column {
	if w.Request == nil {
		return nil
	}
	return w.Request.Columns
}

// Written is what a write did.
type Written struct {
	Affected int
	// Body is the representation, nil unless asked for: an array, or the object
	// of a Single.
	Body []byte
	// Cursor is the commit's place in the feed; zero when nothing changed.
	Cursor query.Cursor
}

// Delete removes the rows that the filter picks and that the caller may read
// and delete; others are passed over. Without a filter it is 21000.
func (g *Gate) Delete(ctx context.Context, caller *auth.Caller, w Write) (Written, error) {
	t, err := g.table(w.Table)
	if err != nil {
		return Written{}, err
	}
	if !caller.IsService() && !t.rules.Granted.Delete {
		return Written{}, t.denied
	}
	b := g.binding(caller)
	sees := t.of(caller, b)
	where, err := t.target(&w, sees, b, t.rules.Delete, "DELETE")
	if err != nil {
		return Written{}, err
	}
	shown, err := t.representation(&w, sees)
	if err != nil {
		return Written{}, err
	}
	if query.NeverHolds(where) {
		return shown.nothing(w.Single)
	}
	return g.apply(ctx, query.Write{
		Op: query.Delete, Table: t.schema, Where: where, Single: w.Single, AtMost: w.AtMost, Returning: shown != nil,
	}, shown)
}

// target is the condition of the rows that an update or delete touches: the
// filter, the read rule and the operation's own rule together.
func (t *table) target(w *Write, sees *sight, b query.Binding, rule query.Expr, verb string) (query.Expr, error) {
	filter, err := t.filter(w.Request, w.Key, w.HasKey, sees.visible)
	if err != nil {
		return nil, err
	}
	r := w.Request
	if r != nil && (r.Limit >= 0 || r.Offset != 0 || r.Order != nil) {
		return nil, errPaged
	}
	filtered := filter != nil || r != nil && r.HasFilter
	if !filtered && (!w.Unfiltered || !sees.everything()) {
		return nil, unfiltered(verb)
	}
	return query.Conjunction(filter, sees.read, sees.bind(rule, b)), nil
}

// representation is how written rows are shown; nil when they were not asked
// for.
func (t *table) representation(w *Write, sees *sight) (*representation, error) {
	if !w.Representation {
		return nil, nil
	}
	if !sees.everything() && !t.rules.Granted.Read {
		return nil, t.denied
	}
	p, err := t.selected(w.Request, sees.visible)
	if err != nil {
		return nil, err
	}
	return &representation{p.outputs, p.shape}, nil
}

// representation shows written rows.
type representation struct {
	outputs []query.Output
	shape   *query.JSONShape
}

// returning asks for the rows of an insert or update, and refuses them whole
// where the caller may not read one of them.
func (t *table) returning(w *query.Write, shown *representation, sees *sight) {
	if shown == nil {
		return
	}
	w.Returning = true
	if sees.read != nil {
		w.Checks = append(w.Checks, query.Check{Cond: sees.read, Fault: t.rowPolicy})
	}
}

// apply commits one write. The store's answer is encoded here, so that its
// writer goes on meanwhile.
func (g *Gate) apply(ctx context.Context, w query.Write, shown *representation) (Written, error) {
	result, err := g.view.Apply(ctx, query.Batch{Writes: []query.Write{w}})
	if err != nil {
		return Written{}, writeFault(err)
	}
	out := Written{Affected: result.Writes[0].Affected, Cursor: result.Cursor}
	if shown != nil {
		out.Body, err = shown.body(result.Writes[0].Rows, w.Single)
	}
	return out, err
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
	return Written{Body: []byte("[]")}, nil
}

// body is written rows as an array, or as the object of a Single.
func (r *representation) body(rows []query.Row, single bool) ([]byte, error) {
	w := query.NewJSONWriter(make([]byte, 0, 256*len(rows)+2), r.shape)
	for _, row := range rows {
		if err := query.WriteRow(w, r.outputs, row); err != nil {
			return nil, err
		}
	}
	return object(w.Bytes(), single), nil
}

// object cuts the object of a Single out of its array.
func object(array []byte, single bool) []byte {
	if single {
		return array[1 : len(array)-1]
	}
	return array
}
