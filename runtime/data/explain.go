package data

import (
	"context"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Question asks why a caller may, or may not, do something.
type Question struct {
	Table string
	// Op is read, create, update or delete.
	Op string
	// Key, when HasKey, is the row that it is about.
	Key    string
	HasKey bool
	// Data is the JSON object that a create or update would send, nil for none.
	Data []byte
	// Query, when HasQuery, is a URL's query whose run is explained as well.
	Query    string
	HasQuery bool
}

// Explanation is the answer. It tells whatever the row holds, so it is for
// operators and never for callers.
type Explanation struct {
	Table string `json:"table"`
	Op    string `json:"op"`
	// Outcome is one of the outcomes below.
	Outcome string `json:"outcome"`
	// Reason says what is not said by a clause; "" for nothing.
	Reason  string          `json:"reason,omitempty"`
	Clauses []ClauseOutcome `json:"clauses"`
	Query   *QueryPlan      `json:"query,omitempty"`
}

// The outcomes.
const (
	Allowed = "allowed"
	Refused = "refused"
	Depends = "depends on the row"
)

// ClauseOutcome is what became of one condition of the manifest.
type ClauseOutcome struct {
	Name    string `json:"name"` // below the table: access.read
	Path    string `json:"path"` // in the manifest
	On      string `json:"on"`   // which row it was judged on
	Outcome string `json:"outcome"`
	Part
}

// Part is a condition, or a part of one.
type Part struct {
	Text  string `json:"text"`
	Truth string `json:"truth"` // true, false, unknown, or "" where it depends on the row
	// Join is "all" or "any" of Parts; "" for a part without parts.
	Join   string      `json:"join,omitempty"`
	Parts  []Part      `json:"parts,omitempty"`
	Values []PartValue `json:"values,omitempty"`
}

// PartValue is what a name in a part stood for.
type PartValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// QueryPlan is how a read is run.
type QueryPlan struct {
	Select string   `json:"select"` // bound to the caller, canonical
	SQL    string   `json:"sql"`
	Steps  []string `json:"steps"` // the database's own words: indexes, scans
}

// Explain judges a question clause by clause. Faults are those of the
// operation for a body, a key or a query that cannot be read; that the caller
// may not is no fault.
func (g *Gate) Explain(ctx context.Context, caller *auth.Caller, q Question) (*Explanation, error) {
	t, err := g.table(q.Table)
	if err != nil {
		return nil, err
	}
	x := &explaining{ctx: ctx, gate: g, table: t, caller: caller, binding: g.binding(caller), out: &Explanation{Table: q.Table, Op: q.Op, Outcome: Allowed, Clauses: []ClauseOutcome{}}}
	if q.HasKey {
		found, err := x.fetch(q.Key)
		if err != nil {
			return nil, err
		}
		if !found {
			x.out.Outcome, x.out.Reason = Refused, "there is no row with this key"
		}
	}
	if x.out.Outcome == Allowed {
		if err := x.judge(&q); err != nil {
			return nil, err
		}
	}
	if q.HasQuery {
		if x.out.Query, err = g.explainQuery(ctx, t, caller, &q); err != nil {
			return nil, err
		}
	}
	return x.out, nil
}

// explainQuery tells how a read would be run.
func (g *Gate) explainQuery(ctx context.Context, t *table, caller *auth.Caller, q *Question) (*QueryPlan, error) {
	request, err := g.Parse(caller, q.Table, q.Query)
	if err != nil {
		return nil, err
	}
	_, a, err := g.ask(ctx, t, caller, &Read{Table: q.Table, Request: request})
	if err != nil {
		return nil, err
	}
	text, err := g.view.Explain(ctx, a.Select)
	if err != nil {
		return nil, fmt.Errorf("explain the query: %w", err)
	}
	sql, steps, _ := strings.Cut(text, "\n")
	plan := &QueryPlan{Select: string(query.AppendSelect(nil, &a.Select)), SQL: sql, Steps: []string{}}
	for step := range strings.SplitSeq(steps, "\n") {
		if step != "" {
			plan.Steps = append(plan.Steps, step)
		}
	}
	return plan, nil
}

// explaining is one explanation being made.
type explaining struct {
	ctx     context.Context
	gate    *Gate
	table   *table
	caller  *auth.Caller
	binding query.Binding
	stored  query.Row // nil where no row was named
	out     *Explanation
}

// fetch reads the row that is asked about, whatever the caller may read.
func (x *explaining) fetch(key string) (bool, error) {
	where, err := x.table.filter(nil, key, true, x.table.service.visible)
	if err != nil {
		return false, err
	}
	found := keptRows{columns: x.table.schema.Columns}
	_, err = x.gate.view.Select(x.ctx, query.Select{
		Table: x.table.schema, Columns: x.table.service.visible.outputs, Where: where, Limit: 1,
	}, &found)
	if err != nil {
		return false, fmt.Errorf("read the row: %w", err)
	}
	if len(found.rows) == 0 {
		return false, nil
	}
	x.stored = found.rows[0]
	return true, nil
}
