package query

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// parseSelect reads select=id,full:name,meta->>color,*,authors(name).
func (p *requestParser) parseSelect(value string) *fault.Fault {
	trimmed := strings.TrimSpace(value)
	if trimmed == "" || trimmed == "*" {
		p.request.Star = true
		return nil
	}
	s := scanner{what: "select parameter", text: value}
	p.request.Outputs = make([]Output, 0, strings.Count(value, ",")+1)
	if f := p.selectList(&s); f != nil {
		return f
	}
	if !s.end() {
		return s.fail(`"," or the end`)
	}
	return nil
}

// selectList reads the members of one table, up to what follows them.
func (p *requestParser) selectList(s *scanner) *fault.Fault {
	for {
		if f := p.selectItem(s); f != nil {
			return f
		}
		if len(p.request.Outputs) > p.limits.Select {
			return beyond("select has", p.limits.Select, "members")
		}
		if !s.take(',') {
			return nil
		}
	}
}

func (p *requestParser) selectItem(s *scanner) *fault.Fault {
	s.blanks()
	if s.take('*') {
		s.blanks()
		p.request.Star = true
		p.request.Outputs = append(p.request.Outputs, Output{Name: "*"})
		return nil
	}
	if s.skip("...") {
		target, f := s.name()
		if f != nil {
			return f
		}
		return p.embedItem(s, "", target, true)
	}
	name, f := s.name()
	if f != nil {
		return f
	}
	alias := ""
	if s.sees(":") && !s.sees("::") {
		s.at++
		alias = name
		if name, f = s.name(); f != nil {
			return f
		}
	}
	if (s.sees("(") || s.sees("!")) && (name != aggregateNames[AggregateCount] || !s.sees("()")) {
		return p.embedItem(s, alias, name, false)
	}
	e, member, f := p.selectValue(s, name)
	if f != nil {
		return f
	}
	if alias != "" {
		member = alias
	}
	p.request.Outputs = append(p.request.Outputs, Output{Name: member, Expr: e})
	return nil
}

// selectValue reads what stands behind the name of a value: a path, casts, an
// aggregate. It gives the name of the member as well.
func (p *requestParser) selectValue(s *scanner, name string) (Expr, string, *fault.Fault) {
	if name == aggregateNames[AggregateCount] && (s.skip("()") || p.visible(name) == nil && !s.sees("->")) {
		e, f := NewAggregate(AggregateCount, nil)
		if f == nil {
			p.aggregates = true
			e, f = selectCast(s, e)
		}
		return e, name, f
	}
	if e := nearness(name); e != nil {
		return e, name, nil
	}
	if name == hopsName {
		return &Hops{}, name, nil
	}
	e, c, f := p.fieldNamed(s, name)
	if f != nil {
		return nil, "", f
	}
	p.request.Selected.Add(c)
	member := memberName(e, c)
	if e, f = selectCast(s, e); f != nil || !s.take('.') {
		return e, member, f
	}
	p.aggregates = true
	e, member, f = selectAggregate(s, e)
	return e, member, f
}

// selectCast reads ::type, where it stands.
func selectCast(s *scanner, e Expr) (Expr, *fault.Fault) {
	s.blanks()
	if !s.skip("::") {
		return e, nil
	}
	name, f := s.name()
	if f != nil {
		return nil, f
	}
	t, f := CastType(name, e.Type())
	if f != nil {
		return nil, f
	}
	return NewCast(e, t)
}

// selectAggregate reads sum()::type, behind its dot.
func selectAggregate(s *scanner, e Expr) (Expr, string, *fault.Fault) {
	for i, name := range aggregateNames {
		if !s.skip(name + "()") {
			continue
		}
		e, f := NewAggregate(AggregateFunc(i), e)
		if f == nil {
			e, f = selectCast(s, e)
		}
		return e, name, f
	}
	return nil, "", s.fail("an aggregate: sum(), avg(), count(), max() or min()")
}

// memberName names a path's member after its last key, else the column.
func memberName(e Expr, c *Column) string {
	path, ok := e.(*Path)
	if !ok {
		return c.Name
	}
	for i := len(path.Steps) - 1; i >= 0; i-- {
		if path.Steps[i].IsKey {
			return path.Steps[i].Key
		}
	}
	return c.Name
}

// parseOrder reads order=a.desc.nullslast,meta->>x,authors(name).
func (p *requestParser) parseOrder(value string) *fault.Fault {
	if f := p.once(seenOrder, "order"); f != nil {
		return f
	}
	if strings.TrimSpace(value) == "" {
		return nil
	}
	s := scanner{what: "order", text: value}
	for {
		e, f := p.orderValue(&s)
		if f != nil {
			return f
		}
		term, f := orderTerm(&s, e)
		if f != nil {
			return f
		}
		p.request.Order = append(p.request.Order, term)
		if len(p.request.Order) > p.limits.Order {
			return beyond("order has", p.limits.Order, "terms")
		}
		if s.end() {
			return nil
		}
		if !s.take(',') {
			return s.fail(`"," or the end`)
		}
	}
}

// orderValue reads a column with its path, or one of a to-one embed:
// authors(name).
func (p *requestParser) orderValue(s *scanner) (Expr, *fault.Fault) {
	name, f := s.name()
	if f != nil {
		return nil, f
	}
	if s.sees("(") {
		return p.relatedOrder(s, name)
	}
	if name == hopsName {
		return &Hops{}, nil
	}
	e, c, f := p.fieldNamed(s, name)
	if f != nil {
		return nil, f
	}
	p.request.Ordered.Add(c)
	return e, nil
}

func orderTerm(s *scanner, e Expr) (Order, *fault.Fault) {
	term := Order{Expr: e}
	switch {
	case s.skip(".asc"):
	case s.skip(".desc"):
		term.Descending = true
	}
	term.NullsFirst = term.Descending
	switch {
	case s.skip(".nullsfirst"):
		term.NullsFirst = true
	case s.skip(".nullslast"):
		term.NullsFirst = false
	}
	s.blanks()
	if !s.end() && !s.sees(",") {
		return Order{}, s.fail(`".asc", ".desc", ".nullsfirst", ".nullslast", "," or the end`)
	}
	return term, nil
}
