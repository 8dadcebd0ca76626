package data_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/data"
)

// pages follows the cursors of a request to its end.
func (b *backend) pages(t testing.TB, table, url string) (rows []string, pages int) {
	t.Helper()
	cursor := ""
	for {
		a := b.answer(t, ann, data.Read{Table: table}, url+"&_page="+cursor)
		var part []json.RawMessage
		if err := json.Unmarshal(a.Body, &part); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
		if len(part) != a.Rows {
			t.Errorf("%d rows, of which %d are shown", a.Rows, len(part))
		}
		for _, row := range part {
			rows = append(rows, string(row))
		}
		if pages++; a.Next == "" || pages > 100 {
			return rows, pages
		}
		cursor = a.Next
	}
}

func TestPagesHaveEveryRowOnce(t *testing.T) {
	b := shelved(t)
	for i := range 23 {
		year, isbn := fmt.Sprint(1900+i%4), fmt.Sprintf(`"x%d"`, i%100)
		if i%5 == 0 {
			year = "null"
		}
		b.put(t, "books", fmt.Sprintf(`{"title":"T%d","year":%s,"isbn":%s,"author":%d,"hidden":%v}`, i%6, year, isbn, 1+i%3, i%7 == 0))
	}
	for _, order := range []string{
		"", "order=id.desc", "order=title", "order=title.desc", "order=year", "order=year.desc", "order=year.asc.nullsfirst", "order=year.desc.nullslast",
		"order=year,title.desc", "order=title.desc,year.asc.nullsfirst", "order=year.desc.nullslast,id.desc", "order=year,id.desc,title",
		"order=year.desc,title,isbn.desc", "order=author(name).desc,year.nullsfirst", "order=hidden,year",
	} {
		for _, shape := range []string{"select=id,title,year", "select=id,author(name)&title=neq.T1", "select=id,author!inner(name)"} {
			url := shape + ",author(name)&" + order
			if strings.Contains(shape, "author") {
				url = shape + "&" + order
			}
			whole := b.answer(t, ann, data.Read{Table: "books"}, url)
			var want []json.RawMessage
			if err := json.Unmarshal(whole.Body, &want); err != nil {
				t.Fatal(err)
			}
			for _, limit := range []int{1, 4, len(want), 100} {
				got, pages := b.pages(t, "books", fmt.Sprintf("%s&limit=%d", url, limit))
				if most := (len(want) + limit - 1) / limit; pages != most {
					t.Errorf("%s by %d: %d pages, want %d", url, limit, pages, most)
				}
				if !slices.EqualFunc(got, want, func(a string, b json.RawMessage) bool { return a == string(b) }) {
					t.Fatalf("%s by %d:\ngot  %s\nwant %s", url, limit, got, want)
				}
			}
		}
	}
}

// TestPagesOfEveryType orders by values of every type, json among them, whose
// null is a value beside the null of the column.
func TestPagesOfEveryType(t *testing.T) {
	b := open(t, shop())
	for i, meta := range []string{`{"x":null}`, `{"x":1}`, `{"x":"a"}`, `{}`, `null`, `{"x":[1]}`, `{"x":null}`, `{"x":{"y":1}}`, `{"x":true}`, `{"x":2.5}`} {
		b.put(t, "books", fmt.Sprintf(`{"title":"T%d","price":%d.5,"meta":%s,"tags":["a%d"],"added":"2026-01-%02d","stock":%d}`, i, i%3, meta, i%2, 1+i%4, i))
	}
	for _, order := range []string{
		"meta->x", "meta->x.desc", "meta->>x", "meta->>x.desc.nullslast", "meta", "meta.desc", "tags", "tags.desc", "price.desc,stock", "added,meta->x",
		"added.desc,price", "meta->x.nullsfirst,tags.desc",
	} {
		var want []string
		for offset := range 2 { // the table answers five rows
			a := b.answer(t, ann, data.Read{Table: "books"}, fmt.Sprintf("select=title,meta&order=%s&offset=%d", order, offset*5))
			var part []json.RawMessage
			if err := json.Unmarshal(a.Body, &part); err != nil {
				t.Fatal(err)
			}
			for _, row := range part {
				want = append(want, string(row))
			}
		}
		for limit := 1; limit < 5; limit += 2 {
			if got, _ := b.pages(t, "books", fmt.Sprintf("select=title,meta&order=%s&limit=%d", order, limit)); !slices.Equal(got, want) {
				t.Errorf("%s by %d:\ngot  %s\nwant %s", order, limit, got, want)
			}
		}
	}
}

func TestPagesWhoseCursorIsTooLong(t *testing.T) {
	b := shelved(t)
	b.put(t, "authors", `[{"name":"`+strings.Repeat("a", 7000)+`"},{"name":"z"}]`)
	if got := b.read(t, ann, "authors", "select=id&order=name&limit=4&_page="); got != "PGRST100 the cursor of the next page would be too long" {
		t.Error(got)
	}
}

func TestPagesGoOnWhenRowsCome(t *testing.T) {
	b := shelved(t)
	first := b.answer(t, ann, data.Read{Table: "authors"}, "select=name&order=name.desc&limit=2&_page=")
	if string(first.Body) != `[{"name":"Camus"},{"name":"Borges"}]` || first.Next == "" {
		t.Fatalf("%s, then %q", first.Body, first.Next)
	}
	b.put(t, "authors", `[{"name":"Zola"},{"name":"Aristotle"},{"name":"Borges"}]`)
	rest := b.answer(t, ann, data.Read{Table: "authors"}, "select=name&order=name.desc&limit=9&_page="+first.Next)
	if string(rest.Body) != `[{"name":"Borges"},{"name":"Austen"},{"name":"Aristotle"}]` || rest.Next != "" {
		t.Errorf("%s, then %q", rest.Body, rest.Next)
	}
	again := b.answer(t, ann, data.Read{Table: "authors"}, "select=name&order=name.desc&limit=9&_page="+first.Next)
	if again.Status != "hit" || string(again.Body) != string(rest.Body) || again.Next != rest.Next {
		t.Errorf("from the cache: %s %s %q", again.Status, again.Body, again.Next)
	}
}

func TestPagesRefuse(t *testing.T) {
	b := shelved(t)
	next := b.answer(t, ann, data.Read{Table: "books"}, "select=id&order=year&limit=1&_page=").Next
	forge := func(change func(string) string) string {
		raw, err := base64.RawURLEncoding.DecodeString(next)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString([]byte(change(string(raw))))
	}
	const bad = "bad-cursor this cursor does not belong to this request"
	for name, tt := range map[string]struct{ url, want string }{
		"another order":      {"select=id&order=year.desc&_page=" + next, bad},
		"another filter":     {"select=id&order=year&id=gt.0&_page=" + next, bad},
		"other columns":      {"select=id,title&order=year&_page=" + next, bad},
		"another limit":      {"select=id&order=year&limit=2&_page=" + next, `[{"id":2},{"id":4}]`},
		"no cursor":          {"select=id&_page=x", bad},
		"too long":           {"select=id&_page=" + strings.Repeat("a", 9000), bad},
		"a value of no kind": {"select=id&order=year&_page=" + forge(func(s string) string { return strings.Replace(s, `"1815"`, `"x"`, 1) }), bad},
		"too few values":     {"select=id&order=year&_page=" + forge(func(s string) string { return strings.Replace(s, `,"1815"`, "", 1) }), bad},
		"too many values":    {"select=id&order=year&_page=" + forge(func(s string) string { return s[:len(s)-1] + `,"1"]` }), bad},
		"no key":             {"select=id&order=year&_page=" + forge(func(s string) string { return strings.Replace(s, `"1"]`, `null]`, 1) }), bad},
		"something behind":   {"select=id&order=year&_page=" + forge(func(s string) string { return s + "1" }), bad},
		"offset":             {"_page=&offset=1", "PGRST100 _page and offset do not go together"},
		"aggregates":         {"select=count()&_page=", "PGRST100 _page is for rows of a table: not for one row, nor for aggregates"},
		"no rows at all":     {"select=id&limit=0&_page=", `[]`},
	} {
		if got := b.read(t, ann, "books", tt.url); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	// The rule is in the sum too: who sees other rows begins anew.
	if got := b.read(t, staff, "books", "select=id&order=year&_page="+next); got != bad {
		t.Errorf("another caller: %s", got)
	}
	r := b.request(t, ann, "books", "select=id&order=year&_page="+next)
	if _, err := b.Select(t.Context(), ann, data.Read{Table: "books", Request: r, Count: true}); err == nil {
		t.Error("a later page counts")
	}
	if a := b.answer(t, ann, data.Read{Table: "books", Count: true}, "select=id&limit=1&_page="); a.Count != 4 {
		t.Errorf("the first page counts %d", a.Count)
	}
}
