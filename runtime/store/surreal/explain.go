package surreal

import (
	"context"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Explain implements store.View: the SurrealQL, and the server's plan for it.
func (v *view) Explain(ctx context.Context, s query.Select) (string, error) {
	if err := v.enter(ctx); err != nil {
		return "", err
	}
	defer v.leave()
	var embeds int
	l, f := planned(&s, &embeds, s.Reach != nil)
	if f != nil {
		return "", f
	}
	c := &compiler{schema: v.schema}
	if s.Reach != nil {
		c.arrived(s.Reach, make(arrivals, s.Reach.Max+1))
	}
	before := len(c.buf)
	c.statement(l, nil, 0)
	if c.fault != nil {
		return "", c.fault
	}
	text := c.statements()
	before += len(text) - len(c.buf)
	answers, err := v.store.client.Read(ctx, text[:before]+"EXPLAIN "+text[before:], c.vars())
	if err != nil {
		return "", requestError(ctx, v.outdated(ctx, err))
	}
	var plan strings.Builder
	plan.WriteString(text + "\n")
	if len(answers) > 0 {
		r := wire.NewReader(answers[len(answers)-1])
		if r.Kind() == wire.String {
			plan.Write(r.String())
		} else {
			plan.Write(copyJSON(nil, r))
		}
		if r.Err() != nil {
			return "", fmt.Errorf("read the plan: %w", r.Err())
		}
	}
	return plan.String(), nil
}
