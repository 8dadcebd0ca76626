package surreal

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// posts is a table with references, and columns that are never null.
func posts() *query.Table {
	column := func(name string, kind query.Kind, required bool) *query.Column {
		return &query.Column{Name: name, Type: query.Type{Kind: kind}, Required: required}
	}
	author := column("author", query.KindText, true)
	author.Ref = &query.Ref{Table: "people"}
	editor := column("editor", query.KindText, false)
	editor.Ref = &query.Ref{Table: "people"}
	price := column("price", query.KindDecimal, true)
	price.Type.Scale = 2
	return query.NewTable("posts", []*query.Column{
		column("id", query.KindInt, true), column("title", query.KindText, true), column("note", query.KindText, false),
		column("views", query.KindInt, true), column("score", query.KindFloat, false), price, author, editor,
		column("open", query.KindBool, false), column("meta", query.KindJSON, false),
	}, nil)
}

// TestConditionTexts shows what typical conditions are as SurrealQL: what has an
// index is compared as it is stored, and null is asked for where it matters only.
func TestConditionTexts(t *testing.T) {
	table := posts()
	ref := func(name string) *query.ColumnRef { return table.Ref(table.Column(name)) }
	text := query.NewLiteral(query.Text("x"))
	number := query.NewLiteral(query.Int(5))
	compare := func(op query.CompareOp, left, right query.Expr) query.Expr {
		return &query.Compare{Op: op, Left: left, Right: right}
	}
	a, b := compare(query.Equal, ref("title"), text), compare(query.Equal, ref("views"), number)
	for _, test := range []struct {
		of              query.Expr
		isTrue, isFalse string
	}{
		{a, "(`title` = $p0)", "(`title` != $p0)"},
		{compare(query.Equal, ref("note"), text), "(`note` = $p0)", "(`note` != $p0 AND `note` != NONE)"},
		{compare(query.Less, ref("views"), number), "(`views` < $p0)", "(`views` >= $p0)"},
		{compare(query.Less, ref("score"), number), "(`score` < $p0 AND `score` != NONE)", "(`score` >= $p0)"},
		{compare(query.Equal, ref("author"), text), "(`author` = $p0)", "(`author` != $p0)"},
		{compare(query.Equal, ref("author"), ref("editor")), "(`author` = `editor`)", "(`author` != `editor` AND `editor` != NONE)"},
		{
			compare(query.Equal, ref("author"), ref("title")),
			"(record::id(`author`) = `title`)", "(record::id(`author`) != `title`)",
		},
		{
			compare(query.Equal, ref("editor"), ref("note")),
			"((IF `editor` != NONE { record::id(`editor`) }) = `note` AND `editor` != NONE)",
			"((IF `editor` != NONE { record::id(`editor`) }) != `note` AND `editor` != NONE AND `note` != NONE)",
		},
		{compare(query.Equal, ref("id"), number), "(`id` = $p0)", "(`id` != $p0)"},
		{ref("open"), "(`open` = true)", "(`open` = false)"},
		{&query.Is{Operand: ref("note"), What: query.IsNull}, "(`note` = NONE)", "(`note` != NONE)"},
		{&query.Is{Operand: ref("title"), What: query.IsNull}, "(false)", "(true)"},
		{&query.In{Operand: ref("views"), List: []query.Expr{number, number}}, "(`views` IN $p0)", "(`views` NOT IN $p0)"},
		{
			&query.In{Operand: ref("note"), List: []query.Expr{text, &query.Literal{Of: query.Type{Kind: query.KindText}}}},
			"(`note` IN $p0)", "(false)",
		},
		{&query.And{Terms: []query.Expr{a, &query.Or{Terms: []query.Expr{a, b}}}}, "(`title` = $p0 AND (`title` = $p1 OR `views` = $p2))", "(`title` != $p0 OR `title` != $p1 AND `views` != $p2)"},
		{&query.Not{Term: &query.Or{Terms: []query.Expr{a, &query.Not{Term: b}}}}, "(`title` != $p0 AND `views` = $p1)", "(`title` = $p0 OR `views` != $p1)"},
		{&query.And{}, "(true)", "(false)"},
		{query.FalseExpr(), "(false)", "(true)"},
		{&query.Like{Operand: ref("title"), Pattern: "a%"}, "(string::matches(`title`, $p0))", "(!string::matches(`title`, $p0))"},
		{
			compare(query.Equal, &query.Path{Base: ref("meta"), Steps: []query.Step{{Key: "k", IsKey: true}}}, query.NewLiteral(query.JSON("1"))),
			"(`meta`[$p0] = $p1)", "(`meta`[$p0] != $p1 AND `meta`[$p2] != NONE)",
		},
		{
			compare(query.Greater, &query.Call{Func: query.FuncAdd, Args: []query.Expr{ref("views"), number}, Of: number.Of}, number),
			"(fn::eh_add_ints(`views`, $p0) > $p1)",
			"(fn::eh_add_ints(`views`, $p0) <= $p1 AND fn::eh_add_ints(`views`, $p2) != NONE)",
		},
	} {
		for want, text := range map[bool]string{true: test.isTrue, false: test.isFalse} {
			c := compiler{scope: scope{rows: []string{""}}}
			c.whole(test.of, want)
			if got := string(c.buf); got != text {
				t.Errorf("%s is %t:\ngot  %s\nwant %s", query.String(test.of), want, got, text)
			}
		}
	}
}

// TestLargeConditions shows that conditions as large as requests may make them
// are within what the server's parser takes.
func TestLargeConditions(t *testing.T) {
	client := dialFunctions(t)
	table := posts()
	row := make(query.Row, len(table.Columns))
	row[0], row[1], row[2], row[3] = query.Int(1), query.Text("x"), query.Text("y"), query.Int(7)
	views := func(n int) query.Expr {
		return &query.Compare{Op: query.Equal, Left: table.Ref(table.Column("views")), Right: query.NewLiteral(query.Int(int64(n)))}
	}
	flat := &query.Or{}
	for n := range 2000 {
		flat.Terms = append(flat.Terms, views(n))
	}
	deep := views(7)
	for n := range 17 {
		if n%2 == 0 {
			deep = &query.And{Terms: []query.Expr{views(7), deep, &query.Not{Term: views(n + 10)}}}
		} else {
			deep = &query.Or{Terms: []query.Expr{views(n + 10), deep}}
		}
	}
	list := &query.In{Operand: table.Ref(table.Column("views"))}
	for n := range 1000 {
		list.List = append(list.List, query.NewLiteral(query.Int(int64(n))))
	}
	for _, condition := range []query.Expr{flat, deep, list, &query.Not{Term: flat}, &query.Not{Term: deep}} {
		agree(t, client, table, []query.Row{row}, []query.Expr{condition}, 0)
	}
}

// FuzzQuotes shows that no value of a request is in the text, whatever it is.
func FuzzQuotes(f *testing.F) {
	f.Add("'; REMOVE TABLE posts; --", "a`b", "%_\\")
	f.Add("$p0", "\"", "(")
	table := posts()
	f.Fuzz(func(t *testing.T, value, key, pattern string) {
		texts := func(value, key, pattern string) []byte {
			c := compiler{scope: scope{rows: []string{""}}}
			title := table.Ref(table.Column("title"))
			path := &query.Path{Base: table.Ref(table.Column("meta")), Steps: []query.Step{{Key: key, IsKey: true}}, Text: true}
			c.isTrue(&query.And{Terms: []query.Expr{
				&query.Compare{Op: query.Equal, Left: title, Right: query.NewLiteral(query.Text(value))},
				&query.Compare{Op: query.Less, Left: path, Right: query.NewLiteral(query.Text(value))},
				&query.In{Operand: title, List: []query.Expr{query.NewLiteral(query.Text(value)), query.NewLiteral(query.Text(key))}},
				&query.Like{Operand: title, Pattern: "x" + pattern + "x", Fold: true},
			}})
			return c.buf
		}
		if strings.HasSuffix(pattern, `\`) {
			pattern += `\`
		}
		if _, err := query.CompileLike("x"+pattern+"x", true); err != nil {
			return
		}
		if got, want := texts(value, key, pattern), texts("a", "b", "c"); !bytes.Equal(got, want) {
			t.Errorf("the text depends on its values: %s", strconv.Quote(string(got)))
		}
	})
}
