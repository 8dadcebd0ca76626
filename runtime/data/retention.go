package data

import (
	"context"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// expireRows is how many rows leave in one commit, so that nobody waits long
// for the writer.
const expireRows = 500

// Expiring are the names of the tables whose rows leave by themselves.
func (g *Gate) Expiring() []string {
	var names []string
	for _, name := range g.names {
		if g.tables[name].retention != nil {
			names = append(names, name)
		}
	}
	return names
}

// Expire deletes rows of a table that are older than its retention, the oldest
// first and a bounded number of them; it gives how many, and whether there may
// be more. A row that another one refers to is not deleted: 23503.
func (g *Gate) Expire(ctx context.Context, name string) (deleted int, more bool, err error) {
	t, err := g.table(name)
	if err != nil {
		return 0, false, err
	}
	if t.retention == nil {
		return 0, false, nil
	}
	old := t.retention.before(g.clock())
	outputs := t.service.visible.outputs[:1] // the key
	keys := keptRows{columns: t.schema.Columns[:1]}
	order := []query.Order{{Expr: t.schema.Ref(t.retention.column)}}
	_, err = g.view.Select(ctx, query.Select{
		Table: t.schema, Columns: outputs, Where: old, Order: order, Limit: expireRows,
	}, &keys)
	if err != nil || len(keys.rows) == 0 {
		return 0, false, err
	}
	list := make([]query.Expr, len(keys.rows))
	for i, row := range keys.rows {
		list[i] = &query.Literal{Value: row[0], Of: t.schema.Key().Type}
	}
	// A row may have been renewed since it was read: its age is asked again.
	where := query.Conjunction(&query.In{Operand: t.schema.Ref(t.schema.Key()), List: list}, old)
	result, err := g.view.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Delete, Table: t.schema, Where: where}}})
	if err != nil {
		return 0, false, err
	}
	return result.Writes[0].Affected, len(list) == expireRows, nil
}

// retention is how old the rows of a table become.
type retention struct {
	schema *query.Table
	column *query.Column
	keep   time.Duration
}

// before is the condition of the rows that are too old at a moment.
func (r *retention) before(now time.Time) query.Expr {
	limit := query.Timestamp(now.Add(-r.keep).UnixMicro())
	if r.column.Type.Kind == query.KindDate {
		day := now.Add(-r.keep).UTC().Truncate(24 * time.Hour)
		limit = query.Date(day.Unix() / (24 * 60 * 60))
	}
	return &query.Compare{Op: query.Less, Left: r.schema.Ref(r.column), Right: &query.Literal{Value: limit, Of: r.column.Type}}
}
