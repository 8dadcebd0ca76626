package access

import (
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// FunctionRules is the compiled access of one function, and what of its triggers
// is said in CEL.
type FunctionRules struct {
	Function *manifest.Function
	Call     query.Expr // speaks of no row; left out is the literal false
	// Granted tells whether anyone but the service role may call it at all.
	Granted bool
	// Triggers are in the order of Function.Tables.
	Triggers []TriggerRule
}

// TriggerRule is the condition of one trigger, on the row as the commit left it
// and on old, the row before. A deleted row stands for both; of a created one the
// columns of old are null.
type TriggerRule struct {
	Declared *manifest.TableTrigger
	Table    *query.Table
	When     query.Expr // literal true when left out
}

func functionScope() scope {
	return scope{name: "a function's call rule", auth: true, clock: true, beyond: true}
}

// whenScope has no caller: what happened is judged, not who did it.
func whenScope(t *query.Table) scope {
	return scope{name: "a trigger's condition", table: t, old: true, beyond: true}
}

func (c *compiler) function(declared *manifest.Function) *FunctionRules {
	rules := &FunctionRules{Function: declared, Call: c.declared(declared.Call, functionScope()), Granted: grants(declared.Call)}
	for i := range declared.Tables {
		trigger := &declared.Tables[i]
		rule := TriggerRule{Declared: trigger, Table: c.schema.Table(trigger.Table), When: query.TrueExpr()}
		if rule.Table != nil && trigger.When != "" {
			rule.When = c.condition(source{trigger.When, trigger.Path + ".when"}, whenScope(rule.Table))
		}
		rules.Triggers = append(rules.Triggers, rule)
	}
	return rules
}
