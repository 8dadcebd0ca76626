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
	tables   map[string]*manifest.Table
	parser   *parser.Parser
	trees    map[string]*tree // by text
	placer   placer

	macros     map[string]*macro
	macroNames []string // in the manifest's order

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
		tables:   make(map[string]*manifest.Table, len(m.Tables)),
		parser:   newParser(),
		trees:    map[string]*tree{},
		placer:   placer{manifest: m},
		said:     map[string]bool{},
	}
	c.readMacros()
	rules := &Rules{
		Tables:   make(map[string]*TableRules, len(m.Tables)),
		Channels: make(map[string]*ChannelRules, len(m.Channels)),
	}
	for i := range m.Tables {
		declared := &m.Tables[i]
		c.tables[declared.Name] = declared
		if table := schema.Table(declared.Name); table != nil {
			rules.Tables[declared.Name] = c.table(declared, table)
		}
	}
	for i := range m.Channels {
		declared := &m.Channels[i]
		if table := schema.Table(declared.Table); table != nil {
			rules.Channels[declared.Name] = c.channel(declared, table)
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
		Table:  table,
		Read:   c.operation(access.Read, readScope(table), guards),
		Create: c.operation(access.Create, createScope(table), guards),
		Delete: c.operation(access.Delete, deleteScope(table), guards),
		Granted: Granted{
			Read:   grants(access.Read),
			Create: grants(access.Create),
			Update: grants(access.UpdateBefore) && grants(access.UpdateAfter),
			Delete: grants(access.Delete),
		},
	}
	if sameText(access) {
		rules.UpdateBefore = c.operation(access.UpdateBefore, bothScope(table), guards)
		rules.UpdateAfter = rules.UpdateBefore
	} else {
		rules.UpdateBefore = c.operation(access.UpdateBefore, beforeScope(table), guards)
		rules.UpdateAfter = c.operation(access.UpdateAfter, afterScope(table), guards)
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

// guards compiles a table's guards to one condition; nil for none.
func (c *compiler) guards(guards []manifest.Guard, table *query.Table) []query.Expr {
	var terms []query.Expr
	for _, guard := range guards {
		if guard.Declared {
			terms = append(terms, c.declared(guard.Condition, guardScope(table)))
		}
	}
	return terms
}

// operation is a condition of a table joined with its guards. A condition
// that was left out is false.
func (c *compiler) operation(condition manifest.Condition, s scope, guards []query.Expr) query.Expr {
	own := c.declared(condition, s)
	if len(guards) == 0 || !grants(condition) {
		return own
	}
	terms := make([]query.Expr, 0, len(guards)+1)
	terms = append(append(terms, own), guards...)
	return query.Conjunction(terms...)
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
