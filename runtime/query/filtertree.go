package query

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// parseTree reads or=(a.eq.1,and(b.gt.2,c.not.is.null)), by its key.
func (p *requestParser) parseTree(key, value string) (Expr, *fault.Fault) {
	s := scanner{what: "logic tree", text: value}
	name, negate := strings.CutPrefix(key, "not.")
	e, f := p.group(&s, name, negate, 1)
	if f != nil {
		return nil, f
	}
	s.blanks()
	if !s.end() {
		return nil, s.fail("the end")
	}
	return e, nil
}

// group reads (item,item,...) as the terms of an and or an or.
func (p *requestParser) group(s *scanner, name string, negate bool, depth int) (Expr, *fault.Fault) {
	if depth > p.limits.Nesting {
		return nil, beyond("and, or are nested", p.limits.Nesting, "deep")
	}
	if !s.take('(') {
		return nil, s.fail(`"("`)
	}
	var terms []Expr
	for {
		term, f := p.treeItem(s, depth)
		if f != nil {
			return nil, f
		}
		terms = append(terms, term)
		s.blanks()
		if s.take(')') {
			break
		}
		if !s.take(',') {
			return nil, s.fail(`"," or ")"`)
		}
	}
	var e Expr
	if name == "and" {
		e = simplifyAnd(&And{Terms: terms})
	} else {
		e = simplifyOr(&Or{Terms: terms})
	}
	if negate {
		return simplifyNot(&Not{Term: e}), nil
	}
	return e, nil
}

func (p *requestParser) treeItem(s *scanner, depth int) (Expr, *fault.Fault) {
	s.blanks()
	for _, opening := range [...]string{"and(", "or(", "not.and(", "not.or("} {
		if s.sees(opening) {
			s.at += len(opening) - 1
			name, negate := strings.CutPrefix(opening[:len(opening)-1], "not.")
			return p.group(s, name, negate, depth+1)
		}
	}
	if s.sees("not.") && p.visible("not") == nil {
		return nil, s.fail("a column name; not stands behind it, as in a.not.eq.1")
	}
	operand, f := p.filterField(s)
	if f != nil {
		return nil, f
	}
	if !s.take('.') {
		return nil, s.fail(`"."`)
	}
	return p.asked(s, operand, true)
}

// treeValue reads a value inside a tree: {...} is kept whole.
func (s *scanner) treeValue() string {
	if !s.sees("{") {
		return s.value()
	}
	rest := s.rest()
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			_, n, ok := unquote(rest[i:])
			if !ok {
				return s.value()
			}
			i += n - 1
		case '}':
			if i+1 == len(rest) || rest[i+1] == ',' || rest[i+1] == ')' {
				s.at += i + 1
				return rest[:i+1]
			}
		}
	}
	return s.value()
}
