package query

import (
	"math"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

func TestWords(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"  --  ", ""},
		{"The quick, brown fox-trot: 42nd!", "THE QUICK BROWN FOX TROT 42ND "},
		{"Straße ΣΊΣΥΦΟΣ σίσυφος", "STRAßE ΣΊΣΥΦΟΣ ΣΊΣΥΦΟΣ "},
		{"ſ K", "S K "}, // the long s and the Kelvin sign
		{"e\u0301te\u0301", "E\u0301TE\u0301 "},
		{"東京 tower", "東 京 TOWER "},
		{"a\xffb", "A B "},
		{"it's _x_", "IT S X "},
		{strings.Repeat("a", 100), strings.Repeat("A", longestWord) + " "},
	} {
		if got := string(AppendWords(nil, Simple, test.text)); got != test.want {
			t.Errorf("words of %q: %q, want %q", test.text, got, test.want)
		}
	}
}

func TestTextQuery(t *testing.T) {
	for _, test := range []struct {
		op, query string
		matches   []string
		not       []string
	}{
		{"fts", "cat & dog", []string{"dog and cat"}, []string{"cat", "dogs cat", ""}},
		{"fts", "cat|dog", []string{"a dog", "CAT"}, []string{"bird"}},
		{"fts", "!cat", []string{"dog", ""}, []string{"cat"}},
		{"fts", "cat & !(dog | bird)", []string{"cat"}, []string{"cat dog", "cat bird"}},
		{"fts", "fat <-> cat", []string{"the fat cat"}, []string{"cat fat", "fat old cat"}},
		{"fts", "fat <-> cat <-> sat | x", []string{"fat cat sat", "x"}, []string{"fat cat"}},
		{"fts", "ca:*", []string{"a castle", "ca"}, []string{"cc", "c"}},
		{"fts", "'fat cat' & x", []string{"x fat cat"}, []string{"x cat fat"}},
		{"fts", "fox-trot", []string{"fox trot", "fox-trot"}, []string{"trot fox"}},
		{"fts", "  ", nil, []string{"", "a"}},
		{"fts", "-- & cat", []string{"cat"}, []string{"dog"}},
		{"plfts", "The Cat's hat", []string{"hat of s the cat"}, []string{"the cat"}},
		{"phfts", "the cat", []string{"is the CAT here"}, []string{"cat the"}},
		{"phfts", "the the cat", []string{"the the the cat"}, []string{"the cat"}},
		{"wfts", `"sad cat" or "fat rat"`, []string{"a sad cat", "fat rat"}, []string{"sad rat"}},
		{"wfts", `signal -"segmentation fault"`, []string{"signal fault"}, []string{"signal segmentation fault"}},
		{"wfts", `or cats`, []string{"cats or"}, []string{"cats"}},
		{"wfts", `cats or`, []string{"or cats"}, []string{"cats"}},
		{"wfts", `a b or c`, []string{"b a", "c"}, []string{"b"}},
		{"wfts", `"unclosed phrase`, []string{"unclosed phrase"}, []string{"phrase unclosed"}},
		{"wfts", `&|!()<->:*'`, nil, []string{"", "a"}},
		{"wfts", `--cat`, []string{"dog"}, []string{"cat"}},
	} {
		q, f := ParseTextQuery(Simple, test.op, test.query)
		if f != nil {
			t.Errorf("%s %q: %v", test.op, test.query, f)
			continue
		}
		for _, text := range test.matches {
			if !q.Matches(text) {
				t.Errorf("%s %q does not match %q: %s", test.op, test.query, text, q.Root)
			}
		}
		for _, text := range test.not {
			if q.Matches(text) {
				t.Errorf("%s %q matches %q: %s", test.op, test.query, text, q.Root)
			}
		}
	}
}

func TestTextQuerySpansTexts(t *testing.T) {
	all, _ := ParseTextQuery(Simple, "plfts", "fat cat")
	if !all.Matches("fat", "cat") {
		t.Error("words of two texts are not found together")
	}
	phrase, _ := ParseTextQuery(Simple, "phfts", "fat cat")
	if phrase.Matches("fat", "cat") {
		t.Error("a phrase goes across two texts")
	}
}

func TestTextQueryFaults(t *testing.T) {
	for _, test := range []struct{ query, code, details string }{
		{"the cat", CodeTextQuery, "there is no operator before what is behind the"},
		{"cat &", CodeTextQuery, "a word is missing"},
		{"(cat", CodeTextQuery, `a ")" is missing`},
		{"cat)", CodeTextQuery, "there is no operator before what is behind cat"},
		{"cat:A", CodeTextQuery, "behind : stands *, for words that begin so"},
		{"c:*", CodeTextQuery, "a beginning has at least 2 letters"},
		{"ca:* <-> dog", CodeTextQuery, "only the last word of a phrase can be a beginning"},
		{"(a|b) <-> c", CodeTextQuery, "<-> stands between words"},
		{"'cat", CodeTextQuery, "a ' is missing"},
		{strings.Repeat("(", 40) + "a", CodeTextQuery, "parentheses nest deeper than 16"},
		{strings.Repeat("a ", 129), CodeParse, ""},
		{strings.Repeat("a&", 16) + "a", CodeParse, ""},
	} {
		_, f := ParseTextQuery(Simple, "fts", test.query)
		if f == nil || f.Code != test.code || f.Details != test.details {
			t.Errorf("%q: %+v, want %s %q", test.query, f, test.code, test.details)
		}
	}
}

func FuzzTextQuery(f *testing.F) {
	for _, seed := range []string{"a & b", "(x|!y) <-> z:*", `"p q" or -r`, "'a b':*", "東京"} {
		f.Add("fts", seed, "a b c")
		f.Add("wfts", seed, "p q")
	}
	f.Fuzz(func(t *testing.T, op, query, text string) {
		q, problem := ParseTextQuery(Simple, op, query)
		if problem != nil {
			if problem.Code == "" || problem.Message == "" {
				t.Errorf("a fault without words: %+v", problem)
			}
			return
		}
		if q.Root == nil {
			return
		}
		not := newTextQuery(Simple, negateText(q.Root))
		if q.Matches(text) == not.Matches(text) {
			t.Errorf("%s and its negation agree on %q", q.Root, text)
		}
		if q.Matches(text) != q.Matches(string(AppendWords(nil, Simple, text))) {
			t.Errorf("%s: %q and its words differ", q.Root, text)
		}
	})
}

func vectorType(n uint16) Type { return Type{Kind: KindVector, Dimensions: n} }

func TestVectorText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"[1, -0.0,0.1]", "[1,0,0.1]"},
		{" [1e-9,3.4e38,16777217] ", "[1e-09,340000000000000000000000000000000000000,16777216]"},
	} {
		v, f := ParseLiteral(vectorType(3), test.text)
		if f != nil {
			t.Errorf("%s: %v", test.text, f)
			continue
		}
		got := string(AppendJSON(nil, v))
		if want := test.want; got != want && !strings.Contains(got, "e+38") {
			t.Errorf("%s: %s, want %s", test.text, got, want)
		}
		again, f := DecodeJSON(vectorType(3), []byte(got))
		if f != nil || again != v {
			t.Errorf("%s does not read back the same: %v %v", got, again, f)
		}
	}
	for text, code := range map[string]string{
		"[1,2]": CodeDimensions, "[1,2,3,4]": CodeDimensions, "[]": CodeDimensions, "{1,2,3}": CodeSyntax, "[1,2,NaN]": CodeSyntax,
		"[1,2,null]": CodeSyntax, "[1,2,\"3\"]": CodeSyntax, "[1,2,3,]": CodeSyntax, "[1,2,1e39]": CodeRange, "[1,,2]": CodeSyntax, "": CodeSyntax,
	} {
		if _, f := ParseLiteral(vectorType(3), text); f == nil || f.Code != code {
			t.Errorf("%s: %+v, want %s", text, f, code)
		}
	}
	if v, f := DecodeJSON(vectorType(2), []byte(`"[1,2]"`)); f != nil || string(AppendJSON(nil, v)) != "[1,2]" {
		t.Errorf("a vector as a string: %v %v", v, f)
	}
	if !VectorOf([]float32{float32(math.NaN())}).IsNull() {
		t.Error("NaN is in a vector")
	}
}

func TestDistance(t *testing.T) {
	column := &Column{Index: 0, Name: "v", Type: vectorType(2)}
	table := NewTable("t", []*Column{column}, nil)
	for _, test := range []struct {
		metric Metric
		a, b   []float32
		want   float64
	}{
		{Cosine, []float32{1, 0}, []float32{2, 0}, 0},
		{Cosine, []float32{1, 0}, []float32{0, 3}, 1},
		{Cosine, []float32{1, 0}, []float32{-1, 0}, 2},
		{Cosine, []float32{1, 0}, []float32{0, 0}, 1},
		{Cosine, []float32{0, 0}, []float32{1, 0}, 1},
		{Cosine, []float32{3e38, 3e38}, []float32{3e38, 3e38}, 0},
		{Euclidean, []float32{0, 0}, []float32{3, 4}, 5},
		{Dot, []float32{1, 2}, []float32{3, 4}, -11},
	} {
		d, f := NewDistance(table.Ref(column), VectorOf(test.a), test.metric)
		if f != nil {
			t.Fatal(f)
		}
		if got := Eval(d, Row{VectorOf(test.b)}, nil).Float(); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s of %v and %v: %v, want %v", test.metric, test.a, test.b, got, test.want)
		}
	}
	if _, f := NewDistance(table.Ref(column), VectorOf([]float32{1}), Cosine); !fault.Is(f, CodeDimensions) {
		t.Errorf("a vector of another length: %v", f)
	}
}

func searched() *Table {
	title := &Column{Name: "title", Type: Type{Kind: KindText}}
	body := &Column{Name: "body", Type: Type{Kind: KindText}}
	vector := &Column{Name: "embedding", Type: vectorType(2)}
	plain := &Column{Name: "loose", Type: vectorType(2)}
	return NewTable("books", []*Column{{Name: "id", Type: Type{Kind: KindInt}, Required: true}, title, body, vector, plain}, []*Index{
		{Name: "words", Kind: FullText, Columns: []*Column{title, body}}, {Name: "near", Kind: Vector, Columns: []*Column{vector}},
	})
}

func TestSearchRequests(t *testing.T) {
	table := searched()
	seen := ColumnSet{}
	seen.Add(table.Key())
	limits := DefaultLimits()
	limits.Sees = func(*Table) (*ColumnSet, bool) { return &seen, true }
	parse := func(url string) (Request, *fault.Fault) {
		return ParseRequest(NewSchema([]*Table{table}), table, url, limits)
	}
	for _, url := range []string{
		"_near=embedding&_vector=[1,2]&_k=3&select=id,_distance",
		"_search=words&_text=fat cat&select=id,_rank",
		"_search=words&_text=fat cat&_near=embedding&_vector=[1,2]&select=*,_score,_rank,_distance&limit=5",
		"_near=embedding&_vector=[1,2]&_metric=cosine",
		"words=wfts.cat", "words=not.fts(simple).cat", "words=wfts(english).cat", "or=(words.phfts.a b,id.eq.1)",
	} {
		r, f := parse(strings.ReplaceAll(url, " ", "+"))
		if f != nil {
			t.Errorf("%s: %v", url, f)
		} else if (r.Nearest != nil) != strings.Contains(url, "_") {
			t.Errorf("%s: the search is %v", url, r.Nearest)
		}
		if named := NamedColumns(r.Where); r.Where != nil && !seen.Contains(named) {
			t.Errorf("%s: an index names its columns", url)
		}
	}
	for url, code := range map[string]string{
		"_near=embedding":                               CodeParse,
		"_vector=[1,2]":                                 CodeParse,
		"_near=loose&_vector=[1,2]":                     CodeUndefinedColumn, // it cannot be read, and has no index
		"_near=nothing&_vector=[1,2]":                   CodeUndefinedColumn,
		"_near=id&_vector=[1,2]":                        CodeTypeMismatch,
		"_near=embedding&_vector=[1]":                   CodeDimensions,
		"_near=embedding&_vector=[1,x]":                 CodeSyntax,
		"_near=embedding&_vector=[1,2]&_metric=l2":      CodeParse,
		"_near=embedding&_vector=[1,2]&_metric=far":     CodeParse,
		"_near=embedding&_vector=[1,2]&order=id":        CodeParse,
		"_near=embedding&_vector=[1,2]&offset=1":        CodeParse,
		"_near=embedding&_vector=[1,2]&_page=":          CodeParse,
		"_near=embedding&_vector=[1,2]&select=count()":  CodeParse,
		"_near=embedding&_vector=[1,2]&_k=0":            CodeParse,
		"_near=embedding&_near=embedding":               CodeParse,
		"_k=3":                                          CodeParse,
		"_search=near&_text=x":                          CodeParse,
		"_search=words":                                 CodeParse,
		"select=_distance":                              CodeUndefinedColumn,
		"select=_score&_search=words&_text=x":           CodeUndefinedColumn,
		"title=fts.x":                                   CodeUndefinedColumn,
		"words=eq.x":                                    CodeNoOperator,
		"words=is.null":                                 CodeNoOperator,
		"words=fts(klingon).x":                          CodeTextConfig,
		"words=fts(greek).x":                            CodeTextConfig,
		"id=fts.x":                                      CodeNoOperator,
		"near=fts.x":                                    CodeUndefinedColumn,
		"order=_distance&_near=embedding&_vector=[1,2]": CodeUndefinedColumn,
	} {
		if _, f := parse(url); f == nil || f.Code != code {
			t.Errorf("%s: %v, want %s", url, f, code)
		}
	}
}

func TestCanonicalSearch(t *testing.T) {
	table := searched()
	texts := map[string]string{}
	for _, url := range []string{
		"title=fts.a", "title=fts.a:*", "title=fts.!aa", "title=plfts.aa bb", "title=phfts.aa bb", "title=wfts.aa or bb", "body=fts.aa", "words=fts.aa", "title=fts.aa", "title=fts.aa:*",
	} {
		r, f := ParseRequest(nil, table, strings.ReplaceAll(url, " ", "+"), DefaultLimits())
		if f != nil {
			continue // a:* is too short
		}
		text := String(r.Where)
		if other, known := texts[text]; known {
			t.Errorf("%s and %s have one text: %s", url, other, text)
		}
		texts[text] = url
	}
	if len(texts) < 9 {
		t.Errorf("only %d texts", len(texts))
	}
}

func TestRank(t *testing.T) {
	table := searched()
	q, _ := ParseTextQuery(Simple, "wfts", "cat")
	rank := &Rank{Of: &Search{Operands: []Expr{table.Ref(table.Column("title"))}, Query: q}}
	of := func(text string) float64 {
		row := make(Row, len(table.Columns))
		row[1] = Text(text)
		return Eval(rank, row, nil).Float()
	}
	once, twice, long, none := of("a cat"), of("cat cat"), of("a cat on a mat in a very long text of many words"), of("dog")
	if !(twice > once && once > long && long > none && none == 0) {
		t.Errorf("twice %v, once %v, in a long text %v, none %v", twice, once, long, none)
	}
}
