package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// evolutions is how many random migrations follow one another.
const evolutions = 60

// stage is a schema on its way, with the rows that must be in it. Keys are
// texts.
type stage struct {
	tables []stageTable
	named  int // names are never used twice
}

type stageTable struct {
	name, was string
	columns   []stageColumn
	index     bool
	rows      map[string][]query.Value
}

type stageColumn struct {
	name, was, ref string
	of             query.Type
	required       bool
	fill           string
}

var stageTypes = []query.Type{
	{Kind: query.KindText},
	{Kind: query.KindText},
	{Kind: query.KindInt},
	{Kind: query.KindFloat},
	{Kind: query.KindBool},
	{Kind: query.KindDate},
	{Kind: query.KindTimestamp},
	{Kind: query.KindJSON},
	{Kind: query.KindDecimal, Scale: 1},
	{Kind: query.KindDecimal, Scale: 3},
	{Kind: query.KindList, Elem: query.KindInt},
}

// stageTexts are read as the types, where they are values of them.
var stageTexts = []string{"1", "0", "12", "-3", "1.5", "0.125", "true", "false", "2024-02-29", "2024-02-29T00:00:00Z", "2024-02-29T10:00:00.5Z", "[1,2]", "[]", "x"}

// testMigrationRandom: whatever a migration is made of, it is carried out whole,
// with every row and value that it does not name in removed, or it changes
// nothing; and which of both can be told from the rows.
func testMigrationRandom(t *testing.T, s store.Store) {
	seed, steps := uint64(number(t, SeedVariable, 20240229)), number(t, CasesVariable, evolutions)
	r := rand.New(rand.NewPCG(seed, seed)) // the same at every run
	f := &fixture{T: t, store: s}
	now := stage{}
	f.open(&now)
	done := 0
	for step := range steps {
		now.grow(r, f)
		next, removed := now.evolve(r)
		want, fits := now.carry(&next, removed)
		have, err := s.Inspect(f.ctx())
		if err != nil {
			t.Fatal(err)
		}
		err = s.Migrate(f.ctx(), plan.Diff(have, next.schema(), removed))
		if (err == nil) != fits {
			t.Fatalf("step %d: %+v -> %+v (removed %v): %v, but it fits: %t", step, now, next, removed, err, fits)
		}
		if err == nil {
			done++
			now = want
		}
		f.open(&now)
		now.verify(f, step)
	}
	if done < steps/4 || done > steps*19/20 {
		t.Errorf("%d of %d migrations were carried out: that proves too little", done, steps)
	}
}

func (g *stage) name(prefix string) string { g.named++; return fmt.Sprintf("%s%d", prefix, g.named) }

func (g *stage) table(name string) *stageTable {
	i := slices.IndexFunc(g.tables, func(t stageTable) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return &g.tables[i]
}

// query is the schema as views have it.
func (g *stage) query() *query.Schema {
	var tables []*query.Table
	for i := range g.tables {
		t := &g.tables[i]
		columns := []*query.Column{required("id", query.KindText)}
		for _, c := range t.columns {
			column := &query.Column{Name: c.name, Type: c.of, Required: c.required}
			if c.ref != "" {
				column.Ref = &query.Ref{Table: c.ref}
			}
			columns = append(columns, column)
		}
		made := query.NewTable(t.name, columns, nil)
		if t.index && len(columns) > 1 {
			made.Indexes = []*query.Index{{Name: "first", Columns: columns[1:2]}}
		}
		tables = append(tables, made)
	}
	return query.NewSchema(tables)
}

// schema is the same for a plan.
func (g *stage) schema() plan.Schema {
	schema := plan.FromQuery(g.query())
	for i := range g.tables {
		t := &g.tables[i]
		schema.Tables[i].Was = t.was
		for j, c := range t.columns {
			schema.Tables[i].Columns[j+1].Was, schema.Tables[i].Columns[j+1].Fill = c.was, c.fill
		}
	}
	return schema
}

func (f *fixture) open(g *stage) {
	f.Helper()
	f.reopen(g.query())
}

// grow adds rows.
func (g *stage) grow(r *rand.Rand, f *fixture) {
	for i := range g.tables {
		t := &g.tables[i]
		for range r.IntN(3) {
			key := g.name("k")
			row := query.Row{query.Text(key)}
			for _, c := range t.columns {
				row = append(row, g.value(r, &c))
			}
			f.apply(f.insert(t.name, row))
			t.rows[key] = row[1:]
		}
	}
}

// value is one that the column takes; a ref is to a row that is there.
func (g *stage) value(r *rand.Rand, c *stageColumn) query.Value {
	if !c.required && r.IntN(6) == 0 {
		return query.Null()
	}
	if c.ref != "" {
		for key := range g.table(c.ref).rows {
			return query.Text(key)
		}
		return query.Null()
	}
	for {
		text := stageTexts[r.IntN(len(stageTexts))]
		if v, ok := plan.Convert(query.Text(text), query.Type{Kind: query.KindText}, c.of); ok {
			return v
		}
	}
}

// evolve changes a few things, and names most of what goes.
func (g *stage) evolve(r *rand.Rand) (stage, []string) {
	next := stage{named: g.named}
	for _, t := range g.tables {
		t.was, t.rows, t.columns = "", nil, slices.Clone(t.columns)
		for i := range t.columns {
			t.columns[i].was, t.columns[i].fill = "", ""
		}
		next.tables = append(next.tables, t)
	}
	var removed []string
	for range 1 + r.IntN(3) {
		if len(next.tables) == 0 || len(next.tables) < 4 && r.IntN(6) == 0 {
			next.tables = append(next.tables, stageTable{name: next.name("t"), columns: []stageColumn{{name: next.name("c"), of: stageTypes[r.IntN(len(stageTypes))]}}})
			continue
		}
		t := &next.tables[r.IntN(len(next.tables))]
		old := t.name
		if t.was != "" {
			old = t.was
		}
		switch r.IntN(9) {
		case 0:
			next.renameTable(t, g)
		case 1:
			t.index = !t.index
		case 2:
			if gone := next.drop(t); gone && r.IntN(5) > 0 {
				removed = append(removed, old)
			}
		case 3:
			t.columns = append(t.columns, next.column(r))
		default:
			if path := next.change(r, g, t); path != "" && r.IntN(5) > 0 {
				removed = append(removed, path)
			}
		}
	}
	g.named = next.named
	return next, removed
}

func (g *stage) renameTable(t *stageTable, before *stage) {
	if before.table(t.name) == nil || t.was != "" {
		return
	}
	from := t.name
	t.was, t.name = from, g.name("t")
	for i := range g.tables {
		for j := range g.tables[i].columns {
			if c := &g.tables[i].columns[j]; c.ref == from {
				c.ref = t.name
			}
		}
	}
}

// drop removes a table that nothing points at.
func (g *stage) drop(t *stageTable) bool {
	name := t.name
	for i := range g.tables {
		if slices.ContainsFunc(g.tables[i].columns, func(c stageColumn) bool { return c.ref == name }) {
			return false
		}
	}
	g.tables = slices.DeleteFunc(g.tables, func(t stageTable) bool { return t.name == name })
	return true
}

// column is a new one, filled where it is never null.
func (g *stage) column(r *rand.Rand) stageColumn {
	c := stageColumn{name: g.name("c"), of: stageTypes[r.IntN(len(stageTypes))]}
	if c.required = r.IntN(3) == 0; c.required {
		c.fill = string(query.AppendJSON(nil, g.value(r, &c)))
	}
	return c
}

// change is of one column; it gives the path of one that goes.
func (g *stage) change(r *rand.Rand, before *stage, t *stageTable) string {
	if len(t.columns) == 0 {
		return ""
	}
	at := r.IntN(len(t.columns))
	c := &t.columns[at]
	old := before.table(t.name)
	if t.was != "" {
		old = before.table(t.was)
	}
	isNew := old == nil || !slices.ContainsFunc(old.columns, func(o stageColumn) bool { return o.name == c.name })
	if isNew {
		return ""
	}
	switch r.IntN(7) {
	case 0:
		c.was, c.name = c.name, g.name("c")
	case 1:
		path := t.name + "." + c.name
		t.columns = slices.Delete(t.columns, at, at+1)
		return path
	case 2:
		if c.required = !c.required; c.required && c.ref == "" && r.IntN(2) == 0 {
			c.fill = string(query.AppendJSON(nil, g.value(r, c)))
		}
	case 3:
		switch {
		case c.ref != "":
			c.ref = ""
		case c.of.Kind == query.KindText && !c.required:
			c.ref = g.tables[r.IntN(len(g.tables))].name
		}
	default:
		if c.ref == "" && c.fill == "" {
			c.of = stageTypes[r.IntN(len(stageTypes))]
		}
	}
	return ""
}

// carry gives next with the rows that it must have, and whether they fit.
func (g *stage) carry(next *stage, removed []string) (stage, bool) {
	out := stage{named: next.named, tables: slices.Clone(next.tables)}
	fits := true
	kept := map[string]bool{}
	for i := range out.tables {
		t := &out.tables[i]
		t.rows = map[string][]query.Value{}
		old := g.table(t.name)
		if t.was != "" {
			old = g.table(t.was)
		}
		if old != nil {
			kept[old.name] = true
			fits = old.into(t, removed) && fits
		}
	}
	for i := range g.tables {
		fits = fits && (kept[g.tables[i].name] || slices.Contains(removed, g.tables[i].name))
	}
	for i := range out.tables {
		t := &out.tables[i]
		for j, c := range t.columns {
			for _, row := range t.rows {
				if c.ref != "" && !row[j].IsNull() && out.table(c.ref).rows[row[j].S] == nil {
					fits = false
				}
			}
		}
	}
	return out, fits
}

// into fills a table with the rows of the one that it was.
func (t *stageTable) into(next *stageTable, removed []string) bool {
	fits := true
	for key := range t.rows {
		next.rows[key] = make([]query.Value, len(next.columns))
	}
	from := map[string]bool{}
	for j, c := range next.columns {
		name := c.name
		if c.was != "" {
			name = c.was
		}
		at := slices.IndexFunc(t.columns, func(o stageColumn) bool { return o.name == name })
		from[name] = true
		fill := query.Null()
		if c.fill != "" {
			fill, _ = query.DecodeJSON(c.of, []byte(c.fill))
		}
		for key, row := range t.rows {
			v, ok := query.Null(), true
			if at >= 0 {
				v, ok = plan.Convert(row[at], t.columns[at].of, c.of)
				ok = ok && (plan.Converts(t.columns[at].of, c.of) != plan.ConvertsNone)
			}
			if v.IsNull() && c.required {
				v = fill
			}
			fits = fits && ok && (!c.required || !v.IsNull())
			next.rows[key][j] = v
		}
	}
	for _, c := range t.columns {
		fits = fits && (from[c.name] || slices.Contains(removed, next.name+"."+c.name) || slices.Contains(removed, t.name+"."+c.name))
	}
	return fits
}

// verify compares the database with the stage.
func (g *stage) verify(f *fixture, step int) {
	f.Helper()
	have, err := f.store.Inspect(f.ctx())
	if err != nil {
		f.Fatal(err)
	}
	want := plan.FromQuery(g.query())
	if p := plan.Diff(have, want, nil); !p.Empty() {
		f.Fatalf("step %d: the schema is another: %+v", step, p.Steps)
	}
	if found, err := f.store.Drift(f.ctx()); err != nil || len(found) > 0 {
		f.Fatalf("step %d: what is recorded is not what is there: %+v, %v", step, found, err)
	}
	for i := range g.tables {
		t := &g.tables[i]
		rows := f.all(t.name)
		if len(rows) != len(t.rows) {
			f.Fatalf("step %d: table %s has %d rows, want %d", step, t.name, len(rows), len(t.rows))
		}
		for _, row := range rows {
			values := t.rows[row[0].S]
			for j, v := range row[1:] {
				if v != values[j] {
					f.Fatalf("step %d: %s.%s of row %s is %+v, want %+v", step, t.name, t.columns[j].name, row[0].S, v, values[j])
				}
			}
		}
	}
}
