package access

import (
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// macro is one entry of the manifest's `rules`: a piece of tree with holes.
type macro struct {
	rule   *manifest.Rule
	params map[string]bool
	// body is nil when the text does not parse; its fault is reported already.
	body *parsed
	// broken: the macro leads back to itself, and is reported already.
	broken bool
}

// signature is the macro as it is declared.
func (m *macro) signature() string {
	return m.rule.Name + "(" + strings.Join(m.rule.Params, ", ") + ")"
}

// functions are the names that rules cannot take.
var functions = []string{"has", "size", "contains", "startsWith", "endsWith", "matches", "lower", "now", "uuid"}

// readMacros parses all rules and reports what is wrong with them whether they
// are used or not.
func (c *compiler) readMacros() {
	c.macros = make(map[string]*macro, len(c.manifest.Rules))
	for i := range c.manifest.Rules {
		rule := &c.manifest.Rules[i]
		if c.macros[rule.Name] != nil {
			continue // check names the double
		}
		m := &macro{rule: rule, params: make(map[string]bool, len(rule.Params))}
		for _, p := range rule.Params {
			m.params[p] = true
		}
		m.body = c.parse(source{rule.Text, rule.Path})
		c.macros[rule.Name] = m
		c.macroNames = append(c.macroNames, rule.Name)
	}
	for _, name := range c.macroNames {
		c.checkMacro(c.macros[name])
	}
	c.refuseCircles()
}

// checkMacro reports calls to rules that do not exist and parameters that are
// never used.
func (c *compiler) checkMacro(m *macro) {
	if m.body == nil {
		return
	}
	used := map[string]bool{}
	walk(m.body.root, func(e ast.Expr) {
		if e.Kind() == ast.IdentKind && m.params[e.AsIdent()] {
			used[e.AsIdent()] = true
		}
	})
	for _, p := range m.rule.Params {
		if !used[p] {
			c.report(m.body.source, 0, fault.Newf(codeBadRule, "parameter %s of rule %s is never used", quoted(p), quoted(m.signature())).
				WithHint("use it in the rule, or take it out of the name and of every call"))
		}
	}
}

// calls are the macros that a body calls, in order.
func (c *compiler) calls(m *macro) []*macro {
	if m.body == nil {
		return nil
	}
	var out []*macro
	walk(m.body.root, func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().IsMemberFunction() {
			return
		}
		if called := c.macros[e.AsCall().FunctionName()]; called != nil {
			out = append(out, called)
		}
	})
	return out
}

// refuseCircles reports each circle of rules once, at its first member in the
// manifest.
func (c *compiler) refuseCircles() {
	const (
		unseen = iota
		open
		done
	)
	state := map[*macro]int{}
	var trail []*macro
	var visit func(m *macro)
	visit = func(m *macro) {
		state[m] = open
		trail = append(trail, m)
		for _, next := range c.calls(m) {
			switch state[next] {
			case unseen:
				visit(next)
			case open:
				c.reportCircle(trail, next)
			}
			if next.broken {
				m.broken = true // what calls a broken rule cannot be inlined either
			}
		}
		trail = trail[:len(trail)-1]
		state[m] = done
	}
	for _, name := range c.macroNames {
		if m := c.macros[name]; state[m] == unseen {
			visit(m)
		}
	}
}

func (c *compiler) reportCircle(trail []*macro, back *macro) {
	if back.broken {
		return
	}
	start := len(trail) - 1
	for trail[start] != back {
		start--
	}
	names := make([]string, 0, len(trail)-start+1)
	for _, m := range trail[start:] {
		m.broken = true
		names = append(names, m.rule.Name)
	}
	names = append(names, back.rule.Name)
	c.report(back.body.source, 0, fault.Newf(codeBadRule, "rule %s calls itself: %s", quoted(back.signature()), strings.Join(names, " -> ")).
		WithHint("a rule is a piece of text that is put in place; write it without itself"))
}

// walk visits every node of a tree, parents first.
func walk(e ast.Expr, visit func(ast.Expr)) {
	visit(e)
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			walk(call.Target(), visit)
		}
		for _, arg := range call.Args() {
			walk(arg, visit)
		}
	case ast.SelectKind:
		walk(e.AsSelect().Operand(), visit)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			walk(item, visit)
		}
	}
}
