package surql

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

func world() *query.Schema {
	key := func() *query.Column {
		return &query.Column{Name: "id", Type: query.Type{Kind: query.KindText}, Required: true}
	}
	people := query.NewTable("people", []*query.Column{key()}, nil)
	author := &query.Column{Name: "author", Type: query.Type{Kind: query.KindText}, Ref: &query.Ref{Table: "people"}}
	books := query.NewTable("books", []*query.Column{key(), author}, nil)
	return query.NewSchema([]*query.Table{people, books})
}

func TestVerify(t *testing.T) {
	for _, test := range []struct {
		text   string
		reads  string
		params string
		write  bool
		want   string // in the first fault, "" for none
	}{
		{text: "SELECT * FROM books WHERE n > $x", reads: "books", params: "x"},
		{text: "SELECT * FROM `books`; -- done", reads: "books"},
		{text: "RETURN { LET $n = 1; RETURN (SELECT count() FROM books) }", reads: "books"},
		{text: "SELECT 'a; DELETE books' AS s FROM books", reads: "books"},
		{text: "SELECT author.name AS a FROM books", reads: "books people"},
		{text: "SELECT author.name AS a FROM books", reads: "books", want: `"people", which is not in reads`},
		{text: "SELECT ->wrote->books FROM people", reads: "people books", want: `no table "wrote"`},
		{text: "SELECT * FROM books, people", reads: "books", want: `"people"`},
		{text: "SELECT * FROM people:ann", reads: "people"},
		{text: "SELECT * FROM type::record('people', $x)", reads: "people", params: "x"},
		{text: "SELECT * FROM type::record($x, 1)", params: "x", want: "records of strings"},
		{text: "SELECT * FROM type::table($x)", params: "x", want: "table of a string"},
		{text: "SELECT * FROM (<record> $x)", params: "x", want: "records of strings"},
		{text: "SELECT * FROM boks", want: `no table "boks"`},
		{text: "SELECT * FROM books", reads: "books people", want: `does not read the table "people"`},
		{text: "SELECT * FROM books WHERE n = $y", reads: "books", want: `no parameter "y"`},
		{text: "SELECT * FROM books", reads: "books", params: "x", want: "does not use the parameter $x"},
		{text: "SELECT * FROM books; SELECT 1", reads: "books", want: "more than one statement"},
		{text: "RETURN (DELETE books)", reads: "books", want: "DELETE"},
		{text: "RETURN { IF true { CREATE books } }", reads: "books", want: "CREATE"},
		{text: "RETURN http::get('x')", want: "http::"},
		{text: "RETURN fn::x()", want: "fn::"},
		{text: "RETURN $session", want: `no parameter "session"`},
		{text: "RETURN $_ours", want: `no parameter "_ours"`},
		{text: "SELECT 'a", want: "no end"},
		{text: "SELECT /* a", want: "no end"},
		{text: " ", want: "empty"},
		{text: "CREATE books", reads: "books", want: "no SELECT"},
		{text: "CREATE books", reads: "books", write: true},
		{text: "INSERT INTO books {id: 1} ON DUPLICATE KEY UPDATE n = 1", reads: "books", write: true},
		{text: "DELETE FROM ONLY books", reads: "books", write: true},
		{text: "REMOVE TABLE books", reads: "books", write: true, want: "begins with"},
		{text: "UPDATE books SET n = { DEFINE TABLE x }", reads: "books", write: true, want: "DEFINE"},
		{text: "SELECT 1", write: true, want: "writes nothing"},
		// What the server reads otherwise than one might think.
		{text: "RETURN 1 -- \u2028 ; DELETE books", want: "more than one statement"},
		{text: "RETURN 1 # \u0085 + (DELETE books)", want: "DELETE"},
		{text: "RETURN 1 <--'\n 2; DELETE books --'", want: "more than one statement"},
		{text: "SELECT in / 2 FROM books; DELETE books; RETURN 1 / 3", reads: "books", want: "may begin a regular expression"},
		{text: "RETURN [1].? / 2; DELETE books; RETURN 1 / 3", want: "may begin a regular expression"},
		{text: "RETURN 'a' CONTAINSANY /'/; DELETE books; RETURN '/'", want: "may begin a regular expression"},
		{text: "RETURN 2 * /'/; DELETE books; RETURN '/'", want: "may begin a regular expression"},
		{text: "SELECT n / 2 AS half, (a) / 3 AS third FROM books WHERE string::matches(s, /x/)", reads: "books"},
		{text: "SELECT books.in / 2 AS half FROM books", reads: "books"},
		{text: "RETURN `http`::get('x')", want: "quotes a part"},
		{text: "RETURN http\u2003::get('x')", want: "http::"},
		{text: "RETURN http\ufeff::get('x')", want: "has no meaning"},
		{text: "RETURN type::`table`($x)", params: "x", want: "quotes a part"},
		{text: "RETURN sequence::nextval('s')", want: "sequence::"},
		{text: "RETURN f'bucket:/key'.delete()", want: "names a file"},
		{text: "SELECT * FROM encoding::cbor::decode($x)", params: "x", want: "values of bytes"},
		{text: "SELECT type::field($x) FROM books", reads: "books", params: "x", want: "columns of strings"},
		{text: "RETURN $x.to_record().*", params: "x", want: "records of strings"},
		{text: "SELECT * FROM <string|record> $x", params: "x", want: "records of strings"},
		{text: "SELECT * FROM <array<record>> [$x]", params: "x", want: "records of strings"},
		{text: "SELECT * FROM [1], people:1", want: `"people"`},
		{text: "SELECT * FROM (SELECT * FROM books), people", reads: "books", want: `"people"`},
		{text: "RETURN [books:1, people:1]", reads: "books", want: `"people"`},
		{text: "SELECT * FROM [1], _meta:schema", want: `"_meta"`},
		{text: "SELECT * FROM `\\u{5f}meta`", want: "backslash"},
		{text: "SELECT { a: 1, people: 2 } AS both FROM books", reads: "books"},
		{text: "SELECT s.{ a, b: c } AS s FROM books", reads: "books"},
	} {
		schema := world()
		n := &query.Named{Name: "q", Text: test.text, Write: test.write, Result: query.NewTable("q", nil, nil)}
		for _, name := range strings.Fields(test.reads) {
			n.Reads = append(n.Reads, schema.Table(name))
		}
		for _, name := range strings.Fields(test.params) {
			n.Params = append(n.Params, query.Parameter{Name: name, Type: query.Type{Kind: query.KindText}})
		}
		schema.Queries = []*query.Named{n}
		got := ""
		if problems := Verify(schema); len(problems) > 0 {
			got = problems[0].Fault.Message
		}
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.text, got, test.want)
		}
	}
}

// A column of returns that cannot come of a text is a fault, as on SQLite.
func TestVerifyReturns(t *testing.T) {
	for _, test := range []struct {
		text, returns string
		params        query.Kind
		value         bool
		want          bool
	}{
		{text: "SELECT id, n AS total FROM books", returns: "id total"},
		{text: "SELECT id, n AS total FROM books", returns: "id totl", want: true},
		{text: "SELECT *, n AS total FROM books", returns: "id author total"},
		{text: "SELECT * FROM books", returns: "name", want: true},
		{text: "SELECT * FROM books, [{ a: 1, 'b': 2, `c`: 3 }]", returns: "a b c"},
		{text: "RETURN [{ a: 1 }]", returns: "id", want: true},
		{text: "RETURN count((SELECT * FROM books))", returns: "n", value: true},
		{text: "RETURN object::from_entries((SELECT VALUE [id, n] FROM books))", returns: "n"},
		{text: "RETURN $x", returns: "n", params: query.KindJSON},
		{text: "RETURN [$x]", returns: "n", params: query.KindText, want: true},
	} {
		schema := world()
		n := &query.Named{Name: "q", Text: test.text, Value: test.value}
		var columns []*query.Column
		for _, name := range strings.Fields(test.returns) {
			columns = append(columns, &query.Column{Name: name})
		}
		n.Result = query.NewTable("q", columns, nil)
		if strings.Contains(test.text, "books") {
			n.Reads = schema.Tables[1:]
		}
		if test.params != 0 {
			n.Params = []query.Parameter{{Name: "x", Type: query.Type{Kind: test.params}}}
		}
		schema.Queries = []*query.Named{n}
		problems := Verify(schema)
		if got := len(problems) == 1 && problems[0].Field == "returns" && strings.Contains(problems[0].Fault.Message, "gives no column"); got != test.want || len(problems) > 1 || !got && len(problems) > 0 {
			t.Errorf("%s: %+v", test.text, problems)
		}
	}
}

// Tokens stand where they say, one behind the other.
func FuzzLex(f *testing.F) {
	for _, seed := range []string{"SELECT * FROM `a` WHERE b > $c -- x", "r'a:b' /x/ 1.5f ⟨y⟩", "$`a b`", "'\\'", "a / b // c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tokens, bad := lex(source)
		if bad != nil {
			if bad.at < 0 || bad.at > len(source) {
				t.Fatalf("%q: unreadable at %d", source, bad.at)
			}
			return
		}
		end := 0
		for _, token := range tokens {
			if token.at < end || token.at >= len(source) {
				t.Fatalf("%q: a token at %d", source, token.at)
			}
			end = token.at + 1
		}
		Bound(source)
		schema := world()
		schema.Queries = []*query.Named{{Name: "q", Text: source, Result: query.NewTable("q", nil, nil)}}
		for _, p := range Verify(schema) {
			if p.Offset < 0 || p.Offset > len(source) {
				t.Fatalf("%q: a fault at %d", source, p.Offset)
			}
		}
	})
}
