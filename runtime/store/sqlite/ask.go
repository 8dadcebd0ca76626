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
		// One transaction, so that all are of one moment.
		if err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer c.endRead()
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
	var answer [1]query.Value
	err := comp.ask(c, []query.Expr{condition}, answer[:])
	return query.TruthOf(answer[0]), err
}

// ask asks the database for values that no row in memory decides, all in one
// statement.
func (c *compiler) ask(on *conn, asked []query.Expr, answers []query.Value) error {
	c.reset()
	c.text("SELECT ")
	for i, e := range asked {
		if i > 0 {
			c.text(",")
		}
		c.expr(e)
	}
	stmt, err := c.prepare(on)
	if err != nil {
		return err
	}
	defer c.release(stmt)
	if !stmt.Step() {
		return stmt.Err()
	}
	for i, e := range asked {
		answers[i] = readValue(stmt, i, e.Type())
	}
	return nil
}
