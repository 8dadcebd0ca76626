package data_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// record is a row as Go sees it: nil is null, numbers are int.
type record map[string]any

// judged is what a rule says of a row for a caller, in Go.
type judged func(w *world, row record, caller *auth.Caller) query.Truth

// worldTable is a table of a random manifest, with its rule in Go and its rows.
type worldTable struct {
	name    string
	columns []manifest.Column
	edge    *manifest.Edge
	cached  bool
	granted bool
	text    string // of the read rule
	read    judged
	guard   string // "" for none
	guarded judged
	rows    []record
}

func (t *worldTable) column(name string) *manifest.Column {
	for i := range t.columns {
		if t.columns[i].Name == name {
			return &t.columns[i]
		}
	}
	return nil
}

// refs are the table's references to another.
func (t *worldTable) refs() []manifest.Column {
	var found []manifest.Column
	for _, c := range t.columns {
		if c.Type == "ref" {
			found = append(found, c)
		}
	}
	return found
}

// world is a random manifest with random rows.
type world struct {
	*rand.Rand
	tables []*worldTable
}

func (w *world) table(name string) *worldTable {
	for _, t := range w.tables {
		if t.name == name {
			return t
		}
	}
	return nil
}

func (w *world) one(n int) bool { return w.IntN(n) == 0 }

func oneOf[T any](w *world, list ...T) T { return list[w.IntN(len(list))] }

// The values that a random row has. There are few, so that rows meet.
var worldTexts = []string{"red", "red fox", "blue", "Blue fox", ""}

// newWorld makes a manifest of tables that refer to one another.
func newWorld(chance *rand.Rand) *world {
	w := &world{Rand: chance}
	users := &worldTable{name: "users", columns: []manifest.Column{{Name: "email", Type: "text", BuiltIn: true}}}
	w.tables = []*worldTable{users}
	n := 2 + w.IntN(3)
	for i := range n {
		w.tables = append(w.tables, &worldTable{name: "t" + strconv.Itoa(i)})
	}
	for _, t := range w.tables[1:] {
		t.columns = []manifest.Column{
			{Name: "n", Type: "int"},
			{Name: "s", Type: "text"},
			{Name: "b", Type: "bool"},
			{Name: "j", Type: "json"},
			{Name: "spot", Type: "vector", Dimensions: 2},
			{Name: "owner", Type: "ref", Table: "users", OnDelete: "cascade"},
			{Name: "w", Type: "int"}, // no rule looks at it: writes set it
		}
		for i := range 1 + w.IntN(2) {
			t.columns = append(t.columns, manifest.Column{Name: "r" + strconv.Itoa(i), Type: "ref", Table: oneOf(w, w.tables[1:]...).name, OnDelete: "cascade"})
		}
		w.Shuffle(len(t.columns), func(i, j int) { t.columns[i], t.columns[j] = t.columns[j], t.columns[i] })
	}
	if !w.one(3) {
		w.tables = append(w.tables, &worldTable{
			name: "e0", edge: &manifest.Edge{From: "a", To: "z"},
			columns: []manifest.Column{
				{Name: "a", Type: "ref", Table: oneOf(w, w.tables[1:]...).name, OnDelete: "cascade"},
				{Name: "n", Type: "int"},
				{Name: "w", Type: "int"},
				{Name: "z", Type: "ref", Table: oneOf(w, w.tables[1:]...).name, OnDelete: "cascade"},
			},
		})
	}
	for _, t := range w.tables {
		t.cached = w.one(2)
		if t.granted = !w.one(8); t.granted {
			t.text, t.read = w.rule(t, 2)
		}
		if w.one(6) {
			t.guard, t.guarded = w.rule(t, 1)
		}
		for i := range t.columns {
			if w.one(6) && t.columns[i].Name != "w" {
				t.columns[i].Access.Read = oneOf(w, never(), rule(isStaff), rule("auth.role == 'authenticated'"))
			}
		}
	}
	w.fill()
	return w
}

// fill makes the rows; those of every table lead to each other.
func (w *world) fill() {
	w.tables[0].rows = []record{{"id": annID, "email": "ann@example.com"}, {"id": bobID, "email": "bob@example.com"}}
	for _, t := range w.tables[1:] {
		n := 3 + w.IntN(8)
		if t.edge != nil {
			n *= 4
		}
		for id := 1; id <= n; id++ {
			row := record{"id": id}
			for _, c := range t.columns {
				row[c.Name] = w.value(&c)
			}
			t.rows = append(t.rows, row)
		}
	}
	for _, t := range w.tables[1:] { // what they lead to is known now
		for _, row := range t.rows {
			for _, c := range t.refs() {
				if c.Table != "users" && !w.one(6) {
					row[c.Name] = 1 + w.IntN(len(w.table(c.Table).rows))
				}
			}
		}
	}
}

func (w *world) value(c *manifest.Column) any {
	if w.one(6) || c.Type == "ref" && c.Table != "users" {
		return nil
	}
	switch c.Type {
	case "int":
		return w.IntN(4)
	case "text":
		return oneOf(w, worldTexts...)
	case "bool":
		return w.one(2)
	case "json":
		return map[string]any{"k": w.IntN(3), "t": oneOf(w, worldTexts...)}
	case "vector":
		return []int{1 + w.IntN(3), w.IntN(3)}
	}
	return oneOf(w, annID, bobID)
}

// rule makes a rule of a table, as text and in Go.
func (w *world) rule(t *worldTable, depth int) (string, judged) {
	if depth > 0 && !w.one(3) {
		a, f := w.rule(t, depth-1)
		switch w.IntN(5) {
		case 0:
			return "!(" + a + ")", func(w *world, row record, caller *auth.Caller) query.Truth {
				return f(w, row, caller).Not()
			}
		case 1, 2:
			b, g := w.rule(t, depth-1)
			return "(" + a + ") && (" + b + ")", func(w *world, row record, caller *auth.Caller) query.Truth {
				return min(f(w, row, caller), g(w, row, caller))
			}
		default:
			b, g := w.rule(t, depth-1)
			return "(" + a + ") || (" + b + ")", func(w *world, row record, caller *auth.Caller) query.Truth {
				return max(f(w, row, caller), g(w, row, caller))
			}
		}
	}
	switch w.IntN(8) {
	case 0:
		return "auth.role == 'authenticated'", func(_ *world, _ record, caller *auth.Caller) query.Truth {
			return truth(caller.Role == auth.Authenticated)
		}
	case 1:
		return isStaff, func(_ *world, _ record, caller *auth.Caller) query.Truth {
			if caller != staff {
				return query.Unknown // a missing claim is null
			}
			return query.True
		}
	case 2, 3:
		return w.exists(t)
	}
	path, at := w.path(t)
	text, f := w.about(path, at[len(at)-1])
	return text, func(w *world, row record, caller *auth.Caller) query.Truth { return f(w.follow(row, at), caller) }
}

// path is a column of the row at hand, or one that its references lead to.
func (w *world) path(t *worldTable) (string, []manifest.Column) {
	var names []string
	var at []manifest.Column
	for step := 0; ; step++ {
		if refs := t.refs(); len(refs) > 0 && step < 2 && w.one(3) {
			c := oneOf(w, refs...)
			names, at, t = append(names, c.Name), append(at, c), w.table(c.Table)
			continue
		}
		var plain []manifest.Column
		for _, c := range t.columns {
			if c.Type != "json" && c.Type != "vector" && c.Name != "w" {
				plain = append(plain, c)
			}
		}
		c := oneOf(w, plain...)
		return strings.Join(append(names, c.Name), "."), append(at, c)
	}
}

// follow is the value at the end of a path, null where it leads nowhere.
func (w *world) follow(row record, at []manifest.Column) any {
	for _, c := range at[:len(at)-1] {
		row = w.table(c.Table).byKey(row[c.Name])
		if row == nil {
			return nil
		}
	}
	return row[at[len(at)-1].Name]
}

func (t *worldTable) byKey(key any) record {
	for _, row := range t.rows {
		if key != nil && row["id"] == key {
			return row
		}
	}
	return nil
}

// about is a condition on one value.
func (w *world) about(name string, c manifest.Column) (string, func(v any, caller *auth.Caller) query.Truth) {
	if w.one(5) {
		if w.one(2) {
			return name + " == null", func(v any, _ *auth.Caller) query.Truth { return truth(v == nil) }
		}
		return name + " != null", func(v any, _ *auth.Caller) query.Truth { return truth(v != nil) }
	}
	known := func(test func(v any) bool) func(any, *auth.Caller) query.Truth {
		return func(v any, _ *auth.Caller) query.Truth {
			if v == nil {
				return query.Unknown
			}
			return truth(test(v))
		}
	}
	switch {
	case c.Type == "ref" && c.Table == "users":
		return name + " == auth.uid", func(v any, caller *auth.Caller) query.Truth {
			if v == nil || caller.UID == "" {
				return query.Unknown
			}
			return truth(v == caller.UID)
		}
	case c.Type == "int" || c.Type == "ref":
		k := w.IntN(4)
		if c.Type == "ref" || w.one(2) {
			return fmt.Sprintf("%s != %d", name, k), known(func(v any) bool { return v != k })
		}
		return fmt.Sprintf("%s < %d", name, k), known(func(v any) bool { return v.(int) < k })
	case c.Type == "bool":
		return name + " == true", known(func(v any) bool { return v == true })
	}
	k := oneOf(w, worldTexts...)
	if w.one(2) {
		return fmt.Sprintf("%s == '%s'", name, k), known(func(v any) bool { return v == k })
	}
	return fmt.Sprintf("%s in ['%s', 'blue']", name, k), known(func(v any) bool { return v == k || v == "blue" })
}

// exists asks another table for a row that has to do with the one at hand.
func (w *world) exists(t *worldTable) (string, judged) {
	other := oneOf(w, w.tables...)
	path, at := w.path(other)
	text, f := w.about("m."+path, at[len(at)-1])
	join := ""
	meets := func(_, _ record) bool { return true }
	for _, c := range other.refs() {
		if c.Table == t.name {
			join = "m." + c.Name + " == id && "
			meets = func(row, m record) bool { return m[c.Name] != nil && m[c.Name] == row["id"] }
		}
	}
	if join == "" && other.column("n") != nil && t.column("n") != nil {
		join = "m.n == n && "
		meets = func(row, m record) bool { return m["n"] != nil && m["n"] == row["n"] }
	}
	return "tables." + other.name + ".exists(m, " + join + text + ")", func(w *world, row record, caller *auth.Caller) query.Truth {
		for _, m := range other.rows {
			if meets(row, m) && f(w.follow(m, at), caller) == query.True {
				return query.True
			}
		}
		return query.False
	}
}

func truth(b bool) query.Truth {
	if b {
		return query.True
	}
	return query.False
}

// sees reports whether the caller may read a row, and a column.
func (w *world) sees(t *worldTable, row record, caller *auth.Caller) bool {
	return t.granted && t.read(w, row, caller) == query.True && (t.guard == "" || t.guarded(w, row, caller) == query.True)
}

func seesColumn(c *manifest.Column, caller *auth.Caller) bool {
	switch c.Access.Read {
	case manifest.Condition{}:
		return true
	case never():
		return false
	case rule(isStaff):
		return caller == staff
	}
	return caller.Role == auth.Authenticated
}

// manifest is the world's manifest.
func (w *world) manifest() *manifest.Manifest {
	m := &manifest.Manifest{Name: "world", Cache: manifest.Cache{Policies: []manifest.Policy{{Name: "minute", TTL: time.Minute}}}}
	for _, t := range w.tables {
		table := manifest.Table{Name: t.name, Key: manifest.Key{Type: "int"}, Columns: slices.Clone(t.columns), Edge: t.edge, Access: writable()}
		if t.name == "users" {
			table.Key.Type, table.Access = "uuid", manifest.Access{}
		}
		if t.cached {
			table.Cache = "minute"
		}
		if t.granted {
			table.Access.Read = t.condition()
		}
		if t.guard != "" {
			table.Access.Guards = []manifest.Guard{{Name: "g", Condition: rule(t.guard)}}
		}
		table.Indexes = t.indexes()
		m.Tables = append(m.Tables, table)
	}
	return m
}

// condition is the read rule; without a text it is true.
func (t *worldTable) condition() manifest.Condition {
	if t.text == "" {
		return always()
	}
	return rule(t.text)
}

// writable lets everybody with an account write what he may read.
func writable() manifest.Access {
	all := rule("auth.role == 'authenticated'")
	return manifest.Access{Create: all, UpdateBefore: all, UpdateAfter: all, Delete: all}
}

// indexes are those over columns that are there.
func (t *worldTable) indexes() []manifest.Index {
	var list []manifest.Index
	if t.column("s") != nil {
		list = append(list, manifest.Index{Name: "words", Kind: "fulltext", Columns: []string{"s"}})
	}
	if t.column("spot") != nil {
		list = append(list, manifest.Index{Name: "near", Kind: "vector", Columns: []string{"spot"}})
	}
	return list
}

// seenBy is a world that holds only what a caller may read, and nothing else.
func (w *world) seenBy(caller *auth.Caller) *world {
	seen := &world{}
	for _, t := range w.tables {
		left := &worldTable{name: t.name, cached: t.cached, granted: t.granted, text: "", edge: t.edge}
		for _, c := range t.columns {
			if seesColumn(&c, caller) {
				c.Access = manifest.ColumnAccess{}
				left.columns = append(left.columns, c)
			}
		}
		if t.edge != nil && (left.column(t.edge.From) == nil || left.column(t.edge.To) == nil) {
			left.edge = nil
		}
		for _, row := range t.rows {
			if w.sees(t, row, caller) {
				left.rows = append(left.rows, row)
			}
		}
		seen.tables = append(seen.tables, left)
	}
	return seen
}

// body is rows as a request would send them.
func (t *worldTable) body() string {
	rows := make([]record, len(t.rows))
	for i, row := range t.rows {
		rows[i] = record{"id": row["id"]}
		for _, c := range t.columns {
			rows[i][c.Name] = row[c.Name]
		}
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
