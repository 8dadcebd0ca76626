package clienttypes

import (
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// queries gathers the named queries of a checked manifest, in its order.
func queries(m *manifest.Manifest, rules *access.Rules) ([]*query.Named, error) {
	all := make([]*query.Named, 0, len(m.Queries))
	for i := range m.Queries {
		compiled := rules.Queries[m.Queries[i].Name]
		if compiled == nil {
			return nil, fmt.Errorf("types of query %q: it has no rules", m.Queries[i].Name)
		}
		all = append(all, compiled.Query)
	}
	return all, nil
}

// argument is a parameter as a column of a request: one that is not required
// may be left out, or null.
func argument(p *query.Parameter) *column {
	return &column{Column: &query.Column{Name: p.Name, Type: p.Type, Required: p.Required}, optional: !p.Required}
}

// functions are the queries as supabase-js's rpc() takes them.
func (w *typescript) functions(all []*query.Named) {
	w.line(2, "Functions: {")
	if len(all) == 0 {
		w.line(3, "[_ in never]: never")
	}
	for _, n := range all {
		w.line(3, "%s: {", n.Name)
		if len(n.Params) == 0 {
			w.line(4, "Args: never")
		} else {
			w.line(4, "Args: {")
			for i := range n.Params {
				c := argument(&n.Params[i])
				w.line(5, "%s%s: %s", c.Name, mark(c.optional), typescriptType(c))
			}
			w.line(4, "}")
		}
		w.returns(n)
		w.line(3, "}")
	}
	w.line(2, "}")
}

func (w *typescript) returns(n *query.Named) {
	switch {
	case n.Nothing():
		w.line(4, "Returns: undefined")
	case n.Value:
		w.line(4, "Returns: %s", typescriptType(&column{Column: n.Result.Columns[0]}))
	default:
		w.line(4, "Returns: {")
		for _, c := range n.Result.Columns {
			w.line(5, "%s: %s", c.Name, typescriptType(&column{Column: c}))
		}
		w.line(4, "}[]")
	}
}

// query writes the arguments of a query, and a row of what it gives.
func (w *golang) query(n *query.Named) {
	base := goName(n.Name)
	if len(n.Params) > 0 {
		columns := make([]column, len(n.Params))
		for i := range n.Params {
			columns[i] = *argument(&n.Params[i])
		}
		name := w.taken.free(base + "Args")
		w.line("\n// %s are the arguments of the query %s. What is zero where omitzero stands is left out.\ntype %s struct {", name, n.Name, name)
		for i, field := range goFields(&table{columns: columns}) {
			if c := &columns[i]; c.optional {
				w.line("%s %s `json:\"%s,omitzero\"`", field, w.pointer(c), c.Name)
			} else {
				w.line("%s %s `json:\"%s\"`", field, w.value(c), c.Name)
			}
		}
		w.line("}")
	}
	if n.Nothing() {
		return
	}
	name := w.taken.free(base + "Result")
	if n.Value {
		w.line("\n// %s is what the query %s gives; nil is null.\ntype %s = %s", name, n.Name, name, w.pointer(&column{Column: n.Result.Columns[0]}))
		return
	}
	columns := make([]column, len(n.Result.Columns))
	for i, c := range n.Result.Columns {
		columns[i] = column{Column: c}
	}
	w.line("\n// %s is a row of what the query %s gives.\ntype %s struct {", name, n.Name, name)
	for i, field := range goFields(&table{columns: columns}) {
		w.line("%s %s `json:\"%s\"`", field, w.pointer(&columns[i]), columns[i].Name)
	}
	w.line("}")
}
