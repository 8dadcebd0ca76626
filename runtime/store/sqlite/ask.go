package sqlite

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Test implements store.View.
func (v *view) Test(ctx context.Context, conditions []query.Expr) ([]query.Truth, error) {
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	defer v.leave()
	out := make([]query.Truth, len(conditions))
	err := v.store.withReader(ctx, func(c *conn) error {
		for i, condition := range conditions {
			truth, err := test(c, condition)
			if err != nil {
				return err
			}
			out[i] = truth
		}
		return nil
	})
	if err != nil {
		return nil, v.explainError(ctx, err)
	}
	return out, nil
}

// test asks the database about a condition that no row in memory decides.
func test(c *conn, condition query.Expr) (query.Truth, error) {
	var comp compiler
	comp.text("SELECT ")
	comp.expr(condition)
	stmt, err := comp.prepare(c)
	if err != nil {
		return query.Unknown, err
	}
	defer comp.release(stmt)
	if !stmt.Step() {
		return query.Unknown, stmt.Err()
	}
	return query.TruthOf(readValue(stmt, 0, query.Type{Kind: query.KindBool})), nil
}
