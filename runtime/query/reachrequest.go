package query

import (
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// ReachRequest is the walk of a request, not yet under any rule: the answer is
// rows that it comes to.
type ReachRequest struct {
	From  *Table
	Start Value
	// Ways are the steps that may be taken, each in one direction.
	Ways     []*Relation
	Min, Max int
}

// hopsName is the member that a walk adds to its rows.
const hopsName = "_hops"

// reaching is what the keys of a walk said so far.
type reaching struct {
	from, via, hops, direction *string
}

// reachKey finds where the value of a walk's key goes; nil is another key.
func (s *reaching) reachKey(key string) **string {
	switch key {
	case "_from":
		return &s.from
	case "_via":
		return &s.via
	case hopsName:
		return &s.hops
	case "_direction":
		return &s.direction
	}
	return nil
}

// reach makes the walk of what its keys said.
func (p *requestParser) reach(r *Request) *fault.Fault {
	s := &p.reaching
	if *s == (reaching{}) {
		return r.hopsMissing()
	}
	switch {
	case s.from == nil:
		return fault.New(CodeParse, "a walk has no beginning").WithHint("name the row by its key: _from=KEY, or _from=TABLE/KEY for a row of another table")
	case s.via == nil:
		return fault.New(CodeParse, "_from says where a walk begins, but not along what it goes").WithHint("name edge tables, or columns that refer: _via=follows")
	case r.Nearest != nil:
		return fault.New(CodeParse, "a walk does not go with a search").WithHint("leave out _from and _via, or _near and _search")
	}
	w := &ReachRequest{}
	f := p.ways(w, *s.via)
	if f == nil {
		f = w.direct(s.direction)
	}
	if f == nil {
		f = p.start(w, *s.from)
	}
	if f == nil {
		f = w.bound(s.hops)
	}
	if f == nil {
		f = w.leads(p.table)
	}
	r.Reach = w
	return f
}

// ways reads _via=follows,manager,books.author. Each way is there in both
// directions; those that join a table with itself out first.
func (p *requestParser) ways(w *ReachRequest, text string) *fault.Fault {
	names := strings.Split(text, ",")
	if len(names) > p.limits.Embeds {
		return beyond("_via names", p.limits.Embeds, "ways")
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if slices.Contains(names[:i], names[i]) {
			return fault.Newf(CodeParse, "_via names %q twice", clip(names[i]))
		}
		out := p.way(names[i])
		if out == nil {
			return p.noWay(names[i])
		}
		w.Ways = append(w.Ways, out, out.reversed())
	}
	return nil
}

// way finds an edge table, or the column of a table that refers; nil where the
// caller sees none.
func (p *requestParser) way(name string) *Relation {
	if p.schema == nil {
		return nil
	}
	if edge := p.schema.Table(name); edge != nil && edge.Edge != nil {
		from, to := p.schema.target(edge.Edge.From), p.schema.target(edge.Edge.To)
		if from == nil || to == nil || !p.limits.sees(edge, edge.Edge.From) || !p.limits.sees(edge, edge.Edge.To) ||
			!p.limits.sees(from, from.Key()) || !p.limits.sees(to, to.Key()) {
			return nil
		}
		out := through(edge, from, to, edge.Edge.From, edge.Edge.To)
		return &out
	}
	t, column := p.table, name
	if table, rest, ok := strings.Cut(name, "."); ok {
		t, column = p.schema.Table(table), rest
	}
	if t == nil {
		return nil
	}
	c := t.Column(column)
	if c == nil || !p.limits.sees(t, c) || !p.limits.sees(t, t.Key()) {
		return nil
	}
	to := p.schema.target(c)
	if to == nil || !p.limits.sees(to, to.Key()) {
		return nil
	}
	return &Relation{Constraint: t.Name + "_" + c.Name + "_fkey", From: t, To: to, Near: c, Far: to.Key()}
}

// reversed is the same way, walked from the other end.
func (r *Relation) reversed() *Relation {
	return &Relation{
		Constraint: r.Constraint, From: r.To, To: r.From, Near: r.Far, Far: r.Near,
		Via: r.Via, ViaNear: r.ViaFar, ViaFar: r.ViaNear, Many: true,
	}
}

func (p *requestParser) noWay(name string) *fault.Fault {
	return fault.Newf(CodeNoRelation, "Could not find a way '%s' to walk along in the schema cache", clip(name)).
		WithHint("name an edge table, a column of " + p.table.Name + " that refers, or TABLE.COLUMN")
}

// direct keeps the direction that is asked for, of the ways that join a table
// with itself. Of the others the row at hand tells it.
func (w *ReachRequest) direct(direction *string) *fault.Fault {
	asked := "out"
	if direction != nil {
		asked = *direction
	}
	if asked != "out" && asked != "in" && asked != "both" {
		return fault.Newf(CodeParse, "%q is no direction", clip(asked)).WithHint("directions are out, in and both")
	}
	kept := w.Ways[:0]
	self := false
	for i, way := range w.Ways {
		if way.From == way.To {
			self = true
			if asked != "both" && (asked == "out") != (i%2 == 0) {
				continue
			}
		}
		kept = append(kept, way)
	}
	if direction != nil && !self {
		return fault.New(CodeParse, "_direction is for ways that join a table with itself").
			WithHint("leave it out: between two tables a walk goes from the one that it is at to the other")
	}
	w.Ways = kept
	return nil
}

// start reads KEY or TABLE/KEY.
func (p *requestParser) start(w *ReachRequest, text string) *fault.Fault {
	w.From = p.table
	if name, key, ok := strings.Cut(text, "/"); ok {
		at := slices.IndexFunc(w.Ways, func(r *Relation) bool { return r.From.Name == name })
		if at < 0 {
			return fault.Newf(CodeParse, "no way of _via begins at a table %q", clip(name)).
				WithHint("where the key itself has a slash, write _from=" + p.table.Name + "/KEY")
		}
		w.From, text = w.Ways[at].From, key
	}
	var f *fault.Fault
	w.Start, f = ParseLiteral(w.From.Key().Type, text)
	return f
}

// bound reads _hops: 2, or 1-3.
func (w *ReachRequest) bound(text *string) *fault.Fault {
	w.Min, w.Max = 1, 1
	if text == nil {
		return nil
	}
	low, high, ok := strings.Cut(*text, "-")
	if !ok {
		high = low
	}
	least, err := strconv.ParseUint(low, 10, 8)
	most, bad := strconv.ParseUint(high, 10, 8)
	if err != nil || bad != nil || least > most || most < 1 {
		return parseFault("_hops parameter", *text, 0, "a number of steps such as 2, or a range such as 1-3")
	}
	if most > MaxHops {
		return beyond("_hops asks for", MaxHops, "steps")
	}
	w.Min, w.Max = int(least), int(most)
	return nil
}

// leads refuses a walk that cannot come to the table asked.
func (w *ReachRequest) leads(t *Table) *fault.Fault {
	begins := func(r *Relation) bool { return r.From == w.From }
	ends := func(r *Relation) bool { return r.To == t }
	for _, end := range []struct {
		found bool
		verb  string
		table *Table
	}{{slices.ContainsFunc(w.Ways, begins), "begins at", w.From}, {slices.ContainsFunc(w.Ways, ends), "leads to", t}} {
		if !end.found {
			return fault.Newf(CodeParse, "no way of _via %s %s", end.verb, end.table.Name).
				WithHint("the rows of the answer are those of the table that is asked; name ways that lead to it from where the walk begins")
		}
	}
	return nil
}

// hopsMissing refuses the member of a walk where there is none.
func (r *Request) hopsMissing() *fault.Fault {
	for i := range r.Outputs {
		if _, ok := r.Outputs[i].Expr.(*Hops); ok {
			return errHops
		}
	}
	for i := range r.Order {
		if _, ok := r.Order[i].Expr.(*Hops); ok {
			return errHops
		}
	}
	return nil
}

var errHops = fault.New(CodeUndefinedColumn, "_hops is only there in a walk").WithHint("it comes with _from and _via")
