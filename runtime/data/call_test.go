package data_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

func column(name, kind string) manifest.QueryColumn {
	return manifest.QueryColumn{Name: name, QueryType: manifest.QueryType{Type: kind}}
}

func param(name, kind string, required bool) manifest.QueryParam {
	return manifest.QueryParam{Name: name, QueryType: manifest.QueryType{Type: kind}, Required: required}
}

// withQueries is the shop with a query of every kind.
func withQueries() *manifest.Manifest {
	m := shop()
	money := manifest.QueryType{Type: "decimal", Scale: 2}
	m.Queries = append(m.Queries, []manifest.Query{
		{
			Name: "numbers", Returns: manifest.ReturnsRows, Call: always(),
			Params:  []manifest.QueryParam{param("upto", "int", true), {Name: "step", QueryType: manifest.QueryType{Type: "int"}, Default: "1"}},
			Columns: []manifest.QueryColumn{column("n", "int"), column("half", "float"), column("even", "bool"), column("word", "text")},
			SQL: `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + :step FROM c WHERE n + :step <= :upto)
				SELECT 'w' || n AS word, n, n / 2.0 AS half, n % 2 = 0 AS even FROM c`,
		},
		{
			Name: "everything", Returns: manifest.ReturnsRows, Call: always(),
			Params: []manifest.QueryParam{
				param("t", "text", false), param("i", "int", false), param("f", "float", false),
				{Name: "d", QueryType: money},
				param("b", "bool", false),
				param("at", "timestamp", false), param("day", "date", false), param("u", "uuid", false), param("j", "json", false),
				{Name: "l", QueryType: manifest.QueryType{Type: "list", Of: "text"}},
				{Name: "r", QueryType: manifest.QueryType{Type: "ref", Table: "books"}},
			},
			Columns: []manifest.QueryColumn{
				column("t", "text"), column("i", "int"), column("f", "float"),
				{Name: "d", QueryType: money},
				column("b", "bool"), column("at", "timestamp"),
				column("day", "date"), column("u", "uuid"), column("j", "json"),
				{Name: "l", QueryType: manifest.QueryType{Type: "list", Of: "text"}},
				{Name: "r", QueryType: manifest.QueryType{Type: "ref", Table: "books"}},
			},
			SQL: "SELECT :t AS t, :i AS i, :f AS f, :d AS d, :b AS b, :at AS at, :day AS day, :u AS u, :j AS j, :l AS l, :r AS r",
		},
		{
			Name: "sold", Reads: []string{"orders", "books"}, Returns: manifest.ReturnsValue, Call: always(), Cache: "minute",
			Columns: []manifest.QueryColumn{{Name: "value", QueryType: money}},
			SQL:     "SELECT sum(b.price * o.quantity) AS value FROM orders o JOIN books b ON b.id = o.book",
		},
		{
			Name: "whoami", Returns: manifest.ReturnsValue, Call: always(), Columns: []manifest.QueryColumn{column("value", "text")},
			SQL: "SELECT :auth_role AS value",
		},
		{
			Name: "titled", Reads: []string{"books"}, Returns: manifest.ReturnsRows, Call: always(), Cache: "minute",
			Params: []manifest.QueryParam{param("title", "text", true)}, Columns: []manifest.QueryColumn{column("title", "text")},
			SQL: "SELECT title FROM books WHERE title = :title",
		},
		{Name: "touch", Returns: manifest.ReturnsNothing, Call: always(), SQL: "SELECT 1"},
		{Name: "hidden", Returns: manifest.ReturnsValue, Columns: []manifest.QueryColumn{column("value", "int")}, SQL: "SELECT 1 AS value"},
		{Name: "none", Returns: manifest.ReturnsValue, Call: always(), Columns: []manifest.QueryColumn{column("value", "int")}, SQL: "SELECT 1 AS value WHERE 0"},
		{Name: "broken", Returns: manifest.ReturnsValue, Call: always(), Columns: []manifest.QueryColumn{column("value", "int")}, SQL: "SELECT 'x' AS value"},
		{Name: "badjson", Returns: manifest.ReturnsValue, Call: always(), Columns: []manifest.QueryColumn{column("value", "json")}, SQL: "SELECT '{' AS value"},
		{Name: "far", Returns: manifest.ReturnsValue, Call: always(), Columns: []manifest.QueryColumn{column("value", "timestamp")}, SQL: "SELECT 9223372036854775807 AS value"},
		{Name: "blob", Returns: manifest.ReturnsValue, Call: always(), Columns: []manifest.QueryColumn{column("value", "text")}, SQL: "SELECT x'00' AS value"},
	}...)
	return m
}

// call gives the body of a call, or the code and message of its fault.
func (b *backend) call(t testing.TB, caller *auth.Caller, c data.Call) string {
	t.Helper()
	got, err := b.Call(t.Context(), caller, c)
	if err != nil {
		return code(t, err)
	}
	return string(got.Body)
}

func TestCall(t *testing.T) {
	b := stockedWith(t, withQueries())
	const all = `{"t":"a'; DROP TABLE books; --","i":-5,"f":1.5,"d":"12.345","b":true,"at":"2026-03-01T12:00:00.1234567+02:00","day":"2026-02-28","u":"0190A000-0000-7000-8000-00000000000A","j":{"a": [1, null]},"l":["x","y\""],"r":"` + emmaID + `"}`
	tests := []struct {
		name   string
		caller *auth.Caller
		call   data.Call
		want   string
	}{
		{"rows", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":2}`)}, `[{"n":1,"half":0.5,"even":false,"word":"w1"},{"n":2,"half":1,"even":true,"word":"w2"}]`},
		{"in the URL", nobody, data.Call{Query: "numbers", InURL: true, RawQuery: "upto=3&step=2&select=n"}, `[{"n":1},{"n":3}]`},
		{
			"every type, and what is bound stays a value", nobody,
			data.Call{Query: "everything", Body: []byte(all)},
			`[{"t":"a'; DROP TABLE books; --","i":-5,"f":1.5,"d":12.35,"b":true,"at":"2026-03-01T10:00:00.123456+00:00","day":"2026-02-28","u":"0190a000-0000-7000-8000-00000000000a","j":{"a":[1,null]},"l":["x","y\""],"r":"` + emmaID + `"}]`,
		},
		{
			"every type in the URL", nobody,
			data.Call{Query: "everything", InURL: true, RawQuery: "d=1.005&b=f&l={a,b}&j=[1]&at=2026-03-01&select=d,b,l,j,at"},
			`[{"d":1.01,"b":false,"l":["a","b"],"j":[1],"at":"2026-03-01T00:00:00+00:00"}]`,
		},
		{"nothing given is null", nobody, data.Call{Query: "everything", InURL: true, RawQuery: "select=t,i,j"}, `[{"t":null,"i":null,"j":null}]`},
		{"a value", nobody, data.Call{Query: "sold"}, `19.00`},
		{"a value of no row", nobody, data.Call{Query: "none"}, `null`},
		{"a value after select=*", nobody, data.Call{Query: "none", RawQuery: "select=*"}, `null`},
		{"a value cannot be filtered", nobody, data.Call{Query: "none", RawQuery: "value=eq.1"}, `PGRST100 none gives no rows, which "value" could shape`},
		{"nothing", nobody, data.Call{Query: "touch"}, ``},
		{"who calls", ann, data.Call{Query: "mine"}, `[{"id":"` + orderOf(annID) + `","status":"open"}]`},
		{"who else calls", bob, data.Call{Query: "mine"}, `[{"id":"` + orderOf(bobID) + `","status":"paid"}]`},
		{"nobody may not", nobody, data.Call{Query: "mine"}, `42501 permission denied for function mine`},
		{"the role of nobody", nobody, data.Call{Query: "whoami"}, `"anon"`},
		{"the service role", service, data.Call{Query: "whoami"}, `"service_role"`},
		{"a rule on an argument", ann, data.Call{Query: "of", Body: []byte(`{"who":"` + annID + `"}`)}, `[{"id":"` + orderOf(annID) + `"}]`},
		{"another's argument", ann, data.Call{Query: "of", Body: []byte(`{"who":"` + bobID + `"}`)}, `42501 permission denied for function of`},
		{"staff may", staff, data.Call{Query: "of", Body: []byte(`{"who":"` + annID + `"}`)}, `[{"id":"` + orderOf(annID) + `"}]`},
		{"no rule is the service role's", ann, data.Call{Query: "hidden"}, `42501 permission denied for function hidden`},
		{"before its arguments are looked at", ann, data.Call{Query: "hidden", Body: []byte(`{"x":1}`)}, `42501 permission denied for function hidden`},
		{"the service role calls it", service, data.Call{Query: "hidden"}, `1`},

		{"no such query", nobody, data.Call{Query: "numerals", Body: []byte(`{"a":1,"b":2}`)}, `PGRST202 Could not find the function public.numerals(a, b) in the schema cache`},
		{"no such query, without arguments", nobody, data.Call{Query: "nope"}, `PGRST202 Could not find the function public.nope without parameters in the schema cache`},
		{"an argument too many", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":1,"x":1}`)}, `PGRST202 Could not find the function public.numbers(upto, x) in the schema cache`},
		{"an argument too few", nobody, data.Call{Query: "numbers", Body: []byte(`{"step":1}`)}, `PGRST202 Could not find the function public.numbers(step) in the schema cache`},
		{"an unknown key of the URL", nobody, data.Call{Query: "numbers", InURL: true, RawQuery: "upto=1&x=1"}, `PGRST202 Could not find the function public.numbers(upto, x) in the schema cache`},
		{"an unknown filter of the URL", nobody, data.Call{Query: "numbers", InURL: true, RawQuery: "upto=1&x=eq.1"}, `42703 column numbers.x does not exist`},
		{"a wrong value", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":"x"}`)}, `22P02 invalid input syntax for type bigint: "x"`},
		{"a wrong value in the URL", nobody, data.Call{Query: "numbers", InURL: true, RawQuery: "upto=1;2"}, `22P02 invalid input syntax for type bigint: "1;2"`},
		{"out of range", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":9223372036854775808}`)}, `22003 value "9223372036854775808" is out of range for type bigint`},
		{"null where one is required", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":null}`)}, `22004 null value not allowed for argument "upto"`},
		{"twice", nobody, data.Call{Query: "numbers", InURL: true, RawQuery: "upto=1&upto=2"}, `PGRST100 the argument upto is given twice`},
		{"twice in the body", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":1,"upto":2}`)}, `PGRST102 Empty or invalid json`},
		{"no object", nobody, data.Call{Query: "numbers", Body: []byte(`[1]`)}, `PGRST102 Empty or invalid json`},
		{"more after it", nobody, data.Call{Query: "numbers", Body: []byte(`{} {}`)}, `PGRST102 Empty or invalid json`},
		{"cut off", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":`)}, `PGRST102 Empty or invalid json`},

		{"filtered", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":9}`), RawQuery: "select=n&n=gt.3&or=(even.is.true,word.eq.w5)"}, `[{"n":4},{"n":5},{"n":6},{"n":8}]`},
		{"ordered and cut", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":9}`), RawQuery: "select=x:n&order=even.desc,n.desc&limit=3&offset=1"}, `[{"x":6},{"x":4},{"x":2}]`},
		{"in the query's order", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":9}`), RawQuery: "select=n&limit=2&offset=3"}, `[{"n":4},{"n":5}]`},
		{"no rows asked for", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":9}`), RawQuery: "limit=0"}, `[]`},
		{"an unknown column", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":9}`), RawQuery: "select=m"}, `42703 column numbers.m does not exist`},
		{"beyond the last", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":2}`), RawQuery: "order=n&offset=7"}, `[]`},
		{"one object", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":9}`), RawQuery: "select=n&n=eq.4", Single: true}, `{"n":4}`},
		{"not one object", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":2}`), Single: true}, `PGRST116 Cannot coerce the result to a single JSON object`},
		{"columns are of writes", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":2}`), RawQuery: "columns=n"}, `PGRST100 columns and on_conflict are of writes to a table, and a query has its own text`},
		{"no aggregates", nobody, data.Call{Query: "numbers", Body: []byte(`{"upto":2}`), RawQuery: "select=n.sum()"}, `PGRST123 Use of aggregate functions is not allowed`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := b.call(t, tt.caller, tt.call); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := b.read(t, nobody, "books", "select=title"); got != `[{"title":"Emma"}]` {
		t.Errorf("after them all: %s", got)
	}
}

// What the text gives is not what returns says: an error of ours, which tells
// the caller nothing.
func TestCallRefusesWhatIsNotItsType(t *testing.T) {
	b := stockedWith(t, withQueries())
	for _, name := range []string{"broken", "badjson", "far", "blob"} {
		_, err := b.Call(t.Context(), nobody, data.Call{Query: name})
		if err == nil || !strings.Contains(err.Error(), "column \"value\"") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallIsCappedAndCounted(t *testing.T) {
	b := stockedWith(t, withQueries())
	tests := []struct {
		url   string
		count bool
		rows  int
		total int64
	}{
		{"upto=5000", false, 1000, -1},
		{"upto=5000", true, 1000, 5000},
		{"upto=5000&n=gt.4990", true, 10, 10},
		{"upto=5000&order=n.desc&limit=7", true, 7, 5000},
		{"upto=5000&limit=7&offset=4996", true, 4, 5000},
		{"upto=100000&n=eq.99999", false, 1, -1},
	}
	for _, tt := range tests {
		got, err := b.Call(t.Context(), nobody, data.Call{Query: "numbers", InURL: true, RawQuery: tt.url, Count: tt.count})
		if err != nil || got.Rows != tt.rows || got.Count != tt.total {
			t.Errorf("%s: %d rows of %d, %v", tt.url, got.Rows, got.Count, err)
		}
	}
	got := b.call(t, nobody, data.Call{Query: "numbers", InURL: true, RawQuery: "upto=10001&order=n"})
	if got != "PGRST100 numbers gives more than 10000 rows to put in order or to send" {
		t.Error(got)
	}
}

// An endless query ends with its time, and the first rows of one do not wait
// for the others.
func TestCallEndsWithTheLastRowThatIsShown(t *testing.T) {
	b := stockedWith(t, withQueries())
	if got := b.call(t, nobody, data.Call{Query: "numbers", InURL: true, RawQuery: "upto=9223372036854775807&select=n&limit=1"}); got != `[{"n":1}]` {
		t.Error(got)
	}
}

func TestCallIsCachedStrictly(t *testing.T) {
	b := stockedWith(t, withQueries())
	sold := func() (string, cache.Status) {
		t.Helper()
		got, err := b.Call(t.Context(), nobody, data.Call{Query: "sold"})
		if err != nil {
			t.Fatal(err)
		}
		return string(got.Body), got.Status
	}
	expect := func(body string, status cache.Status) {
		t.Helper()
		if got, s := sold(); got != body || s != status {
			t.Errorf("%s %s, want %s %s", got, s, body, status)
		}
	}
	expect("19.00", cache.Miss)
	expect("19.00", cache.Hit)
	b.put(t, "notes", `{"id":"a","body":"open"}`) // another table
	expect("19.00", cache.Hit)
	b.put(t, "orders", `{"owner":"`+annID+`","book":"`+emmaID+`","quantity":2}`)
	expect("38.00", cache.Miss)
	expect("38.00", cache.Hit)
	if got := b.do(t, update, service, data.Write{Table: "books", Body: []byte(`{"price":1}`), Unfiltered: true}, "id=eq."+emmaID); strings.HasPrefix(got, "PG") {
		t.Fatal(got)
	}
	expect("4.00", cache.Miss)
}

// Callers, arguments and shapes never share an answer that is not theirs.
func TestCallsDoNotShareAnswers(t *testing.T) {
	b := stockedWith(t, withQueries())
	b.put(t, "books", `[{"title":"it's","stock":0},{"title":"a:b","stock":0}]`)
	for range 2 { // the second time from the cache
		for _, title := range []string{"Emma", "it's", "a:b", "5:Emma", ""} {
			want := "[]"
			if title != "5:Emma" && title != "" {
				want = fmt.Sprintf(`[{"title":%q}]`, title)
			}
			if got := b.call(t, nobody, data.Call{Query: "titled", Body: fmt.Appendf(nil, `{"title":%q}`, title)}); got != want {
				t.Errorf("%s: %s", title, got)
			}
		}
		one := data.Call{Query: "titled", Body: []byte(`{"title":"Emma"}`), Single: true}
		if got := b.call(t, nobody, one); got != `{"title":"Emma"}` {
			t.Error(got)
		}
		for _, caller := range []*auth.Caller{ann, bob, ann} {
			if got := b.call(t, caller, data.Call{Query: "mine", RawQuery: "select=id"}); got != `[{"id":"`+orderOf(caller.UID)+`"}]` {
				t.Errorf("%s: %s", caller.UID, got)
			}
		}
		if got := b.call(t, service, data.Call{Query: "mine"}); got != "[]" {
			t.Error(got)
		}
	}
}

// Single-flight: many callers at once, one answer each, all right.
func TestCallsAtOnce(t *testing.T) {
	b := stockedWith(t, withQueries())
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			caller := ann
			if i%2 == 0 {
				caller = bob
			}
			got, err := b.Call(t.Context(), caller, data.Call{Query: "mine"})
			if err != nil || !strings.Contains(string(got.Body), orderOf(caller.UID)) {
				t.Errorf("%v", err)
			}
		})
	}
	wait.Wait()
}

func TestRoutesArguments(t *testing.T) {
	b := stockedWith(t, withQueries())
	c := data.Call{Query: "numbers", InURL: true, Arguments: []data.Argument{{Name: "upto", Text: "2"}, {Name: "step", JSON: []byte("5")}}}
	if got := b.call(t, nobody, c); got != `[{"n":1,"half":0.5,"even":false,"word":"w1"}]` {
		t.Error(got)
	}
	c.Narrow = func(r *query.Request) *query.Request { n := *r; n.Limit = 0; return &n }
	if got := b.call(t, nobody, c); got != `[]` {
		t.Error(got)
	}
}

// A rule that asks another table is judged in the database, at each call.
func TestCallByAnotherTable(t *testing.T) {
	m := withQueries()
	for i := range m.Queries {
		if m.Queries[i].Name == "titled" {
			m.Queries[i].Call = rule("tables.orders.exists(o, o.owner == auth.uid && o.status == param.title)")
		}
	}
	b := stockedWith(t, m)
	asked := func(title string) data.Call {
		return data.Call{Query: "titled", Body: fmt.Appendf(nil, `{"title":%q}`, title)}
	}
	const denied = "42501 permission denied for function titled"
	for _, tt := range []struct {
		caller *auth.Caller
		title  string
		want   string
	}{{ann, "open", "[]"}, {bob, "open", denied}, {bob, "paid", "[]"}, {ann, "x", denied}, {nobody, "open", denied}, {service, "x", "[]"}} {
		if got := b.call(t, tt.caller, asked(tt.title)); got != tt.want {
			t.Errorf("%s, %s: %s", tt.caller.UID, tt.title, got)
		}
	}
	if got := b.do(t, remove, service, data.Write{Table: "orders"}, "owner=eq."+annID); strings.HasPrefix(got, "PG") {
		t.Fatal(got)
	}
	if got := b.call(t, ann, asked("open")); got != denied {
		t.Errorf("after the order went: %s", got)
	}
}

// FuzzCall sends any arguments: they are taken, or refused with a fault that is
// the sender's.
func FuzzCall(f *testing.F) {
	b := stockedWith(f, withQueries())
	for _, seed := range []string{`{"upto":3}`, `{"upto":"3","step":null}`, `{}`, ``, `[1]`, `{"upto":1,"upto":2}`, `{"t":"\ud800","l":["a",null]}`, "\xff", `{"d":1e400,"j":[[`} {
		f.Add(seed, "select=n&n=gt.1&order=n.desc", false)
		f.Add("", "upto=3&l={a,\"b\"}&x=1&at=now&"+seed, true)
	}
	f.Fuzz(func(t *testing.T, body, url string, inURL bool) {
		for _, name := range []string{"numbers", "everything", "none"} {
			c := data.Call{Query: name, Body: []byte(body), RawQuery: url, InURL: inURL, Count: true}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := b.Call(ctx, nobody, c)
			cancel()
			if err != nil && fault.From(err).Code == fault.CodeInternal {
				t.Fatalf("internal: %v", err)
			}
		}
	})
}
