package surreal

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// The nearest rows are found by the server, which computes the distances of all
// rows that a select may see. Its sums are not ours to the last bit, so it is
// asked for some more than are wanted, and those are put in order here.
//
// Its HNSW indexes are neither asked nor defined. Up to 3.0.3 those of all
// databases of a server that have the same numbers are one in its memory: rows of
// one database take the places of another's in answers, vectors of another length
// cannot be written, and after a start rows are gone from the index. A row that is
// changed or deleted before the server has worked it in (every five seconds) leaves
// its old vector there, in 3.0.5 too.

const (
	// moreNearest is how many rows are asked for beyond those that are wanted.
	moreNearest = 32
	// nearlyEqual is what the server's distances may be off, of one.
	nearlyEqual = 1e-9
)

// nearestOf finds the distance by which a select orders, where it bounds its
// rows and passes over those without a vector.
func nearestOf(sel *query.Select) (*query.Distance, *query.ColumnRef) {
	if len(sel.Order) != 1 || sel.Order[0].Descending || sel.Order[0].NullsFirst || sel.Limit <= 0 || sel.Reach != nil || sel.Count {
		return nil, nil
	}
	d, ok := sel.Order[0].Expr.(*query.Distance)
	if !ok || query.HasAggregate(sel.Columns) || sel.Where == nil || asksForesight(sel.Where) {
		return nil, nil
	}
	ref, ok := d.Operand.(*query.ColumnRef)
	if !ok || ref.Old || ref.Up > 0 || ref.Table != sel.Table || !demandsValue(sel.Where, ref.Column) {
		return nil, nil
	}
	return d, ref
}

// demandsValue reports a condition that no row meets whose column is null.
func demandsValue(where query.Expr, column *query.Column) bool {
	switch e := where.(type) {
	case *query.And:
		return slices.ContainsFunc(e.Terms, func(term query.Expr) bool { return demandsValue(term, column) })
	case *query.Is:
		ref, ok := e.Operand.(*query.ColumnRef)
		return ok && e.What == query.IsNotNull && ref.Column == column && ref.Up == 0
	}
	return false
}

// nearestRows finds the rows that a select will give, and those that it passes
// over before them.
func nearestRows(ctx context.Context, ask asker, schema *query.Schema, sel *query.Select, d *query.Distance, ref *query.ColumnRef) ([]neighbour, error) {
	wanted := sel.Limit + sel.Offset
	if operator := nearestOperator(d); operator != "" {
		near, sure, err := askOperator(ctx, ask, schema, sel, d, ref, operator, wanted)
		if err != nil || sure {
			return near, err
		}
	}
	for most := wanted + moreNearest; ; most *= 4 {
		near, all, err := askNearest(ctx, ask, schema, sel, d, ref, most)
		if err != nil {
			return nil, err
		}
		if !all && near[wanted-1].server+slack(near[wanted-1].server) >= near[len(near)-1].server {
			continue // others, as near, may come before these
		}
		sortNearest(near)
		return near[:min(wanted, len(near))], nil
	}
}

func sortNearest(near []neighbour) {
	slices.SortFunc(near, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), query.CompareValues(a.key, b.key))
	})
}

// nearestOperator is the distance as the server's operator for the nearest of all
// rows has it, which needs half the time of a sort by the distance; "" for one that
// it does not have.
func nearestOperator(d *query.Distance) string {
	switch {
	case d.Metric == query.Euclidean:
		return "EUCLIDEAN"
	case d.Metric == query.Cosine && hasLength(d.To):
		return "COSINE"
	}
	return ""
}

// hasLength reports a vector that is not of zeros.
func hasLength(v query.Value) bool {
	return slices.ContainsFunc(v.Vector(), func(n float32) bool { return n != 0 })
}

// askOperator asks the operator for the nearest rows. They are sure where others
// cannot come before them: to the operator the angle to a vector of zeros is no
// number, which it puts before all others or behind them, as its machine has it,
// and that vector's distance is 1.
func askOperator(ctx context.Context, ask asker, schema *query.Schema, sel *query.Select, d *query.Distance, ref *query.ColumnRef, operator string, wanted int) (near []neighbour, sure bool, err error) {
	most := wanted + moreNearest
	c := compiler{schema: schema, scope: scope{rows: []string{""}}}
	c.text("SELECT VALUE [id, ")
	c.field(ref)
	c.text("] FROM ")
	c.name(sel.Table.Name)
	c.where(sel.Where)
	c.text(" AND ")
	c.field(ref)
	c.text(" <|")
	c.number(most)
	c.text("," + operator + "|> ")
	c.bind(func(dst []byte) []byte { return appendVector(dst, d.To) })
	c.timeout(left(ctx))
	rows, err := c.readRows(ctx, ask, sel.Table, []*query.Column{ref.Column})
	if err != nil {
		return nil, false, fmt.Errorf("find the nearest: %w", err)
	}
	bound := math.Inf(-1) // what is not among the rows is no nearer
	near = make([]neighbour, len(rows))
	for i, row := range rows {
		vector := row[ref.Column.Index]
		near[i] = neighbour{key: row[0], distance: d.Of([]byte(vector.S)).Float()}
		if operator != "COSINE" || hasLength(vector) {
			bound = max(bound, near[i].distance)
		}
	}
	sortNearest(near)
	if len(near) < most {
		return near[:min(wanted, len(near))], true, nil
	}
	if operator == "COSINE" {
		bound = min(bound, 1)
	}
	last := near[wanted-1].distance
	return near[:wanted], last+slack(last) < bound, nil
}

// slack is what a distance of the server may be off.
func slack(distance float64) float64 { return 2 * nearlyEqual * (1 + math.Abs(distance)) }

type neighbour struct {
	key              query.Value
	server, distance float64
}

// askNearest asks for the nearest rows, as the server sees them; all says that
// there are no more.
func askNearest(ctx context.Context, ask asker, schema *query.Schema, sel *query.Select, d *query.Distance, ref *query.ColumnRef, most int) (near []neighbour, all bool, err error) {
	c := compiler{schema: schema, scope: scope{rows: []string{""}}}
	c.text("SELECT VALUE [o0, id, v] FROM (SELECT id, ")
	c.field(ref)
	c.text(" AS v, ")
	c.serverDistance(d, ref)
	c.text(" AS o0 FROM ")
	c.name(sel.Table.Name)
	c.where(sel.Where)
	c.text(unpushed + " ORDER BY o0 LIMIT ")
	c.number(most)
	c.timeout(left(ctx))
	c.text(")")
	if c.fault != nil {
		return nil, false, c.fault
	}
	results, err := ask.Query(ctx, c.statements(), c.vars())
	if err != nil {
		return nil, false, fmt.Errorf("find the nearest: %w", err)
	}
	r := wire.NewReader(results[len(results)-1])
	near = make([]neighbour, r.Array())
	for i := range near {
		r.Array()
		n := neighbour{server: readValue(r, query.Type{Kind: query.KindFloat}).Float()}
		n.key = readValue(r, sel.Table.Key().Type)
		vector := readValue(r, ref.Column.Type)
		n.distance = d.Of([]byte(vector.S)).Float()
		near[i] = n
	}
	return near, len(near) < most, r.Err()
}

// serverDistance writes the distance as the server computes it.
func (c *compiler) serverDistance(d *query.Distance, ref *query.ColumnRef) {
	to := func() { c.bind(func(dst []byte) []byte { return appendVector(dst, d.To) }) }
	switch d.Metric {
	case query.Euclidean:
		c.text("vector::distance::euclidean(")
	case query.Dot:
		c.text("0f - vector::dot(")
	default:
		if !hasLength(d.To) {
			c.text("1f")
			return
		}
		c.text("(IF vector::magnitude(")
		c.field(ref)
		c.text(") = 0 { 1f } ELSE { 1f - vector::similarity::cosine(")
		c.field(ref)
		c.text(", ")
		to()
		c.text(") })")
		return
	}
	c.field(ref)
	c.text(", ")
	to()
	c.text(")")
}
