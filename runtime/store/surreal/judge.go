package surreal

import (
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// judge gives the fault of the first check that does not hold. It comes before
// the row is written, so that whom a rule denies learns nothing of what is
// there. before is called ahead of the first check that the database is asked
// about: such a check becomes a statement, which sees what the batch did so far.
func (t *transaction) judge(checks []query.Check, row, old query.Row, before func() error) error {
	for i := range checks {
		check := &checks[i]
		truth, placed := outcomeOf(check.Cond, row, old)
		if placed == nil {
			if truth == query.True || truth == query.Unknown && check.AllowUnknown {
				continue
			}
			return check.Fault
		}
		if err := before(); err != nil {
			return err
		}
		t.demand(placed, check.AllowUnknown, check.Fault)
	}
	return nil
}

// outcomeOf tells the outcome of a condition on a row; where only the database knows
// it, it gives the condition that is left, which is about no row at hand.
func outcomeOf(condition query.Expr, row, old query.Row) (query.Truth, query.Expr) {
	if !query.LooksBeyond(condition) {
		return query.Holds(condition, row, old), nil
	}
	placed := query.Place(condition, row, old)
	if literal, ok := placed.(*query.Literal); ok {
		return query.TruthOf(literal.Value), nil
	}
	return query.Unknown, placed
}

// demand ends the batch with an error where a condition does not hold.
func (t *transaction) demand(condition query.Expr, allowUnknown bool, refusal error) {
	t.forget()
	t.throw(op{kind: opThrow, fault: refusal}, func(c *compiler) {
		c.timedly(t.ctx, func() { c.breaks(condition, allowUnknown) })
	})
}

// breaks writes what is true where a condition that must hold does not.
func (c *compiler) breaks(condition query.Expr, allowUnknown bool) {
	if allowUnknown {
		c.isFalse(condition)
		return
	}
	c.text("!")
	c.isTrue(condition)
}

// value evaluates an expression on a row; one that looks beyond it is asked for
// in the transaction, where it sees what the batch did so far.
func (t *transaction) value(e query.Expr, row, old query.Row) (query.Value, error) {
	if !query.LooksBeyond(e) {
		return query.Eval(e, row, old), nil
	}
	placed := query.Place(e, row, old)
	if literal, ok := placed.(*query.Literal); ok {
		return literal.Value, nil
	}
	answer, _, err := t.ask(func(c *compiler) {
		c.text("RETURN ")
		c.timedly(t.ctx, func() { c.expr(placed) })
	})
	if err != nil {
		return query.Value{}, err
	}
	r := wire.NewReader(answer)
	v := readValue(r, placed.Type())
	return v, r.Err()
}
