package query_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

func parse(t *testing.T, rawQuery string) (query.Request, error) {
	t.Helper()
	table := querytest.Things()
	schema := query.NewSchema([]*query.Table{table, query.NewTable("books", []*query.Column{{Name: "id", Type: integer}}, nil)})
	r, f := query.ParseRequest(schema, table, rawQuery, query.DefaultLimits())
	if f != nil {
		return r, f
	}
	return r, nil
}

func TestParseFilters(t *testing.T) {
	tests := []struct{ rawQuery, want string }{
		{"", ""},
		{"apikey=x", ""},
		{"&&", ""},
		{"n=eq.5", "=(n,'i5)"},
		{"n=neq.5", "!=(n,'i5)"},
		{"n=not.eq.5", "!=(n,'i5)"},
		{"n=not.gt.5", "<=(n,'i5)"},
		{"n=gte.-5&n=lt.7", "and(>=(n,'i-5),<(n,'i7))"},
		{"name=eq.a,b.(c)\"d\"", "=(name,'t10:a,b.(c)\"d\")"},
		{"name=eq.", "=(name,'t0:)"},
		{"name=eq.a+b%2Bc", "=(name,'t5:a b+c)"},
		{"name=eq.null", "=(name,'t4:null)"},
		{"%22name%22=eq.x", "=(name,'t1:x)"},
		{"name=like.a*b", "like(name,3:a%b)"},
		{"name=not.ilike.*x", "not(ilike(name,2:%x))"},
		{"name=match.^a", "match(name,2:^a)"},
		{"name=imatch.b", "imatch(name,1:b)"},
		{"name=is.null", "isnull(name)"},
		{"name=not.is.null", "isnotnull(name)"},
		{"name=is.NOT_NULL", "isnotnull(name)"},
		{"flag=is.true", "istrue(flag)"},
		{"flag=not.is.unknown", "not(isunknown(flag))"},
		{"flag=eq.yes", "=(flag,'b1)"},
		{"n=in.(1,2,3)", "in(n('i1,'i2,'i3))"},
		{"n=not.in.(1,2)", "not(in(n('i1,'i2)))"},
		{"n=in.(5)", "=(n,'i5)"},
		{"n=in.()", "'b0"},
		{`name=in.("a,b",c d, "q",say "x","a\"b\\")`, `in(name('t3:a,b,'t3:c d,'t4: "q",'t7:say "x",'t4:a"b\))`},
		{`name=in.("say "hi"",b)`, `in(name('t10:"say "hi"",'t1:b))`},
		{`name=in.("",a)`, "in(name('t0:,'t1:a))"},
		{`name=in.("\"",a)`, "in(name('t1:\",'t1:a))"},
		{"price=eq.9.99", "=(price,'d9.99)"},
		{"price=eq.9.999", "!=(price,price)"},
		{"price=gte.9.999", ">(price,'d9.99)"},
		{"price=lt.-9.999", "<=(price,'d-10.00)"},
		{"price=in.(1,2.5,3.333)", "in(price('d1.00,'d2.50))"},
		{"made=gt.2026-01-01T00:00:00Z", ">(made,'T1767225600000000)"},
		{"day=eq.2026-01-31", "=(day,'D20484)"},
		{"owner=eq.018F3A5E-0000-7000-8000-000000000001", "=(owner,'u36:018f3a5e-0000-7000-8000-000000000001)"},
		{"meta->>color=eq.red", "=(path(meta->5:color->>),'t3:red)"},
		{"meta->n=gt.5", ">(path(meta->1:n),'j1:5)"},
		{"meta->list->0->>-1=eq.x", "=(path(meta->4:list->#0->#-1->>),'t1:x)"},
		{`meta->>"a.b"=eq.x`, "=(path(meta->3:a.b->>),'t1:x)"},
		{"tags=eq.{a,b}", `=(tags,'l9:["a","b"])`},
		{"or=(n.eq.1,m.gt.2)", "or(=(n,'i1),>(m,'i2))"},
		{"not.or=(n.eq.1,m.gt.2)", "not(or(=(n,'i1),>(m,'i2)))"},
		{"or=(n.eq.1)", "=(n,'i1)"},
		{"and=(n.eq.1,m.gt.2)&x=lt.0.5", "and(=(n,'i1),>(m,'i2),<(x,'f0.5))"},
		{"or=(n.eq.1, and(m.gt.2,name.not.is.null),not.or(flag.is.true,n.in.(3,4)))", "or(=(n,'i1),and(>(m,'i2),isnotnull(name)),not(or(istrue(flag),in(n('i3,'i4)))))"},
		{`or=(name.eq."a,b)",name.eq.c d)`, "or(=(name,'t4:a,b)),=(name,'t3:c d))"},
		{"or=(tags.eq.{a,b},meta->>x.eq.y)", `or(=(tags,'l9:["a","b"]),=(path(meta->1:x->>),'t1:y))`},
		{"tags=cs.{a,\"b,c\"}", `call:contains all of:b(tags,'l11:["a","b,c"])`},
		{`tags=cs.["a"]`, `call:contains all of:b(tags,'l5:["a"])`},
		{"tags=cs.{}", "call:contains all of:b(tags,'l2:[])"},
		{"tags=cs.{a,NULL}", "!=(tags,tags)"},
		{`tags=cs.{a,"NULL"}`, `call:contains all of:b(tags,'l12:["a","NULL"])`},
		{"marks=not.cd.{1,null}", "not(call:contains all of:b('l3:[1],marks))"},
		{"marks=ov.{1,null}", "call:overlaps:b(marks,'l3:[1])"},
		{`meta=cs.{"a":1}`, `call:contains all of:b(meta,'j7:{"a":1})`},
		{`meta=cd.["a", 1]`, `call:contains all of:b('j7:["a",1],meta)`},
		{`meta->a=cs."x"`, `call:contains all of:b(path(meta->1:a),'j3:"x")`},
		{`or=(tags.cs.{a,b},meta.cs.{"a":1,"b":[2]},n.eq.1)`, `or(call:contains all of:b(tags,'l9:["a","b"]),call:contains all of:b(meta,'j15:{"a":1,"b":[2]}),=(n,'i1))`},
		{"n=isdistinct.5", "or(isnull(n),!=(n,'i5))"},
		{"n=not.isdistinct.5", "and(isnotnull(n),=(n,'i5))"},
		{"n=isdistinct.null", "isnotnull(n)"},
		{"n=not.isdistinct.NULL", "isnull(n)"},
		{"name=isdistinct.null", "or(isnull(name),!=(name,'t4:null))"},
		{"price=isdistinct.9.999", "or(isnull(price),=(price,price))"},
		{"n=eq(any).{1,2}", "or(=(n,'i1),=(n,'i2))"},
		{"n=eq(any).{1}", "=(n,'i1)"},
		{"n=eq(any).{}", "'b0"},
		{"n=eq(all).{}", "'b1"},
		{"n=gt(any).{1,null}", "or(>(n,'i1),'null:b)"},
		{"n=not.lte(all).{1,2}", "not(and(<=(n,'i1),<=(n,'i2)))"},
		{"name=like(any).{a*,\"b,*\"}", "or(like(name,2:a%),like(name,3:b,%))"},
		{"name=ilike(all).{*a*,*b*}", "and(ilike(name,3:%a%),ilike(name,3:%b%))"},
		{"name=match(any).{^a,b$}", "or(match(name,2:^a),match(name,2:b$))"},
		{"name=not.imatch(any).{a}", "not(imatch(name,1:a))"},
		{"name=eq(any).{NULL,\"null\"}", "or('null:b,=(name,'t4:null))"},
		{"or=(name.like(any).{a*,b*},n.gte(all).{1,2})", "or(like(name,2:a%),like(name,2:b%),and(>=(n,'i1),>=(n,'i2)))"},
		{"made=gte.Thu Jan 01 2026 00:00:00 GMT%2B0000 (Coordinated Universal Time)", ">=(made,'T1767225600000000)"},
		{"or=(made.lt.Thu Jan 01 2026 02:00:00 GMT%2B0200,n.eq.1)", "or(<(made,'T1767225600000000),=(n,'i1))"},
		{"or=(n.eq.1,n.eq.2)&or=(m.eq.1,m.eq.2)", "and(or(=(n,'i1),=(n,'i2)),or(=(m,'i1),=(m,'i2)))"},
	}
	for _, tt := range tests {
		r, err := parse(t, tt.rawQuery)
		if err != nil {
			t.Errorf("%s: %v", tt.rawQuery, err)
			continue
		}
		if got := query.String(r.Where); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.rawQuery, got, tt.want)
		}
		if r.HasFilter != (tt.want != "") {
			t.Errorf("%s: HasFilter is %v", tt.rawQuery, r.HasFilter)
		}
	}
}

func TestParseFaults(t *testing.T) {
	tests := []struct{ rawQuery, code, message string }{
		{"n=abc", "PGRST100", `"failed to parse filter (abc)" (line 1, column 1)`},
		{"n=eq", "PGRST100", `"failed to parse filter (eq)" (line 1, column 3)`},
		{"n=", "PGRST100", `"failed to parse filter ()" (line 1, column 1)`},
		{"n=not.5", "PGRST100", `"failed to parse filter (not.5)" (line 1, column 5)`},
		{"n=eq.abc", "22P02", `invalid input syntax for type bigint: "abc"`},
		{"n=in.1,2", "PGRST100", `"failed to parse filter (in.1,2)" (line 1, column 4)`},
		{"n=in.(1,2", "PGRST100", `"failed to parse filter (in.(1,2)" (line 1, column 8)`},
		{"n=in.(1)x", "PGRST100", `"failed to parse filter (in.(1)x)" (line 1, column 7)`},
		{"n=is.5", "PGRST100", `"failed to parse filter (is.5)" (line 1, column 4)`},
		{"n=is.true", "42804", "argument of IS TRUE must be type boolean, not type bigint"},
		{"n=like.5*", "42883", "operator does not exist: bigint ~~ unknown"},
		{"name=like.a\\", "22025", "LIKE pattern must not end with escape character"},
		{"name=match.(", "2201B", "invalid regular expression: error parsing regexp: missing closing ): `(`"},
		{"name->>x=eq.1", "42883", "operator does not exist: text ->> unknown"},
		{"name=like.a%00b", "22P05", "unsupported Unicode escape sequence"},
		{"name=match.%00", "22P05", "unsupported Unicode escape sequence"},
		{"%00=eq.1", "22P05", "unsupported Unicode escape sequence"},
		{"select=%00", "22P05", "unsupported Unicode escape sequence"},
		{"n=eq.1%00", "22P05", "unsupported Unicode escape sequence"},
		{"nope=eq.1", "42703", "column things.nope does not exist"},
		{"select=nope", "42703", "column things.nope does not exist"},
		{"order=nope", "42703", "column things.nope does not exist"},
		{"columns=nope", "PGRST204", "Could not find the 'nope' column of 'things' in the schema cache"},
		{"name=cs.a", "42883", "operator does not exist: text @> unknown"},
		{"n=cd.5", "42883", "operator does not exist: bigint <@ unknown"},
		{"meta=ov.[1]", "42883", "operator does not exist: jsonb && unknown"},
		{"meta=cs.{a}", "22P02", `invalid input syntax for type json: "{a}"`},
		{"tags=cs.a", "22P02", `malformed array literal: "a"`},
		{"tags=eq.{a,null}", "22P02", `invalid input syntax for type text[]: "{a,null}"`},
		{"marks=ov.{a}", "22P02", `invalid input syntax for type bigint: "a"`},
		{"n=sl.[1,2]", "42883", "operator does not exist: bigint << unknown"},
		{"n=sr.[1,2]", "42883", "operator does not exist: bigint >> unknown"},
		{"day=nxl.[1,2]", "42883", "operator does not exist: date &> unknown"},
		{"n=nxr.[1,2]", "42883", "operator does not exist: bigint &< unknown"},
		{"n=adj.[1,2]", "42883", "operator does not exist: bigint -|- unknown"},
		{"n=isdistinct.x", "22P02", `invalid input syntax for type bigint: "x"`},
		{"name=like(any).a", "22P02", `malformed array literal: "a"`},
		{"name=like(any)", "PGRST100", `"failed to parse filter (like(any))" (line 1, column 10)`},
		{"name=like(some).{a}", "PGRST100", `"failed to parse filter (like(some).{a})" (line 1, column 5)`},
		{"n=neq(any).{1}", "PGRST100", `"failed to parse filter (neq(any).{1})" (line 1, column 4)`},
		{"n=in(any).(1)", "PGRST100", `"failed to parse filter (in(any).(1))" (line 1, column 3)`},
		{"name=fts().a", "PGRST100", `"failed to parse filter (fts().a)" (line 1, column 5)`},
		{"n=gt(all).{1,x}", "22P02", `invalid input syntax for type bigint: "x"`},
		{"select=books(id)", "PGRST200", "Could not find a relationship between 'things' and 'books' in the schema cache"},
		{"select=nothing(id)", "PGRST200", "Could not find a relationship between 'things' and 'nothing' in the schema cache"},
		{"select=n::money", "42704", `type "money" does not exist`},
		{"select=n::", "PGRST100", `"failed to parse select parameter (n::)" (line 1, column 4)`},
		{"select=n::uuid", "42846", "cannot cast type bigint to uuid"},
		{"select=day::int", "42846", "cannot cast type date to bigint"},
		{"select=name.sum()", "42883", "function sum(text) does not exist"},
		{"select=flag.max()", "42883", "function max(boolean) does not exist"},
		{"select=meta.min()", "42883", "function min(jsonb) does not exist"},
		{"select=tags.max()", "42883", "function max(text[]) does not exist"},
		{"select=meta->n.avg()", "42883", "function avg(jsonb) does not exist"},
		{"select=n.median()", "PGRST100", `"failed to parse select parameter (n.median())" (line 1, column 3)`},
		{"select=n.sum", "PGRST100", `"failed to parse select parameter (n.sum)" (line 1, column 3)`},
		{"select=count(n)", "PGRST200", "Could not find a relationship between 'things' and 'count' in the schema cache"},
		{"select=m,n.sum()&order=n", "42803", `column "things.n" must appear in the GROUP BY clause or be used in an aggregate function`},
		{"select=count()&order=meta->a", "42803", `column "things.meta" must appear in the GROUP BY clause or be used in an aggregate function`},
		{"select=n,,m", "PGRST100", `"failed to parse select parameter (n,,m)" (line 1, column 3)`},
		{"select=n)", "PGRST100", `"failed to parse select parameter (n))" (line 1, column 2)`},
		{"select=meta->>a->b", "PGRST100", `"failed to parse select parameter (meta->>a->b)" (line 1, column 9)`},
		{"select=n&select=m", "PGRST100", "select is given twice"},
		{"books.n=eq.1", "PGRST108", "'books' is not an embedded resource in this request"},
		{"books.order=n", "PGRST108", "'books' is not an embedded resource in this request"},
		{"order=n.down", "PGRST100", `"failed to parse order (n.down)" (line 1, column 2)`},
		{"order=n,", "PGRST100", `"failed to parse order (n,)" (line 1, column 3)`},
		{"limit=-1", "PGRST100", `"failed to parse limit parameter (-1)" (line 1, column 1)`},
		{"offset=x", "PGRST100", `"failed to parse offset parameter (x)" (line 1, column 1)`},
		{"on_conflict=nope", "PGRST204", "Could not find the 'nope' column of 'things' in the schema cache"},
		{"on_conflict=id&on_conflict=id", "PGRST100", "on_conflict is given twice"},
		{"on_conflict=", "PGRST100", `"failed to parse on_conflict parameter ()" (line 1, column 1)`},
		{"_page=&_page=", "PGRST100", "_page is given twice"},
		{"%73elect=n&select=m", "PGRST100", "select is given twice"},
		{"or=()", "PGRST100", `"failed to parse logic tree (())" (line 1, column 2)`},
		{"or=n.eq.1", "PGRST100", `"failed to parse logic tree (n.eq.1)" (line 1, column 1)`},
		{"or=(n.eq.1", "PGRST100", `"failed to parse logic tree ((n.eq.1)" (line 1, column 8)`},
		{"or=(n.eq.1)x", "PGRST100", `"failed to parse logic tree ((n.eq.1)x)" (line 1, column 9)`},
		{"or=(not.n.eq.1)", "PGRST100", `"failed to parse logic tree ((not.n.eq.1))" (line 1, column 2)`},
		{"name=eq.%zz", "PGRST100", "the URL's query is not percent-encoded: eq.%zz"},
		{"name=eq.%ff", "22021", `invalid byte sequence for encoding "UTF8"`},
		{"name=eq.%00", "22P05", "unsupported Unicode escape sequence"},
	}
	for _, tt := range tests {
		_, err := parse(t, tt.rawQuery)
		f := faultOf(t, tt.rawQuery, err)
		if f.Code != tt.code || f.Message != tt.message {
			t.Errorf("%s: got %s %s\nwant %s %s", tt.rawQuery, f.Code, f.Message, tt.code, tt.message)
		}
	}
}

func TestParseLimits(t *testing.T) {
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	tests := []struct{ name, good, bad, message string }{
		{"predicates", "and=(" + repeat("n.eq.1", 100) + ")", "and=(" + repeat("n.eq.1", 101) + ")", "100 conditions"},
		{"conditions of any", "n=eq(any).{" + repeat("1", 100) + "}", "n=eq(any).{" + repeat("1", 101) + "}", "100 conditions"},
		{"contained", "marks=cs.{" + repeat("1", 1000) + "}", "marks=cs.{" + repeat("1", 1001) + "}", "1000 values"},
		{"contained json", "meta=cd.[[" + repeat("1", 999) + "]]", "meta=cd.[[" + repeat("1", 1000) + "]]", "1000 values"},
		{"on_conflict", "on_conflict=" + repeat("n", 200), "on_conflict=" + repeat("n", 201), "200 columns"},
		{"nesting", "and=" + strings.Repeat("(and", 15) + "(n.eq.1)" + strings.Repeat(")", 15), "and=" + strings.Repeat("(and", 16) + "(n.eq.1)" + strings.Repeat(")", 16), "16 deep"},
		{"in", "n=in.(" + repeat("1", 1000) + ")", "n=in.(" + repeat("1", 1001) + ")", "1000 members"},
		{"select", "select=" + repeat("n", 200), "select=" + repeat("n", 201), "200 members"},
		{"columns", "columns=" + repeat("n", 200), "columns=" + repeat("n", 201), "200 columns"},
		{"order", "order=" + repeat("n", 8), "order=" + repeat("n", 9), "8 terms"},
		{"pattern", "name=like." + strings.Repeat("é", 256), "name=like." + strings.Repeat("é", 257), "256 characters"},
		{"expression", "name=match." + strings.Repeat("a", 256), "name=match." + strings.Repeat("a", 257), "256 characters"},
		{"wildcards", "name=like." + strings.Repeat("a*", 8), "name=like." + strings.Repeat("a*", 9), "8 wildcards"},
		{"text", "name=eq." + strings.Repeat("a", 16<<10-7), "name=eq." + strings.Repeat("a", 16<<10-6), "16384 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parse(t, tt.good); err != nil {
				t.Errorf("at the bound: %v", err)
			}
			_, err := parse(t, tt.bad)
			f := faultOf(t, tt.bad, err)
			if f.Code != query.CodeParse || !strings.Contains(f.Message, tt.message) {
				t.Errorf("beyond the bound: %v, want %q in it", f, tt.message)
			}
		})
	}
}

func TestParseShape(t *testing.T) {
	r, err := parse(t, `select=id,full:name,meta->>color,"title",meta->list->0,tags->0,*&order=n.desc.nullslast,m,meta->>x.desc,+name.asc.nullsfirst&limit=5&offset=10&columns="n",m&day=eq.2026-01-31`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range r.Outputs {
		names = append(names, o.Name)
	}
	if got := strings.Join(names, " "); got != "id full color title list tags *" {
		t.Errorf("outputs: %s", got)
	}
	var order []string
	for _, o := range r.Order {
		order = append(order, query.String(o.Expr)+" "+strconv.FormatBool(o.Descending)+" "+strconv.FormatBool(o.NullsFirst))
	}
	if got := strings.Join(order, ", "); got != "n true false, m false false, path(meta->1:x->>) true true, name false true" {
		t.Errorf("order: %s", got)
	}
	if !r.Star || r.Limit != 5 || r.Offset != 10 || len(r.Columns) != 2 || r.Columns[0].Name != "n" || !r.HasFilter {
		t.Errorf("got %+v", r)
	}
	table := querytest.Things()
	for _, tt := range []struct {
		set  query.ColumnSet
		want string
	}{
		{r.Selected, "id name title meta tags"}, {r.Filtered, "day"}, {r.Ordered, "n m name meta"},
	} {
		if tt.set.Len() != len(strings.Fields(tt.want)) {
			t.Errorf("%d columns, want %s", tt.set.Len(), tt.want)
		}
		for _, name := range strings.Fields(tt.want) {
			if !tt.set.Has(table.Column(name)) {
				t.Errorf("%s is not among the columns, want %s", name, tt.want)
			}
		}
	}
}

func TestExpand(t *testing.T) {
	table := querytest.Things()
	readable := []*query.Column{table.Column("id"), table.Column("n")}
	tests := []struct{ rawQuery, want string }{
		{"", "id=id n=n"},
		{"select=", "id=id n=n"},
		{"select=m,*", "m=m id=id n=n"},
		{"select=*,n:name", "id=id n=name"},
		{"select=n,n", "n=n"},
	}
	for _, tt := range tests {
		r, err := parse(t, tt.rawQuery)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range r.Expand(table, readable) {
			got = append(got, o.Name+"="+query.String(o.Expr))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: got %v, want %s", tt.rawQuery, got, tt.want)
		}
	}
}

// A column that the caller may not read must look, to the letter, as one that
// does not exist.
func TestUnreadableIsAbsent(t *testing.T) {
	with := query.NewTable("todos", []*query.Column{{Name: "id", Type: integer}, {Name: "title", Type: text}, {Name: "secret", Type: integer}, {Name: "secrets", Type: integer}}, nil)
	without := query.NewTable("todos", []*query.Column{{Name: "id", Type: integer}, {Name: "title", Type: text}}, nil)
	var readable query.ColumnSet
	readable.Add(with.Column("id"))
	readable.Add(with.Column("title"))
	limits := query.DefaultLimits()
	limits.Sees = func(*query.Table) (*query.ColumnSet, bool) { return &readable, true }
	for _, rawQuery := range []string{
		"secret=eq.abc", "secret=eq.5", "secret=like.x", "select=secret", "select=x:secret->a", "select=secret(id)", "order=secret", "order=secret.down",
		"or=(secret.eq.1)", "secret->a=eq.1", "secret.x=eq.1", "tile=eq.1", "secre=eq.1", "select=secret.sum()", "select=secret::nope", "order=secret(id)",
	} {
		_, f := query.ParseRequest(nil, with, rawQuery, limits)
		_, want := query.ParseRequest(nil, without, rawQuery, query.DefaultLimits())
		if f == nil || want == nil || f.Code != want.Code || f.Message != want.Message || f.Hint != want.Hint || f.Details != want.Details {
			t.Errorf("%s: got %+v, want %+v", rawQuery, f, want)
		}
	}
	_, f := query.ParseRequest(nil, with, "tile=eq.1", limits)
	if f == nil || f.Hint != `Perhaps you meant to reference the column "todos.title".` {
		t.Errorf("no hint at the nearest column: %+v", f)
	}
}
