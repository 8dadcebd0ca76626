package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// shelf is a table with a full-text index, over keys of a kind.
func shelf(key query.Kind, indexes bool) *query.Table {
	columns := []*query.Column{
		{Name: "id", Type: query.Type{Kind: key}, Required: true},
		{Name: "title", Type: query.Type{Kind: query.KindText}},
		{Name: "n", Type: query.Type{Kind: query.KindInt}},
		{Name: "embedding", Type: query.Type{Kind: query.KindVector, Dimensions: benchDimensions}},
	}
	t := query.NewTable("shelf", columns, nil)
	if indexes {
		t.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: columns[1:2]}, {Name: "byN", Columns: columns[2:3]}, {Name: "near", Kind: query.Vector, Columns: columns[3:4]}}
	}
	return t
}

func openShelf(t testing.TB, path string, table *query.Table) (*sqlite.Store, store.View) {
	t.Helper()
	s := openStore(t, sqlite.Options{Path: path})
	t.Cleanup(func() { _ = s.Close() }) // a second close says so
	have, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	schema := query.NewSchema([]*query.Table{table})
	if err := s.Migrate(t.Context(), plan.Diff(have, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	v, err := s.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return s, v
}

func put(t testing.TB, v store.View, table *query.Table, rows ...query.Row) {
	t.Helper()
	if _, err := v.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: table, Rows: rows}}}); err != nil {
		t.Fatal(err)
	}
}

func wordsOf(t testing.TB, table *query.Table, words string) *query.Search {
	t.Helper()
	q, f := query.ParseTextQuery(query.Simple, "wfts", words)
	if f != nil {
		t.Fatal(f)
	}
	return &query.Search{Operands: []query.Expr{table.Ref(table.Columns[1])}, Query: q}
}

// count is how many rows a condition picks.
func count(t testing.TB, v store.View, table *query.Table, where query.Expr) int {
	t.Helper()
	info, err := v.Select(t.Context(), query.Select{Table: table, Columns: []query.Output{{Name: "id", Expr: table.Ref(table.Key())}}, Where: where, Limit: -1}, discard{})
	if err != nil {
		t.Fatal(err)
	}
	return info.Rows
}

func shelved(key query.Value, title string) query.Row {
	return query.Row{key, query.Text(title), query.Int(1), query.Null()}
}

func TestSearchUsesIndexes(t *testing.T) {
	for _, key := range []query.Kind{query.KindInt, query.KindText, query.KindUUID} {
		table := shelf(key, true)
		_, v := openShelf(t, filepath.Join(t.TempDir(), "x.db"), table)
		same := &query.Compare{Op: query.Equal, Left: table.Ref(table.Columns[2]), Right: query.NewLiteral(query.Int(1))}
		for name, where := range map[string]query.Expr{
			"alone": wordsOf(t, table, "cat"), "and": &query.And{Terms: []query.Expr{same, wordsOf(t, table, "cat or dog")}},
			"or": &query.Or{Terms: []query.Expr{wordsOf(t, table, "a"), wordsOf(t, table, "b")}},
		} {
			got, err := v.Explain(t.Context(), query.Select{Table: table, Columns: []query.Output{{Name: "id", Expr: table.Ref(table.Key())}}, Where: where, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(strings.ReplaceAll(got, "SCAN shelf.words", "SCAN words"), "SCAN shelf") || !strings.Contains(got, "VIRTUAL TABLE") {
				t.Errorf("%s keys, %s: %s", key, name, got)
			}
		}
	}
}

// TestSearchInItsLanguage: an index serves the queries of its own language, also
// where a phrase passes words, and no others.
func TestSearchInItsLanguage(t *testing.T) {
	english, f := query.LanguageNamed("english")
	if f != nil {
		t.Fatal(f)
	}
	table := shelf(query.KindText, true)
	table.Indexes[0].Language = english
	_, v := openShelf(t, filepath.Join(t.TempDir(), "x.db"), table)
	put(t, v, table, shelved(query.Text("a"), "Running in the rain"), shelved(query.Text("b"), "The run of rain"), shelved(query.Text("c"), "in the"))
	for _, test := range []struct {
		language query.Language
		text     string
		found    int
		indexed  bool
	}{
		{english, "runs", 2, true},
		{english, `"running in the rain"`, 1, true},
		{english, `"run of rain" or rains`, 2, true},
		{english, "the", 0, true},
		{query.Simple, "running", 1, false},
		{query.Simple, "the", 3, false},
		{english, `rain -"running in the rain"`, 1, false},
	} {
		q, f := query.ParseTextQuery(test.language, "wfts", test.text)
		if f != nil {
			t.Fatal(f)
		}
		search := &query.Search{Operands: []query.Expr{table.Ref(table.Columns[1])}, Query: q}
		if found := count(t, v, table, search); found != test.found {
			t.Errorf("%s %s finds %d, want %d", test.language, test.text, found, test.found)
		}
		got, err := v.Explain(t.Context(), query.Select{Table: table, Columns: []query.Output{{Name: "id", Expr: table.Ref(table.Key())}}, Where: search, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if q.Root != nil && strings.Contains(got, "VIRTUAL TABLE") != test.indexed {
			t.Errorf("%s %s: %s", test.language, test.text, got)
		}
	}
}

func TestSearchAfterRestore(t *testing.T) {
	for _, key := range []query.Kind{query.KindInt, query.KindText} {
		table := shelf(key, true)
		path := filepath.Join(t.TempDir(), "x.db")
		s, v := openShelf(t, path, table)
		name := func(n int64) query.Value {
			if key == query.KindInt {
				return query.Int(n)
			}
			return query.Text(strings.Repeat("k", int(n)))
		}
		put(t, v, table, shelved(name(3), "the cat"), shelved(name(1), "a dog"), shelved(name(2), "cat and dog"))
		n := &notebook{T: t, store: s}
		backup := n.backedUp()
		put(t, v, table, shelved(name(4), "cat"))
		if _, err := sqlite.Verify(t.Context(), backup); err != nil {
			t.Fatal(err)
		}
		elsewhere := filepath.Join(t.TempDir(), "elsewhere.db")
		if _, _, err := sqlite.Restore(t.Context(), backup, elsewhere); err != nil {
			t.Fatal(err)
		}
		_, restored := openShelf(t, elsewhere, table)
		if found := count(t, restored, table, wordsOf(t, table, "cat")); found != 2 {
			t.Errorf("%s keys: %d rows found in the restored database, want 2", key, found)
		}
		put(t, restored, table, shelved(name(5), "cat"))
		if found := count(t, restored, table, wordsOf(t, table, "cat")); found != 3 {
			t.Errorf("%s keys: %d rows found after a write, want 3", key, found)
		}
		// What the index is made of may move within the file.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		vacuum(t, path)
		_, again := openShelf(t, path, table)
		if found := count(t, again, table, wordsOf(t, table, "cat")); found != 3 {
			t.Errorf("%s keys: %d rows found after a vacuum, want 3", key, found)
		}
		if _, err := again.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Delete, Table: table, Where: wordsOf(t, table, "dog")}}}); err != nil {
			t.Fatal(err)
		}
		if found := count(t, again, table, wordsOf(t, table, "cat or dog")); found != 2 {
			t.Errorf("%s keys: %d rows found after a delete, want 2", key, found)
		}
	}
}

func vacuum(t *testing.T, path string) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{fts5.Register(db), db.Exec("VACUUM"), db.Exec("INSERT INTO \"shelf.words.text\"(\"shelf.words.text\") VALUES('integrity-check')"), db.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSearchIndexGone(t *testing.T) {
	table := shelf(query.KindInt, true)
	path := filepath.Join(t.TempDir(), "x.db")
	s, _ := openShelf(t, path, table)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{fts5.Register(db), db.Exec(`DROP TABLE "shelf.words.text"`), db.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "full-text index shelf.words is recorded but not in the database") {
		t.Errorf("open without the index: %v", err)
	}
}
