package access

import (
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// QueryRules is the compiled access of one named query. Call speaks of no row.
type QueryRules struct {
	Query *query.Named
	Call  query.Expr // left out is the literal false
	// Granted tells whether anyone but the service role may call it at all.
	Granted bool
}

func callScope(n *query.Named) scope {
	return scope{name: "a query's call rule", auth: true, clock: true, beyond: true, call: n}
}

func (c *compiler) query(declared *manifest.Query, n *query.Named) *QueryRules {
	return &QueryRules{Query: n, Call: c.declared(declared.Call, callScope(n)), Granted: grants(declared.Call)}
}

// param translates param.x and what follows it.
func (t *translation) param(steps []selector, f *frame, at int) query.Expr {
	n := t.scope.call
	if n == nil {
		t.fail(f, at, fault.Newf(codeBadRule, "param is not known in %s", t.scope.name).
			WithHint("param.x is a parameter of a query, in its access"))
		return nil
	}
	names := make([]string, len(n.Params))
	for i := range n.Params {
		names[i] = n.Params[i].Name
	}
	if len(steps) == 0 || !steps[0].step.IsKey {
		t.fail(f, at, fault.New(codeBadRule, "param alone is not a value").WithHint("name a parameter: param.x"))
		return nil
	}
	name := steps[0].step.Key
	i := n.Param(name)
	if i < 0 {
		hint := "the query has no parameters"
		if len(names) > 0 {
			hint = fault.NearestHint(name, names, "it has "+fault.Listed(names))
		}
		t.fail(steps[0].frame, steps[0].at, fault.Newf(codeUnknownName, "query %s has no parameter %s", n.Name, quoted(name)).WithHint(hint))
		return nil
	}
	return t.steps(&query.Param{Name: name, Of: n.Params[i].Type}, steps[1:], "param."+name)
}
