package data

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

var errReach = fault.New(query.CodeParse, "a walk does not pick rows to write").
	WithHint("read the keys by the walk, and pick the rows by id=in.(1,2)")

// reach puts a walk under the rules of the tables that it comes through: a row
// or an edge that the caller may not read is not walked along, and a beginning
// that he may not read leads nowhere, as one that is not there. nil is no walk.
func (x *relating) reach(t *query.Table, asked *query.ReachRequest) (*query.Reach, error) {
	if asked == nil {
		return nil, nil
	}
	r := &query.Reach{Nodes: []query.ReachNode{{Table: t}}, Start: asked.Start, Min: asked.Min, Max: asked.Max}
	node := func(t *query.Table) int {
		at := slices.IndexFunc(r.Nodes, func(n query.ReachNode) bool { return n.Table == t })
		if at < 0 {
			at = len(r.Nodes)
			r.Nodes = append(r.Nodes, query.ReachNode{Table: t})
		}
		return at
	}
	for _, way := range asked.Ways {
		step := query.ReachStep{From: node(way.From), To: node(way.To), Near: way.Near, Far: way.Far}
		var err error
		if step.Via, err = x.between(way); err != nil {
			return nil, err
		}
		for _, end := range []struct {
			node   int
			column *query.Column
		}{{step.From, way.Near}, {step.To, way.Far}} {
			of := &r.Nodes[end.node]
			_, sees, err := x.enter(way, of.Table)
			if err != nil {
				return nil, err
			}
			if !sees.visible.set.Has(end.column) || !sees.visible.set.Has(of.Table.Key()) {
				return nil, noRelation(way)
			}
			of.Where = sees.read
		}
		r.Steps = append(r.Steps, step)
	}
	r.From = node(asked.From)
	return r, nil
}
