package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
	"github.com/edge-hive/edge-hive/runtime/store"
)

const (
	keyedCases = 400
	keyedKeys  = 12
)

// keyed makes writes that name one row by its key, and knows what they do.
type keyed struct {
	*fixture
	g      *querytest.Generator
	r      *rand.Rand
	pool   []query.Row // as they are stored
	rows   map[int64]query.Row
	events []string // what the feed must tell
}

// testByKey has random writes that name one row by its key, with conditions and
// checks of all kinds, done by the store and by query.Holds: the same outcome, the
// same row, and a feed that tells just what was done.
func testByKey(t *testing.T, s store.Store) {
	seed := uint64(number(t, SeedVariable, 1))
	g := querytest.New(seed)
	k := &keyed{fixture: open(t, s, query.NewSchema([]*query.Table{g.Table})), g: g, r: rand.New(rand.NewPCG(seed, 7)), rows: map[int64]query.Row{}}
	k.apply(query.Write{Op: query.Insert, Table: g.Table, Rows: g.Rows(agreementRows)})
	k.pool = k.all("things")
	if len(k.pool) != agreementRows {
		t.Fatalf("%d rows, want %d", len(k.pool), agreementRows)
	}
	for _, row := range k.pool[:keyedKeys] {
		k.rows[row[0].N] = row
	}
	k.apply(query.Write{Op: query.Delete, Table: g.Table, Where: &query.Compare{
		Op: query.Greater, Left: columnOf(g.Table, "id"), Right: query.NewLiteral(query.Int(keyedKeys)),
	}})
	start, outcomes := k.position(), map[string]int{}
	for i := range number(t, CasesVariable, keyedCases) {
		w := k.write(i)
		want, after := k.foretell(&w)
		version := k.version("things")
		result, err := k.view.Apply(k.ctx(), query.Batch{Writes: []query.Write{w}})
		name := fmt.Sprintf("seed %d, case %d: %s", seed, i, shownWrite(&w))
		if got := outcomeOf(result, err); got != want {
			t.Fatalf("%s\ngave %q (%v), want %q", name, got, err, want)
		}
		outcomes[want]++
		key := w.Where.(*query.And).Terms[0].(*query.Compare).Right.(*query.Literal).Value
		if w.Returning && want == "done 1" {
			told := after
			if w.Op == query.Delete {
				told = k.rows[key.N]
			}
			sameRows(t, name, result.Writes[0].Rows, []query.Row{told})
		}
		if moved := k.version("things") != version; moved != (want == "done 1") {
			t.Fatalf("%s\nthe version moved: %t", name, moved)
		}
		if want == "done 1" {
			k.note(w.Op, key.N, after)
		}
		var left []query.Row
		if row := k.rows[key.N]; row != nil {
			left = []query.Row{row}
		}
		sameRows(t, name, k.stored("things", key), left)
		if t.Failed() {
			return
		}
	}
	t.Logf("outcomes: %v", outcomes)
	var told []string
	for _, commit := range k.changes(start) {
		for _, c := range commit.Changes {
			told = append(told, shownChange(c.Op, k.row(c.Before), k.row(c.After)))
		}
	}
	if !slices.Equal(told, k.events) {
		t.Errorf("the feed tells of %d changes, want %d", len(told), len(k.events))
		for i := range min(len(told), len(k.events)) {
			if told[i] != k.events[i] {
				t.Fatalf("change %d is\n%s\nwant\n%s", i, told[i], k.events[i])
			}
		}
	}
	var left []query.Row
	for _, key := range slices.Sorted(maps.Keys(k.rows)) {
		left = append(left, k.rows[key])
	}
	sameRows(t, "stored", k.all("things"), left)
}

func (k *keyed) row(raw []byte) query.Row {
	k.Helper()
	if raw == nil {
		return nil
	}
	row, err := query.DecodeRow(k.g.Table, raw)
	if err != nil {
		k.Fatal(err)
	}
	return row
}

// note does a write that was done.
func (k *keyed) note(op query.Op, key int64, after query.Row) {
	k.events = append(k.events, shownChange(op, k.rows[key], after))
	if after == nil {
		delete(k.rows, key)
	} else {
		k.rows[key] = after
	}
}

// one is true one time in n.
func (k *keyed) one(n int) bool { return k.r.IntN(n) == 0 }

// write makes an update or a deletion; the first term of its condition is the
// key. A row that is gone comes again first.
func (k *keyed) write(i int) query.Write {
	k.Helper()
	key := int64(1 + k.r.IntN(keyedKeys))
	if k.rows[key] == nil && !k.one(4) {
		row := slices.Clone(k.pool[k.r.IntN(len(k.pool))])
		row[0] = query.Int(key)
		if _, err := k.view.Apply(k.ctx(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: k.g.Table, Rows: []query.Row{row}}}}); err != nil {
			k.Fatalf("case %d: insert: %v", i, err)
		}
		k.note(query.Insert, key, row)
	}
	w := query.Write{Op: query.Update, Table: k.g.Table, Returning: k.one(6), Single: k.one(12)}
	if k.one(5) {
		w.Op = query.Delete
	}
	if k.one(8) {
		w.AtMost = new(k.r.IntN(2))
	}
	terms := []query.Expr{equal(k.g.Table, "id", query.Int(key))}
	for range k.r.IntN(3) {
		terms = append(terms, k.likely(i))
	}
	w.Where = &query.And{Terms: terms}
	for n := range k.r.IntN(3) {
		w.Checks = append(w.Checks, query.Check{
			Cond: k.someOld(k.likely(i)), AllowUnknown: k.one(2), Fault: faultOf([]string{"42501", "23514"}[n]),
		})
	}
	if w.Op == query.Update {
		judged := k.judged(&w)
		for range 1 + k.r.IntN(3) {
			w.Set = append(w.Set, k.assignment(judged))
		}
	}
	return w
}

// likely makes a condition that holds more often than not.
func (k *keyed) likely(i int) query.Expr {
	e := k.g.Expr(i % 3)
	switch k.r.IntN(4) {
	case 0:
		return e
	case 1:
		return &query.Not{Term: &query.Is{Operand: e, What: query.IsTrue}}
	}
	return &query.Or{Terms: []query.Expr{e, k.g.Expr(i % 3), k.g.Expr(0)}}
}

// someOld has some columns of a condition be those of the row before.
func (k *keyed) someOld(e query.Expr) query.Expr {
	return query.RewriteLeaves(e, func(leaf query.Expr) query.Expr {
		ref, ok := leaf.(*query.ColumnRef)
		if !ok || !k.one(3) {
			return leaf
		}
		old := *ref
		old.Old = true
		return &old
	})
}

// judged are the columns that the checks of a write are about.
func (k *keyed) judged(w *query.Write) []*query.Column {
	var columns []*query.Column
	for i := range w.Checks {
		query.Walk(w.Checks[i].Cond, func(e query.Expr) bool {
			if ref, ok := e.(*query.ColumnRef); ok && ref.Column.Index > 0 {
				columns = append(columns, ref.Column)
			}
			return true
		})
	}
	return columns
}

// assignment sets a column, of those that are judged more often than not, to a
// value that is stored somewhere.
func (k *keyed) assignment(judged []*query.Column) query.Assignment {
	c := k.g.Table.Columns[1+k.r.IntN(len(k.g.Table.Columns)-1)]
	if len(judged) > 0 && !k.one(3) {
		c = judged[k.r.IntN(len(judged))]
	}
	return query.Assignment{Column: c, Value: &query.Literal{Value: k.pool[k.r.IntN(len(k.pool))][c.Index], Of: c.Type}}
}

// foretell says what a write does: its outcome and the row after it.
func (k *keyed) foretell(w *query.Write) (string, query.Row) {
	key := w.Where.(*query.And).Terms[0].(*query.Compare).Right.(*query.Literal).Value.N
	before := k.rows[key]
	if before == nil || query.Holds(w.Where, before, nil) != query.True {
		if w.Single {
			return "not single 0", nil
		}
		return "done 0", nil
	}
	after := before
	if w.Op == query.Update {
		after = slices.Clone(before)
		for _, set := range w.Set {
			after[set.Column.Index] = query.Eval(set.Value, before, before)
		}
	}
	for _, check := range w.Checks {
		if truth := query.Holds(check.Cond, after, before); truth != query.True && (truth != query.Unknown || !check.AllowUnknown) {
			return check.Fault.Code, nil
		}
	}
	switch {
	case w.AtMost != nil && *w.AtMost < 1:
		return "too many 1", nil
	case w.Op == query.Delete:
		after = nil
	}
	return "done 1", after
}

func outcomeOf(result query.Result, err error) string {
	var single *store.NotSingleError
	var many *store.TooManyError
	var f *fault.Fault
	switch {
	case err == nil:
		return fmt.Sprint("done ", result.Writes[0].Affected)
	case errors.As(err, &single):
		return fmt.Sprint("not single ", single.Affected)
	case errors.As(err, &many):
		return fmt.Sprint("too many ", many.Affected)
	case errors.As(err, &f):
		return f.Code
	}
	return err.Error()
}

func shownChange(op query.Op, before, after query.Row) string {
	shown := func(row query.Row) string {
		if row == nil {
			return "none"
		}
		return text(row)
	}
	return fmt.Sprintf("%d %s > %s", op, shown(before), shown(after))
}

func shownWrite(w *query.Write) string {
	shown := fmt.Sprintf("write %d where %s", w.Op, query.String(w.Where))
	for _, set := range w.Set {
		shown += fmt.Sprintf("\nset %s = %s", set.Column.Name, query.String(set.Value))
	}
	for _, check := range w.Checks {
		shown += fmt.Sprintf("\ncheck (unknown %t) %s", check.AllowUnknown, query.String(check.Cond))
	}
	return shown
}
