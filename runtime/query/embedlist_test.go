package query_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// library has a relation of every kind.
func library() *query.Schema {
	key := func() *query.Column { return &query.Column{Name: "id", Type: integer, Required: true} }
	ref := func(name, table string) *query.Column {
		return &query.Column{Name: name, Type: integer, Ref: &query.Ref{Table: table}}
	}
	named := func(name string) *query.Column { return &query.Column{Name: name, Type: text} }
	document := func(name string) *query.Column {
		return &query.Column{Name: name, Type: query.Type{Kind: query.KindJSON}}
	}
	profile := ref("id", "authors")
	desk := ref("owner", "authors")
	loans := query.NewTable("loans", []*query.Column{key(), ref("book", "books"), ref("member", "members"), {Name: "weight", Type: integer}}, nil)
	loans.Edge = &query.Edge{From: loans.Column("book"), To: loans.Column("member")}
	follows := query.NewTable("follows", []*query.Column{key(), ref("follower", "members"), ref("followed", "members")}, nil)
	follows.Edge = &query.Edge{From: follows.Column("follower"), To: follows.Column("followed")}
	return query.NewSchema([]*query.Table{
		query.NewTable("authors", []*query.Column{key(), named("name"), {Name: "born", Type: integer}, document("meta")}, nil),
		query.NewTable("books", []*query.Column{key(), ref("author_id", "authors"), named("title"), {Name: "year", Type: integer}, document("meta")}, nil),
		query.NewTable("profiles", []*query.Column{profile, named("bio")}, nil),
		query.NewTable("desks", []*query.Column{key(), desk}, []*query.Index{{Name: "desks_owner", Columns: []*query.Column{desk}, Unique: true}}),
		query.NewTable("staff", []*query.Column{key(), ref("manager_id", "staff"), named("name")}, nil),
		query.NewTable("members", []*query.Column{key(), named("name")}, nil),
		loans,
		follows,
		query.NewTable("letters", []*query.Column{key(), ref("sender", "members"), ref("recipient", "members"), named("text")}, nil),
	})
}

func parseIn(t *testing.T, schema *query.Schema, table, rawQuery string, limits query.Limits) (query.Request, error) {
	t.Helper()
	// What is written here is what the server decodes.
	encoded := strings.NewReplacer(" ", "%20", `"`, "%22", "+", "%2B").Replace(rawQuery)
	if _, err := url.ParseQuery(encoded); err != nil {
		t.Fatalf("%s: %v", rawQuery, err)
	}
	r, f := query.ParseRequest(schema, schema.Table(table), encoded, limits)
	if f != nil {
		return r, f
	}
	return r, nil
}

// dump writes a request, embeds and all.
func dump(r *query.Request) string {
	var b strings.Builder
	b.WriteString("[")
	for i, o := range r.Outputs {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(o.Name)
		switch o.Name {
		case "*":
		case "":
			b.WriteString("...")
		default:
			b.WriteString("=")
		}
		b.WriteString(dumpExpr(o.Expr))
	}
	b.WriteString("]")
	for _, e := range r.Embeds {
		if e.Hidden {
			fmt.Fprintf(&b, " hidden %s %s", e.Name, dumpEmbed(e))
		}
	}
	if r.Where != nil {
		b.WriteString(" where " + dumpExpr(r.Where))
	}
	for _, o := range r.Order {
		fmt.Fprintf(&b, " order %s", dumpExpr(o.Expr))
		if o.Descending {
			b.WriteString(" desc")
		}
		if o.NullsFirst != o.Descending {
			b.WriteString(" nulls")
		}
	}
	if r.Limit >= 0 {
		fmt.Fprintf(&b, " limit %d", r.Limit)
	}
	if r.Offset > 0 {
		fmt.Fprintf(&b, " offset %d", r.Offset)
	}
	return b.String()
}

func dumpExpr(e query.Expr) string {
	list := func(name string, terms []query.Expr) string {
		texts := make([]string, len(terms))
		for i, term := range terms {
			texts[i] = dumpExpr(term)
		}
		return name + "(" + strings.Join(texts, ",") + ")"
	}
	switch e := e.(type) {
	case nil:
		return ""
	case *query.And:
		return list("and", e.Terms)
	case *query.Or:
		return list("or", e.Terms)
	case *query.Not:
		return list("not", []query.Expr{e.Term})
	case *query.Related:
		switch e.Ask {
		case query.RelatedPresent:
			return "present " + e.Of.Name
		case query.RelatedValue:
			return "value " + e.Of.Name + "." + query.String(e.Value)
		}
		return dumpEmbed(e.Of)
	}
	return query.String(e)
}

func dumpEmbed(e *query.EmbedRequest) string {
	shape := "one"
	if e.Relation.Many {
		shape = "many"
	}
	if e.Inner {
		shape = "inner " + shape
	}
	if e.Spread {
		shape = "spread " + shape
	}
	return shape + " <" + e.Relation.String() + "> " + dump(&e.Request)
}

const (
	toAuthor = "<books_author_id_fkey using books(author_id) and authors(id)>"
	toBooks  = "<books_author_id_fkey using authors(id) and books(author_id)>"
)

func TestParseEmbeds(t *testing.T) {
	tests := []struct{ table, rawQuery, want string }{
		// Shapes.
		{"books", "select=*,authors(name)", "[* authors=one " + toAuthor + " [name=name]]"},
		{"books", "select=authors", ""},
		{"books", "select=id, authors ( name , born ) ,title", "[id=id authors=one " + toAuthor + " [name=name born=born] title=title]"},
		{"books", "select=authors(*)", "[authors=one " + toAuthor + " [*]]"},
		{"authors", "select=books(*,title)", "[books=many " + toBooks + " [* title=title]]"},
		{"authors", "select=all:books(t:title)", "[all=many " + toBooks + " [t=title]]"},
		{"authors", "select=books(authors(books(id)))", "[books=many " + toBooks + " [authors=one " + toAuthor + " [books=many " + toBooks + " [id=id]]]]"},
		{"authors", "select=books()", "[] hidden books many " + toBooks + " []"},
		{"authors", "select=id,books( )", "[id=id] hidden books many " + toBooks + " []"},
		{"authors", "select=profiles(bio)", "[profiles=one <profiles_id_fkey using authors(id) and profiles(id)> [bio=bio]]"},
		{"profiles", "select=authors(name)", "[authors=one <profiles_id_fkey using profiles(id) and authors(id)> [name=name]]"},
		{"authors", "select=desks(id)", "[desks=one <desks_owner_fkey using authors(id) and desks(owner)> [id=id]]"},
		{"desks", "select=authors(id)", "[authors=one <desks_owner_fkey using desks(owner) and authors(id)> [id=id]]"},
		{"books", "select=members(name)", "[members=many <loans using loans_book_fkey(book) and loans_member_fkey(member)> [name=name]]"},
		{"members", "select=books(title)", "[books=many <loans using loans_member_fkey(member) and loans_book_fkey(book)> [title=title]]"},
		{"books", "select=loans(weight,members(name))", "[loans=many <loans_book_fkey using books(id) and loans(book)> [weight=weight members=one <loans_member_fkey using loans(member) and members(id)> [name=name]]]"},
		// Targets and hints.
		{"books", "select=author_id(name)", "[author_id=one " + toAuthor + " [name=name]]"},
		{"books", "select=writer:author_id(name)", "[writer=one " + toAuthor + " [name=name]]"},
		{"books", "select=books_author_id_fkey(name)", "[books_author_id_fkey=one " + toAuthor + " [name=name]]"},
		{"books", "select=authors!author_id(name)", "[authors=one " + toAuthor + " [name=name]]"},
		{"books", "select=authors!books_author_id_fkey(name)", "[authors=one " + toAuthor + " [name=name]]"},
		{"authors", "select=books!author_id(title)", "[books=many " + toBooks + " [title=title]]"},
		{"books", "select=members!loans(name)", "[members=many <loans using loans_book_fkey(book) and loans_member_fkey(member)> [name=name]]"},
		{"letters", "select=from:members!sender(name),to:members!letters_recipient_fkey(name)", "[from=one <letters_sender_fkey using letters(sender) and members(id)> [name=name] to=one <letters_recipient_fkey using letters(recipient) and members(id)> [name=name]]"},
		{"letters", "select=sender(name),recipient(name)", "[sender=one <letters_sender_fkey using letters(sender) and members(id)> [name=name] recipient=one <letters_recipient_fkey using letters(recipient) and members(id)> [name=name]]"},
		{"members", "select=letters!recipient(text)", "[letters=many <letters_recipient_fkey using members(id) and letters(recipient)> [text=text]]"},
		{"books", "select=authors!inner(name)", "[authors=inner one " + toAuthor + " [name=name]]"},
		{"books", "select=authors!left(name)", "[authors=one " + toAuthor + " [name=name]]"},
		{"books", "select=authors!author_id!inner(name)", "[authors=inner one " + toAuthor + " [name=name]]"},
		{"books", "select=authors!inner!author_id(name)", "[authors=inner one " + toAuthor + " [name=name]]"},
		{"staff", "select=manager_id(name)", "[manager_id=one <staff_manager_id_fkey using staff(manager_id) and staff(id)> [name=name]]"},
		{"staff", "select=boss:manager_id(name),staff(name)", "[boss=one <staff_manager_id_fkey using staff(manager_id) and staff(id)> [name=name] staff=many <staff_manager_id_fkey using staff(id) and staff(manager_id)> [name=name]]"},
		{"staff", "select=team:staff!manager_id(name)", "[team=many <staff_manager_id_fkey using staff(id) and staff(manager_id)> [name=name]]"},
		{"staff", "select=staff!staff_manager_id_fkey(name)", "[staff=many <staff_manager_id_fkey using staff(id) and staff(manager_id)> [name=name]]"},
		{"members", "select=members(name)", "[members=many <follows using follows_follower_fkey(follower) and follows_followed_fkey(followed)> [name=name]]"},
		// Spreads.
		{"books", "select=title,...authors(author_name:name)", "[title=title ...spread one " + toAuthor + " [author_name=name]]"},
		{"books", "select=...author_id!inner(*)&author_id.name=eq.x", "[...spread inner one " + toAuthor + " [*] where =(name,'t1:x)]"},
		// Filters and shape by the path, before select or behind it.
		{"authors", "books.year=gt.2000&select=books(id)", "[books=many " + toBooks + " [id=id] where >(year,'i2000)]"},
		{"authors", "select=books(id)&books.year=gt.2000&books.title=like.a*", "[books=many " + toBooks + " [id=id] where and(>(year,'i2000),like(title,2:a%))]"},
		{"authors", "books.order=year.desc,id&books.limit=3&books.offset=1&select=books(id)&limit=5", "[books=many " + toBooks + " [id=id] order year desc order id limit 3 offset 1] limit 5"},
		{"authors", "select=books(id)&books.or=(year.eq.1,year.eq.2)&books.not.and=(id.eq.1,id.eq.2)", "[books=many " + toBooks + " [id=id] where and(or(=(year,'i1),=(year,'i2)),not(and(=(id,'i1),=(id,'i2))))]"},
		{"authors", "select=books(id)&books.and=(year.eq.1,year.eq.2)&books.not.or=(id.eq.1,id.eq.2)", "[books=many " + toBooks + " [id=id] where and(=(year,'i1),=(year,'i2),not(or(=(id,'i1),=(id,'i2))))]"},
		{"authors", `select=b:books(id)&b.meta->>"a.b"=eq.x&"b".meta->n=gt.1`, "[b=many " + toBooks + " [id=id] where and(=(path(meta->3:a.b->>),'t1:x),>(path(meta->1:n),'j1:1))]"},
		{"authors", "select=books(authors(name))&books.authors.order=name.desc&books.authors.name=eq.x&books.authors.limit=1", "[books=many " + toBooks + " [authors=one " + toAuthor + " [name=name] where =(name,'t1:x) order name desc limit 1]]"},
		{"authors", "select=books()&books.year=eq.1", "[] hidden books many " + toBooks + " [] where =(year,'i1)"},
		{"authors", "select=books!inner()&books.year=eq.1&books=not.is.null", "[] hidden books inner many " + toBooks + " [] where =(year,'i1) where present books"},
		// Whether there are related rows.
		{"authors", "select=id,books(id)&books=is.null", "[id=id books=many " + toBooks + " [id=id]] where not(present books)"},
		{"authors", "books=not.is.NULL&select=id,books()", "[id=id] hidden books many " + toBooks + " [] where present books"},
		{"books", "select=authors()&or=(authors.is.null,title.eq.x,not.and(authors.not.is.null,year.eq.1))", "[] hidden authors one " + toAuthor + " [] where or(not(present authors),=(title,'t1:x),not(and(present authors,=(year,'i1))))"},
		{"books", "select=author_id(name)&author_id=eq.5", "[author_id=one " + toAuthor + " [name=name]] where =(author_id,'i5)"},
		// Order by a to-one relation.
		{"books", "select=authors(name)&order=authors(name).desc,id", "[authors=one " + toAuthor + " [name=name]] order value authors.name desc order id"},
		{"books", "select=a:authors()&order=a( meta->>x ).nullsfirst", "[] hidden a one " + toAuthor + " [] order value a.path(meta->1:x->>) nulls"},
		{"authors", "select=books(loans(id))&books.loans.order=members(name)", ""},
		{"authors", "select=books(loans(members()))&books.loans.order=members(name)", "[books=many " + toBooks + " [loans=many <loans_book_fkey using books(id) and loans(book)> [] hidden members one <loans_member_fkey using loans(member) and members(id)> [] order value members.name]]"},
		// Aggregates and casts.
		{"authors", "select=name,books(count)", "[name=name books=many " + toBooks + " [count=count()()]]"},
		{"authors", "select=books(n:count(),year,year.max())", "[books=many " + toBooks + " [n=count()() year=year max=max():i(year)]]"},
		{"books", "select=authors(name),year.sum()&order=year", ""},
		{"books", "select=y:year::text,n:id.sum()::text&order=year", ""},
		{"books", "select=*,id.sum()&order=year", "[* sum=sum():i(id)] order year"},
		{"books", "select=meta->n::int.sum(),count()::text,title::int&order=meta->n", ""},
		{"books", "select=meta->n::int.sum(),count()::text,title::int", "[sum=sum():i(cast:i(path(meta->1:n))) count=cast:t(count()()) title=cast:i(title)]"},
		{"books", "select=meta->n,year.avg()::int,low:year.min()&order=meta->n.desc", "[n=path(meta->1:n) avg=cast:i(avg():f(year)) low=min():i(year)] order path(meta->1:n) desc"},
		{"books", "select=id.count()", "[count=count():i(id)]"},
		{"books", "select=id::int8,year::double precision,meta::jsonb", "[id=id year=cast:f(year) meta=meta]"},
	}
	for _, tt := range tests {
		r, err := parseIn(t, library(), tt.table, tt.rawQuery, query.DefaultLimits())
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s?%s: got %s, want a fault", tt.table, tt.rawQuery, dump(&r))
			}
			continue
		}
		if err != nil {
			t.Errorf("%s?%s: %v", tt.table, tt.rawQuery, err)
			continue
		}
		if got := dump(&r); got != tt.want {
			t.Errorf("%s?%s:\n got %s\nwant %s", tt.table, tt.rawQuery, got, tt.want)
		}
	}
}

func TestParseEmbedFaults(t *testing.T) {
	const searched = "Searched for a foreign key relationship between '%s' and '%s' in the schema 'public', but no matches were found."
	tests := []struct{ table, rawQuery, code, message, details, hint string }{
		{"books", "select=nope(id)", "PGRST200", "Could not find a relationship between 'books' and 'nope' in the schema cache", fmt.Sprintf(searched, "books", "nope"), ""},
		{"books", "select=autors(id)", "PGRST200", "Could not find a relationship between 'books' and 'autors' in the schema cache", fmt.Sprintf(searched, "books", "autors"), "Perhaps you meant 'authors' instead of 'autors'."},
		{"books", "select=staff(id)", "PGRST200", "Could not find a relationship between 'books' and 'staff' in the schema cache", fmt.Sprintf(searched, "books", "staff"), ""},
		{
			"books", "select=authors!nope(id)", "PGRST200", "Could not find a relationship between 'books' and 'authors' in the schema cache",
			"Searched for a foreign key relationship between 'books' and 'authors' using the hint 'nope' in the schema 'public', but no matches were found.", "",
		},
		{"authors", "select=author_id(id)", "PGRST200", "Could not find a relationship between 'authors' and 'author_id' in the schema cache", fmt.Sprintf(searched, "authors", "author_id"), ""},
		{
			"letters", "select=members(name)", "PGRST201", "Could not embed because more than one relationship was found for 'letters' and 'members'",
			`[{"cardinality":"many-to-one","embedding":"letters with members","relationship":"letters_sender_fkey using letters(sender) and members(id)"},` +
				`{"cardinality":"many-to-one","embedding":"letters with members","relationship":"letters_recipient_fkey using letters(recipient) and members(id)"}]`,
			"Try changing 'members' to one of the following: 'members!letters_sender_fkey', 'members!letters_recipient_fkey'. Find the desired relationship in the 'details' key.",
		},
		{
			"members", "select=x:letters(text)", "PGRST201", "Could not embed because more than one relationship was found for 'members' and 'letters'",
			`[{"cardinality":"one-to-many","embedding":"members with letters","relationship":"letters_sender_fkey using members(id) and letters(sender)"},` +
				`{"cardinality":"one-to-many","embedding":"members with letters","relationship":"letters_recipient_fkey using members(id) and letters(recipient)"}]`,
			"Try changing 'letters' to one of the following: 'letters!letters_sender_fkey', 'letters!letters_recipient_fkey'. Find the desired relationship in the 'details' key.",
		},
		{"authors", "select=...books(title)", "PGRST119", "A spread operation on 'books' is not possible", "'authors' and 'books' do not form a many-to-one or one-to-one relationship", ""},
		{"books", "select=...authors(count())", "PGRST127", "Feature not implemented", "Aggregates are not implemented for spreads.", "embed the rows without the dots, or ask the aggregate of the table itself"},
		{"authors", "books.year=gt.1", "PGRST108", "'books' is not an embedded resource in this request", "", "Verify that 'books' is included in the 'select' query parameter."},
		{"authors", "select=b:books(id)&books.year=gt.1", "PGRST108", "'books' is not an embedded resource in this request", "Target names are not allowed in filters if they have an alias", "Verify that 'books' is included in the 'select' query parameter."},
		{"authors", "select=books(id)&books.authors.name=eq.x", "PGRST108", "'authors' is not an embedded resource in this request", "", "Verify that 'authors' is included in the 'select' query parameter."},
		{"books", "order=authors(name)", "PGRST108", "'authors' is not an embedded resource in this request", "", "Verify that 'authors' is included in the 'select' query parameter."},
		{"authors", "select=books(id)&order=books(title)", "PGRST118", "A related order on 'books' is not possible", "'authors' and 'books' do not form a many-to-one or one-to-one relationship", ""},
		{"authors", "select=books(id)&books=eq.1", "PGRST120", "Bad operator on the 'books' embedded resource", "Only is null or not is null filters are allowed on embedded resources", ""},
		{"authors", "select=books(id)&books=is.true", "PGRST120", "Bad operator on the 'books' embedded resource", "Only is null or not is null filters are allowed on embedded resources", ""},
		{"authors", "select=books(id)&or=(books.in.(1,2),id.eq.1)", "PGRST120", "Bad operator on the 'books' embedded resource", "Only is null or not is null filters are allowed on embedded resources", ""},
		{"authors", "books=is.null", "42703", "column authors.books does not exist", "", ""},
		{"authors", "select=books(id)&books->a=is.null", "42703", "column authors.books does not exist", "", ""},
		{"authors", "select=books(nope)", "42703", "column books.nope does not exist", "", ""},
		{"authors", "select=books(id)&books.nope=eq.1", "42703", "column books.nope does not exist", "", ""},
		{"authors", "select=books(id)&books.year=eq.x", "22P02", `invalid input syntax for type bigint: "x"`, "", ""},
		{"books", "select=authors(id)&order=authors(nme)", "42703", "column authors.nme does not exist", "", `Perhaps you meant to reference the column "authors.name".`},
		{"authors", "select=books(id),books(title)", "PGRST100", "select embeds 'books' twice", "", "give one of the two an alias, as in other:books(*)"},
		{"authors", "select=books(id", "PGRST100", `"failed to parse select parameter (books(id)" (line 1, column 9)`, `unexpected end of input expecting "," or ")"`, ""},
		{"authors", "select=books(id))", "PGRST100", `"failed to parse select parameter (books(id)))" (line 1, column 10)`, `unexpected ")" expecting "," or the end`, ""},
		{"authors", "select=books!inner", "PGRST100", `"failed to parse select parameter (books!inner)" (line 1, column 12)`, `unexpected end of input expecting "!" or "("`, ""},
		{"authors", "select=books!inner!left(id)", "PGRST100", `"failed to parse select parameter (books!inner!left(id))" (line 1, column 13)`, `unexpected "l" expecting one hint, one of inner and left, then "("`, ""},
		{"authors", "select=books!a!b(id)", "PGRST100", `"failed to parse select parameter (books!a!b(id))" (line 1, column 9)`, `unexpected "b" expecting one hint, one of inner and left, then "("`, ""},
		{"authors", "select=books!(id)", "PGRST100", `"failed to parse select parameter (books!(id))" (line 1, column 7)`, `unexpected "(" expecting a column name`, ""},
		{"authors", "select=...", "PGRST100", `"failed to parse select parameter (...)" (line 1, column 4)`, "unexpected end of input expecting a column name", ""},
		{"authors", "select=books(id)&books.limit=1&books.limit=2", "PGRST100", "limit is given twice", "", ""},
		{"authors", "select=books(id)&books.=eq.1", "PGRST100", `"failed to parse filter column ()" (line 1, column 1)`, "unexpected end of input expecting a column name", ""},
		{"books", "select=authors(id)&order=authors(name", "PGRST100", `"failed to parse order (authors(name)" (line 1, column 13)`, `unexpected end of input expecting "->", "->>" or ")"`, ""},
	}
	for _, tt := range tests {
		_, err := parseIn(t, library(), tt.table, tt.rawQuery, query.DefaultLimits())
		f := faultOf(t, tt.rawQuery, err)
		if f.Code != tt.code || f.Message != tt.message || f.Details != tt.details && tt.details != "" || f.Hint != tt.hint {
			t.Errorf("%s?%s: got\n%s %s\n%s\n%s", tt.table, tt.rawQuery, f.Code, f.Message, f.Details, f.Hint)
		}
		if tt.code == query.CodeManyRelations && !json.Valid([]byte(f.Details)) {
			t.Errorf("%s: the details are no JSON: %s", tt.rawQuery, f.Details)
		}
	}
}

func TestEmbedLimits(t *testing.T) {
	nested := func(n int) string {
		return "select=" + strings.Repeat("books(authors(", n/2) + strings.Repeat("books(", n%2) + "id" + strings.Repeat(")", n)
	}
	wide := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf("e%d:books(id)", i)
		}
		return "select=" + strings.Join(items, ",")
	}
	conditions := func(n int) string {
		return "select=books(id)&books.and=(" + strings.TrimSuffix(strings.Repeat("id.eq.1,", n-1), ",") + ")&id=eq.1"
	}
	bytes := func(n int) string {
		return "select=books(id)&books.title=eq." + strings.Repeat("a", n-len("titleeq.")-len("nameeq.x")) + "&name=eq.x"
	}
	for _, tt := range []struct{ good, bad, message string }{
		{nested(5), nested(6), "relations are embedded more than 5 deep"},
		{wide(10), wide(11), "select embeds more than 10 relations"},
		{conditions(100), conditions(101), "the filters have more than 100 conditions"},
		{bytes(16 << 10), bytes(16<<10 + 1), "the filters have more than 16384 bytes"},
	} {
		if _, err := parseIn(t, library(), "authors", tt.good, query.DefaultLimits()); err != nil {
			t.Errorf("at the bound of %q: %v", tt.message, err)
		}
		_, err := parseIn(t, library(), "authors", tt.bad, query.DefaultLimits())
		if f := faultOf(t, tt.bad, err); f.Code != query.CodeParse || f.Message != tt.message {
			t.Errorf("got %v, want %s", f, tt.message)
		}
	}
}

// The sets of columns are each table's own.
func TestEmbedColumnSets(t *testing.T) {
	schema := library()
	r, err := parseIn(t, schema, "books", "select=title,authors(name,born.max())&year=eq.1&order=authors(meta->x),id&authors.id=eq.5&authors.order=name", query.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	inner := r.Embeds[0].Request
	for _, tt := range []struct {
		table string
		set   query.ColumnSet
		want  string
	}{
		{"books", r.Selected, "title"},
		{"books", r.Filtered, "year"},
		{"books", r.Ordered, "id"},
		{"authors", inner.Selected, "name born"},
		{"authors", inner.Filtered, "id"},
		{"authors", inner.Ordered, "meta name"},
	} {
		if tt.set.Len() != len(strings.Fields(tt.want)) {
			t.Errorf("%s: %d columns, want %s", tt.table, tt.set.Len(), tt.want)
		}
		for _, name := range strings.Fields(tt.want) {
			if !tt.set.Has(schema.Table(tt.table).Column(name)) {
				t.Errorf("%s.%s is not in the set", tt.table, name)
			}
		}
	}
	if !r.HasFilter || !inner.HasFilter || inner.Limit != -1 {
		t.Errorf("got %+v", r)
	}
	if r, err = parseIn(t, schema, "authors", "select=books(id)&books.id=eq.5", query.DefaultLimits()); err != nil || r.HasFilter {
		t.Errorf("a filter on an embed is none of the table: %v, %v", r.HasFilter, err)
	}
}

// A relation that the caller does not see, by one of its columns or by a
// table, must look, to the letter, as one that is not in the schema.
func TestUnseenRelationIsAbsent(t *testing.T) {
	hidden := func(without map[string]string) query.Limits {
		limits := query.DefaultLimits()
		limits.Sees = func(t *query.Table) (*query.ColumnSet, bool) {
			var set query.ColumnSet
			for _, c := range t.Columns {
				if without[t.Name] != c.Name {
					set.Add(c)
				}
			}
			return &set, without[t.Name] != "*"
		}
		return limits
	}
	// plain is the library without the references of one column.
	plain := func(table, column string) *query.Schema {
		schema := library()
		tables := make([]*query.Table, 0, len(schema.Tables))
		for _, t := range schema.Tables {
			if t.Name == table && column == "*" {
				continue
			}
			if t.Name == table {
				kept := make([]*query.Column, 0, len(t.Columns))
				for _, c := range t.Columns {
					if c.Name != column {
						kept = append(kept, &query.Column{Name: c.Name, Type: c.Type, Ref: c.Ref})
					}
				}
				t = query.NewTable(t.Name, kept, nil)
			}
			tables = append(tables, t)
		}
		return query.NewSchema(tables)
	}
	for _, tt := range []struct{ table, column, from, queries string }{
		{"books", "author_id", "books", "select=authors(id) select=autors(id) select=author_id(id) select=x:authors!author_id(id) select=authors!books_author_id_fkey(id) authors.id=eq.1 order=authors(id) author_id=eq.1"},
		{"books", "author_id", "authors", "select=books(id) select=boks(id) select=books!author_id(id) select=books!inner(id)&books=is.null"},
		{"books", "*", "authors", "select=books(id) select=boks(id) select=books_author_id_fkey(id) books=is.null"},
		{"loans", "member", "books", "select=members(id) select=membrs(id) select=members!loans(id) select=loans(members(id))"},
		{"loans", "*", "books", "select=members(id) select=loans(id) select=lons(id)"},
		{"books", "year", "authors", "select=books(year) select=books(yer) select=books(id)&books.year=eq.1 select=books(id)&books.order=year select=books(year.sum()) select=books(id)&books.or=(year.eq.x)"},
		{"authors", "born", "books", "select=authors(id)&order=authors(born) select=...authors(born) select=authors(*)&authors.born=is.null select=authors(*,count())&authors.order=born"},
		{"letters", "sender", "letters", "select=members(id)"},
		{"letters", "sender", "members", "select=letters(id) select=leters(id)"},
	} {
		for _, rawQuery := range strings.Fields(tt.queries) {
			schema := library()
			_, got := query.ParseRequest(schema, schema.Table(tt.from), rawQuery, hidden(map[string]string{tt.table: tt.column}))
			absent := plain(tt.table, tt.column)
			_, want := query.ParseRequest(absent, absent.Table(tt.from), rawQuery, query.DefaultLimits())
			switch {
			case got == nil && want == nil:
			case got == nil || want == nil || got.Code != want.Code || got.Message != want.Message || got.Hint != want.Hint || got.Details != want.Details:
				t.Errorf("%s without %s.%s, %s: got %+v, want %+v", tt.from, tt.table, tt.column, rawQuery, got, want)
			}
		}
	}
}
