package data

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// MayRun judges who may call a function over HTTP. Faults: CodeDenied, also of a
// function that is not declared.
func (g *Gate) MayRun(ctx context.Context, caller *auth.Caller, function string) error {
	if caller.IsService() {
		return nil
	}
	rules := g.functions[function]
	if rules == nil || !rules.Granted {
		return denied("function", function)
	}
	holds, err := g.holds(ctx, rules.Call, g.binding(caller))
	if err != nil {
		return err
	}
	if !holds {
		return denied("function", function)
	}
	return nil
}

// holds judges a rule that speaks of no row.
func (g *Gate) holds(ctx context.Context, rule query.Expr, b query.Binding) (bool, error) {
	bound := query.Bind(rule, b)
	if !query.LooksBeyond(bound) {
		return query.Holds(bound, nil, nil) == query.True, nil
	}
	answers, err := g.view.Test(ctx, []query.Expr{bound})
	if err != nil {
		return false, err
	}
	return answers[0] == query.True, nil
}
