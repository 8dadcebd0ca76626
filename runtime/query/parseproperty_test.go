package query_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// checkRequest parses twice and holds what is true of every request.
func checkRequest(t *testing.T, schema *query.Schema, table, rawQuery string) {
	t.Helper()
	limits := query.DefaultLimits()
	r, wrong := query.ParseRequest(schema, schema.Table(table), rawQuery, limits)
	again, wrongAgain := query.ParseRequest(schema, schema.Table(table), rawQuery, limits)
	if wrong != nil {
		if wrong.Code == "" || wrong.Message == "" || wrong.Code == fault.CodeInternal {
			t.Fatalf("%q gives a fault that says nothing: %+v", rawQuery, wrong)
		}
		if wrongAgain == nil || wrongAgain.Message != wrong.Message {
			t.Fatalf("%q: %v, then %v", rawQuery, wrong, wrongAgain)
		}
		return
	}
	if wrongAgain != nil || dump(&r) != dump(&again) {
		t.Fatalf("%q is %s, then %s (%v)", rawQuery, dump(&r), dump(&again), wrongAgain)
	}
	if n := checkEmbeds(t, rawQuery, &r, 1); n > limits.Embeds {
		t.Fatalf("%q embeds %d relations", rawQuery, n)
	}
}

func checkEmbeds(t *testing.T, rawQuery string, r *query.Request, depth int) int {
	t.Helper()
	if simple := query.Simplify(r.Where); dumpExpr(simple) != dumpExpr(r.Where) {
		t.Fatalf("%q: %s is not simple: %s", rawQuery, dumpExpr(r.Where), dumpExpr(simple))
	}
	total := len(r.Embeds)
	for _, e := range r.Embeds {
		if depth > query.DefaultLimits().Depth {
			t.Fatalf("%q embeds %d deep", rawQuery, depth)
		}
		if e.Name == "" || e.Relation == nil || e.Hidden != (e.Request.Outputs != nil && len(e.Request.Outputs) == 0) && !e.Request.Star {
			t.Fatalf("%q: an embed is %+v", rawQuery, e)
		}
		if e.Spread && (e.Relation.Many || query.HasAggregate(e.Request.Outputs)) {
			t.Fatalf("%q spreads %s", rawQuery, dumpEmbed(e))
		}
		total += checkEmbeds(t, rawQuery, &e.Request, depth+1)
	}
	for _, o := range r.Outputs {
		if related, ok := o.Expr.(*query.Related); ok && related.Of.Hidden {
			t.Fatalf("%q shows the hidden %s", rawQuery, related.Of.Name)
		}
	}
	return total
}

func TestParseAnything(t *testing.T) {
	words := []string{
		"select=", "order=", "limit=", "offset=", "columns=", "on_conflict=", "_page=", "or=", "and=", "not.or=", "&", "&", "&", ",", ",", "(", ")", "(", ")",
		".", ".", ":", "::", "->", "->>", "!", "...", "{", "}", `"`, `\`, "*", "=", "=", "not.", "is.null", "eq.", "in.", "cs.", "cd.", "ov.", "isdistinct.",
		"(any).", "(all).", "fts(english).", "like", "eq", "gt.5", "sum()", "count()", "count", ".max()", "::int", "::text", "::x", ".desc", ".nullsfirst",
		"id", "name", "books", "authors", "author_id", "title", "year", "meta", "born", "profiles", "members", "loans", "inner", "left", "a", "1", "0", "null", " ", "é", "%",
		"books(id)", "authors(name)", "b:books(id)", "books.", "authors.name", "books=is.null", "books.order=", "books.limit=1", "select=*,books(id)&", "select=authors(name)&",
	}
	random := rand.New(rand.NewPCG(3, 5))
	schema := library()
	parsed := 0
	for range 20_000 {
		var b strings.Builder
		for range 1 + random.IntN(7) {
			b.WriteString(words[random.IntN(len(words))])
		}
		rawQuery := strings.NewReplacer(" ", "%20", `"`, "%22", `\`, "%5C").Replace(b.String())
		table := []string{"authors", "books", "members"}[random.IntN(3)]
		checkRequest(t, schema, table, rawQuery)
		if _, f := query.ParseRequest(schema, schema.Table(table), rawQuery, query.DefaultLimits()); f == nil {
			parsed++
		}
	}
	if parsed < 400 {
		t.Errorf("only %d of them parse: the words are chosen badly", parsed)
	}
}

func FuzzParseRelations(f *testing.F) {
	for _, seed := range []string{
		"select=*,books(title)&books.year=gt.2000", "books.order=year.desc&books.limit=1&select=name,b:books!inner(id,authors(*))", "select=books(count)&books=is.null",
		"select=id,...profiles(bio)&order=profiles(bio).desc", "select=meta->n::int.sum(),name&or=(born.gt.1,and(id.eq.2,name.like(any).{a*,b*}))",
		`select=books!author_id()&or=(books.not.is.null,meta.cs.{"a":[1]})`, "on_conflict=id,name&_page=abc", "select=all:books(n:count(),year.avg()::int)&books.not.or=(id.eq.1)",
	} {
		f.Add(strings.NewReplacer(`"`, "%22").Replace(seed))
	}
	schema := library()
	f.Fuzz(func(t *testing.T, rawQuery string) {
		checkRequest(t, schema, "authors", rawQuery)
		checkRequest(t, schema, "books", rawQuery)
	})
}
