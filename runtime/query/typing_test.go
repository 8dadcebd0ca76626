package query_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

// names gives short ways to write nodes on Things.
type names struct{ table *query.Table }

func (n names) col(name string) query.Expr { return n.table.Ref(n.table.Column(name)) }

func claim(key string) query.Expr {
	return &query.Path{Base: &query.Auth{Attribute: query.AuthClaims}, Steps: []query.Step{{Key: key, IsKey: true}}}
}

func str(s string) query.Expr { return query.NewLiteral(query.Text(s)) }
func num(n int64) query.Expr  { return query.NewLiteral(query.Int(n)) }

func TestTyping(t *testing.T) {
	n := names{querytest.Things()}
	compare := func(l, r query.Expr) func() (query.Expr, *fault.Fault) {
		return func() (query.Expr, *fault.Fault) { return query.NewCompare(query.Less, l, r) }
	}
	call := func(f query.FuncName, args ...query.Expr) func() (query.Expr, *fault.Fault) {
		return func() (query.Expr, *fault.Fault) { return query.NewCall(f, args...) }
	}
	in := func(operand query.Expr, list ...query.Expr) func() (query.Expr, *fault.Fault) {
		return func() (query.Expr, *fault.Fault) { return query.NewIn(operand, list) }
	}
	tests := []struct {
		name  string
		build func() (query.Expr, *fault.Fault)
		want  string // canonical text, or "CODE message"
	}{
		{"ints", compare(n.col("n"), num(5)), "<(n,'i5)"},
		{"literal left", compare(num(5), n.col("n")), ">(n,'i5)"},
		{"int and text", compare(n.col("n"), str("x")), "42883 operator does not exist: bigint < text"},
		{"columns of int and text", compare(n.col("n"), n.col("name")), "42883 operator does not exist: bigint < text"},
		{"columns of text and int", compare(n.col("name"), n.col("n")), "42883 operator does not exist: text < bigint"},
		{"columns of text and uuid", compare(n.col("name"), n.col("owner")), "<(name,owner)"},
		{"columns of float and decimal", compare(n.col("x"), n.col("price")), "<(x,price)"},
		{"list and int", compare(n.col("tags"), n.col("n")), "42883 operator does not exist: text[] < bigint"},
		{"int and list", compare(n.col("n"), n.col("tags")), "42883 operator does not exist: bigint < text[]"},
		{"list and json", compare(n.col("tags"), n.col("meta")), "<(tags,meta)"},
		{"int and bool", compare(n.col("n"), n.col("flag")), "42883 operator does not exist: bigint < boolean"},
		{"text beside a timestamp", compare(n.col("made"), str("2026-01-01T00:00:00Z")), "<(made,'T1767225600000000)"},
		{"text that is no timestamp", compare(n.col("made"), str("soon")), `22007 invalid input syntax for type timestamp with time zone: "soon"`},
		{"text beside a date", compare(n.col("day"), str("2026-01-31")), "<(day,'D20484)"},
		{"text beside a uuid", compare(n.col("owner"), str("018F3A5E-0000-7000-8000-000000000001")), "<(owner,'u36:018f3a5e-0000-7000-8000-000000000001)"},
		{"uid beside a uuid", compare(n.col("owner"), &query.Auth{Attribute: query.AuthUID}), "<(owner,@auth.u)"},
		{"now beside a timestamp", compare(n.col("made"), &query.Now{}), "<(made,@now)"},
		{"now beside a date", compare(n.col("day"), &query.Now{}), "<(day,@today)"},
		{"date and timestamp", compare(n.col("day"), n.col("made")), "42883 operator does not exist: date < timestamp with time zone"},
		{"int beside a float", compare(n.col("x"), num(5)), "<(x,'f5)"},
		{"int that no float holds", compare(n.col("x"), num(1<<53+1)), "<(x,'i9007199254740993)"},
		{"int beside a decimal", compare(n.col("price"), num(5)), "<(price,'d5.00)"},
		{"float beside a decimal", compare(n.col("price"), query.NewLiteral(query.Float(9.99))), "<(price,'d9.99)"},
		{"more places than the decimal", compare(n.col("price"), query.NewLiteral(query.Float(9.999))), "<=(price,'d9.99)"},
		{"beyond the decimal", compare(n.col("price"), num(1<<62)), "=(price,price)"},
		{"below the decimal", compare(n.col("price"), num(-1<<62)), "!=(price,price)"},
		{"claim beside a text", compare(n.col("name"), claim("a")), "<(name,call:scalar:t(path(@auth.c->1:a)))"},
		{"claim beside an int", compare(claim("a"), num(1)), "<(call:scalar:f(path(@auth.c->1:a)),'i1)"},
		{"claim beside a date", compare(claim("a"), n.col("day")), "<(call:scalar:D(path(@auth.c->1:a)),day)"},
		{"claim beside a uuid", compare(claim("a"), n.col("owner")), "<(call:scalar:t(path(@auth.c->1:a)),owner)"},
		{"claim beside a bool", compare(n.col("flag"), claim("a")), "<(flag,call:scalar:b(path(@auth.c->1:a)))"},
		{"json column beside a date", compare(n.col("meta"), n.col("day")), "42883 operator does not exist: jsonb < date"},
		{"lists of two types", compare(n.col("tags"), n.col("marks")), "42883 operator does not exist: text[] < bigint[]"},
		{"in", in(n.col("owner"), str("018f3a5e-0000-7000-8000-000000000001")), "in(owner('u36:018f3a5e-0000-7000-8000-000000000001))"},
		{"in of claims", in(claim("a"), str("x"), str("y")), "in(call:scalar:t(path(@auth.c->1:a))('t1:x,'t1:y))"},
		{"in of two types", in(claim("a"), str("x"), num(1)), "42883 operator does not exist: text = bigint"},
		{"in of what cannot be", in(n.col("price"), query.NewLiteral(query.Float(0.001))), "!=(price,price)"},
		{"in of another type", in(n.col("n"), str("x")), "42883 operator does not exist: bigint = text"},
		{"has", call(query.FuncHas, n.col("tags"), str("a")), "call:in:b(tags,'t1:a)"},
		{"claim has", call(query.FuncHas, claim("roles"), str("a")), "call:in:b(path(@auth.c->5:roles),'t1:a)"},
		{"has of another type", call(query.FuncHas, n.col("marks"), str("a")), "42883 operator does not exist: text in bigint[]"},
		{"has of no list", call(query.FuncHas, n.col("name"), str("a")), "42883 in asks a list, not a text"},
		{"size", call(query.FuncSize, n.col("tags")), "call:size:i(tags)"},
		{"size of an int", call(query.FuncSize, n.col("n")), "42883 size counts the characters of a text or the items of a list, not an int"},
		{"contains", call(query.FuncContains, n.col("name"), claim("a")), "call:contains:b(name,call:scalar:t(path(@auth.c->1:a)))"},
		{"contains of an int", call(query.FuncContains, n.col("name"), num(1)), "42883 contains works on texts, not on an int"},
		{"too few", call(query.FuncContains, n.col("name")), "42883 contains takes 2 arguments, these are 1"},
		{"add", call(query.FuncAdd, n.col("n"), n.col("x")), "call:+:f(n,x)"},
		{"add decimals", call(query.FuncAdd, n.col("price"), n.col("rate")), "call:+:d4(price,rate)"},
		{"multiply decimals", call(query.FuncMultiply, n.col("price"), n.col("rate")), "call:*:d6(price,rate)"},
		{"divide decimals", call(query.FuncDivide, n.col("price"), num(2)), "42883 decimals are not divided exactly"},
		{"add texts", call(query.FuncAdd, n.col("name"), str("x")), "42883 + works on numbers, not on a text"},
		{"condition of an int", func() (query.Expr, *fault.Fault) { return query.NewNot(n.col("n")) }, "42804 a condition must be boolean, this is an int"},
		{"condition of a claim", func() (query.Expr, *fault.Fault) { return query.NewAnd(claim("a")) }, "and(call:scalar:b(path(@auth.c->1:a)))"},
		{"branches", func() (query.Expr, *fault.Fault) { return query.NewCond(n.col("flag"), n.col("n"), str("x")) }, "42804 the two branches of ? : must be of one type, these are an int and a text"},
		{"path into text", func() (query.Expr, *fault.Fault) {
			return query.NewPath(n.col("name"), []query.Step{{Index: 0}}, false)
		}, "42883 operator does not exist: text -> unknown"},
		{"path on a path", func() (query.Expr, *fault.Fault) { return query.NewPath(claim("a"), []query.Step{{Index: 2}}, true) }, "path(@auth.c->1:a->#2->>)"},
		{"assign a text to a date", func() (query.Expr, *fault.Fault) { return query.Coerce(str("2026-01-31"), day) }, "'D20484"},
		{"assign now to a date", func() (query.Expr, *fault.Fault) { return query.Coerce(&query.Now{}, day) }, "@today"},
		{"assign a float to a decimal", func() (query.Expr, *fault.Fault) { return query.Coerce(query.NewLiteral(query.Float(1.5)), money) }, "'d1.50"},
		{"assign a text to an int", func() (query.Expr, *fault.Fault) { return query.Coerce(str("5"), integer) }, "42804 a text does not fit a column of type int"},
		{"assign a decimal to more places", func() (query.Expr, *fault.Fault) { return query.Coerce(n.col("price"), n.col("rate").Type()) }, "call:+:d4(price,'d0.0000)"},
		{"assign a decimal to fewer places", func() (query.Expr, *fault.Fault) { return query.Coerce(n.col("rate"), money) }, "42804 a decimal does not fit a column of type decimal"},
		{"assign an int to a float", func() (query.Expr, *fault.Fault) { return query.Coerce(n.col("n"), float) }, "call:+:f(n,'f0)"},
		{"assign a claim to an int", func() (query.Expr, *fault.Fault) { return query.Coerce(claim("a"), integer) }, "call:scalar:i(path(@auth.c->1:a))"},
		{"assign uid to a uuid", func() (query.Expr, *fault.Fault) { return query.Coerce(&query.Auth{}, uuid) }, "@auth.u"},
		{"assign an int to a bool", func() (query.Expr, *fault.Fault) { return query.Coerce(n.col("n"), boolean) }, "42804 an int does not fit a column of type bool"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, f := tt.build()
			got := query.String(e)
			if f != nil {
				got = f.Code + " " + f.Message
			}
			if got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestBind(t *testing.T) {
	n := names{querytest.Things()}
	must := func(e query.Expr, f *fault.Fault) query.Expr {
		t.Helper()
		if f != nil {
			t.Fatal(f)
		}
		return e
	}
	compare := func(l, r query.Expr) query.Expr { return must(query.NewCompare(query.Equal, l, r)) }
	uid, email := "u1", "a@example.com"
	signedIn := query.Binding{
		UID: &uid, Email: &email, Role: "authenticated", Claims: `{"role":"staff","level":7,"admin":true,"teams":["a","b"],"odd":5}`, Now: 1_700_000_000_000_000,
		Params: map[string]query.Value{"room": query.Int(4)},
	}
	nobody := query.Binding{Role: "anon"}
	tests := []struct {
		name              string
		e                 query.Expr
		signedIn, unknown string
	}{
		{"uid", compare(n.col("name"), &query.Auth{}), "=(name,'t2:u1)", "'null:b"},
		{"email", compare(&query.Auth{Attribute: query.AuthEmail}, str("a@example.com")), "'b1", "'null:b"},
		{"role", compare(&query.Auth{Attribute: query.AuthRole}, str("authenticated")), "'b1", "'b0"},
		{"claim", compare(claim("role"), str("staff")), "'b1", "'null:b"},
		{"claim of another type", compare(claim("odd"), str("5")), "'null:b", "'null:b"},
		{"claim and column", compare(claim("level"), n.col("n")), "=(n,'i7)", "'null:b"},
		{"claim is null", query.NewNullTest(claim("role"), false), "'b0", "'b1"},
		{"claim as a condition", must(query.NewAnd(claim("admin"))), "'b1", "'null:b"},
		{"claim has", must(query.NewCall(query.FuncHas, claim("teams"), str("b"))), "'b1", "'null:b"},
		{"now", compare(n.col("made"), &query.Now{}), "=(made,'T1700000000000000)", "=(made,'T0)"},
		{"today", compare(n.col("day"), &query.Now{}), "=(day,'D19675)", "=(day,'D0)"},
		{"param", compare(n.col("n"), &query.Param{Name: "room", Of: integer}), "=(n,'i4)", "'null:b"},
		{"either", must(query.NewOr(compare(claim("role"), str("staff")), compare(n.col("name"), &query.Auth{}))), "'b1", "or('null:b,'null:b)"},
		{"both", must(query.NewAnd(compare(claim("role"), str("staff")), compare(n.col("name"), &query.Auth{}))), "=(name,'t2:u1)", "and('null:b,'null:b)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if query.IsBound(tt.e) {
				t.Error("bound before Bind")
			}
			for b, want := range map[*query.Binding]string{&signedIn: tt.signedIn, &nobody: tt.unknown} {
				got := query.Bind(tt.e, *b)
				if query.String(got) != want {
					t.Errorf("for %s: got %s, want %s", b.Role, query.String(got), want)
				}
				if !query.IsBound(got) {
					t.Errorf("for %s: not bound", b.Role)
				}
				if again := query.Bind(got, signedIn); again != got {
					t.Errorf("for %s: a bound tree was copied", b.Role)
				}
			}
		})
	}
}

func TestColumns(t *testing.T) {
	n := names{querytest.Things()}
	e := query.Conjunction(n.col("flag"), nil, &query.Compare{Op: query.Equal, Left: n.col("n"), Right: &query.ColumnRef{Table: n.table, Column: n.table.Column("m"), Old: true}})
	set := query.Columns(e)
	if set.Len() != 3 || !set.Has(n.table.Column("m")) {
		t.Errorf("%s: %d columns", query.String(e), set.Len())
	}
	if query.Conjunction() != nil || query.Conjunction(nil, n.col("flag")) != n.col("flag") {
		t.Error("a conjunction of less than two terms is not its term")
	}
}

// More columns than fit in one word.
func TestColumnSetOfManyColumns(t *testing.T) {
	columns := make([]*query.Column, 300)
	for i := range columns {
		columns[i] = &query.Column{Name: "c" + strings.Repeat("x", i), Type: integer}
	}
	table := query.NewTable("wide", columns, nil)
	var odd query.ColumnSet
	for i := 1; i < 300; i += 2 {
		odd.Add(columns[i])
	}
	var all query.ColumnSet
	for _, c := range table.Columns {
		all.Add(c)
	}
	if odd.Len() != 150 || all.Len() != 300 || !all.Contains(odd) || odd.Contains(all) {
		t.Errorf("%d odd of %d", odd.Len(), all.Len())
	}
	for i, c := range columns {
		if odd.Has(c) != (i%2 == 1) {
			t.Errorf("column %d: %v", i, odd.Has(c))
		}
	}
	var sum query.ColumnSet
	sum.AddAll(odd)
	if sum.Len() != 150 || !odd.Contains(sum) {
		t.Errorf("a copy has %d", sum.Len())
	}
}
