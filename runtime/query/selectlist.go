package query

import (
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// parseSelect reads select=id,full:name,meta->>color,*.
func (p *requestParser) parseSelect(value string) *fault.Fault {
	if f := p.once(seenSelect, "select"); f != nil {
		return f
	}
	trimmed := strings.TrimSpace(value)
	if trimmed == "" || trimmed == "*" {
		p.request.Star = true
		return nil
	}
	s := scanner{what: "select parameter", text: value}
	p.request.Outputs = make([]Output, 0, strings.Count(value, ",")+1)
	for {
		if f := p.selectItem(&s); f != nil {
			return f
		}
		if len(p.request.Outputs) > p.limits.Select {
			return beyond("select has", p.limits.Select, "members")
		}
		if s.end() {
			return nil
		}
		if !s.take(',') {
			return s.fail(`"," or the end`)
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
	if s.sees("...") {
		return notInVersion("embedding")
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
	if s.sees("(") || s.sees("!") {
		return p.embed(name)
	}
	if name == "count" && p.visible(name) == nil {
		return notInVersion("counting in select")
	}
	e, c, f := p.fieldNamed(s, name)
	if f != nil {
		return f
	}
	s.blanks()
	switch {
	case s.sees("::"):
		return notInVersion("a cast in select")
	case s.sees("."):
		return notInVersion("an aggregate in select")
	}
	if alias == "" {
		alias = memberName(e, c)
	}
	p.request.Selected.Add(c)
	p.request.Outputs = append(p.request.Outputs, Output{Name: alias, Expr: e})
	return nil
}

// embed says what is wrong with name(...): it is no relation, or relations
// are for a later version.
func (p *requestParser) embed(name string) *fault.Fault {
	if name == "count" {
		return notInVersion("counting in select")
	}
	if p.schema != nil && p.schema.Table(name) == nil && p.visible(name) == nil {
		return fault.Newf(CodeNoRelation, "Could not find a relationship between '%s' and '%s' in the schema cache", p.table.Name, clip(name)).
			WithDetails(fmt.Sprintf("Searched for a foreign key relationship between '%s' and '%s' in the schema 'public', but no matches were found.", p.table.Name, clip(name)))
	}
	return notInVersion("embedding")
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

// parseOrder reads order=a.desc.nullslast,meta->>x.
func (p *requestParser) parseOrder(value string) *fault.Fault {
	if f := p.once(seenOrder, "order"); f != nil {
		return f
	}
	if strings.TrimSpace(value) == "" {
		return nil
	}
	s := scanner{what: "order", text: value}
	for {
		e, c, f := p.field(&s)
		if f != nil {
			return f
		}
		term, f := orderTerm(&s, e)
		if f != nil {
			return f
		}
		p.request.Ordered.Add(c)
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

func orderTerm(s *scanner, e Expr) (Order, *fault.Fault) {
	if s.sees("(") {
		return Order{}, notInVersion("ordering by a relation")
	}
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
