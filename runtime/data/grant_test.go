package data_test

import (
	"context"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
)

// granted drives a gate within grants.
type granted struct {
	*data.Granted
	*testing.T
}

func (g granted) read(caller *auth.Caller, table, url string) string {
	r, err := g.Parse(caller, table, url)
	if err != nil {
		return code(g, err)
	}
	a, err := g.Select(g.Context(), caller, data.Read{Table: table, Request: r})
	if err != nil {
		return code(g, err)
	}
	return string(a.Body)
}

func (g granted) do(op string, caller *auth.Caller, w data.Write, url string) string {
	r, err := g.Parse(caller, w.Table, url)
	if err != nil {
		return code(g, err)
	}
	w.Request = r
	out, err := map[string]func(context.Context, *auth.Caller, data.Write) (data.Written, error){
		"insert": g.Insert, "update": g.Update, "delete": g.Delete,
	}[op](g.Context(), caller, w)
	if err != nil {
		return code(g, err)
	}
	return "done " + string(out.Body)
}

func (g granted) batch(caller *auth.Caller, writes string) string {
	out, err := g.Batch(g.Context(), caller, data.Batch{Body: []byte(`{"writes":[` + writes + `]}`)})
	if err != nil {
		return code(g, err)
	}
	return "done " + string(out.Body)
}

// TestGrantsTakeAway asks everything of a gate within too few grants, as callers
// whom the rules let do it: the service role too.
func TestGrantsTakeAway(t *testing.T) {
	b := shelved(t)
	const books, authors, absent = "42501 permission denied for table books", "42501 permission denied for table authors", "42501 permission denied for table nowhere"
	within := func(tables map[string]data.Operations) granted {
		return granted{b.Within(data.Grants{Tables: tables}), t}
	}
	row := func(body string) data.Write { return data.Write{Table: "books", Body: []byte(body), Rollback: true} }
	shown := func(body string) data.Write { w := row(body); w.Representation = true; return w }
	merged := func(r data.Resolution) data.Write {
		w := row(`{"id":1,"title":"Emma"}`)
		w.Resolution = r
		return w
	}
	for _, caller := range []*auth.Caller{staff, service} {
		nothing, all := within(nil), data.MayRead|data.MayCreate|data.MayUpdate|data.MayDelete
		reads := within(map[string]data.Operations{"books": data.MayRead})
		creates := within(map[string]data.Operations{"books": data.MayCreate})
		updates := within(map[string]data.Operations{"books": data.MayUpdate, "authors": data.MayUpdate})
		deletes := within(map[string]data.Operations{"reviews": data.MayDelete})
		writes := within(map[string]data.Operations{"books": all})
		both := within(map[string]data.Operations{"books": all, "authors": data.MayRead, "genres": data.MayRead})
		for i, test := range []struct{ got, want string }{
			{nothing.read(caller, "books", ""), books},
			{nothing.read(caller, "nowhere", ""), absent},
			{nothing.read(caller, "books", "select=nothing"), books},
			{nothing.do("insert", caller, row(`{`), ""), books},
			{nothing.batch(caller, `{"op":"insert","table":"books","rows":[{"title":"x"}]}`), books},
			{nothing.batch(caller, `{"op":"update","table":"nowhere","set":{"title":"x"},"where":"id=eq.1"}`), absent},
			{nothing.batch(caller, `{"op":"update","table":"nowhere","set":{},"key":{"$key":"x"}}`), absent},

			{creates.read(caller, "books", "select=id&id=eq.1"), books},
			{updates.read(caller, "books", "select=id&id=eq.1"), books},
			{reads.read(caller, "books", "select=id&id=eq.1"), `[{"id":1}]`},
			{reads.do("insert", caller, row(`{"title":"x"}`), ""), books},
			{reads.do("update", caller, row(`{"title":"x"}`), "id=eq.1"), books},
			{reads.do("delete", caller, row(""), "id=eq.1"), books},

			// What is reached by the way.
			{reads.read(caller, "books", "select=id,authors!books_author_fkey(name)"), "PGRST200 Could not find a relationship between 'books' and 'authors' in the schema cache"},
			{reads.read(caller, "books", "select=id,nowhere(name)"), "PGRST200 Could not find a relationship between 'books' and 'nowhere' in the schema cache"},
			{reads.read(caller, "books", "select=id,genres(label)"), "PGRST200 Could not find a relationship between 'books' and 'genres' in the schema cache"},
			{both.read(caller, "books", "select=id,genres(label)"), "PGRST200 Could not find a relationship between 'books' and 'genres' in the schema cache"},
			{both.read(caller, "books", "_from=novel&_via=book_genres"), "PGRST200 Could not find a way 'book_genres' to walk along in the schema cache"},
			{both.read(caller, "books", "select=id,author:authors!books_author_fkey(name)&id=eq.1"), `[{"id":1,"author":{"name":"Austen"}}]`},
			{within(map[string]data.Operations{"books": data.MayRead, "authors": data.MayUpdate}).read(caller, "books", "select=id,authors!books_author_fkey(name)"), authors},
			{within(map[string]data.Operations{"books": data.MayRead, "authors": data.MayUpdate}).read(caller, "books", "select=id,authors!books_author_fkey()&authors=not.is.null"), authors},
			{within(map[string]data.Operations{"books": data.MayRead, "authors": data.MayUpdate}).read(caller, "books", "_from=authors/1&_via=author"), authors},

			// What a write shows and tells.
			{creates.do("insert", caller, row(`{"title":"x"}`), ""), "done "},
			{creates.do("insert", caller, shown(`{"title":"x"}`), ""), books},
			{creates.do("insert", caller, merged(data.Merge), ""), books},
			{creates.do("insert", caller, merged(data.Ignore), ""), "done "},
			{creates.batch(caller, `{"op":"upsert","table":"books","rows":[{"id":1,"title":"x"}]}`), books},
			{creates.batch(caller, `{"op":"insert","table":"books","rows":[{"title":"x"}],"return":true}`), books},
			{updates.do("update", caller, row(`{"title":"x"}`), "id=eq.1"), "done "},
			{updates.do("update", caller, row(`{"title":"x"}`), "or=(id.eq.1,id.eq.2)"), "done "},
			{updates.do("update", caller, shown(`{"title":"x"}`), "id=eq.1"), books},
			{updates.do("update", caller, row(`{"title":"x"}`), "title=like.E*"), books},
			{updates.do("update", caller, row(`{"title":"x"}`), "id=eq.1&or=(title.eq.x,id.eq.1)"), books},
			{updates.do("update", caller, row(`{"title":"x"}`), "id=eq.1&select=authors!books_author_fkey!inner()"), books},
			{updates.do("insert", caller, row(`{"title":"x"}`), ""), books},
			{updates.do("delete", caller, row(""), "id=eq.1"), books},
			{updates.batch(caller, `{"op":"update","table":"books","set":{"title":"x"},"where":"title=eq.Emma"}`), books},
			{updates.batch(caller, `{"op":"update","table":"books","set":{"title":"x"},"key":1,"return":true}`), books},
			{updates.batch(caller, `{"op":"update","table":"books","set":{"title":"x"},"key":1,"ifMatch":"\"1-x\""}`), books},
			{deletes.batch(caller, `{"op":"delete","table":"reviews","where":"stars=gt.1"}`), "42501 permission denied for table reviews"},
			{writes.do("update", caller, shown(`{"title":"x"}`), "id=eq.1&select=id,authors!books_author_fkey(name)"), "PGRST200 Could not find a relationship between 'books' and 'authors' in the schema cache"},
			{writes.do("update", caller, shown(`{"title":"x"}`), "id=eq.1&select=id,title"), `done [{"id":1,"title":"x"}]`},
			{writes.do("insert", caller, merged(data.Merge), ""), "done "},
			{writes.do("delete", caller, shown(""), "id=eq.5&select=id"), `done [{"id":5}]`},
		} {
			if test.got != test.want {
				t.Errorf("%d as %s: %s\nwant %s", i, caller.Role, test.got, test.want)
			}
		}
	}
	for name, want := range map[string]string{
		"mine": "42501 permission denied for function mine", "nowhere": "42501 permission denied for function nowhere",
	} {
		if _, err := within(nil).Call(t.Context(), service, data.Call{Query: name}); err == nil || code(t, err) != want {
			t.Errorf("a call of %s: %v", name, err)
		}
	}
}

// TestGrantsGiveNothing has everything granted, and a caller whom the rules
// refuse.
func TestGrantsGiveNothing(t *testing.T) {
	b := stocked(t)
	all := data.MayRead | data.MayCreate | data.MayUpdate | data.MayDelete
	g := granted{b.Within(data.Grants{
		Tables:  map[string]data.Operations{"orders": all, "vault": all, "users": all, "books": all},
		Queries: map[string]bool{"of": true},
	}), t}
	for i, test := range []struct{ got, want string }{
		{g.read(bob, "orders", "select=status&id=eq."+orderOf(annID)), "[]"},
		{g.read(nobody, "vault", ""), "42501 permission denied for table vault"},
		{g.read(ann, "books", "select=cost"), "42703 column books.cost does not exist"},
		{g.do("update", bob, data.Write{Table: "orders", Body: []byte(`{"quantity":7}`), Representation: true}, "id=eq."+orderOf(annID)), "done []"},
		{g.do("delete", bob, data.Write{Table: "orders", Representation: true}, "id=eq."+orderOf(annID)), "done []"},
	} {
		if test.got != test.want {
			t.Errorf("%d: %s, want %s", i, test.got, test.want)
		}
	}
	_, err := g.Call(t.Context(), bob, data.Call{Query: "of", Body: []byte(`{"who":"` + annID + `"}`)})
	if got := codeOf(err); got != data.CodeDenied {
		t.Errorf("a call that its rule refuses: %v", err)
	}
}
