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
	// Resolution says what an insert does with rows that are there already, by
	// their key or by the columns of the request's on_conflict.
	Resolution Resolution
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
	// Match demands revisions of the rows of an update or delete; nil for none.
	// Otherwise nothing is written: 412 in HTTP.
	Match *Match
	// Once, when set, makes a repetition give the first one's answer.
	Once *Once
	// Rollback does everything but keep it.
	Rollback bool
	// Depth is how many functions led to the write; see query.Batch.
	Depth int
	// Form is how the representation is written.
	Form Form
	// Unfiltered lets the service role update or delete every row without a
	// filter (the native surface).
	Unfiltered bool

	made *madeKeys   // the keys that earlier writes of a batch make; nil for none
	key  *query.Made // in the place of Key
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
	// Inserted are those of Affected that were not there before.
	Inserted int
	// Body is the representation, nil unless asked for: an array, or the object
	// of a Single.
	Body []byte
	// Replayed says that the write was done before, under the same Once.
	Replayed bool
}

// prepared is one write, bound and judged, ready for the store.
type prepared struct {
	table *table
	write query.Write
	shown *representation // nil: its rows are not asked for
	// none says that no row is touched: the store need not be asked.
	none bool
	// untouched is an update by key that sets nothing.
	untouched bool
}

// Delete removes the rows that the filter picks and that the caller may read
// and delete; others are passed over. Without a filter it is 21000.
func (g *Gate) Delete(ctx context.Context, caller *auth.Caller, w Write) (Written, error) {
	p, err := g.prepareDelete(caller, &w)
	if err != nil {
		return Written{}, err
	}
	return g.commit(ctx, caller, &w, p)
}

func (g *Gate) prepareDelete(caller *auth.Caller, w *Write) (*prepared, error) {
	p, _, _, err := g.prepareChange(caller, w, query.Delete)
	if err != nil {
		return nil, err
	}
	p.none = query.NeverHolds(p.write.Where)
	if p.shown != nil {
		p.write.Returning, p.write.Beyond = true, p.shown.beyond
	}
	return p, nil
}

// prepareChange begins an update or delete: which rows it touches, and how they
// are shown.
func (g *Gate) prepareChange(caller *auth.Caller, w *Write, op query.Op) (*prepared, *sight, query.Binding, error) {
	t, err := g.table(w.Table)
	if err != nil {
		return nil, nil, query.Binding{}, err
	}
	if err := g.permitsChange(t, w, op); err != nil {
		return nil, nil, query.Binding{}, err
	}
	granted, rule, verb := t.rules.Granted.Update, t.rules.UpdateBefore, "UPDATE"
	if op == query.Delete {
		granted, rule, verb = t.rules.Granted.Delete, t.rules.Delete, "DELETE"
	}
	if !caller.IsService() && !granted {
		return nil, nil, query.Binding{}, t.denied
	}
	b := g.binding(caller)
	sees := t.of(caller, b)
	q, shown, err := g.representation(t, w, sees, b)
	if err != nil {
		return nil, nil, b, err
	}
	where, err := t.target(w, q, sees, b, rule, verb)
	if err != nil {
		return nil, nil, b, err
	}
	return &prepared{table: t, shown: shown, write: query.Write{
		Op: op, Table: t.schema, Where: where, Single: w.Single, AtMost: w.AtMost, Revisions: w.Match.revisions(),
	}}, sees, b, nil
}

// target is the condition of the rows that an update or delete touches: the
// filter, the read rule and the operation's own rule together. r is the
// resolved request.
func (t *table) target(w *Write, r *query.Request, sees *sight, b query.Binding, rule query.Expr, verb string) (query.Expr, error) {
	filter, err := t.filter(r, w.Key, w.HasKey, sees.visible)
	if err != nil {
		return nil, err
	}
	if w.key != nil {
		key := t.schema.Key()
		filter = query.Conjunction(filter, &query.Compare{Op: query.Equal, Left: t.schema.Ref(key), Right: w.key})
	}
	if r != nil && (r.Limit >= 0 || r.Offset != 0 || r.Order != nil || r.Paged || r.Nearest != nil) {
		return nil, errPaged
	}
	filtered := filter != nil || r != nil && r.HasFilter
	if !filtered && (!w.Unfiltered || !sees.everything()) {
		return nil, unfiltered(verb)
	}
	return query.Conjunction(filter, sees.read, sees.bind(rule, b)), nil
}

// commit makes one prepared write so. The store's answer is encoded here, so
// that its writer goes on meanwhile.
func (g *Gate) commit(ctx context.Context, caller *auth.Caller, w *Write, p *prepared) (Written, error) {
	once, err := w.Once.named(caller)
	if err != nil {
		return Written{}, err
	}
	switch {
	case w.Match.never() || p.none && w.Match != nil:
		return Written{}, errMoved
	case p.none:
		return p.shown.nothing(w.Single)
	case w.Rollback:
		once = nil // what is not kept cannot be met again
	}
	result, err := g.view.Apply(ctx, query.Batch{Writes: []query.Write{p.write}, Once: once, Rollback: w.Rollback, Depth: w.Depth})
	if err != nil {
		return Written{}, w.Match.fault(err)
	}
	did := &result.Writes[0]
	if w.Match != nil && did.Affected == 0 {
		return Written{}, errMoved // nothing was there, so nothing is to be undone
	}
	out := Written{Affected: did.Affected, Inserted: did.Inserted, Replayed: result.Replayed}
	if p.shown != nil {
		out.Body, err = p.shown.body(did, w.Single)
	}
	return out, err
}
