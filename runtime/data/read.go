package data

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Read asks for rows of one table.
type Read struct {
	Table string
	// Request is the parsed URL; nil asks for every column of every row.
	Request *query.Request
	// Key, when HasKey, picks the row with this key, as the URL has it. The
	// answer's ETag then begins with the row's revision.
	Key    string
	HasKey bool
	// Single demands exactly one row and answers an object: PGRST116 otherwise.
	Single bool
	// Count asks for the exact number of rows under the rule.
	Count bool
	// Form is how the rows are written.
	Form Form

	whole bool // an export: no bound but the request's own
}

// Answer is what a read gives. Its Entry may be shared with other requests and
// must not be written to.
type Answer struct {
	*cache.Entry // Body is what is sent: an array, or the object of a Single
	Status       cache.Status
	Offset       int
	// Version is the table's version that the answer was asked at.
	Version uint64
	// Shared reports that the answer is the same for every caller but the
	// service role: rules and columns do not depend on who asks.
	Shared bool
	// Policy is the table's cache policy; zero for none.
	Policy cache.Policy
}

// Select reads the rows that the filter picks and the caller may read, in the
// order of the key where none is given, at most as many as the table allows.
// Related rows that the request embeds are under the rules of their own tables.
// Faults: PGRST205, 42501 for a table that is readable to nobody, 42703 for a
// column that is not there for this caller, PGRST200 for such a relation,
// PGRST116 for a Single.
func (g *Gate) Select(ctx context.Context, caller *auth.Caller, r Read) (Answer, error) {
	t, err := g.table(r.Table)
	if err != nil {
		return Answer{}, err
	}
	out, a, err := g.ask(ctx, t, caller, &r)
	if err != nil {
		return Answer{}, err
	}
	out.Entry, out.Status, err = g.answer(ctx, t.policy, &a)
	return out, err
}

// ask makes the select of a read, under the caller's rules, and what is known
// of its answer beforehand.
func (g *Gate) ask(ctx context.Context, t *table, caller *auth.Caller, r *Read) (Answer, asked, error) {
	if err := g.permitted(t, MayRead); err != nil {
		return Answer{}, asked{}, err
	}
	if !caller.IsService() && !t.rules.Granted.Read {
		return Answer{}, asked{}, t.denied
	}
	b := g.binding(caller)
	sees := t.of(caller, b)
	q, inner, reach, shared := r.Request, query.Expr(nil), (*query.Reach)(nil), t.shared
	if q != nil && (len(q.Embeds) > 0 || q.Reach != nil) {
		x := relating{gate: g, caller: caller, binding: b, shared: shared}
		var err error
		if q, inner, err = x.resolve(q); err != nil {
			return Answer{}, asked{}, err
		}
		if reach, err = x.reach(t.schema, q.Reach); err != nil {
			return Answer{}, asked{}, err
		}
		shared = x.shared
	}
	p, err := t.selected(q, sees.visible)
	if err != nil {
		return Answer{}, asked{}, err
	}
	filter, err := t.filter(q, r.Key, r.HasKey, sees.visible)
	if err != nil {
		return Answer{}, asked{}, err
	}
	a := asked{
		Select: query.Select{
			Table: t.schema, Columns: p.outputs, Count: r.Count, Limit: t.limit, Revision: r.HasKey,
			Where: query.Conjunction(filter, inner, sees.read), Reach: reach,
		},
		table: t, version: g.view.Version(t.schema), // before anything is read
		shape: p.shape, form: r.Form, single: r.Single, beyond: sees.beyond || q != r.Request || reach != nil,
	}
	if r.whole {
		a.Limit = -1
	}
	if q != nil {
		if err := t.narrow(&a, q, sees.visible, r); err != nil {
			return Answer{}, asked{}, err
		}
		if q.Nearest != nil {
			if err := g.nearest(ctx, &a, q.Nearest); err != nil {
				return Answer{}, asked{}, err
			}
		}
	}
	return Answer{Offset: a.Offset, Version: a.version, Shared: shared && !caller.IsService(), Policy: t.policy}, a, nil
}

// narrow orders the rows and says which part of them is answered.
func (t *table) narrow(a *asked, q *query.Request, visible *projection, r *Read) error {
	if err := t.admitOrder(q.Order, visible); err != nil {
		return err
	}
	a.Order, a.Offset = q.Order, q.Offset
	if q.Limit >= 0 && (a.Limit < 0 || q.Limit < a.Limit) {
		a.Limit = q.Limit
	}
	if !q.Paged {
		return nil
	}
	return a.paginate(q.Page, r)
}
