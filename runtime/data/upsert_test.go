package data_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
)

func TestUpsert(t *testing.T) {
	tests := []struct {
		name       string
		caller     *auth.Caller
		table      string
		resolution data.Resolution
		body       string
		url        string
		want       string // with representation
	}{
		{"merge", ann, "books", data.Merge, `{"id":1,"title":"Emma II"}`, "select=id,title,year,rev,shelf", `[{"id":1,"title":"Emma II","year":1815,"rev":2,"shelf":"a"}]`},
		{"merge into nothing", ann, "books", data.Merge, `{"id":99,"title":"New"}`, "select=id,title,rev,hidden", `[{"id":99,"title":"New","rev":1,"hidden":false}]`},
		{"merge some", ann, "books", data.Merge, `[{"id":2,"title":"B"},{"id":77,"title":"C"}]`, "select=id,title,year", `[{"id":2,"title":"B","year":1817},{"id":77,"title":"C","year":null}]`},
		{"merge without a key", ann, "genres", data.Merge, `{"label":"x"}`, "", `23502 null value in column "id" of relation "genres" violates not-null constraint`},
		{"merge by an index", ann, "books", data.Merge, `{"isbn":"1","title":"By ISBN"}`, "on_conflict=isbn&select=id,title,rev", `[{"id":1,"title":"By ISBN","rev":2}]`},
		{"another key than is there", ann, "books", data.Merge, `{"id":50,"isbn":"1","title":"X"}`, "on_conflict=isbn", `428C9 column "id" can only be updated to DEFAULT`},
		{"the key that is there", ann, "books", data.Merge, `{"id":1,"isbn":"1","title":"X"}`, "on_conflict=isbn&select=id,title", `[{"id":1,"title":"X"}]`},
		{"no such index", ann, "books", data.Merge, `{"id":1,"title":"X"}`, "on_conflict=title", `42P10 there is no unique or exclusion constraint matching the ON CONFLICT specification`},
		{"too many columns for it", ann, "books", data.Merge, `{"id":1,"title":"X"}`, "on_conflict=id,isbn", `42P10 there is no unique or exclusion constraint matching the ON CONFLICT specification`},
		{"another index", ann, "books", data.Merge, `{"id":2,"title":"X","isbn":"1"}`, "", `23505 duplicate key value violates unique constraint "books_isbn_key"`},
		{"twice", ann, "books", data.Merge, `[{"id":1,"title":"X"},{"id":1,"title":"Y"}]`, "", "21000 ON CONFLICT DO UPDATE command cannot affect row a second time"},
		{"a hidden row", ann, "books", data.Merge, `{"id":3,"title":"Mine"}`, "", refusedRow + `books"`},
		{"a hidden row for staff", staff, "books", data.Merge, `{"id":3,"title":"Ours"}`, "select=title,hidden", `[{"title":"Ours","hidden":true}]`},
		{"hiding one", ann, "books", data.Merge, `{"id":1,"title":"X","hidden":true}`, "", refusedRow + `books"`},
		{"a result that the rule refuses", ann, "books", data.Merge, `{"id":1,"title":"banned"}`, "", refusedRow + `books"`},
		{"a column that is created only", ann, "books", data.Merge, `{"id":1,"title":"X","shelf":"z"}`, "", `428C9 column "shelf" can only be updated to DEFAULT`},
		{"such a column, unchanged", ann, "books", data.Merge, `{"id":1,"title":"X","shelf":"a"}`, "select=title,shelf", `[{"title":"X","shelf":"a"}]`},
		{"such a column of a new row", ann, "books", data.Merge, `{"id":60,"title":"X","shelf":"z"}`, "select=shelf", `[{"shelf":"z"}]`},
		{"a column that is not readable is not guessed", ann, "books", data.Merge, `{"id":1,"title":"X","cost":5}`, "", `428C9 column "cost" can only be updated to DEFAULT`},
		{"the same of a new row", ann, "books", data.Merge, `{"id":61,"title":"X","cost":5}`, "select=id", `[{"id":61}]`},
		{"the same of staff", staff, "books", data.Merge, `{"id":1,"title":"X","cost":50}`, "select=cost", `[{"cost":50}]`},
		{"a table's check", ann, "books", data.Merge, `{"id":1,"title":"X","year":13}`, "", `23514 new row for relation "books" violates check constraint "books_late_check"`},
		{"nobody", nobody, "books", data.Merge, `{"id":1,"title":"X"}`, "", refusedRow + `books"`},
		{"update granted to nobody", ann, "drop", data.Merge, `{"id":"` + annID + `"}`, "", "42501 permission denied for table drop"},
		{"ignore", ann, "books", data.Ignore, `[{"id":1,"title":"X"},{"id":88,"title":"Y"}]`, "select=id,title", `[{"id":88,"title":"Y"}]`},
		{"ignore all", ann, "books", data.Ignore, `{"id":1,"title":"X"}`, "", `[]`},
		{"ignore a hidden row", ann, "books", data.Ignore, `{"id":3,"title":"X"}`, "", `[]`},
		{"ignore by an index", ann, "books", data.Ignore, `{"isbn":"1","title":"X"}`, "on_conflict=isbn", `[]`},
		{"ignore without a key", ann, "books", data.Ignore, `{"title":"X","isbn":"9"}`, "select=title", `[{"title":"X"}]`},
		{"neither", ann, "books", data.Refuse, `{"id":1,"title":"X"}`, "", `23505 duplicate key value violates unique constraint "books_pkey"`},
		{"shown with relations", ann, "books", data.Merge, `{"id":1,"title":"X"}`, "select=title,author(name),reviews(stars)", `[{"title":"X","author":{"name":"Austen"},"reviews":[{"stars":5}]}]`},
		{"columns= and defaults", ann, "books", data.Merge, `[{"id":1,"title":"X"}]`, "columns=id,title,year&select=title,year", `[{"title":"X","year":null}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := shelved(t)
			if tt.table == "drop" {
				b = open(t, shop())
			}
			before := b.read(t, service, "books", "")
			w := data.Write{Table: tt.table, Body: []byte(tt.body), Resolution: tt.resolution, Representation: true}
			got := b.do(t, insert, tt.caller, w, tt.url)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if after := b.read(t, service, "books", ""); !strings.HasPrefix(got, "[{") && after != before {
				t.Errorf("a write that did nothing left %s", after)
			}
		})
	}
}

func TestUpsertCountsWhatIsNew(t *testing.T) {
	b := shelved(t)
	for _, tt := range []struct {
		body               string
		affected, inserted int
	}{
		{`[{"id":1,"title":"A"},{"id":2,"title":"B"}]`, 2, 0},
		{`[{"id":1,"title":"A"},{"id":70,"title":"B"}]`, 2, 1},
	} {
		out, err := b.Insert(t.Context(), ann, data.Write{Table: "books", Body: []byte(tt.body), Resolution: data.Merge})
		if err != nil || out.Affected != tt.affected || out.Inserted != tt.inserted {
			t.Errorf("%s: %+v, %v", tt.body, out, err)
		}
	}
}

// TestUpsertLeavesHiddenRows asks for nothing back, so that the rule on what is
// shown does not help.
func TestUpsertLeavesHiddenRows(t *testing.T) {
	b := shelved(t)
	for name, w := range map[string]data.Write{
		"hidden":              {Body: []byte(`{"id":3,"title":"Mine","year":1}`)},
		"hidden, by an index": {Body: []byte(`{"isbn":"3","title":"Mine","year":1}`)},
	} {
		url := ""
		if strings.Contains(name, "index") {
			url = "on_conflict=isbn"
		}
		w.Table, w.Resolution = "books", data.Merge
		if got := b.do(t, insert, ann, w, url); got != refusedRow+`books"` {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := b.read(t, service, "books", "id=eq.3&select=title,year"); got != `[{"title":"Sanditon","year":1817}]` {
		t.Errorf("left %s", got)
	}
}
