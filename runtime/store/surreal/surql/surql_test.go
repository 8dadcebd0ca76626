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
		schema := world()
		schema.Queries = []*query.Named{{Name: "q", Text: source, Result: query.NewTable("q", nil, nil)}}
		for _, p := range Verify(schema) {
			if p.Offset < 0 || p.Offset > len(source) {
				t.Fatalf("%q: a fault at %d", source, p.Offset)
			}
		}
	})
}
