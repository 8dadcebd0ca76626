package engine_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// deepCases is how many of the deepest requests are made up.
const deepCases = 25

// The bounds that requests and rules have (query.DefaultLimits, access).
const (
	deepEmbeds    = 5
	deepLevels    = 16
	maxConditions = 98
	deepWords     = 15 // parentheses in a query of words
	deepBracket   = 60 // brackets in a rule
)

// deepTables are tables whose rules ask others, one through the other, as deep as a
// rule may.
func deepTables() string {
	return `manifest: 1
name: "deep"
rates: default: requests: 1000000
limits: statement: "60s"
tables: people: {
	key: type: "int"
	columns: {
		name: {type: "text", required: true}
		age: type: "int"
		ok: type: "bool"
		doc: type: "json"
		boss: {type: "ref", table: "people"}
	}
	access: {
		read: """
			age == null || boss.boss.age > 40 || tables.works.exists(w, w.writer == id && (w.pages > 100 ||
			tables.stickers.exists(s, s.work == w.id && s.weight > 0 && (w.pages == null || tables.labels.exists(l, l.id == s.label &&
			(l.text == 'one' || tables.people.exists(p, p.boss == row.id && (p.ok || p.age == age))))))))
			"""
		create: true, update: true, delete: true
	}
}
tables: works: {
	key: type: "int"
	columns: {
		title: {type: "text", required: true}
		note: type: "text"
		writer: {type: "ref", table: "people"}
		pages: type: "int"
	}
	indexes: words: {columns: ["title", "note"], kind: "fulltext"}
	access: {
		read: """
			` + brackets("pages", deepBracket) + ` || tables.stickers.exists(s, s.work == id && tables.labels.exists(l, l.id == s.label &&
			tables.stickers.exists(o, o.label == l.id && o.work.pages != 3 && !tables.people.exists(p, p.boss == writer && !(p.ok || p.age > pages)))))
			"""
		create: true
		update: "tables.stickers.exists(s, s.work == id && tables.labels.exists(l, l.id == s.label && tables.stickers.exists(o, o.label == l.id && tables.people.exists(p, p.id == writer))))"
		delete: true
	}
}
tables: labels: {
	key: type: "text"
	columns: text: type: "text"
	access: {
		read: "text == null || tables.stickers.exists(s, s.label == id && tables.works.exists(w, w.id == s.work && tables.people.exists(p, p.id == w.writer && !tables.people.exists(q, q.boss == p.id && q.age > 60))))"
		create: true, update: true, delete: true
	}
}
tables: stickers: {
	key: type: "int"
	edge: {from: "work", to: "label"}
	columns: {
		work: {type: "ref", table: "works", required: true, onDelete: "cascade"}
		label: {type: "ref", table: "labels", required: true}
		weight: type: "int"
	}
	access: {
		read: "weight > 1 || tables.labels.exists(l, l.id == label && tables.stickers.exists(s, s.label == l.id && s.id != row.id && tables.works.exists(w, w.id == s.work && (w.pages > 5 || tables.people.exists(p, p.id == w.writer)))))"
		create: true, update: true, delete: true
	}
}
`
}

// brackets is a condition on a number with so many brackets in each other.
func brackets(column string, levels int) string {
	text := column + " == 7"
	for n := range levels {
		operator := "&&"
		if n%2 == 0 {
			operator = "||"
		}
		text = fmt.Sprintf("(%s %s %s %s %d)", text, operator, column, []string{">", "!="}[n%2], 1000+n)
	}
	return text
}

// TestEnginesAgreeDeep asks a backend on SQLite and one on SurrealDB for what is
// nested as deep as a request may be, under rules that are, and takes the same
// answers from both: rows in each other, filters, words and paths.
func TestEnginesAgreeDeep(t *testing.T) {
	server := surrealtest.Shared(t)
	t.Setenv(surrealPass, "root")
	t.Setenv(surrealSecret, strings.Repeat("0123456789abcdef", 3))
	namespace := fmt.Sprintf("d%d_%d", time.Now().UnixNano(), namespaces.Add(1))
	tables := deepTables() + anyPort
	backends := [2]*backend{start(t, tables), start(t, tables+inNamespaceOf(server.URL, namespace))}
	seed := uint64(numberOf(t, agreementSeed, 1))
	g := &deepAsker{asker{rand.New(rand.NewPCG(seed, seed))}}
	requests := g.rows()
	requests = append(requests, g.deepest()...)
	for range numberOf(t, agreementCases, deepCases) {
		requests = append(requests, g.random())
	}
	full := 0
	for i, one := range requests {
		var answers [2]asked
		for side, b := range backends {
			answers[side] = b.ask(one)
		}
		if difference := answers[0].differs(answers[1]); difference != "" {
			t.Fatalf("seed %d, case %d: %s\n%s %s\nPrefer: %s\n%s\nsqlite    %d %s %s\nsurrealdb %d %s %s", seed, i, difference, one.method, one.path, one.prefer, one.body,
				answers[0].status, answers[0].counted, answers[0].body, answers[1].status, answers[1].counted, answers[1].body)
		}
		if answers[0].status/100 != 2 {
			t.Fatalf("seed %d, case %d: %s %s\n%s\n%d %s", seed, i, one.method, one.path, one.body, answers[0].status, answers[0].body)
		}
		if len(answers[0].body) > 100 {
			full++
		}
	}
	t.Logf("%d of %d answers have rows", full, len(requests))
	if full < len(requests)/4 {
		t.Error("too few answers have rows")
	}
}

// deepAsker makes requests.
type deepAsker struct{ asker }

// rows are what there is to be asked about.
func (g *deepAsker) rows() []request {
	var list []request
	add := func(table string, rows []string) {
		list = append(list, request{method: "POST", path: "/rest/v1/" + table, body: "[" + strings.Join(rows, ",") + "]"})
	}
	var people, works, labels, stickers []string
	for id := 1; id <= 8; id++ {
		people = append(people, fmt.Sprintf(`{"id":%d,"name":%q,"age":%s,"ok":%s,"doc":{"a":[[[1,[%d]]]]},"boss":%s}`, id, g.of("ann", "bob"), g.of("7", "30", "50", "null"), g.of("true", "false", "null"), id, g.bossOf(id)))
	}
	for id := 1; id <= 10; id++ {
		works = append(works, fmt.Sprintf(`{"id":%d,"title":%q,"note":%s,"writer":%d,"pages":%s}`, id, g.of("the fat cat", "a dog", "birds and cats"), g.of(`"cat"`, "null"), 1+g.rand.IntN(8), g.of("1", "7", "300", "null")))
	}
	for _, id := range []string{"p", "q", "r"} {
		labels = append(labels, fmt.Sprintf(`{"id":%q,"text":%s}`, id, g.of(`"one"`, `"two"`, "null")))
	}
	for work := 1; work <= 10; work++ {
		for _, label := range []string{"p", "q", "r"} {
			if !g.one(3) {
				stickers = append(stickers, fmt.Sprintf(`{"id":%d,"work":%d,"label":%q,"weight":%d}`, len(stickers)+1, work, label, g.rand.IntN(3)))
			}
		}
	}
	add("people", people)
	add("works", works)
	add("labels", labels)
	add("stickers", stickers)
	return list
}

func (g *deepAsker) bossOf(id int) string {
	if id == 1 || g.one(3) {
		return "null"
	}
	return fmt.Sprint(1 + g.rand.IntN(id-1))
}

// deepNear are the ways from a table: what is selected, and how it is called.
var deepNear = map[string][]struct{ name, target, table string }{
	"people": {
		{"works", "works!works_writer_fkey", "works"},
		{"chief", "chief:people!people_boss_fkey", "people"},
	},
	"works":    {{"writer", "writer:people!works_writer_fkey", "people"}, {"labels", "labels", "labels"}, {"stickers", "stickers", "stickers"}},
	"labels":   {{"works", "works", "works"}, {"stickers", "stickers", "stickers"}},
	"stickers": {{"works", "works", "works"}, {"labels", "labels", "labels"}},
}

var deepColumns = map[string][]string{
	"people": {"id", "name", "age", "ok"}, "works": {"id", "title", "note", "pages"}, "labels": {"id", "text"}, "stickers": {"id", "weight"},
}

// shape is what a request says beyond its path: what it selects, and filters.
type shape struct {
	filters []string
	budget  int // of conditions
}

// shown is what is selected of a table, with others in it, levels deep. path is
// where it stands.
func (g *deepAsker) shown(s *shape, table, path string, levels int) string {
	list := slices.Clone(deepColumns[table])
	if levels == 0 {
		if g.one(3) {
			return g.of("count()", "id.min(),count()")
		}
		return strings.Join(list, ",")
	}
	way := deepNear[table][g.rand.IntN(len(deepNear[table]))]
	inner := path + way.name + "."
	list = append(list, way.target+g.of("", "", "!inner")+"("+g.shown(s, way.table, inner, levels-1)+")")
	if g.one(3) {
		s.filters = append(s.filters, inner+g.tree(s, way.table, 1+g.rand.IntN(deepLevels)))
	}
	return strings.Join(list, ",")
}

// tree is a filter that is nested so deep.
func (g *deepAsker) tree(s *shape, table string, levels int) string {
	name := g.of("or", "and", "not.or", "not.and")
	return name + "=" + g.group(s, table, name, levels)
}

func (g *deepAsker) group(s *shape, table, name string, levels int) string {
	terms := []string{g.term(s, table)}
	if levels > 1 {
		next := "and"
		if strings.HasSuffix(name, "and") {
			next = "or"
		}
		next = g.of("", "", "not.") + next
		terms = append(terms, next+g.group(s, table, next, levels-1))
	} else {
		terms = append(terms, g.term(s, table))
	}
	if g.one(2) {
		terms[0], terms[1] = terms[1], terms[0]
	}
	return "(" + strings.Join(terms, ",") + ")"
}

func (g *deepAsker) term(s *shape, table string) string {
	s.budget--
	switch table {
	case "people":
		return g.of("age.gt.8", "age.is.null", "ok.not.is.true", "name.like.a*", "doc->a->0->0->1->0.gt.3", "id.in.(1,2,3)", "boss.not.is.null")
	case "works":
		return g.of("pages.lt.8", "title.fts.cat", "words.wfts.dog", "note.is.null", "title.ilike.*A*", "writer.gt.3")
	case "labels":
		return g.of("text.eq.one", "id.neq.q", "text.is.null")
	}
	return g.of("weight.gte.1", "id.gt.4", "label.eq.p", "work.lt.6")
}

// full is a filter that is as deep as one may be and has as many conditions.
func (g *deepAsker) full(table string) string {
	text, name, left := "", g.of("or", "and"), maxConditions
	for level := range deepLevels {
		terms := left / (deepLevels - level)
		left -= terms
		before := g.rand.IntN(terms + 1) // the other group stands among them
		var list []string
		for n := range terms {
			if n == before && text != "" {
				list = append(list, text)
			}
			list = append(list, g.term(&shape{}, table))
		}
		if before == terms && text != "" {
			list = append(list, text)
		}
		text = name + "(" + strings.Join(list, ",") + ")"
		name = map[string]string{"or": "and", "and": "or"}[name]
	}
	operator, value, _ := strings.Cut(text, "(")
	return operator + "=" + url.QueryEscape("("+value)
}

func (g *deepAsker) random() request {
	table := g.of("people", "works", "labels", "stickers")
	s := &shape{budget: 80}
	one := request{method: "GET", anyone: true, prefer: g.of("", "count=exact")}
	path := "/rest/v1/" + table + "?select=" + url.QueryEscape(g.shown(s, table, "", deepEmbeds))
	if g.one(2) {
		s.filters = append(s.filters, g.tree(s, table, deepLevels))
	}
	for _, filter := range s.filters {
		name, value, _ := strings.Cut(filter, "=")
		path += "&" + name + "=" + url.QueryEscape(value)
	}
	one.path = path + g.of("", "&limit=3", "&order=id.desc")
	return one
}

// deepest are those that have as much of each as a request may.
func (g *deepAsker) deepest() []request {
	all := "id,title,writer:people!works_writer_fkey(name,works!works_writer_fkey(id,labels(text,works(id,stickers(id,weight)))))"
	inner := strings.ReplaceAll(all, "(", "!inner(")
	tree := "(id.gt.0,and(pages.lt.900"
	for n := range deepLevels - 2 {
		tree += fmt.Sprintf(",%s(id.neq.%d", []string{"or", "not.and"}[n%2], 100+n)
	}
	tree += strings.Repeat(")", deepLevels)
	words := "cat"
	for n := range deepWords {
		words = "(" + words + []string{" & !fish", " | bird"}[n%2] + ")"
	}
	steps := "doc->a" + strings.Repeat("->0", 40) + "=is.null"
	get := func(path string) request {
		return request{method: "GET", path: path, prefer: "count=exact", anyone: true}
	}
	within := "writer.works.labels.works."
	list := []request{
		get("/rest/v1/works?select=" + all),
		get("/rest/v1/works?select=" + inner),
		get("/rest/v1/works?select=" + all + "&or=" + tree),
		get("/rest/v1/works?select=" + all + "&" + within + "or=" + url.QueryEscape(tree)),
		get("/rest/v1/works?select=" + inner + "&" + within + "or=" + url.QueryEscape(tree) + "&or=" + url.QueryEscape(tree)),
		get("/rest/v1/works?select=" + all + "&title=fts." + url.QueryEscape(words)),
		get("/rest/v1/works?select=" + all + "&" + within + "title=fts." + url.QueryEscape(words)),
		get("/rest/v1/works?select=" + inner + "&" + within + "words=fts." + url.QueryEscape(words)),
		get("/rest/v1/works?select=" + all + "&" + within + "title=fts(english)." + url.QueryEscape(words)),
		get("/rest/v1/people?" + steps),
		get("/rest/v1/people?select=id,chief:people!people_boss_fkey(id,chief:people!people_boss_fkey(id,chief:people!people_boss_fkey(id,chief:people!people_boss_fkey(id,chief:people!people_boss_fkey(id,name)))))&chief.chief.chief.chief.chief." + strings.Replace(steps, "=", "=not.", 1)),
		get("/rest/v1/works?select=pages,count(),writer:people!works_writer_fkey(name)"),
		get("/api/data/works?_search=words&_text=" + url.QueryEscape(`cat -fish or "fat cat" or birds`) + "&select=" + strings.ReplaceAll(all, "!inner", "")),
		get("/api/data/works?_from=1&_via=stickers&_hops=1-3&select=" + all + "&or=" + url.QueryEscape(tree)),
	}
	// Writes of one row by its key, whose filter stands in the write itself.
	for _, method := range []string{"PATCH", "DELETE"} {
		list = append(list, request{method: method, path: "/rest/v1/people?id=eq.8&or=" + url.QueryEscape(strings.ReplaceAll(tree, "pages", "age")), prefer: "count=exact", body: `{"name":"eve"}`})
	}
	for range 6 {
		full := g.full("people")
		list = append(list, get("/rest/v1/people?"+full), request{method: "PATCH", path: "/rest/v1/people?id=eq.7&" + full, prefer: "count=exact", body: `{"name":"eve"}`})
	}
	for _, prefer := range []string{"return=representation", "return=representation,tx=rollback"} {
		list = append(list,
			request{method: "PATCH", path: "/rest/v1/works?id=lt.20&select=" + all + "&or=" + url.QueryEscape(tree), prefer: prefer, body: `{"note":"x"}`, anyone: true},
			request{method: "POST", path: "/rest/v1/works?select=" + all, prefer: prefer, body: `[{"title":"a cat","writer":1,"pages":2000},{"title":"a bird","writer":2,"pages":3000}]`, anyone: true},
			request{method: "DELETE", path: "/rest/v1/works?select=" + all + "&id=gt.11&or=" + url.QueryEscape(tree), prefer: prefer, anyone: true},
		)
	}
	return list
}
