package query

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

const wantOperator = `"not" or operator (eq, neq, gt, gte, lt, lte, like, ilike, match, imatch, in, is, isdistinct, cs, cd, ov, fts, plfts, phfts, wfts)`

// parseFilter reads column=op.value, or path=op.value.
func (p *requestParser) parseFilter(key, value string) (Expr, *fault.Fault) {
	s := scanner{what: "filter", text: value}
	if c := p.visible(key); c != nil {
		p.request.Filtered.Add(c)
		return p.asked(&s, p.table.Ref(c), false)
	}
	k := scanner{what: "filter column", text: key}
	operand, f := p.filterField(&k)
	if f != nil {
		return nil, f
	}
	if !k.end() {
		return nil, k.fail(`"->", "->>" or the end`)
	}
	return p.asked(&s, operand, false)
}

// filterField reads what a filter is about: a column with its path, an embed,
// or a full-text index.
func (p *requestParser) filterField(s *scanner) (Expr, *fault.Fault) {
	name, f := s.name()
	if f != nil {
		return nil, f
	}
	c := p.visible(name)
	if c == nil {
		return p.namedOther(name, s.sees("->"))
	}
	p.request.Filtered.Add(c)
	return p.fieldOf(s, c)
}

// namedOther is what a filter is about where its name is no column's. A path
// stands behind columns alone.
func (p *requestParser) namedOther(name string, path bool) (Expr, *fault.Fault) {
	if path {
		return nil, UnknownColumn(p.table, name, p.readable)
	}
	if inner := p.embeddedAs(name); inner != nil {
		return &Related{Of: inner.embed, Ask: RelatedPresent}, nil
	}
	if key := p.indexKey(name); key != nil {
		return key, nil
	}
	return nil, UnknownColumn(p.table, name, p.readable)
}

// asked reads what a filter asks of its operand: not.op(modifier).value. In a
// tree the value ends where its item does.
func (p *requestParser) asked(s *scanner, operand Expr, tree bool) (Expr, *fault.Fault) {
	negate := s.skip("not.")
	op, f := s.operator()
	if f != nil {
		return nil, f
	}
	if op.name == "in" {
		list, f := p.list(s)
		if f != nil {
			return nil, f
		}
		if !tree && !s.end() {
			return nil, s.fail("the end")
		}
		return p.predicate(operand, negate, op, "", list)
	}
	if tree {
		return p.predicate(operand, negate, op, s.treeValue(), nil)
	}
	return p.predicate(operand, negate, op, s.rest(), nil)
}

// operator reads an operator with its modifier, and the dot behind it.
func (s *scanner) operator() (operator, *fault.Fault) {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= 'a' && s.text[s.at] <= 'z' {
		s.at++
	}
	op := operator{name: s.text[start:s.at]}
	switch op.name {
	case "eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch":
		switch {
		case s.skip("(any)"):
			op.modifier = "any"
		case s.skip("(all)"):
			op.modifier = "all"
		}
	case "fts", "plfts", "phfts", "wfts":
		if s.take('(') {
			start := s.at
			for s.at < len(s.text) && nameByte(s.rest()) > 0 {
				s.at += nameByte(s.rest())
			}
			if op.modifier = s.text[start:s.at]; op.modifier == "" || !s.take(')') {
				return operator{}, s.fail("the name of a configuration, in parentheses")
			}
		}
	case "neq", "in", "is", "isdistinct", "cs", "cd", "ov", "sl", "sr", "nxl", "nxr", "adj":
	default:
		s.at = start
		return operator{}, s.fail(wantOperator)
	}
	if !s.take('.') {
		return operator{}, s.fail(`"."`)
	}
	return op, nil
}

// list reads (a,"b,c",d). A quoted member that goes on behind its quotes is
// taken as it stands, quotes and all.
func (p *requestParser) list(s *scanner) ([]string, *fault.Fault) {
	if !s.take('(') {
		return nil, s.fail(`"("`)
	}
	if s.take(')') {
		return nil, nil
	}
	var items []string
	for {
		items = append(items, s.value())
		if len(items) > p.limits.InList {
			return nil, beyond("in has", p.limits.InList, "members")
		}
		if s.take(')') {
			return items, nil
		}
		if !s.take(',') {
			return nil, s.fail(`"," or ")"`)
		}
	}
}

// value reads a value that ends at , or ): quoted, or as it stands.
func (s *scanner) value() string {
	if s.sees(`"`) {
		text, n, ok := unquote(s.rest())
		if after := s.at + n; ok && (after == len(s.text) || s.text[after] == ',' || s.text[after] == ')') {
			s.at = after
			return text
		}
	}
	rest := s.rest()
	end := strings.IndexAny(rest, ",)")
	if end < 0 {
		end = len(rest)
	}
	s.at += end
	return rest[:end]
}
