package data

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Subscription is what one caller may see of a channel, bound: immutable, and
// good until the caller's token or the generation changes. Then it is asked
// for again.
type Subscription struct {
	Channel *manifest.Channel
	// Table is nil of a broadcast, and so is what is about its rows.
	Table *query.Table
	// Where holds for the rows that the caller sees in the channel: the table's
	// read rule, the channel's filter and its access together. It is never nil.
	Where query.Expr
	// Columns are what the caller may read, the key first where he may read it.
	Columns []query.Output
	// Group is equal for subscriptions that see the same rows and columns of
	// the same channel: their frames may be shared.
	Group string

	// Rows is how many a snapshot has at most: the first in key order.
	Rows int
}

// Subscribe gives what a caller sees of a channel. PGRST205 for a channel that
// is not declared, 42501 for a caller who may not listen at all. A caller who
// may listen and sees no row gets a subscription to nothing.
func (g *Gate) Subscribe(caller *auth.Caller, channel string) (*Subscription, error) {
	rules := g.channels[channel]
	if rules == nil {
		return nil, unknownChannel(channel)
	}
	if rules.Channel.Broadcast {
		return g.listen(caller, rules)
	}
	t := g.tables[rules.Table.Name]
	if !caller.IsService() && !t.rules.Granted.Read {
		return nil, t.denied
	}
	b := g.binding(caller)
	sees := t.of(caller, b)
	access := sees.bind(rules.Access, b)
	if query.NeverHolds(access) {
		return nil, denied("channel", channel)
	}
	where := query.Conjunction(access, sees.read, query.Bind(rules.Filter, b))
	if where == nil {
		where = query.TrueExpr()
	}
	s := &Subscription{
		Channel: rules.Channel, Table: t.schema, Where: where,
		Columns: sees.visible.outputs, Rows: t.limit,
	}
	group := append([]byte(channel), ' ')
	s.Group = string(query.AppendSelect(group, s.statement()))
	return s, nil
}

// statement reads the subscription's rows.
func (s *Subscription) statement() *query.Select {
	return &query.Select{Table: s.Table, Columns: s.Columns, Where: s.Where, Limit: s.Rows, Position: true}
}

// Snapshot writes the rows of a subscription, in key order and at most the
// table's rows, and gives the feed's cursor at which they were read: the first
// change that is not in them comes after it.
func (g *Gate) Snapshot(ctx context.Context, s *Subscription, w query.RowWriter) (store.Info, error) {
	return g.view.Select(ctx, *s.statement(), w)
}

// Judge asks the store about what is left of Where with a changed row put in
// place (query.Place), where it looks beyond the row: whether it holds now.
func (g *Gate) Judge(ctx context.Context, conditions []query.Expr) ([]query.Truth, error) {
	return g.view.Test(ctx, conditions)
}
