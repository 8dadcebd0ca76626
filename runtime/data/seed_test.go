package data_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

func TestSeed(t *testing.T) {
	many := "title,stock\n" + strings.Repeat("A,0\n", 2500)
	tests := []struct {
		name, file, content string
		rows                int
		want                string // of the books in key order, or of the fault after the file's name
	}{
		{
			"csv", "b.csv", "title,price,stock,tags,meta,isbn,cost\nEmma,9.50,,\"[\"\"a\"\"]\",\"{\"\"b\"\":1}\",,3\n", 1,
			`[{"title":"Emma","price":9.50,"stock":1,"tags":["a"],"meta":{"b":1},"isbn":null,"cost":3}]`,
		},
		{"csv with a mark", "b.csv", "\ufefftitle,stock\nEmma,0\n", 1, `"title":"Emma"`},
		{"csv over lines", "b.csv", "title,stock\n\"Em\nma\",0\n", 1, `"title":"Em\nma"`},
		{"csv of many", "b.csv", many, 2500, `"title":"A"`},
		{"csv of none", "b.csv", "title\n", 0, "[]"},
		{"json", "b.json", `[{"title":"Emma","stock":0}, {"title":"Persuasion","price":1}]`, 2, `"title":"Persuasion"`},
		{"json of none", "b.json", `[]`, 0, "[]"},
		{"json of nothing", "b.json", ``, 0, "[]"},
		{"ndjson", "b.ndjson", "{\"title\":\"Emma\",\"stock\":0}\n{\"title\":\"Persuasion\",\"price\":1}\n", 2, `"title":"Persuasion"`},
		{"csv without header", "b.csv", "", 0, ":1: the file is empty"},
		{"csv unknown column", "b.csv", "title,stok\nA,0\n", 0, ":1: Could not find the 'stok' column of 'books' in the schema cache"},
		{"csv double column", "b.csv", "title,title\nA,B\n", 0, `:1: column "title" is there twice`},
		{"csv bad value", "b.csv", "title,stock\nA,0\nB,x\n", 0, `:3: invalid input syntax for type bigint: "x"`},
		{"csv check", "b.csv", "title,stock\nA,0\n" + strings.Repeat("x", 21) + ",0\n", 0, `:3: new row for relation "books" violates check constraint "books_title_check"`},
		{"csv fields", "b.csv", "title,stock\nA,0\nB\n", 0, `:3: the CSV is broken: wrong number of fields`},
		{"csv required", "b.csv", "title,stock\n,0\n", 0, `:2: null value in column "title" of relation "books" violates not-null constraint`},
		{"json bad value", "b.json", "[\n {\"title\":\"A\",\"stock\":0},\n {\"title\":\"B\",\"stock\":\"x\"}\n]", 0, `:3: invalid input syntax for type bigint: "x"`},
		{"json unknown column", "b.json", "[\n\n{\"titel\":\"A\"}]", 0, ":3: Could not find the 'titel' column"},
		{"json broken", "b.json", "[\n{\"title\":\"A\"", 0, ":2: the JSON is broken"},
		{"json scalars", "b.json", "[1]", 0, ":1: only objects can be rows"},
		{"table check", "b.csv", "title,price\nA,0\n", 0, `new row for relation "books" violates check constraint "books_free_check"`},
		{"double key", "b.csv", "id,title,stock\n" + emmaID + ",A,0\n" + emmaID + ",B,0\n", 0, `duplicate key value violates unique constraint "books_pkey"`},
		{"other name", "b.txt", "x", 0, ": the name of a seed ends in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, shop())
			path := filepath.Join(t.TempDir(), tt.file)
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			n, err := b.Seed(t.Context(), "books", path)
			if err != nil {
				f := fault.From(err)
				if f.Code != "bad-seed" || !strings.HasPrefix(f.Message, path) || !strings.Contains(f.Message, tt.want) {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				if left := b.read(t, service, "books", ""); left != "[]" {
					t.Errorf("a seed that failed left %s", left)
				}
				return
			}
			if n != tt.rows {
				t.Errorf("%d rows, want %d", n, tt.rows)
			}
			got := b.read(t, service, "books", "select=title,price,stock,tags,meta,isbn,cost")
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSeedOfAMissingFile(t *testing.T) {
	b := open(t, shop())
	if _, err := b.Seed(t.Context(), "books", filepath.Join(t.TempDir(), "none.csv")); !fault.Is(err, "bad-seed") {
		t.Errorf("got %v", err)
	}
	if _, err := b.Seed(t.Context(), strconv.Itoa(1), "x.csv"); !fault.Is(err, "PGRST205") {
		t.Errorf("got %v", err)
	}
}
