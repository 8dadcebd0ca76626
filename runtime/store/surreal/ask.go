package surreal

import (
	"context"
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Test implements store.View.
func (v *view) Test(ctx context.Context, conditions []query.Expr) ([]query.Truth, error) {
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	defer v.leave()
	bounded, cancel := context.WithTimeout(ctx, v.store.options.StatementTimeout)
	defer cancel()
	out, err := v.test(bounded, conditions)
	if err != nil {
		return nil, requestError(ctx, v.outdated(ctx, err))
	}
	return out, nil
}

// test asks about all conditions in one statement, so that all are of one moment.
func (v *view) test(ctx context.Context, conditions []query.Expr) ([]query.Truth, error) {
	if len(conditions) == 0 {
		return nil, nil
	}
	if !slices.ContainsFunc(conditions, asksForesight) {
		return judgeAll(ctx, v.store.client.Read, v.schema, conditions, nil)
	}
	t, err := v.store.client.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer t.Cancel()
	seen, err := foreseeWhere(ctx, t, v.schema, &query.And{Terms: conditions})
	if err != nil {
		return nil, err
	}
	return judgeAll(ctx, t.Query, v.schema, conditions, seen)
}

func judgeAll(ctx context.Context, ask func(context.Context, string, []byte) ([][]byte, error), schema *query.Schema, conditions []query.Expr, seen *foresight) ([]query.Truth, error) {
	c := compiler{schema: schema, foresight: seen, time: left(ctx)}
	c.text("RETURN [")
	for i, condition := range conditions {
		if i > 0 {
			c.text(", ")
		}
		c.isTrue(condition)
		c.text(", ")
		c.isFalse(condition)
	}
	c.text("]")
	if c.fault != nil {
		return nil, c.fault
	}
	answers, err := ask(ctx, c.statements(), c.vars())
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(answers[len(answers)-1])
	if n := r.Array(); n != 2*len(conditions) {
		return nil, fmt.Errorf("test %d conditions: %d answers", len(conditions), n)
	}
	out := make([]query.Truth, len(conditions))
	for i := range out {
		isTrue, isFalse := r.Bool(), r.Bool()
		switch {
		case isTrue:
			out[i] = query.True
		case isFalse:
			out[i] = query.False
		default:
			out[i] = query.Unknown
		}
	}
	return out, r.Err()
}
