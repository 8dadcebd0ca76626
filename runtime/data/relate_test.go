package data_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
)

func TestEmbeds(t *testing.T) {
	b := shelved(t)
	tests := []struct {
		name   string
		caller *auth.Caller
		table  string
		url    string
		want   string
	}{
		{"to one", ann, "books", "select=title,authors!author(name)&id=eq.1", `[{"title":"Emma","authors":{"name":"Austen"}}]`},
		{"by the column", ann, "books", "select=title,editor(name)&id=in.(1,2)", `[{"title":"Emma","editor":{"name":"Borges"}},{"title":"Persuasion","editor":null}]`},
		{"star leaves out what is not readable", ann, "books", "select=title,author(*)&id=eq.1", `[{"title":"Emma","author":{"id":1,"name":"Austen"}}]`},
		{"star of staff", staff, "books", "select=title,author(*)&id=eq.1", `[{"title":"Emma","author":{"id":1,"name":"Austen","secret":"a"}}]`},
		{"a column that is not readable", ann, "books", "select=title,author(secret)", "42703 column authors.secret does not exist"},
		{"a filter on such a column", ann, "books", "select=title,author(name)&author.secret=eq.a", "42703 column authors.secret does not exist"},
		{"an order by such a column", ann, "books", "select=title,author(name)&order=author(secret)", "42703 column authors.secret does not exist"},
		{"an aggregate of such a column", ann, "books", "select=cost.sum()", "42703 column books.cost does not exist"},
		{"an embedded aggregate of such a column", ann, "authors", "select=name,books!author(cost.max())", "42703 column books.cost does not exist"},
		{"to many hides", ann, "authors", "select=name,books!author(title)&id=eq.1", `[{"name":"Austen","books":[{"title":"Emma"},{"title":"Persuasion"}]}]`},
		{"to many for staff", staff, "authors", "select=name,books!author(title)&id=eq.1", `[{"name":"Austen","books":[{"title":"Emma"},{"title":"Persuasion"},{"title":"Sanditon"}]}]`},
		{"none", ann, "authors", "select=name,books!author(title)&id=eq.3", `[{"name":"Camus","books":[]}]`},
		{"a filter inside", ann, "authors", "select=name,books!author(title)&id=eq.1&books.year=gt.1815", `[{"name":"Austen","books":[{"title":"Persuasion"}]}]`},
		{"order and limit inside", ann, "authors", "select=name,books!author(title)&id=eq.1&books.order=title.desc&books.limit=1", `[{"name":"Austen","books":[{"title":"Persuasion"}]}]`},
		{"count inside", ann, "authors", "select=name,books!author(count)&order=id", `[{"name":"Austen","books":[{"count":2}]},{"name":"Borges","books":[{"count":1}]},{"name":"Camus","books":[{"count":0}]}]`},
		{"inner", ann, "authors", "select=name,books!author!inner(title)&books.title=eq.Sanditon", `[]`},
		{"inner of staff", staff, "authors", "select=name,books!author!inner(title)&books.title=eq.Sanditon", `[{"name":"Austen","books":[{"title":"Sanditon"}]}]`},
		{"inner without members", ann, "authors", "select=name,books!author!inner()", `[{"name":"Austen"},{"name":"Borges"}]`},
		{"nested inner", ann, "authors", "select=name,books!author!inner(title,reviews!inner(stars))&order=name", `[{"name":"Austen","books":[{"title":"Emma","reviews":[{"stars":5}]},{"title":"Persuasion","reviews":[{"stars":3}]}]}]`},
		{"nested inner with a filter", ann, "authors", "select=name,books!author!inner(title,reviews!inner(stars))&books.reviews.stars=eq.4", `[]`},
		{"nested inner of a hidden one", ann, "authors", "select=name,books!author!inner(reviews!inner(stars))&books.reviews.stars=eq.1", `[]`},
		{"none of them", ann, "authors", "select=name,books!author()&books=is.null", `[{"name":"Camus"}]`},
		{"some of them", ann, "authors", "select=name,books!author()&books=not.is.null", `[{"name":"Austen"},{"name":"Borges"}]`},
		{"none of the filtered", ann, "authors", "select=name,books!author()&books=is.null&books.year=eq.1944", `[{"name":"Austen"},{"name":"Camus"}]`},
		{"in a tree", ann, "authors", "select=name,books!author()&or=(books.is.null,name.eq.Borges)", `[{"name":"Borges"},{"name":"Camus"}]`},
		{"through the edge", ann, "books", "select=title,genres(label)&id=in.(1,2,4)", `[{"title":"Emma","genres":[{"label":"Novel"}]},{"title":"Persuasion","genres":[]},{"title":"Ficciones","genres":[{"label":"Short"}]}]`},
		{"back through the edge", ann, "genres", "select=id,books(title)", `[{"id":"novel","books":[{"title":"Emma"}]},{"id":"short","books":[{"title":"Ficciones"}]}]`},
		{"inner through the edge", ann, "books", "select=title,genres!inner(id)&genres.id=eq.novel", `[{"title":"Emma","genres":[{"id":"novel"}]}]`},
		{"missing through the edge", ann, "books", "select=title,genres()&genres=is.null", `[{"title":"Persuasion"},{"title":"Atlas"}]`},
		{"the edge itself", ann, "books", "select=title,book_genres(genres(label))&id=eq.1", `[{"title":"Emma","book_genres":[{"genres":{"label":"Novel"}}]}]`},
		{"spread", ann, "books", "select=title,...author(by:name)&order=id&limit=1", `[{"title":"Emma","by":"Austen"}]`},
		{"spread of none", ann, "books", "select=title,...author(by:name)&id=eq.5", `[{"title":"Atlas","by":null}]`},
		{"spread of a hidden one", ann, "reviews", "select=stars,...book(title)&id=eq.4", `[{"stars":4,"title":null}]`},
		{"spread with an embed in it", ann, "reviews", "select=stars,...book(title,author(name))&id=eq.1", `[{"stars":5,"title":"Emma","author":{"name":"Austen"}}]`},
		{"spread of many", ann, "authors", "select=name,...books!author(title)", "PGRST119 A spread operation on 'books' is not possible"},
		{"order by a relation", ann, "books", "select=title,author(name)&order=author(name).desc.nullslast,title.desc&id=neq.4", `[{"title":"Persuasion","author":{"name":"Austen"}},{"title":"Emma","author":{"name":"Austen"}},{"title":"Atlas","author":null}]`},
		{"order by a hidden row is by null", ann, "reviews", "select=stars,book(title)&order=book(title).desc", `[{"stars":4,"book":null},{"stars":3,"book":{"title":"Persuasion"}},{"stars":5,"book":{"title":"Emma"}}]`},
		{"order by many", ann, "authors", "select=name,books!author(title)&order=books(title)", "PGRST118 A related order on 'books' is not possible"},
		{"aggregates", ann, "books", "select=count(),year.min()&author=eq.1", `[{"count":2,"min":1815}]`},
		{"groups", ann, "books", "select=year,count()&author=eq.1&order=year", `[{"year":1815,"count":1},{"year":1817,"count":1}]`},
		{"groups by a relation", ann, "books", "select=n:count(),author(name)&order=author(name)", "42803 column \"the relation in order\" must appear in the GROUP BY clause or be used in an aggregate function"},
		{"read by nobody", ann, "books", "select=title,vault(id)", "42501 permission denied for table vault"},
		{"read by the service role", service, "books", "select=title,vault(id)&id=eq.1", `[{"title":"Emma","vault":[{"id":1}]}]`},
		{"users that are not there", ann, "books", "select=title,users(id)", "PGRST200 Could not find a relationship between 'books' and 'users' in the schema cache"},
		{"users by the column", ann, "books", "select=title,patron(id)", "PGRST200 Could not find a relationship between 'books' and 'patron' in the schema cache"},
		{"users of the service role", service, "books", "select=title,patron(id)&id=eq.1", `[{"title":"Emma","patron":{"id":"` + annID + `"}}]`},
		{"by a column that is not readable", ann, "books", "select=title,loans(days)", "PGRST200 Could not find a relationship between 'books' and 'loans' in the schema cache"},
		{"the same of staff", staff, "books", "select=title,loans(days)&id=eq.1", `[{"title":"Emma","loans":[{"days":7}]}]`},
		{"two ways", ann, "books", "select=title,authors(name)", "PGRST201 Could not embed because more than one relationship was found for 'books' and 'authors'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := b.read(t, tt.caller, tt.table, tt.url); got != tt.want {
				t.Errorf("%s\ngot  %s\nwant %s", tt.url, got, tt.want)
			}
		})
	}
}

// TestGateJudgesRelationsItself parses as the service role, so that nothing but
// the gate's own look is between the caller and what he may not see.
func TestGateJudgesRelationsItself(t *testing.T) {
	b := shelved(t)
	for table, urls := range map[string][]string{
		"books": {
			"select=title,author(secret)", "select=title,author()&author.secret=eq.a", "select=title,author(name)&order=author(secret)",
			"select=...author(secret)", "select=patron(id)", "select=patron!inner()", "select=vault(id)", "select=id,vault()", "select=loans(days)",
			"select=loans!inner()", "select=id,vault()&vault=not.is.null", "select=author(name,books!author(cost))", "select=cost.sum()",
		},
		"authors": {"select=books!author(count(),cost.sum())", "select=books!author()&books.or=(cost.gt.1,id.eq.1)&books=not.is.null"},
		"loans":   {"select=days,book(title)", "select=...book(title)", "select=days,book()&book=is.null", "select=days,book!inner()", "select=days,book()"},
	} {
		for _, url := range urls {
			a, err := b.Select(t.Context(), ann, data.Read{Table: table, Request: b.request(t, service, table, url)})
			if err == nil {
				t.Errorf("%s?%s: %s", table, url, a.Body)
				continue
			}
			if got := code(t, err); !strings.HasPrefix(got, "42703") && !strings.HasPrefix(got, "42501") && !strings.HasPrefix(got, "PGRST200") {
				t.Errorf("%s?%s: %s", table, url, got)
			}
		}
	}
}

func TestRepresentationsWithEmbeds(t *testing.T) {
	tests := []struct {
		name  string
		op    write
		table string
		key   string
		body  string
		url   string
		want  string
	}{
		{"insert", insert, "books", "", `{"title":"Lady Susan","author":1}`, "select=title,author(name),reviews(stars),...editor(by:name)", `[{"title":"Lady Susan","author":{"name":"Austen"},"reviews":[],"by":null}]`},
		{"update", update, "books", "", `{"author":2}`, "id=eq.1&select=id,author(name),reviews(stars)", `[{"id":1,"author":{"name":"Borges"},"reviews":[{"stars":5}]}]`},
		{"update by key", update, "books", "1", `{"year":1816}`, "select=year,reviews(count)", `{"year":1816,"reviews":[{"count":1}]}`},
		{"update of nothing by key", update, "books", "1", `{}`, "select=year,reviews(count)", `{"year":1815,"reviews":[{"count":1}]}`},
		{"delete", remove, "reviews", "", "", "id=eq.1&select=stars,book(title)", `[{"stars":5,"book":{"title":"Emma"}}]`},
		{"a hidden row stays hidden", update, "reviews", "", `{"stars":2}`, "id=eq.4&select=stars,book(title)", `[{"stars":2,"book":null}]`},
		{"inner leaves rows out of what is shown", update, "reviews", "", `{"stars":2}`, "id=in.(1,4)&select=stars,book!inner(title)", `[{"stars":2,"book":{"title":"Emma"}}]`},
		{"a filter on a relation picks rows", update, "authors", "", `{"name":"X"}`, "select=id,books!author()&books=is.null", `[{"id":3}]`},
		{"an aggregate", update, "books", "", `{"year":1}`, "id=eq.1&select=count()", "PGRST100 written rows are shown one by one: select has an aggregate"},
		{"a hidden column", update, "books", "", `{"year":1}`, "id=eq.1&select=author(secret)", "42703 column authors.secret does not exist"},
		{"a table for nobody", update, "books", "", `{"year":1}`, "id=eq.1&select=vault(id)", "42501 permission denied for table vault"},
		{"casts", update, "books", "", `{"year":1}`, "id=eq.1&select=year::text", `[{"year":"1"}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := shelved(t)
			w := data.Write{Table: tt.table, Body: []byte(tt.body), Key: tt.key, HasKey: tt.key != "", Single: tt.key != "", Representation: true}
			if got := b.do(t, tt.op, ann, w, tt.url); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestCachedEmbedsFollowEveryTable changes each table that an answer was made
// of: the answer must change with it.
func TestCachedEmbedsFollowEveryTable(t *testing.T) {
	b := shelved(t)
	read := data.Read{Table: "books"}
	const url = "select=title,genres(label),reviews(stars)&id=eq.1"
	first := b.answer(t, ann, read, url)
	if again := b.answer(t, bob, read, url); first.Status != cache.Miss || again.Status != cache.Hit {
		t.Fatalf("%s, then %s", first.Status, again.Status)
	}
	for _, change := range []struct{ table, url, body, want string }{
		{"genres", "id=eq.novel", `{"label":"Roman"}`, `[{"title":"Emma","genres":[{"label":"Roman"}],"reviews":[{"stars":5}]}]`},
		{"book_genres", "book=eq.1&genre=eq.novel", `{"genre":"short"}`, `[{"title":"Emma","genres":[{"label":"Short"}],"reviews":[{"stars":5}]}]`},
		{"reviews", "id=eq.1", `{"stars":4}`, `[{"title":"Emma","genres":[{"label":"Short"}],"reviews":[{"stars":4}]}]`},
	} {
		b.do(t, update, ann, data.Write{Table: change.table, Body: []byte(change.body)}, change.url)
		if a := b.answer(t, ann, read, url); a.Status != cache.Miss || string(a.Body) != change.want {
			t.Errorf("after %s: %s %s", change.table, a.Status, a.Body)
		}
	}
	b.put(t, "vault", `{"book":2}`)
	if a := b.answer(t, ann, read, url); a.Status != cache.Hit {
		t.Errorf("after a write to another table: %s", a.Status)
	}
	if a := b.answer(t, staff, read, url); a.Status != cache.Miss {
		t.Errorf("of staff, who sees more: %s", a.Status)
	}
}

// TestCachedRulesFollowEveryTable changes the table that a rule asks: an answer
// that was made under it is of no use any more, embedded or not.
func TestCachedRulesFollowEveryTable(t *testing.T) {
	m := library()
	for i := range m.Tables {
		if m.Tables[i].Name == "books" {
			m.Tables[i].Access.Read = rule("tables.reviews.exists(r, r.book == id && r.open == true)")
		}
	}
	b := open(t, m)
	b.put(t, "authors", `{"id":1,"name":"Austen"}`)
	b.put(t, "books", `{"id":1,"title":"Emma","author":1}`)
	b.put(t, "reviews", `{"id":1,"book":1,"open":true}`)
	for _, tt := range []struct{ table, url, seen, hidden string }{
		{"books", "select=title", `[{"title":"Emma"}]`, `[]`},
		{"authors", "select=name,books!author(title)", `[{"name":"Austen","books":[{"title":"Emma"}]}]`, `[{"name":"Austen","books":[]}]`},
	} {
		read := func(want string, status cache.Status) {
			t.Helper()
			if a := b.answer(t, ann, data.Read{Table: tt.table}, tt.url); a.Status != status || string(a.Body) != want {
				t.Errorf("%s: %s %s, want %s %s", tt.table, a.Status, a.Body, status, want)
			}
		}
		read(tt.seen, cache.Miss)
		read(tt.seen, cache.Hit)
		b.do(t, update, service, data.Write{Table: "reviews", Body: []byte(`{"open":false}`)}, "id=eq.1")
		read(tt.hidden, cache.Miss)
		b.do(t, update, service, data.Write{Table: "reviews", Body: []byte(`{"open":true}`)}, "id=eq.1")
		read(tt.seen, cache.Miss)
	}
}

func TestSharedConsidersEveryTable(t *testing.T) {
	b := open(t, shop())
	if a := b.answer(t, nobody, data.Read{Table: "profiles"}, ""); !a.Shared {
		t.Error("profiles are not the same for all")
	}
	if a := b.answer(t, nobody, data.Read{Table: "profiles"}, "select=nickname,users(id)"); a.Shared {
		t.Error("an answer with users in it is the same for all")
	}
}
