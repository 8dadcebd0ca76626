package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

const (
	modelBatches = 600 // the same at each run, as the seed is
	modelKeys    = 12
)

// model is what a table of items holds, as a map.
type model struct {
	items map[int64]ware
	next  int64 // key
}

type ware struct {
	code string // empty is null
	n    int64
}

func (m *model) clone() *model { return &model{maps.Clone(m.items), m.next} }

func (m *model) take(key int64) { m.next = max(m.next, key+1) }

func (m *model) byCode(code string) (int64, bool) {
	for key, item := range m.items {
		if code != "" && item.code == code {
			return key, true
		}
	}
	return 0, false
}

// put stores an item in the place of the one under from (0 for none), or tells
// the conflict.
func (m *model) put(from, key int64, item ware) string {
	if _, there := m.items[key]; there && key != from {
		return "23505"
	}
	if other, there := m.byCode(item.code); there && other != from {
		return "23505"
	}
	delete(m.items, from)
	m.items[key] = item
	m.take(key)
	return ""
}

// step is one write, as the model and as the store know it.
type step struct {
	write query.Write
	run   func(*model) (query.WriteResult, string)
}

// testModel has random batches done by the store and by a map: the same
// results, the same faults, the same rows, and a feed that leads to them.
func testModel(t *testing.T, s store.Store) {
	seed := uint64(number(t, SeedVariable, 1))
	r := rand.New(rand.NewPCG(seed, 3))
	f := open(t, s, stock())
	g := generator{f, r}
	m := &model{items: map[int64]ware{}, next: 1}
	start := f.position()
	for i := range number(t, CasesVariable, modelBatches) {
		name := fmt.Sprintf("seed %d, batch %d", seed, i)
		batch := query.Batch{Rollback: r.IntN(8) == 0}
		after, code := m.clone(), ""
		var want []query.WriteResult
		for range 1 + r.IntN(3) {
			step := g.step()
			batch.Writes = append(batch.Writes, step.write)
			if code != "" {
				continue
			}
			var did query.WriteResult
			did, code = step.run(after)
			want = append(want, did)
		}
		result, err := f.view.Apply(f.ctx(), batch)
		if code == "" && err != nil || code != "" && !fault.Is(err, code) {
			t.Fatalf("%s: %v, want fault %q", name, err, code)
		}
		if err == nil {
			for j := range want {
				sameResult(t, fmt.Sprintf("%s, write %d", name, j), result.Writes[j], want[j])
			}
			if !batch.Rollback {
				m = after
			}
		}
		if t.Failed() {
			return
		}
	}
	sameRows(t, "stored", f.all("items"), m.rows())
	sameRows(t, "as the feed tells", replayed(f, start), m.rows())
}

func (m *model) rows() []query.Row {
	var rows []query.Row
	for _, key := range slices.Sorted(maps.Keys(m.items)) {
		rows = append(rows, storedItem(key, m.items[key].code, m.items[key].n, ""))
	}
	return rows
}

func sameResult(t *testing.T, name string, got, want query.WriteResult) {
	t.Helper()
	if got.Affected != want.Affected || got.Inserted != want.Inserted {
		t.Errorf("%s: affected %d, inserted %d; want %d, %d", name, got.Affected, got.Inserted, want.Affected, want.Inserted)
	}
	if !slices.Equal(got.Keys, want.Keys) {
		t.Errorf("%s: keys %v, want %v", name, got.Keys, want.Keys)
	}
	sameRows(t, name, got.Rows, want.Rows)
}

// replayed is the table that all commits after a cursor lead to.
func replayed(f *fixture, after query.Cursor) []query.Row {
	f.Helper()
	rows := map[int64]query.Row{}
	for commits := f.changes(after); len(commits) > 0; commits = f.changes(after) {
		for _, commit := range commits {
			after = commit.Cursor
			for _, c := range commit.Changes {
				if c.Before != nil {
					delete(rows, f.decoded(c.Before)[0].N)
				}
				if c.After != nil {
					row := f.decoded(c.After)
					rows[row[0].N] = row
				}
			}
		}
	}
	var list []query.Row
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		list = append(list, rows[key])
	}
	return list
}

func (f *fixture) decoded(raw []byte) query.Row {
	f.Helper()
	row, err := query.DecodeRow(f.table("items"), raw)
	if err != nil {
		f.Fatal(err)
	}
	return row
}

// did notes a row that was written, as a result does.
func did(result *query.WriteResult, key int64, item ware) {
	result.Affected++
	result.Rows = append(result.Rows, storedItem(key, item.code, item.n, ""))
}

// proposed is a row to insert: its key, or the next one.
func (m *model) proposed(row query.Row) (int64, ware) {
	key := m.next
	if !row[0].IsNull() {
		key = row[0].N
	}
	return key, ware{row[1].S, row[2].N}
}

// upsert does one row of w by the rules of PostgreSQL. touched are the rows
// that the write has met already.
func (m *model) upsert(w *query.Write, row query.Row, touched map[int64]bool, result *query.WriteResult) string {
	key, item := m.proposed(row)
	there, found := m.byCode(item.code)
	if w.Conflict.Target[0].Name == "id" {
		there = key
		_, found = m.items[key]
	}
	switch {
	case !found:
		result.Inserted++
		result.Keys = append(result.Keys, query.Int(key))
		touched[key] = true
		did(result, key, item)
		return m.put(0, key, item)
	case w.Conflict.Ignore:
		result.Keys = append(result.Keys, query.Null())
		return ""
	case touched[there]:
		return "21000"
	}
	after, to := m.items[there], there
	for _, c := range w.Conflict.Columns {
		switch c.Name {
		case "id":
			if row[0].IsNull() {
				return "23502"
			}
			to = key
		case "code":
			after.code = item.code
		case "n":
			after.n = item.n
		}
	}
	touched[to] = true
	result.Keys = append(result.Keys, query.Int(to))
	did(result, to, after)
	return m.put(there, to, after)
}

// generator makes random writes.
type generator struct {
	f *fixture
	r *rand.Rand
}

func (g generator) step() step {
	switch n := g.r.IntN(10); {
	case n < 3:
		return g.insert()
	case n < 7:
		return g.upsert()
	case n < 9:
		return g.update()
	}
	return g.delete()
}

// rows are up to three, with and without keys and codes.
func (g generator) rows() []query.Row {
	rows := make([]query.Row, 1+g.r.IntN(3))
	for i := range rows {
		rows[i] = item(g.code(), g.r.Int64N(100))
		if g.r.IntN(3) == 0 {
			rows[i][0] = query.Int(1 + g.r.Int64N(2*modelKeys))
		}
	}
	return rows
}

func (g generator) code() string {
	if g.r.IntN(4) == 0 {
		return ""
	}
	return string(rune('a' + g.r.IntN(modelKeys)))
}

func (g generator) insert() step {
	w := g.f.insert("items", g.rows()...)
	return step{w, func(m *model) (result query.WriteResult, code string) {
		for _, row := range w.Rows {
			key, item := m.proposed(row)
			if code := m.put(0, key, item); code != "" {
				return result, code
			}
			result.Inserted++
			result.Keys = append(result.Keys, query.Int(key))
			did(&result, key, item)
		}
		return result, ""
	}}
}

func (g generator) upsert() step {
	w := g.f.insert("items", g.rows()...)
	w.Conflict = &query.Conflict{Target: columns(w.Table, "id"), Ignore: g.r.IntN(3) == 0}
	if g.r.IntN(2) == 0 {
		w.Conflict.Target = columns(w.Table, "code")
	}
	for _, name := range []string{"id", "code", "n"} {
		if !w.Conflict.Ignore && g.r.IntN(2) == 0 {
			w.Conflict.Columns = append(w.Conflict.Columns, w.Table.Column(name))
		}
	}
	return step{w, func(m *model) (result query.WriteResult, code string) {
		touched := map[int64]bool{}
		for _, row := range w.Rows {
			if code := m.upsert(&w, row, touched, &result); code != "" {
				return result, code
			}
		}
		return result, ""
	}}
}

// update gives the rows of a code, or all, another one, another key, or a
// number.
func (g generator) update() step {
	items := g.f.table("items")
	w := query.Write{Op: query.Update, Table: items, Returning: true}
	picked := ""
	if g.r.IntN(6) > 0 {
		picked = string(rune('a' + g.r.IntN(modelKeys)))
		w.Where = equal(items, "code", query.Text(picked))
	}
	code, key, n := g.code(), 1+g.r.Int64N(2*modelKeys), g.r.Int64N(100)
	what := g.r.IntN(3)
	switch what {
	case 0:
		w.Set = []query.Assignment{set(items, "code", &query.Literal{Value: item(code, 0)[1], Of: query.Type{Kind: query.KindText}})}
	case 1:
		w.Set = []query.Assignment{set(items, "id", query.NewLiteral(query.Int(key)))}
	default:
		w.Set = []query.Assignment{set(items, "n", query.NewLiteral(query.Int(n)))}
	}
	return step{w, func(m *model) (result query.WriteResult, fault string) {
		for _, from := range m.picked(picked) {
			to, item := from, m.items[from]
			switch what {
			case 0:
				item.code = code
			case 1:
				to = key
			default:
				item.n = n
			}
			if fault := m.put(from, to, item); fault != "" {
				return result, fault
			}
			did(&result, to, item)
		}
		return result, ""
	}}
}

func (g generator) delete() step {
	items := g.f.table("items")
	picked := string(rune('a' + g.r.IntN(modelKeys)))
	w := query.Write{Op: query.Delete, Table: items, Returning: true, Where: equal(items, "code", query.Text(picked))}
	return step{w, func(m *model) (result query.WriteResult, code string) {
		for _, key := range m.picked(picked) {
			did(&result, key, m.items[key])
			delete(m.items, key)
		}
		return result, ""
	}}
}

// picked are the keys of the items of a code, or of all.
func (m *model) picked(code string) []int64 {
	var keys []int64
	for key, item := range m.items {
		if code == "" || item.code == code {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
