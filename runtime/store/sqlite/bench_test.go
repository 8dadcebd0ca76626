package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const benchRows = 20_000

func benchTable() *query.Table {
	column := func(name string, kind query.Kind) *query.Column {
		return &query.Column{Name: name, Type: query.Type{Kind: kind}, Required: name == "id"}
	}
	return query.NewTable("items", []*query.Column{
		column("id", query.KindInt), column("name", query.KindText), column("n", query.KindInt),
		column("x", query.KindFloat), column("at", query.KindTimestamp), column("done", query.KindBool),
	}, nil)
}

func benchRow(id int64) query.Row {
	return query.Row{
		query.Int(id), query.Text("item number " + strconv.FormatInt(id, 10)), query.Int(id % 100),
		query.Float(float64(id) / 8), query.Timestamp(1_700_000_000_000_000 + id), query.Bool(id%2 == 0),
	}
}

func benchView(b *testing.B, rows int) (store.View, *query.Table) {
	b.Helper()
	s := openStore(b, sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db")})
	b.Cleanup(func() { _ = s.Close() })
	table := benchTable()
	schema := query.NewSchema([]*query.Table{table})
	ctx := context.Background()
	if err := s.Migrate(ctx, plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		b.Fatal(err)
	}
	v, err := s.Open(ctx, schema)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	batch := make([]query.Row, 0, rows)
	for i := range rows {
		batch = append(batch, benchRow(int64(i+1)))
	}
	if rows > 0 {
		if _, err := v.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Insert, Table: table, Rows: batch}}}); err != nil {
			b.Fatal(err)
		}
	}
	return v, table
}

// bare is the driver alone, with the same file, pragmas and columns.
func bare(b *testing.B, rows int) *sqlite3.Conn {
	b.Helper()
	db, err := sqlite3.Open(filepath.Join(b.TempDir(), "bare.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for _, sql := range []string{
		"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
		`CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, n INTEGER, x REAL, at INTEGER, done INTEGER) STRICT`,
		fmt.Sprintf("INSERT INTO items SELECT value, 'item number ' || value, value%%100, value/8.0, 1700000000000000+value, value%%2=0 FROM (WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM s LIMIT %d) SELECT value FROM s)", max(rows, 1)),
	} {
		if err := db.Exec(sql); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

func selection(t *query.Table) ([]query.Output, *query.JSONShape) {
	outputs := make([]query.Output, len(t.Columns))
	for i, c := range t.Columns {
		outputs[i] = query.Output{Name: c.Name, Expr: t.Ref(c)}
	}
	return outputs, query.NewJSONShape(outputs)
}

func BenchmarkSelect(b *testing.B) {
	for _, test := range []struct {
		name string
		rows int64
	}{{"point", 1}, {"20rows", 20}} {
		b.Run(test.name+"/store", func(b *testing.B) {
			v, table := benchView(b, benchRows)
			outputs, shape := selection(table)
			var buf []byte
			w := query.NewJSONWriter(nil, shape)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := int64(i*7919%(benchRows-20)) + 1
				where := query.Expr(&query.Compare{Left: outputs[0].Expr, Right: query.NewLiteral(query.Int(key))})
				if test.rows > 1 {
					where.(*query.Compare).Op = query.GreaterEqual
				}
				w.Reset(buf[:0], shape)
				if _, err := v.Select(b.Context(), query.Select{Table: table, Columns: outputs, Where: where, Limit: int(test.rows)}, w); err != nil {
					b.Fatal(err)
				}
				buf = w.Bytes()
			}
		})
		b.Run(test.name+"/bare", func(b *testing.B) {
			db := bare(b, benchRows)
			table := benchTable()
			_, shape := selection(table)
			sql := "SELECT id, name, n, x, at, done FROM items WHERE id=? ORDER BY id LIMIT ?"
			if test.rows > 1 {
				sql = "SELECT id, name, n, x, at, done FROM items WHERE id>=? ORDER BY id LIMIT ?"
			}
			stmt, _, err := db.Prepare(sql)
			if err != nil {
				b.Fatal(err)
			}
			defer stmt.Close()
			var buf []byte
			w := query.NewJSONWriter(nil, shape)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = stmt.BindInt64(1, int64(i*7919%(benchRows-20))+1)
				_ = stmt.BindInt64(2, test.rows)
				w.Reset(buf[:0], shape)
				for stmt.Step() {
					w.BeginRow()
					w.Int(stmt.ColumnInt64(0))
					w.Text(stmt.ColumnRawText(1))
					w.Int(stmt.ColumnInt64(2))
					w.Float(stmt.ColumnFloat(3))
					w.Timestamp(stmt.ColumnInt64(4))
					w.Bool(stmt.ColumnBool(5))
					_ = w.EndRow()
				}
				if err := stmt.Reset(); err != nil {
					b.Fatal(err)
				}
				buf = w.Bytes()
			}
		})
	}
}

func BenchmarkInsert(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(strconv.Itoa(writers)+"/store", func(b *testing.B) {
			v, table := benchView(b, 0)
			var next atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(writers)
			if writers == 1 {
				for b.Loop() {
					benchInsert(b, v, table, next.Add(1))
				}
				return
			}
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					benchInsert(b, v, table, next.Add(1))
				}
			})
		})
	}
	b.Run("1/bare", func(b *testing.B) {
		db := bare(b, 0)
		stmt, _, err := db.Prepare("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)")
		if err != nil {
			b.Fatal(err)
		}
		defer stmt.Close()
		b.ReportAllocs()
		for i := int64(2); b.Loop(); i++ {
			bareInsert(b, stmt, benchRow(i))
		}
	})
	b.Run("64/bare", func(b *testing.B) { // 64 in a transaction
		db := bare(b, 0)
		stmt, _, err := db.Prepare("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)")
		if err != nil {
			b.Fatal(err)
		}
		defer stmt.Close()
		b.ReportAllocs()
		for i := int64(1); b.Loop(); i++ {
			if i%64 == 1 {
				_ = db.Exec("BEGIN IMMEDIATE")
			}
			bareInsert(b, stmt, benchRow(i+1))
			if i%64 == 0 {
				_ = db.Exec("COMMIT")
			}
		}
		if !db.GetAutocommit() {
			_ = db.Exec("COMMIT")
		}
	})
}

func benchInsert(b *testing.B, v store.View, t *query.Table, id int64) {
	_, err := v.Apply(context.Background(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: t, Rows: []query.Row{benchRow(id)}, Returning: true}}})
	if err != nil {
		b.Error(err)
	}
}

func bareInsert(b *testing.B, stmt *sqlite3.Stmt, row query.Row) {
	_ = stmt.BindInt64(1, row[0].N)
	_ = stmt.BindText(2, row[1].S)
	_ = stmt.BindInt64(3, row[2].N)
	_ = stmt.BindFloat(4, row[3].Float())
	_ = stmt.BindInt64(5, row[4].N)
	_ = stmt.BindInt64(6, row[5].N)
	if err := stmt.Exec(); err != nil {
		b.Fatal(err)
	}
}
