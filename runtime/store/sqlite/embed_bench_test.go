package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const (
	benchWriters = 1000
	benchWorks   = 10 // of each writer
)

func benchShelves(b *testing.B) (store.View, *query.Schema) {
	b.Helper()
	schema := plannedSchema()
	s := openStore(b, sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db")})
	b.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(b.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		b.Fatal(err)
	}
	v, err := s.Open(b.Context(), schema)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	var writers, works []query.Row
	for i := range benchWriters {
		key := query.Text(fmt.Sprintf("writer %04d", i))
		writers = append(writers, query.Row{key, query.Text(fmt.Sprintf("name %d", i)), query.Null()})
		for j := range benchWorks {
			n := int64(i*benchWorks + j)
			works = append(works, query.Row{query.Int(n + 1), query.Text(fmt.Sprintf("title %d", n*7919%10_000)), key, query.Int(n % 900)})
		}
	}
	if _, err := v.Apply(b.Context(), query.Batch{Writes: []query.Write{
		{Op: query.Insert, Table: schema.Table("writers"), Rows: writers}, {Op: query.Insert, Table: schema.Table("works"), Rows: works},
	}}); err != nil {
		b.Fatal(err)
	}
	return v, schema
}

func bareShelves(b *testing.B) *sqlite3.Conn {
	b.Helper()
	db, err := sqlite3.Open(filepath.Join(b.TempDir(), "bare.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for _, sql := range []string{
		"PRAGMA journal_mode=WAL",
		"CREATE TABLE writers (id TEXT PRIMARY KEY NOT NULL, name TEXT, mentor TEXT) STRICT",
		"CREATE TABLE works (id INTEGER PRIMARY KEY, title TEXT, writer TEXT, pages INTEGER) STRICT",
		"CREATE INDEX byWriter ON works (writer)",
		fmt.Sprintf("INSERT INTO writers WITH RECURSIVE s(v) AS (SELECT 0 UNION ALL SELECT v+1 FROM s LIMIT %d) SELECT printf('writer %%04d', v), 'name ' || v, NULL FROM s", benchWriters),
		fmt.Sprintf("INSERT INTO works WITH RECURSIVE s(v) AS (SELECT 0 UNION ALL SELECT v+1 FROM s LIMIT %d) SELECT v+1, 'title ' || (v*7919%%10000), printf('writer %%04d', v/%d), v%%900 FROM s", benchWriters*benchWorks, benchWorks),
	} {
		if err := db.Exec(sql); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

func BenchmarkEmbed(b *testing.B) {
	b.Run("20 works with their writer/store", func(b *testing.B) {
		v, schema := benchShelves(b)
		works := schema.Table("works")
		outputs, _ := selection(works)
		benchEmbed(b, v, works, outputs, embedOf(along(b, schema, "works", "works_writer_fkey")))
	})
	b.Run("20 works with their writer/bare", func(b *testing.B) {
		db := bareShelves(b)
		stmt := prepare(b, db, "SELECT t.id, t.title, t.writer, t.pages, w.id, w.name, w.mentor FROM works t LEFT JOIN writers w ON w.id=t.writer ORDER BY t.id LIMIT 20")
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			buf = append(buf[:0], '[')
			for stmt.Step() {
				buf = bareWork(buf, stmt)
				buf = append(bareWriter(append(buf, `,"embedded":`...), stmt, 4), "},"...)
			}
			_ = stmt.Reset()
		}
	})
	b.Run("20 writers with their works/store", func(b *testing.B) {
		v, schema := benchShelves(b)
		writers := schema.Table("writers")
		outputs, _ := selection(writers)
		benchEmbed(b, v, writers, outputs, embedOf(along(b, schema, "writers", "works_writer_fkey")))
	})
	b.Run("20 writers with their works/bare", func(b *testing.B) {
		db := bareShelves(b)
		writers := prepare(b, db, "SELECT id, name, mentor FROM writers ORDER BY id LIMIT 20")
		works := prepare(b, db, "SELECT id, title, writer, pages FROM works WHERE writer=? ORDER BY id")
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			buf = append(buf[:0], '[')
			for writers.Step() {
				buf = bareWriter(buf, writers, 0)
				buf = append(buf[:len(buf)-1], `,"embedded":[`...)
				_ = works.BindText(1, writers.ColumnText(0))
				for works.Step() {
					buf = append(bareWork(buf, works), "},"...)
				}
				_ = works.Reset()
				buf = append(buf, "]},"...)
			}
			_ = writers.Reset()
		}
	})
}

func benchEmbed(b *testing.B, v store.View, t *query.Table, outputs []query.Output, e *query.Embed) {
	b.Helper()
	outputs = append(outputs, query.Output{Name: "embedded", Expr: e})
	shape := query.NewJSONShape(outputs)
	var buf []byte
	w := query.NewJSONWriter(nil, shape)
	b.ReportAllocs()
	for b.Loop() {
		w.Reset(buf[:0], shape)
		if _, err := v.Select(b.Context(), query.Select{Table: t, Columns: outputs, Limit: 20}, w); err != nil {
			b.Fatal(err)
		}
		buf = w.Bytes()
	}
}

func prepare(b *testing.B, db *sqlite3.Conn, sql string) *sqlite3.Stmt {
	b.Helper()
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stmt.Close() })
	return stmt
}

func bareWork(dst []byte, stmt *sqlite3.Stmt) []byte {
	dst = query.AppendJSON(append(dst, `{"id":`...), query.Int(stmt.ColumnInt64(0)))
	dst = bareText(append(dst, `,"title":`...), stmt, 1)
	dst = bareText(append(dst, `,"writer":`...), stmt, 2)
	return query.AppendJSON(append(dst, `,"pages":`...), query.Int(stmt.ColumnInt64(3)))
}

func bareWriter(dst []byte, stmt *sqlite3.Stmt, from int) []byte {
	dst = bareText(append(dst, `{"id":`...), stmt, from)
	dst = bareText(append(dst, `,"name":`...), stmt, from+1)
	dst = bareText(append(dst, `,"mentor":`...), stmt, from+2)
	return append(dst, '}')
}

func bareText(dst []byte, stmt *sqlite3.Stmt, column int) []byte {
	if stmt.ColumnType(column) == sqlite3.NULL {
		return append(dst, "null"...)
	}
	return query.AppendJSON(dst, query.Text(stmt.ColumnText(column)))
}
