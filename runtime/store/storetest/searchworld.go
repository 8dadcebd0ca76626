package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// inEnglish is a table whose full-text index speaks English.
func inEnglish(t *testing.T, table *query.Table) *query.Table {
	table.Indexes[0].Language = language(t, "english")
	return table
}

func language(t *testing.T, name string) query.Language {
	t.Helper()
	in, f := query.LanguageNamed(name)
	if f != nil {
		t.Fatal(f)
	}
	return in
}

// notes have words and vectors; their keys are of a kind.
func notes(name string, key query.Kind) *query.Table {
	vector := column("embedding", query.KindVector)
	vector.Type.Dimensions = 3
	t := query.NewTable(name, []*query.Column{
		required("id", key), column("title", query.KindText), column("body", query.KindText), column("stars", query.KindInt), vector,
	}, nil)
	t.Indexes = []*query.Index{
		{Name: "words", Kind: query.FullText, Columns: []*query.Column{t.Column("title"), t.Column("body")}},
		{Name: "near", Kind: query.Vector, Columns: []*query.Column{vector}},
	}
	return t
}

var searchWords = []string{"cat", "Cat", "CATS", "dog", "σίσυφος", "ΣΊΣΥΦΟΣ", "fox-trot", "東京", "a", "it's", "--", "42", "café", "cafe\u0301", "in", "the", "running", "runs"}

// searchWorld is random notes and what they should be.
type searchWorld struct {
	*fixture
	chance *rand.Rand
	table  *query.Table
	rows   map[string]query.Row
	next   int64
}

func (w *searchWorld) text() query.Value {
	if w.chance.IntN(5) == 0 {
		return query.Null()
	}
	words := make([]string, w.chance.IntN(7))
	for i := range words {
		words[i] = searchWords[w.chance.IntN(len(searchWords))]
	}
	return query.Text(strings.Join(words, " "))
}

func (w *searchWorld) vector() query.Value {
	if w.chance.IntN(6) == 0 {
		return query.Null()
	}
	at := func() float32 { return float32(w.chance.IntN(7) - 3) }
	return query.VectorOf([]float32{at(), at(), at()})
}

func (w *searchWorld) row(key query.Value) query.Row {
	return query.Row{key, w.text(), w.text(), query.Int(int64(w.chance.IntN(5))), w.vector()}
}

func (w *searchWorld) newKey() query.Value {
	w.next++
	if w.table.Key().Type.Kind == query.KindInt {
		return query.Int(w.next)
	}
	return query.Text(fmt.Sprintf("k%05d", w.next))
}

// step writes something, or tries to.
func (w *searchWorld) step() {
	set := []query.Assignment{{Column: w.table.Column("title"), Value: query.NewLiteral(w.text())}}
	some := &query.Compare{Op: query.Equal, Left: columnOf(w.table, "stars"), Right: query.NewLiteral(query.Int(int64(w.chance.IntN(5))))}
	write := query.Write{Op: query.Insert, Table: w.table, Returning: true}
	switch w.chance.IntN(4) {
	case 0:
		write.Op, write.Where, write.Set = query.Update, some, set
	case 1:
		if w.chance.IntN(3) > 0 {
			return // or there would never be many
		}
		write.Op, write.Where = query.Delete, some
	default:
		for range 1 + w.chance.IntN(4) {
			write.Rows = append(write.Rows, w.row(w.newKey()))
		}
		if len(w.rows) > 0 && w.chance.IntN(3) == 0 { // one that is there already
			there := w.rows[slices.Min(slices.Collect(maps.Keys(w.rows)))]
			write.Rows = append(write.Rows, w.row(there[0]))
			write.Conflict = &query.Conflict{Target: w.table.Columns[:1], Columns: w.table.Columns[1:]}
		}
	}
	batch := query.Batch{Writes: []query.Write{write}}
	kept := true
	switch w.chance.IntN(5) {
	case 0:
		batch.Rollback, kept = true, false
	case 1: // a second write that is refused undoes the first
		kept = false
		broken := []query.Check{{Cond: query.FalseExpr(), Fault: fault.New("broken", "broken")}}
		batch.Writes = append(batch.Writes, query.Write{Op: query.Insert, Table: w.table, Rows: []query.Row{w.row(w.newKey())}, Checks: broken})
	}
	result, err := w.view.Apply(w.ctx(), batch)
	if (err == nil) != (kept || batch.Rollback) {
		w.Fatalf("apply: %v", err)
	}
	for _, row := range result.Writes {
		for _, row := range row.Rows {
			switch {
			case !kept:
			case write.Op == query.Delete:
				delete(w.rows, keyOf(row))
			default:
				w.rows[keyOf(row)] = row
			}
		}
	}
}

func keyOf(row query.Row) string { return string(query.AppendText(nil, row[0])) }

// language is mostly that of the table's index.
func (w *searchWorld) language() query.Language {
	if w.chance.IntN(4) == 0 {
		return query.Language(w.chance.IntN(len(query.Languages())))
	}
	return w.indexed()
}

// indexed is the language of the table's index.
func (w *searchWorld) indexed() query.Language {
	if len(w.table.Indexes) == 0 {
		return query.Simple
	}
	return w.table.Indexes[0].Language
}

// question is a random search, alone or within other conditions.
func (w *searchWorld) question() query.Expr {
	word := func() string { return searchWords[w.chance.IntN(len(searchWords))] }
	joins := []string{" & ", " | ", " <-> ", " & !", " | !"}
	text := ""
	for i := range 1 + w.chance.IntN(4) {
		if i > 0 {
			text += joins[w.chance.IntN(len(joins))]
		} else if w.chance.IntN(4) == 0 {
			text = "!"
		}
		if text += "'" + strings.ReplaceAll(word(), "'", " ") + "'"; w.chance.IntN(4) == 0 {
			text += ":*"
		}
	}
	in := w.language()
	q, f := query.ParseTextQuery(in, "fts", text)
	if f != nil {
		q, _ = query.ParseTextQuery(in, "wfts", word()+" -"+word())
	}
	search := &query.Search{Query: q, Operands: []query.Expr{columnOf(w.table, "title"), columnOf(w.table, "body")}}
	if w.chance.IntN(2) == 0 {
		search.Operands = search.Operands[w.chance.IntN(2):][:1]
	}
	stars := &query.Compare{Op: query.Less, Left: columnOf(w.table, "stars"), Right: query.NewLiteral(query.Int(2))}
	switch w.chance.IntN(6) {
	case 0:
		return &query.Not{Term: search}
	case 1:
		return &query.Or{Terms: []query.Expr{search, stars}}
	case 2:
		return &query.And{Terms: []query.Expr{stars, search, &query.Or{Terms: []query.Expr{w.question(), stars}}}}
	case 3:
		return &query.Is{Operand: search, What: query.IsWhat(w.chance.IntN(5))}
	}
	return search
}

func (w *searchWorld) compare() {
	w.Helper()
	e := w.question()
	got := w.found(query.Select{Table: w.table, Where: e, Limit: -1})
	var want []string
	for key, row := range w.rows {
		if query.Holds(e, row, nil) == query.True {
			want = append(want, key)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Fatalf("%s\nthe engine finds %v\nwant %v", query.String(e), got, want)
	}
}

// found are the keys that a select finds, in its order.
func (w *searchWorld) found(s query.Select) []string {
	w.Helper()
	s.Columns = []query.Output{{Name: "id", Expr: w.table.Ref(w.table.Key())}}
	var found []string
	for _, row := range w.fixture.rows(s) {
		found = append(found, keyOf(row))
	}
	return found
}

// compareNearest holds the nearest rows against all rows, sorted.
func (w *searchWorld) compareNearest() {
	w.Helper()
	metric := query.Metric(w.chance.IntN(3))
	to := w.vector()
	if to.IsNull() {
		return
	}
	d, f := query.NewDistance(columnOf(w.table, "embedding"), to, metric)
	if f != nil {
		w.Fatal(f)
	}
	there := &query.Is{Operand: d.Operand, What: query.IsNotNull}
	where := query.Expr(there)
	if w.chance.IntN(2) == 0 {
		where = &query.And{Terms: []query.Expr{there, w.question()}}
	}
	k := 1 + w.chance.IntN(8)
	got := w.found(query.Select{Table: w.table, Where: where, Order: []query.Order{{Expr: d}}, Limit: k})
	var rows []query.Row
	for _, row := range w.rows {
		if query.Holds(where, row, nil) == query.True {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b query.Row) int {
		return cmp.Or(query.CompareValues(query.Eval(d, a, nil), query.Eval(d, b, nil)), query.CompareValues(a[0], b[0]))
	})
	var want []string
	for _, row := range rows[:min(k, len(rows))] {
		want = append(want, keyOf(row))
	}
	if !slices.Equal(got, want) {
		w.Fatalf("%d nearest by %s under %s\nthe engine finds %v\nwant %v", k, metric, query.String(where), got, want)
	}
}

// compareAll asks for each word, in each text column.
func (w *searchWorld) compareAll(when string) {
	w.Helper()
	found := 0
	for _, name := range searchWords {
		q, _ := query.ParseTextQuery(w.indexed(), "plfts", name)
		for _, c := range w.table.Columns[1:3] {
			e := &query.Search{Query: q, Operands: []query.Expr{w.table.Ref(c)}}
			got := w.found(query.Select{Table: w.table, Where: e, Limit: -1})
			var want []string
			for key, row := range w.rows {
				if query.Holds(e, row, nil) == query.True {
					want = append(want, key)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if found += len(want); !slices.Equal(got, want) {
				w.Fatalf("%s: %s\nthe engine finds %v\nwant %v", when, query.String(e), got, want)
			}
		}
	}
	if found == 0 {
		w.Fatal(errors.New(when + ": nothing was found at all"))
	}
}
