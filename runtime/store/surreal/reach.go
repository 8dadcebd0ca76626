package surreal

import (
	"context"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// arrivals are the rows that a walk has come to after so many steps: records'
// ids, as wire has them, of each node.
type arrivals [][][]byte

// walker takes the steps of a walk, each in one text, and keeps what it has come
// to: no row is taken again.
type walker struct {
	*reading
	reach *query.Reach
	seen  map[string]struct{}
}

// walk finds the rows of the select's own table that a walk comes to, by steps.
func (r *reading) walk(ctx context.Context, reach *query.Reach) (arrivals, error) {
	w := &walker{reading: r, reach: reach, seen: map[string]struct{}{}}
	at, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	found := arrivals{at[0]}
	for range reach.Max {
		if at, err = w.step(ctx, at); err != nil {
			return nil, err
		}
		found = append(found, at[0])
	}
	return found, nil
}

// begin looks whether the row is there that the walk begins at.
func (w *walker) begin(ctx context.Context) (arrivals, error) {
	c := &compiler{schema: w.schema}
	node := &w.reach.Nodes[w.reach.From]
	c.text("RETURN [(SELECT VALUE id FROM ")
	key := node.Table.Key()
	c.value(w.reach.Start, key.Type, node.Table.Name)
	c.enter("")
	c.where(node.Where)
	c.leave()
	c.timeout(left(ctx))
	c.text(")]")
	return w.arrive(ctx, c, []int{w.reach.From})
}

// step takes every way from where the walk is.
func (w *walker) step(ctx context.Context, at arrivals) (arrivals, error) {
	c := &compiler{schema: w.schema}
	var nodes []int
	c.text("RETURN [")
	for i := range w.reach.Steps {
		s := &w.reach.Steps[i]
		if len(at[s.From]) == 0 {
			continue
		}
		if len(nodes) > 0 {
			c.text(", ")
		}
		nodes = append(nodes, s.To)
		c.step(w.reach, s, left(ctx))
	}
	if len(nodes) == 0 {
		return make(arrivals, len(w.reach.Nodes)), nil
	}
	c.text("]")
	for i := range at {
		c.set(nodeParam(i), func(dst []byte) []byte { return appendRecords(dst, at[i]) })
	}
	return w.arrive(ctx, c, nodes)
}

// arrive runs the text of a step and keeps what is new, of the nodes that its
// selects are of.
func (w *walker) arrive(ctx context.Context, c *compiler, nodes []int) (arrivals, error) {
	if c.fault != nil {
		return nil, c.fault
	}
	answers, err := w.ask.Query(ctx, c.statements(), c.vars())
	if err != nil {
		return nil, err
	}
	if len(answers) == 0 {
		return nil, fmt.Errorf("walk: no answer")
	}
	r := wire.NewReader(answers[len(answers)-1])
	at := make(arrivals, len(w.reach.Nodes))
	for i := range r.Array() {
		if i >= len(nodes) {
			return nil, fmt.Errorf("walk: an answer too many")
		}
		node := nodes[i] //nolint:gosec // G602: i is judged above
		for range r.Array() {
			record := r.Raw()
			if r.Err() != nil {
				break
			}
			if wire.NewReader(record).Kind() != wire.Record {
				continue // a ref to nothing
			}
			key := nodeParam(node) + string(record)
			if _, again := w.seen[key]; again {
				continue
			}
			if len(w.seen) == query.MaxReached {
				return nil, faultWalkTooLarge()
			}
			w.seen[key] = struct{}{}
			at[node] = append(at[node], record)
		}
	}
	return at, r.Err()
}

func nodeParam(node int) string { return "n" + string(rune('0'+node/10)) + string(rune('0'+node%10)) }

func appendRecords(dst []byte, records [][]byte) []byte {
	dst = wire.AppendArray(dst, len(records))
	for _, record := range records {
		dst = append(dst, record...)
	}
	return dst
}

// step writes a select of the rows that a way leads to. Each edge and each row is
// judged by its rule. What is there is asked row by row: a list of records is
// compared with each member of it, so that it would cost its square.
func (c *compiler) step(r *query.Reach, s *query.ReachStep, milliseconds int64) {
	to := &r.Nodes[s.To]
	c.text("(SELECT VALUE id FROM <array> <set> array::flatten((SELECT VALUE ")
	switch {
	case s.Via != nil:
		c.ends(s.Via.Table, s.Via.Near, fieldOf(s.Via.Table, s.Via.Far), s.Via.Where)
	case s.Far != to.Table.Key():
		c.ends(to.Table, s.Far, "id", nil)
	case s.Near.Ref != nil && s.Near.Index == 0: // a key that is another row's: the same key there
		c.text("type::record('" + to.Table.Name + "', record::id(id))")
	default:
		c.name(fieldOf(r.Nodes[s.From].Table, s.Near))
	}
	c.text(" FROM $" + nodeParam(s.From))
	c.timeout(milliseconds)
	c.text("))")
	c.enter("")
	c.where(to.Where)
	c.leave()
	c.timeout(milliseconds)
	c.text(")")
}

// ends writes what stands at the end of the rows whose column is the row at hand.
func (c *compiler) ends(t *query.Table, near *query.Column, end string, where query.Expr) {
	key := "id"
	if table := recordsOf(t.Ref(near)); near.Index == 0 && near.Ref != nil {
		key = "type::record('" + table + "', record::id(id))"
	}
	c.text("{ LET $at = " + key + "; SELECT VALUE ")
	c.name(end)
	c.text(" FROM ")
	c.name(t.Name)
	c.text(" WHERE ")
	c.name(fieldOf(t, near))
	c.text(" = $at")
	c.enter("")
	c.andWhere(where)
	c.leave()
	c.text(" }")
}

// arrived gives the rows of the select's own table that the walk came to as the
// source of the select, with their steps.
func (c *compiler) arrived(r *query.Reach, found arrivals) {
	c.text("LET $walked = array::flatten([")
	for steps := r.Min; steps <= r.Max && steps < len(found); steps++ {
		if steps > r.Min {
			c.text(", ")
		}
		c.text("(SELECT *, " + string(rune('0'+steps)) + " AS " + fieldHops + " FROM $w" + string(rune('0'+steps)) + ")")
		c.set("w"+string(rune('0'+steps)), func(dst []byte) []byte { return appendRecords(dst, found[steps]) })
	}
	c.text("]); ")
}

func faultWalkTooLarge() *fault.Fault {
	return fault.Newf(query.CodeWalk, "a walk may come to %d rows at most", query.MaxReached).
		WithHint("walk fewer steps, or along fewer ways; filters of the answer do not shorten a walk")
}
