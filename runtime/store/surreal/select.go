package surreal

import (
	"context"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// momentary runs texts that only read, each at a moment of its own.
type momentary struct{ client *rpc.Client }

// Query runs one text.
func (m momentary) Query(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	return m.client.Read(ctx, text, vars)
}

// Select implements store.View.
func (v *view) Select(ctx context.Context, s query.Select, w query.RowWriter) (store.Info, error) {
	if err := v.enter(ctx); err != nil {
		return store.Info{Count: -1}, err
	}
	defer v.leave()
	bounded, cancel := context.WithTimeout(ctx, v.store.options.StatementTimeout)
	defer cancel()
	info, err := v.selectIn(bounded, &s, w)
	if err != nil {
		return store.Info{Count: -1}, requestError(ctx, v.outdated(ctx, err))
	}
	return info, nil
}

func (v *view) selectIn(ctx context.Context, s *query.Select, w query.RowWriter) (store.Info, error) {
	info := store.Info{Count: -1}
	if s.Position {
		return v.selectPlaced(ctx, s, w)
	}
	if err := v.wordsMoved(ofSelect(s)...); err != nil {
		return info, err
	}
	foreseen := selectAsksForesight(s)
	if s.Reach == nil && !foreseen {
		r := reading{schema: v.schema, ask: momentary{v.store.client}}
		return info, r.run(ctx, s, w, &info)
	}
	// Several texts at one moment.
	t, err := v.store.client.Begin(ctx)
	if err != nil {
		return info, err
	}
	defer t.Cancel()
	r := reading{schema: v.schema, ask: t, foresees: foreseen}
	return info, r.run(ctx, s, w, &info)
}

// selectPlaced selects rows with their place in the feed: both at one moment.
func (v *view) selectPlaced(ctx context.Context, s *query.Select, w query.RowWriter) (store.Info, error) {
	info := store.Info{Count: -1}
	released, err := v.store.feed.released(ctx)
	if err != nil {
		return info, err
	}
	t, err := v.store.client.Begin(ctx)
	if err != nil {
		return info, err
	}
	defer t.Cancel()
	r := reading{schema: v.schema, ask: t, foresees: selectAsksForesight(s)}
	if err := r.run(ctx, s, w, &info); err != nil {
		return info, err
	}
	seen, err := t.Query(ctx, sinceText(released), nil)
	if err != nil {
		return info, err
	}
	info.Position, err = v.store.feed.snapshotPlace(ctx, released, seen[0])
	return info, err
}

// reading runs one select.
type reading struct {
	schema *query.Schema
	ask    asker
	// foresees says that something is computed here before the rows are read; ask
	// is a transaction then.
	foresees bool
	// streams says that the bytes of embeds are counted row by row.
	streams bool
	embeds  int
	// byKey says that a page is read along the keys, behind that of after.
	byKey bool
	after *query.Value
}

func (r *reading) run(ctx context.Context, s *query.Select, w query.RowWriter, info *store.Info) error {
	c := &compiler{schema: r.schema}
	_, c.within = r.ask.(*rpc.Transaction)
	all := s
	if r.foresees {
		foresight, narrowed, err := foresee(ctx, r.ask, r.schema, s)
		if err != nil {
			return err
		}
		c.foresight, s = foresight, narrowed
	}
	l, f := planned(s, &r.embeds, s.Reach != nil)
	if f != nil {
		return f
	}
	l.streams = r.streams
	c.byKey, c.after = r.byKey, r.after
	if s.Reach != nil {
		found, err := r.walk(ctx, s.Reach)
		if err != nil {
			return err
		}
		c.arrived(s.Reach, found)
	}
	var counted *query.Select
	if s.Count && l.groups == nil {
		counted = all
	}
	c.statement(l, counted, left(ctx))
	if c.fault != nil {
		return c.fault
	}
	answers, err := r.ask.Query(ctx, c.statements(), c.vars())
	if err != nil {
		return err
	}
	if len(answers) == 0 {
		return fmt.Errorf("select from %s: no answer", s.Table.Name)
	}
	from := wire.NewReader(answers[len(answers)-1])
	if counted != nil {
		if from.Array() != 2 {
			return fmt.Errorf("select from %s: rows and count are not there", s.Table.Name)
		}
		if info.Count, err = readCount(from); err != nil {
			return err
		}
	}
	did, err := l.read(from, w)
	if err != nil {
		return err
	}
	info.Rows, info.Revision = did.rows, did.revision
	if s.Count && counted == nil {
		info.Count = did.groups
	}
	return nil
}

// readCount reads the one row of a count, or none where nothing was counted.
func readCount(r *wire.Reader) (int64, error) {
	var n int64
	for range r.Array() {
		for range r.Map() {
			r.String()
			n = r.Int()
		}
	}
	return n, r.Err()
}

// statement writes a select as one statement, so that rows and count are of one
// moment. counted is the select that is counted, nil for none.
func (c *compiler) statement(l *level, counted *query.Select, milliseconds int64) {
	if counted != nil {
		c.text("RETURN [")
		c.counting(counted, milliseconds)
		c.text(", (")
		defer c.text(")]")
	}
	c.enter("")
	c.level(l, func() { c.paged(l.sel) })
	c.leave()
	c.timeout(milliseconds)
}

// counting writes how many rows there are; the server has a count of a table's
// alone.
func (c *compiler) counting(sel *query.Select, milliseconds int64) {
	c.enter("")
	if sel.Reach != nil {
		c.text("[{ n: array::len((SELECT VALUE id")
		c.source(sel)
		c.text(")) }]")
	} else {
		c.text("(SELECT count() AS n")
		c.source(sel)
		c.text(" GROUP ALL")
		c.timeout(milliseconds)
		c.text(")")
	}
	c.leave()
}

// source writes what a select reads, and its condition: the rows of its table,
// or those of them that its walk came to.
func (c *compiler) source(sel *query.Select) {
	c.text(" FROM ")
	c.where(c.sourceOf(sel))
}

// sourceOf writes what a select reads, and gives what is left of its condition.
func (c *compiler) sourceOf(sel *query.Select) query.Expr {
	switch {
	case sel.Reach != nil:
		c.text("$walked")
	case c.from(sel): // the nearest
	default:
		return c.rowsOf(sel.Table, sel.Where, inKeyOrder(sel))
	}
	return sel.Where
}

// inKeyOrder reports rows that are wanted as their keys are ordered.
func inKeyOrder(sel *query.Select) bool {
	return len(sel.Order) == 0 || isKey(sel.Order[0].Expr, sel.Table) && !sel.Order[0].Descending
}

// paged writes the source of rows of which a page is wanted.
func (c *compiler) paged(sel *query.Select) {
	switch {
	case c.after != nil:
		c.text(" FROM type::record('" + sel.Table.Name + "', ")
		c.value(*c.after, sel.Table.Key().Type, "")
		c.text(">..)")
		c.where(sel.Where)
	case c.byKey:
		c.text(" FROM ")
		c.name(sel.Table.Name)
		c.text(" WITH NOINDEX")
		c.where(sel.Where)
	case c.within && sel.Reach == nil && (len(sel.Order) > 0 || !always(sel.Where)):
		c.text(" FROM ")
		left := c.sourceOf(sel)
		c.unhurried(sel)
		c.where(left)
	default:
		c.source(sel)
	}
}

// unhurried writes a second source behind the table of a select with an order and
// a page, one of no rows. In a block and in a transaction the server's plan has
// the page in front of the order, unless there are several sources; indexes
// serve each of them.
func (c *compiler) unhurried(sel *query.Select) {
	if sel.Limit >= 0 || sel.Offset > 0 {
		c.text(", []")
	}
}
