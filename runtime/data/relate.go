package data

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// relating puts the relations of one request under the rules of their tables:
// every table on the way is seen as its caller may see it, and a row that he
// may not read is as if it were not there.
type relating struct {
	gate    *Gate
	caller  *auth.Caller
	binding query.Binding
	met     []*related
	shared  bool // every table that was met is the same for all callers
}

// related is what the caller sees of one relation.
type related struct {
	request  *query.EmbedRequest
	relation *query.Relation
	rows     query.Select // over the related table, its rule in Where
	via      *query.Via   // nil for a relation without a table between
}

// resolve gives a request without relations: each is replaced by what asks the
// related rows. inner is what rows must fulfil because of the relations that
// leave rows out; nil for nothing. What a column or table of it is not the
// caller's to read is refused.
func (x *relating) resolve(r *query.Request) (resolved *query.Request, inner query.Expr, err error) {
	if r == nil || len(r.Embeds) == 0 {
		return r, nil, nil
	}
	out := *r
	if out.Outputs, err = x.outputs(r.Outputs); err != nil {
		return nil, nil, err
	}
	if out.Where, err = x.replace(r.Where); err != nil {
		return nil, nil, err
	}
	out.Order = slices.Clone(r.Order)
	for i := range out.Order {
		if out.Order[i].Expr, err = x.replace(out.Order[i].Expr); err != nil {
			return nil, nil, err
		}
	}
	var terms []query.Expr
	for _, e := range r.Embeds {
		// All are met, so that what may not be embedded is refused even where
		// nothing of it is asked for.
		rel, err := x.relate(e)
		if err != nil {
			return nil, nil, err
		}
		if e.Inner {
			terms = append(terms, rel.present())
		}
	}
	return &out, query.Conjunction(terms...), nil
}

// outputs replaces the relations of a select; a spread one by its members.
func (x *relating) outputs(list []query.Output) ([]query.Output, error) {
	if list == nil {
		return nil, nil
	}
	out := make([]query.Output, 0, len(list))
	for _, o := range list {
		asked, ok := o.Expr.(*query.Related)
		if !ok || !asked.Of.Spread {
			e, err := x.replace(o.Expr)
			if err != nil {
				return nil, err
			}
			out = append(out, query.Output{Name: o.Name, Expr: e})
			continue
		}
		if asked.Of.Relation.Many {
			return nil, query.NoSpread(asked.Of.Relation.From, asked.Of.Name)
		}
		rel, err := x.relate(asked.Of)
		if err != nil {
			return nil, err
		}
		for _, member := range rel.rows.Columns {
			out = append(out, query.Output{Name: member.Name, Expr: rel.lookup(member.Expr)})
		}
	}
	return out, nil
}

// replace puts what asks the related rows in the place of every Related.
func (x *relating) replace(e query.Expr) (query.Expr, error) {
	var failed error
	replaced := query.Rewrite(e, func(e query.Expr) query.Expr {
		asked, ok := e.(*query.Related)
		if !ok || failed != nil {
			return e
		}
		rel, err := x.relate(asked.Of)
		if err != nil {
			failed = err
			return e
		}
		switch asked.Ask {
		case query.RelatedRows:
			return rel.embed()
		case query.RelatedPresent:
			return rel.present()
		}
		value, err := x.orderValue(rel, asked.Value)
		if err != nil {
			failed = err
			return e
		}
		return value
	})
	return replaced, failed
}

// orderValue is a value of the one related row, for an order.
func (x *relating) orderValue(rel *related, e query.Expr) (query.Expr, error) {
	to := x.gate.tables[rel.relation.To.Name]
	value, err := x.replace(e)
	if err != nil {
		return nil, err
	}
	if err := to.admit(value, to.of(x.caller, x.binding).visible); err != nil {
		return nil, err
	}
	return rel.lookup(value), nil
}

// relate gives what the caller sees of a relation, once for each request of it.
func (x *relating) relate(e *query.EmbedRequest) (*related, error) {
	for _, known := range x.met {
		if known.request == e {
			return known, nil
		}
	}
	rel := &related{request: e, relation: e.Relation}
	to, sees, err := x.enter(e.Relation, e.Relation.To)
	if err != nil {
		return nil, err
	}
	from := x.gate.tables[e.Relation.From.Name].of(x.caller, x.binding)
	if !from.visible.set.Has(e.Relation.Near) || !sees.visible.set.Has(e.Relation.Far) {
		return nil, noRelation(e.Relation)
	}
	if rel.via, err = x.between(e.Relation); err != nil {
		return nil, err
	}
	r, inner, err := x.resolve(&e.Request)
	if err != nil {
		return nil, err
	}
	if rel.rows, err = to.selection(r, sees.visible); err != nil {
		return nil, err
	}
	rel.rows.Where = query.Conjunction(rel.rows.Where, inner, sees.read)
	x.met = append(x.met, rel)
	return rel, nil
}

// enter lets the caller into a table of a relation.
func (x *relating) enter(rel *query.Relation, schema *query.Table) (*table, *sight, error) {
	t := x.gate.tables[schema.Name]
	if t == nil || !x.gate.exposes(x.caller, t) {
		return nil, nil, noRelation(rel)
	}
	if !x.caller.IsService() && !t.rules.Granted.Read {
		return nil, nil, t.denied
	}
	if err := x.gate.permitted(t, MayRead); err != nil {
		return nil, nil, err
	}
	x.shared = x.shared && t.shared
	return t, t.of(x.caller, x.binding), nil
}

// between is the edge table of a relation as the caller sees it, nil for none.
func (x *relating) between(rel *query.Relation) (*query.Via, error) {
	if rel.Via == nil {
		return nil, nil
	}
	_, sees, err := x.enter(rel, rel.Via)
	if err != nil {
		return nil, err
	}
	if !sees.visible.set.Has(rel.ViaNear) || !sees.visible.set.Has(rel.ViaFar) {
		return nil, noRelation(rel)
	}
	return &query.Via{Table: rel.Via, Near: rel.ViaNear, Far: rel.ViaFar, Where: sees.read}, nil
}

// exposes reports whether a table is one for this caller at all: users is ours,
// and in the API only under a declared access.
func (g *Gate) exposes(caller *auth.Caller, t *table) bool {
	if g.permit(t.schema.Name) != nil {
		return false
	}
	return caller.IsService() || t.schema.Name != usersTable || t.rules.Granted.Read
}

// selection is a request on related rows: what it shows, which and how many.
func (t *table) selection(r *query.Request, visible *projection) (query.Select, error) {
	outputs, err := t.members(r, visible)
	if err != nil {
		return query.Select{}, err
	}
	filter, err := t.filter(r, "", false, visible)
	if err != nil {
		return query.Select{}, err
	}
	if err := t.admitOrder(r.Order, visible); err != nil {
		return query.Select{}, err
	}
	s := query.Select{Table: t.schema, Columns: outputs, Where: filter, Order: r.Order, Limit: t.limit, Offset: r.Offset}
	if r.Limit >= 0 && r.Limit < s.Limit {
		s.Limit = r.Limit
	}
	return s, nil
}

// embed is the related rows as a value.
func (r *related) embed() query.Expr {
	return &query.Embed{
		Rows: r.rows, On: r.relation.From.Ref(r.relation.Near),
		Child: r.relation.Far, Via: r.via, Many: r.relation.Many,
	}
}

// joined is the condition on a related row to belong to the row at hand, which
// is one row further out.
func (r *related) joined() query.Expr {
	near := r.relation.Near
	from := r.relation.From
	if r.via != nil {
		near, from = r.via.Far, r.via.Table
	}
	return equal(r.relation.To, r.relation.Far, from, near)
}

// equal compares a column of the row at hand with one of the row outside of it.
func equal(t *query.Table, c *query.Column, outer *query.Table, out *query.Column) query.Expr {
	return &query.Compare{Op: query.Equal, Left: t.Ref(c), Right: &query.ColumnRef{Table: outer, Column: out, Up: 1}}
}

// present asks whether there is a related row that the caller sees and the
// request does not filter out.
func (r *related) present() query.Expr {
	found := existing(r.relation.To, query.Conjunction(r.joined(), r.rows.Where))
	if r.via == nil {
		return found
	}
	via := r.via
	return existing(via.Table, query.Conjunction(
		equal(via.Table, via.Near, r.relation.From, r.relation.Near), via.Where, found))
}

// existing is false itself where no row can fulfil the condition.
func existing(t *query.Table, where query.Expr) query.Expr {
	if query.NeverHolds(where) {
		return query.FalseExpr()
	}
	return &query.Exists{Table: t, Where: where}
}

// lookup is a value of the one related row, null where the caller sees none.
func (r *related) lookup(value query.Expr) query.Expr {
	where := query.Conjunction(r.joined(), r.rows.Where)
	if query.NeverHolds(where) {
		return &query.Literal{Of: value.Type()}
	}
	return &query.Lookup{Table: r.relation.To, Where: where, Value: value}
}

// noRelation is the fault of a relation that is not there for this caller.
func noRelation(rel *query.Relation) *fault.Fault {
	return query.NoRelation(rel.From, rel.To.Name, "")
}
