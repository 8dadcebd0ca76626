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

// MayPass judges who may pass a middleware that has a rule of its own. Faults:
// CodeDenied, also of one that is not declared.
func (g *Gate) MayPass(ctx context.Context, caller *auth.Caller, middleware string) error {
	if caller.IsService() {
		return nil
	}
	rules := g.middleware[middleware]
	if rules == nil {
		return denied("middleware", middleware)
	}
	holds, err := g.holds(ctx, rules.Pass, g.binding(caller))
	if err != nil {
		return err
	}
	if !holds {
		return denied("middleware", middleware)
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
