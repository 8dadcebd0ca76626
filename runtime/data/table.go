package data

import (
	"fmt"
	"hash/fnv"
	"hash/maphash"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// maxAnswer is how many rows an answer has at most where the table does not
// say.
const maxAnswer = 1000

// table is one table with everything that was decided about it at build.
type table struct {
	schema  *query.Table
	rules   *access.TableRules
	columns []column // by query.Column.Index
	limit   int      // rows an answer
	policy  cache.Policy
	shared  bool // the read rule and the columns are the same for all callers

	service sight       // every row and column
	callers *projection // of all but the service role; nil where it depends on who
	timed   bool        // the read rule moves with the clock: nothing is remembered
	sights  sights

	retention *retention // nil: rows stay

	fingerprint uint64         // of the columns' types, for cache keys
	checks      []*fault.Fault // by rules.Checks
	denied      *fault.Fault   // the operation is granted to nobody
	rowPolicy   *fault.Fault   // a row that the rule refuses
}

// projection is a set of columns that a caller may read, ready to be selected.
type projection struct {
	set     query.ColumnSet
	columns []*query.Column
	outputs []query.Output
	shape   *query.JSONShape
}

func newTable(declared *manifest.Table, schema *query.Table, rules *access.TableRules, policy cache.Policy) (*table, error) {
	t := &table{
		schema: schema, rules: rules, policy: policy, limit: declared.Rows,
		denied: denied("table", schema.Name), rowPolicy: rowPolicy(schema.Name),
	}
	if t.limit <= 0 {
		t.limit = maxAnswer
	}
	if r := declared.Retention; r != nil {
		t.retention = &retention{schema: schema, column: schema.Column(r.Column), keep: r.Keep}
	}
	for _, c := range rules.Checks {
		t.checks = append(t.checks, checkFailed(schema.Name, c.Name))
	}
	t.fingerprint = fingerprint(schema)
	t.columns = make([]column, len(schema.Columns))
	for i := range schema.Columns {
		c, err := newColumn(schema, &rules.Columns[i])
		if err != nil {
			return nil, err
		}
		t.columns[i] = c
	}
	t.service.caller = &auth.Caller{Role: auth.Service, Claims: "{}"}
	t.service.visible = t.project(func(*column) bool { return true })
	fixed := true
	for i := range t.columns {
		fixed = fixed && query.IsBound(t.columns[i].rules.Read)
	}
	if fixed {
		t.callers = t.project(func(c *column) bool { return query.IsTrueExpr(c.rules.Read) })
	}
	t.shared = fixed && query.IsBound(rules.Read)
	t.timed = query.UsesNow(rules.Read)
	t.sights.seed = maphash.MakeSeed()
	return t, nil
}

// project makes the projection of the columns that may be read.
func (t *table) project(may func(*column) bool) *projection {
	p := &projection{}
	for i, c := range t.schema.Columns {
		if may(&t.columns[i]) {
			p.set.Add(c)
			p.columns = append(p.columns, c)
			p.outputs = append(p.outputs, query.Output{Name: c.Name, Expr: t.schema.Ref(c)})
		}
	}
	p.shape = query.NewJSONShape(p.outputs)
	return p
}

// fingerprint tells apart tables of one name whose columns mean different
// things, as before and after a reload.
func fingerprint(t *query.Table) uint64 {
	h := fnv.New64a()
	for _, c := range t.Columns {
		_, _ = fmt.Fprintf(h, "%s %d %d %d %d\n", c.Name, c.Type.Kind, c.Type.Scale, c.Type.Elem, c.Type.Dimensions) // a hash takes all
	}
	return h.Sum64()
}
