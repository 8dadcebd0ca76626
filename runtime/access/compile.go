package access

import (
	"cel.dev/cel-go/parser"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// compiler is the state of one compilation.
type compiler struct {
	manifest *manifest.Manifest
	schema   *query.Schema
	tables   map[string]*manifest.Table
	parser   *parser.Parser
	trees    map[string]*tree // by text
	placer   placer

	macros     map[string]*macro
	macroNames []string // in the manifest's order
	claims     map[string]*claim
	claimNames []string

	faults fault.List
	said   map[string]bool
}

// Compile compiles everything that m says in CEL against the schema that was
// declared from it, and sets the schema's index conditions. All faults come at
// once, in the order of the source; Rules is nil when there is any. It is the
// last step that writes to the schema.
func Compile(m *manifest.Manifest, schema *query.Schema) (*Rules, fault.List) {
	c := &compiler{
		manifest: m,
		schema:   schema,
		tables:   make(map[string]*manifest.Table, len(m.Tables)),
		parser:   newParser(),
		trees:    map[string]*tree{},
		placer:   placer{manifest: m},
		said:     map[string]bool{},
	}
	for i := range m.Tables {
		c.tables[m.Tables[i].Name] = &m.Tables[i]
	}
	c.readClaims()
	c.readMacros()
	rules := &Rules{
		Tables:    make(map[string]*TableRules, len(m.Tables)),
		Channels:  make(map[string]*ChannelRules, len(m.Channels)),
		Queries:   make(map[string]*QueryRules, len(m.Queries)),
		Functions: make(map[string]*FunctionRules, len(m.Functions)),

		Middleware: make(map[string]*MiddlewareRules, len(m.Middleware)),
	}
	for i := range m.Tables {
		declared := &m.Tables[i]
		if table := schema.Table(declared.Name); table != nil {
			rules.Tables[declared.Name] = c.table(declared, table)
		}
	}
	for i := range m.Channels {
		declared := &m.Channels[i]
		if declared.Broadcast {
			rules.Channels[declared.Name] = c.broadcast(declared)
		} else if table := schema.Table(declared.Table); table != nil {
			rules.Channels[declared.Name] = c.channel(declared, table)
		}
	}
	for i := range m.Queries {
		if n := schema.Query(m.Queries[i].Name); n != nil {
			rules.Queries[n.Name] = c.query(&m.Queries[i], n)
		}
	}
	for i := range m.Functions {
		rules.Functions[m.Functions[i].Name] = c.function(&m.Functions[i])
	}
	for i := range m.Middleware {
		if declared := &m.Middleware[i]; declared.Access.Declared {
			rules.Middleware[declared.Name] = c.middleware(declared)
		}
	}
	if len(c.faults) > 0 {
		c.faults.Sort()
		return nil, c.faults
	}
	return rules, nil
}

// table compiles one table: its operations, guards, checks, columns and index
// conditions.
func (c *compiler) table(declared *manifest.Table, table *query.Table) *TableRules {
	access := &declared.Access
	guards := c.guards(access.Guards, table)
	rules := &TableRules{
		Table: table,
		Granted: Granted{
			Read:   grants(access.Read),
			Create: grants(access.Create),
			Update: grants(access.UpdateBefore) && grants(access.UpdateAfter),
			Delete: grants(access.Delete),
		},
	}
	clauses := &rules.Clauses
	rules.Read, clauses.Read = c.operation("read", access.Read, readScope(table), guards)
	rules.Create, clauses.Create = c.operation("create", access.Create, createScope(table), guards)
	rules.Delete, clauses.Delete = c.operation("delete", access.Delete, deleteScope(table), guards)
	if sameText(access) {
		rules.UpdateBefore, clauses.UpdateBefore = c.operation("update", access.UpdateBefore, bothScope(table), guards)
		rules.UpdateAfter, clauses.UpdateAfter = rules.UpdateBefore, clauses.UpdateBefore
	} else {
		rules.UpdateBefore, clauses.UpdateBefore = c.operation("update.before", access.UpdateBefore, beforeScope(table), guards)
		rules.UpdateAfter, clauses.UpdateAfter = c.operation("update.after", access.UpdateAfter, afterScope(table), guards)
	}

	for i := range declared.Checks {
		check := &declared.Checks[i]
		cond := c.condition(source{check.Text, check.Path}, checkScope(table))
		rules.Checks = append(rules.Checks, Check{Name: table.Name + "_" + check.Name + "_check", Cond: cond})
	}
	rules.Columns = c.columns(declared, table)
	c.indexes(declared, table)
	return rules
}

// grants tells whether a condition lets anyone but the service role in.
func grants(condition manifest.Condition) bool {
	return condition.Declared && (condition.Always || condition.Text != "")
}

// guards compiles a table's guards; none for none.
func (c *compiler) guards(guards []manifest.Guard, table *query.Table) []Clause {
	var clauses []Clause
	for _, guard := range guards {
		if guard.Declared {
			clauses = append(clauses, Clause{"access.guards." + guard.Name, guard.Path, c.declared(guard.Condition, guardScope(table))})
		}
	}
	return clauses
}

// operation is a condition of a table joined with its guards, and what it is
// joined from. A condition that was left out is false.
func (c *compiler) operation(name string, condition manifest.Condition, s scope, guards []Clause) (query.Expr, []Clause) {
	own := c.declared(condition, s)
	clauses := append([]Clause{{"access." + name, condition.Path, own}}, guards...)
	if len(guards) == 0 || !grants(condition) {
		return own, clauses
	}
	terms := make([]query.Expr, len(clauses))
	for i := range clauses {
		terms[i] = clauses[i].Cond
	}
	return query.Conjunction(terms...), clauses
}

// declared compiles a condition as it was written.
func (c *compiler) declared(condition manifest.Condition, s scope) query.Expr {
	switch {
	case condition.Declared && condition.Always:
		return query.TrueExpr()
	case condition.Declared && condition.Text != "":
		return c.condition(source{condition.Text, condition.Path}, s)
	}
	return query.FalseExpr()
}

// columnCondition is nil for a condition that was left out: it adds nothing.
func (c *compiler) columnCondition(condition manifest.Condition, s scope) query.Expr {
	if !condition.Declared {
		return nil
	}
	return c.declared(condition, s)
}

// channel compiles one channel.
func (c *compiler) channel(declared *manifest.Channel, table *query.Table) *ChannelRules {
	rules := &ChannelRules{Channel: declared, Table: table, Filter: query.TrueExpr(), Access: query.TrueExpr()}
	if declared.Filter != "" {
		rules.Filter = c.condition(source{declared.Filter, declared.Path + ".filter"}, filterScope(table))
	}
	if declared.Access.Declared {
		rules.Access = c.declared(declared.Access, channelScope())
	}
	return rules
}

// broadcast compiles a channel that is about no table.
func (c *compiler) broadcast(declared *manifest.Channel) *ChannelRules {
	return &ChannelRules{
		Channel: declared, Filter: query.TrueExpr(),
		Access: c.declared(declared.Access, broadcastScope("read")),
		Send:   c.declared(declared.Send, broadcastScope("send")),
	}
}

// indexes sets the conditions of partial indexes.
func (c *compiler) indexes(declared *manifest.Table, table *query.Table) {
	for i := range declared.Indexes {
		index := &declared.Indexes[i]
		if index.Where == "" {
			continue
		}
		cond := c.condition(source{index.Where, index.Path + ".where"}, whereScope(table))
		for _, known := range table.Indexes {
			if known.Name == index.Name {
				known.Where = cond
			}
		}
	}
}

func literal(b bool) query.Expr {
	if b {
		return query.TrueExpr()
	}
	return query.FalseExpr()
}
