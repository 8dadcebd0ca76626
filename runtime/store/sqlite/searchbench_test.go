package sqlite_test

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/edge-hive/edge-hive/runtime/query"
)

const (
	benchTexts      = 50_000
	benchVectors    = 20_000
	benchDimensions = 384
)

// benchTitle is ten words, some of them common.
func benchTitle(chance *rand.Rand) string {
	words := make([]string, 10)
	for i := range words {
		words[i] = "word" + strconv.Itoa(int(5000*math.Pow(chance.Float64(), 3)))
	}
	return strings.Join(words, " ")
}

// BenchmarkWords asks for 20 of the rows with two words (some hundred), and with
// one common word (thousands), through a view and in bare FTS5.
func BenchmarkWords(b *testing.B) {
	chance := rand.New(rand.NewPCG(1, 1))
	titles := make([]string, benchTexts)
	for i := range titles {
		titles[i] = benchTitle(chance)
	}
	table := shelf(query.KindInt, true)
	_, v := openShelf(b, filepath.Join(b.TempDir(), "words.db"), table)
	for from := 0; from < len(titles); from += 1000 {
		var rows []query.Row
		for i, title := range titles[from : from+1000] {
			rows = append(rows, shelved(query.Int(int64(from+i+1)), title))
		}
		put(b, v, table, rows...)
	}
	db := bareWords(b, titles)
	outputs := []query.Output{{Name: "id", Expr: table.Ref(table.Key())}, {Name: "title", Expr: table.Ref(table.Columns[1])}}
	for name, words := range map[string]string{"two": "word0 word1", "common": "word0"} {
		search := wordsOf(b, table, words)
		ranked := []query.Order{{Expr: &query.Rank{Of: search}, Descending: true}}
		for order, terms := range map[string][]query.Order{"by key": nil, "by rank": ranked} {
			b.Run(name+"/"+order+"/view", func(b *testing.B) {
				for b.Loop() {
					if _, err := v.Select(context.Background(), query.Select{Table: table, Columns: outputs, Where: search, Order: terms, Limit: 20}, discard{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		for order, by := range map[string]string{"by key": "s.id", "by rank": "f.rank"} {
			b.Run(name+"/"+order+"/bare", func(b *testing.B) {
				stmt, _, err := db.Prepare("SELECT s.id, s.title FROM words(?) f JOIN shelf s ON s.id=f.rowid ORDER BY " + by + " LIMIT 20")
				if err != nil {
					b.Fatal(err)
				}
				defer stmt.Close()
				for b.Loop() {
					if err := stmt.BindText(1, words); err != nil {
						b.Fatal(err)
					}
					for stmt.Step() {
						_ = stmt.ColumnRawText(1)
					}
					if err := stmt.Reset(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func bareWords(b *testing.B, titles []string) *sqlite3.Conn {
	b.Helper()
	db, err := sqlite3.Open(filepath.Join(b.TempDir(), "bare.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := fts5.Register(db); err != nil {
		b.Fatal(err)
	}
	if err := db.Exec("CREATE TABLE shelf (id INTEGER PRIMARY KEY, title TEXT); CREATE VIRTUAL TABLE words USING fts5(title, content='', contentless_delete=1); BEGIN"); err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{"INSERT INTO shelf (id, title) VALUES (?, ?)", "INSERT INTO words (rowid, title) VALUES (?, ?)"} {
		stmt, _, err := db.Prepare(sql)
		if err != nil {
			b.Fatal(err)
		}
		for i, title := range titles {
			if err := stmt.BindInt64(1, int64(i+1)); err != nil {
				b.Fatal(err)
			}
			if err := stmt.BindText(2, title); err != nil {
				b.Fatal(err)
			}
			if err := stmt.Exec(); err != nil {
				b.Fatal(err)
			}
		}
		if err := stmt.Close(); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Exec("COMMIT"); err != nil {
		b.Fatal(err)
	}
	return db
}

// BenchmarkNearest asks for the ten nearest of 20 000 vectors, through a view and
// over a slice in memory.
func BenchmarkNearest(b *testing.B) {
	chance := rand.New(rand.NewPCG(1, 1))
	vector := func() []float32 {
		v := make([]float32, benchDimensions)
		for i := range v {
			v[i] = chance.Float32() - 0.5
		}
		return v
	}
	table := shelf(query.KindInt, true)
	_, v := openShelf(b, filepath.Join(b.TempDir(), "near.db"), table)
	var all []float32
	for from := 0; from < benchVectors; from += 500 {
		var rows []query.Row
		for i := range 500 {
			numbers := vector()
			all = append(all, numbers...)
			rows = append(rows, query.Row{query.Int(int64(from + i + 1)), query.Null(), query.Int(int64(i % 100)), query.VectorOf(numbers)})
		}
		put(b, v, table, rows...)
	}
	to := vector()
	column := table.Ref(table.Columns[3])
	d, f := query.NewDistance(column, query.VectorOf(to), query.Cosine)
	if f != nil {
		b.Fatal(f)
	}
	there := &query.Is{Operand: column, What: query.IsNotNull}
	some := &query.Compare{Op: query.Equal, Left: table.Ref(table.Columns[2]), Right: query.NewLiteral(query.Int(7))}
	for name, where := range map[string]query.Expr{"all": there, "one in 100": &query.And{Terms: []query.Expr{some, there}}} {
		b.Run(name+"/view", func(b *testing.B) {
			for b.Loop() {
				s := query.Select{Table: table, Columns: []query.Output{{Name: "id", Expr: table.Ref(table.Key())}}, Where: where, Order: []query.Order{{Expr: d}}, Limit: 10}
				if _, err := v.Select(context.Background(), s, discard{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("all/memory", func(b *testing.B) {
		for b.Loop() {
			distances := make([]float32, benchVectors)
			for i := range distances {
				distances[i] = bareCosine(all[i*benchDimensions:(i+1)*benchDimensions], to)
			}
			slices.Sort(distances)
		}
	})
}

func bareCosine(a, b []float32) float32 {
	var dot, square float32
	for i, x := range a {
		dot += x * b[i]
		square += x * x
	}
	return 1 - dot/float32(math.Sqrt(float64(square)))
}

// discard takes rows and keeps none.
type discard struct{}

func (discard) BeginRow()            {}
func (discard) Null()                {}
func (discard) Bool(bool)            {}
func (discard) Int(int64)            {}
func (discard) Float(float64)        {}
func (discard) Decimal(int64, uint8) {}
func (discard) Text([]byte)          {}
func (discard) Timestamp(int64)      {}
func (discard) Date(int64)           {}
func (discard) JSON([]byte)          {}
func (discard) EndRow() error        { return nil }
