package engine_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/url"
	"strings"
)

// differs says how two answers differ, "" where they are the same.
func (a asked) differs(b asked) string {
	switch {
	case a.status != b.status:
		return "status"
	case a.counted != b.counted:
		return "Content-Range"
	case a.body == b.body:
		return ""
	}
	x, good := meaningOf(a.body)
	y, ok := meaningOf(b.body)
	if !good || !ok || !sameJSON(x, y) {
		return "body"
	}
	return ""
}

func meaningOf(text string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

func sameJSON(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		left, good := new(big.Rat).SetString(x.String())
		right, both := new(big.Rat).SetString(y.String())
		return ok && good && both && left.Cmp(right) == 0
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameJSON(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			if w, there := y[name]; !there || !sameJSON(v, w) {
				return false
			}
		}
		return true
	}
	return a == b
}

// asker makes requests.
type asker struct{ rand *rand.Rand }

func (g *asker) one(n int) bool { return g.rand.IntN(n) == 0 }

func (g *asker) of(from ...string) string { return from[g.rand.IntN(len(from))] }

// columns are those of each table, with some literals that are of their types;
// null is said apart.
var columns = map[string]map[string][]string{
	"people": {
		"id": {"1", "2", "3", "4", "5", "6", "99"}, "name": {`"ann"`, `"Bob"`, `"\u00c9va"`, `"a b"`, `""`}, "age": {"0", "7", "9007199254740993", "30"},
		"score": {"0.5", "-1.25", "3", "1e21"}, "pay": {"1.10", "20", "0.05"}, "ok": {"true", "false"},
		"at": {`"2026-01-01T10:00:00.123456Z"`, `"1969-12-31T23:59:59Z"`}, "day": {`"2026-02-28"`, `"1815-12-23"`},
		"doc": {`{"a":1,"b":[1,"x"]}`, `{"a":1.5}`, `[1,2]`, `"x"`, `7`, `true`, `{"a":null}`}, "tags": {`["a"]`, `[]`, `["b","a"]`}, "boss": {"1", "2", "3", "4"},
	},
	"works": {
		"id": {"1", "2", "3", "4", "5", "6", "7"}, "title": {`"The fat cat"`, `"a dog and a cat"`, `"Birds"`, `"cats"`}, "writer": {"1", "2", "3", "4"}, "editor": {"1", "2", "3"},
		"pages": {"1", "20", "300"}, "code": {`"x"`, `"y"`, `"z"`}, "place": {"[0,0]", "[3,4]", "[1,1.5]"},
	},
	"covers":   {"id": {"1", "2", "3", "4"}, "color": {`"red"`, `"blue"`}},
	"labels":   {"id": {`"p"`, `"q"`, `"r"`}, "text": {`"one"`, `"Two"`}},
	"stickers": {"id": {"1", "2", "3", "4", "5", "6"}, "work": {"1", "2", "3", "4"}, "label": {`"p"`, `"q"`, `"r"`}, "weight": {"1", "2", "3"}},
}

var named = []string{"people", "works", "covers", "labels", "stickers"}

// column picks one of a table, in an order that the seed decides.
func (g *asker) column(table string) string {
	switch table {
	case "people":
		return g.of("id", "name", "age", "score", "pay", "ok", "at", "day", "doc", "tags", "boss")
	case "works":
		return g.of("id", "title", "writer", "editor", "pages", "code")
	case "covers":
		return g.of("id", "color")
	case "labels":
		return g.of("id", "text")
	}
	return g.of("id", "work", "label", "weight")
}

func (g *asker) literal(table, column string) string { return g.of(columns[table][column]...) }

// row is a JSON object; its key is left out where the engine makes one.
func (g *asker) row(table string) string {
	var members []string
	for _, column := range []string{"id", "name", "title", "age", "score", "pay", "ok", "at", "day", "doc", "tags", "boss", "writer", "editor", "pages", "code", "place", "color", "text", "work", "label", "weight"} {
		if columns[table][column] == nil || column != "name" && column != "title" && g.one(3) {
			continue
		}
		value := g.literal(table, column)
		if column != "id" && g.one(8) {
			value = "null"
		}
		members = append(members, fmt.Sprintf("%q:%s", column, value))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g *asker) write() request {
	table := g.of(named...)
	one := request{path: "/rest/v1/" + table + "?select=" + url.QueryEscape(g.shown(table, 1)), prefer: g.of("return=representation", "return=representation,count=exact", "count=exact")}
	switch g.rand.IntN(8) {
	case 0:
		one.method, one.path = "DELETE", one.path+"&"+g.filter(table)
	case 1, 2:
		one.method, one.path = "PATCH", one.path+"&"+g.filter(table)
		column := g.column(table)
		one.body = fmt.Sprintf("{%q:%s}", column, g.literal(table, column))
	case 3, 4:
		one.method, one.body = "POST", "["+g.row(table)+","+g.row(table)+"]"
		one.prefer += g.of(",resolution=merge-duplicates", ",resolution=ignore-duplicates")
		if table == "works" && g.one(2) {
			one.path += "&on_conflict=code"
		}
	default:
		one.method, one.body = "POST", g.row(table)
	}
	return one
}

func (g *asker) read() request {
	switch g.rand.IntN(12) {
	case 0:
		return request{method: "GET", path: "/api/data/works?_search=words&_text=" + g.of("cat", "cat%20dog", "birds%20or%20dog", "nothing", "%22fat%20cat%22") + "&select=id,title&" + g.filter("works")}
	case 1:
		return request{method: "GET", path: "/api/data/works?_near=place&_vector=" + g.of("[0,0]", "[3,3]", "[1]") + "&_k=2&select=id,_distance"}
	case 2:
		return request{method: "GET", path: "/api/data/people?_from=" + g.of("1", "2", "99") + "&_via=" + g.of("boss", "people", "works") + "&_hops=" + g.of("1", "1..3", "2") + "&select=id,_hops"}
	case 3:
		return request{method: "GET", path: "/rest/v1/people?select=" + g.of("count()", "ok,age.sum(),score.avg()", "boss,count(),pay.max()", "day,pay.sum(),at.min()&order=day") + "&" + g.filter("people")}
	}
	table := g.of(named...)
	path := "/rest/v1/" + table + "?select=" + url.QueryEscape(g.shown(table, 2))
	for range g.rand.IntN(3) {
		path += "&" + g.filter(table)
	}
	var order []string
	for range g.rand.IntN(3) {
		order = append(order, g.column(table)+g.of("", ".desc", ".asc.nullsfirst", ".desc.nullslast"))
	}
	if len(order) > 0 {
		path += "&order=" + strings.Join(order, ",")
	}
	if g.one(2) {
		path += fmt.Sprintf("&limit=%d", g.rand.IntN(4))
	}
	if g.one(3) {
		path += fmt.Sprintf("&offset=%d", g.rand.IntN(3))
	}
	return request{method: "GET", path: path, prefer: g.of("", "", "count=exact")}
}

// shown is a list of what to select.
func (g *asker) shown(table string, depth int) string {
	list := []string{"id"}
	for range g.rand.IntN(4) {
		list = append(list, g.column(table))
	}
	if table == "people" && g.one(4) {
		list = append(list, g.of("a:doc->a", "b:doc->b->1", "t:doc->>a", "s:score::text", "n:age::text"))
	}
	if depth > 0 {
		near := map[string][]string{
			"people": {"boss:people!people_boss_fkey(%people)", "works!works_writer_fkey(%works)"}, "works": {"people!works_writer_fkey(%people)", "labels(%labels)", "covers(%covers)", "stickers(%stickers)"},
			"covers": {"works(%works)"}, "labels": {"works(%works)", "stickers(%stickers)"}, "stickers": {"works(%works)", "labels(%labels)"},
		}[table]
		embed := g.of(near...)
		before, rest, _ := strings.Cut(embed, "%")
		list = append(list, before+g.shown(strings.TrimSuffix(rest, ")"), depth-1)+")")
	}
	seen := map[string]bool{}
	var out []string
	for _, one := range list {
		if !seen[one] {
			out = append(out, one)
		}
		seen[one] = true
	}
	return strings.Join(out, ",")
}

func (g *asker) filter(table string) string {
	column := g.column(table)
	bare := func() string { return strings.Trim(g.literal(table, column), `"`) }
	switch g.rand.IntN(8) {
	case 0:
		return column + "=" + g.of("is.null", "not.is.null")
	case 1:
		return column + "=in.(" + url.QueryEscape(bare()+","+bare()) + ")"
	case 2:
		return "or=(" + column + g.of(".eq.", ".lt.", ".not.gte.") + url.QueryEscape(bare()) + ",id.eq." + url.QueryEscape(strings.Trim(g.literal(table, "id"), `"`)) + ")"
	case 3:
		if table == "people" {
			return g.of("doc->>a=eq.1", "doc->a=eq.1", "tags=cs.{a}", "name=ilike.*a*", "name=like.%C3%89*", "doc->b->0=gt.0", "tags=ov.{a,z}", "doc=cs.{\"a\":1}")
		}
	}
	return column + "=" + g.of("", "not.") + g.of("eq", "neq", "gt", "gte", "lt", "lte") + "." + url.QueryEscape(bare())
}
