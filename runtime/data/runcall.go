package data

import (
	"context"
	"errors"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// CodeReadOnly is of a query that writes, called by a method that only reads.
const CodeReadOnly = "25006"

// running is one call of a query that writes.
type running struct {
	named      *named
	invocation *query.Invocation
	shaped     *shaped
	binding    query.Binding
	called     *Called
}

// runCall runs a query that writes and answers into called. What it writes is
// what the service role may write: the bounds of columns and the checks of
// tables hold, and what is set at every update is set. Where its rows cannot be
// answered as they are asked for, nothing is written.
func (g *Gate) runCall(ctx context.Context, caller *auth.Caller, c *Call, r *running) error {
	if c.InURL {
		return fault.Newf(CodeReadOnly, "cannot execute %s in a read-only transaction", r.named.Name).
			WithHint("it writes: call it by POST")
	}
	once, err := c.Once.named(caller)
	if err != nil {
		return err
	}
	if c.Rollback {
		once = nil // what is not kept cannot be met again
	}
	write := query.Write{Op: query.Run, Table: r.named.Result, Invocation: r.invocation, AtMost: c.AtMost}
	for _, t := range r.named.Reads {
		guard, err := g.tables[t.Name].guard(r.binding)
		if err != nil {
			return err
		}
		write.Guards = append(write.Guards, guard)
	}
	rows := r.shaped.collect(r.named.Named)
	write.Accept = rows.takeAll
	result, err := g.view.Apply(ctx, query.Batch{Writes: []query.Write{write}, Once: once, Rollback: c.Rollback, Depth: c.Depth})
	if err != nil {
		return writeFault(err)
	}
	if r.called.Replayed = result.Replayed; result.Replayed {
		if err := rows.takeAll(result.Writes[0].Rows); err != nil {
			return err
		}
	}
	r.called.Status = cache.Bypass
	r.called.Entry, err = rows.entry()
	return err
}

// takeAll takes all rows of a query that writes, in the place of those that an
// attempt before gave.
func (c *collected) takeAll(rows []query.Row) error {
	*c = *c.collect(c.named)
	for _, row := range rows {
		if err := c.visit(row); errors.Is(err, errEnough) {
			break
		} else if err != nil {
			return err
		}
	}
	return c.settle()
}

// guard is what is demanded of rows that a query's text writes.
func (t *table) guard(b query.Binding) (query.Guard, error) {
	guard := query.Guard{Table: t.schema, Fit: t.fit, Checks: t.appendChecks(nil, b)}
	for i := range t.columns {
		c := &t.columns[i]
		if c.rules.AutoUpdate == nil {
			continue
		}
		value, err := c.ownUpdate(b, nil)
		if err != nil {
			return guard, err
		}
		guard.Set = append(guard.Set, query.Assignment{Column: c.schema, Value: value})
	}
	return guard, nil
}

// fit judges the columns of a row that are new in it.
func (t *table) fit(before, after query.Row) error {
	for i := range t.columns {
		if before != nil && unmoved(before[i], after[i]) {
			continue
		}
		if err := t.columns[i].judge(after[i]); err != nil {
			return err
		}
	}
	return nil
}

// unmoved reports whether a column still has its value; null is one here.
func unmoved(before, after query.Value) bool {
	if before.IsNull() || after.IsNull() {
		return before.IsNull() && after.IsNull()
	}
	return query.CompareValues(before, after) == 0
}
