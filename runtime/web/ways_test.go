package web_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const waysManifest = queriesManifest + `
tables: notes: {
	columns: {page: {type: "ref", table: "books"}, vector: {type: "vector", dimensions: 2}, before: {type: "ref", table: "notes"}}
	indexes: words: {columns: ["text"], kind: "fulltext"}
	cache: "catalog"
}
`

const (
	hiddenKey  = "0190b000-0000-7000-8000-00000000000a"
	hiddenText = "hush"
)

// surface is what of a route leads to rows: requests, in which KEY stands for
// the key of a row.
type surface struct {
	route    string
	requests []step
	without  string // why it leads to none
}

var surfaces = []surface{
	{route: "/api/data/{table}", requests: []step{
		{method: "GET", target: "/api/data/notes"},
		{method: "HEAD", target: "/api/data/notes", headers: []string{"Prefer: count=exact"}},
		{method: "GET", target: "/api/data/notes?id=eq.KEY&limit=0", headers: []string{"Prefer: count=exact"}},
		{method: "GET", target: "/api/data/notes?order=text&offset=0", headers: []string{"Range: 0-5", "Prefer: count=exact"}},
		{method: "GET", target: "/api/data/notes", headers: []string{"Range: 1-5", "Prefer: count=exact"}},
		{method: "GET", target: "/api/data/notes?offset=1", headers: []string{"Prefer: count=exact"}},
		{method: "GET", target: "/api/data/notes?select=text&_page=", headers: []string{"Prefer: count=exact"}},
		{method: "GET", target: "/api/data/notes?select=text,count()"},
		{method: "GET", target: "/api/data/notes?words=fts.hush"},
		{method: "GET", target: "/api/data/notes?_near=vector&_vector=[1,0]&select=text,_distance"},
		{method: "GET", target: "/api/data/notes?_from=KEY&_via=before&_hops=0-2"},
		{method: "GET", target: "/api/data/notes", headers: []string{"Accept: text/csv"}},
		{method: "GET", target: "/api/data/notes", headers: []string{object}},
		{method: "GET", target: "/api/data/books?select=title,notes(text)"},
		{method: "GET", target: "/api/data/books?select=title,notes!inner(text)", headers: []string{"Prefer: count=exact"}},
		{method: "PATCH", target: "/api/data/notes?id=eq.KEY", body: `{"text":"hush"}`, headers: []string{rows}},
		{method: "PATCH", target: "/api/data/notes?id=eq.KEY", body: `{"text":"hush"}`, headers: []string{"Prefer: count=exact, handling=strict, max-affected=0"}},
		{method: "DELETE", target: "/api/data/notes?id=eq.KEY", headers: []string{rows, "Prefer: tx=rollback"}},
	}},
	{route: "/api/data/{table}/{key}", requests: []step{
		{method: "GET", target: "/api/data/notes/KEY"},
		{method: "GET", target: "/api/data/notes/KEY", headers: []string{"If-None-Match: *"}},
		{method: "GET", target: "/api/data/notes/KEY?select=text"},
		{method: "PATCH", target: "/api/data/notes/KEY", body: `{"text":"hush"}`, headers: []string{rows}},
		{method: "PATCH", target: "/api/data/notes/KEY", body: `{"text":"hush"}`, headers: []string{rows, `If-Match: "1-x"`}},
		{method: "PATCH", target: "/api/data/notes/KEY", body: `{}`, headers: []string{rows, `If-Match: *`}},
		{method: "PATCH", target: "/api/data/notes/KEY", body: `{"text":"hush"}`, headers: []string{rows, "Idempotency-Key: k"}},
		{method: "DELETE", target: "/api/data/notes/KEY", headers: []string{rows, "Prefer: tx=rollback"}},
	}},
	{route: "/rest/v1/{table}", requests: []step{
		{method: "GET", target: "/rest/v1/notes?select=*"},
		{method: "PATCH", target: "/rest/v1/notes?id=eq.KEY", body: `{"text":"hush"}`, headers: []string{rows}},
		{method: "DELETE", target: "/rest/v1/notes?id=eq.KEY", headers: []string{rows, "Prefer: tx=rollback"}},
	}},
	{route: "/api/rpc/{query}", requests: []step{{method: "POST", target: "/api/rpc/mine", body: `{}`}, {method: "GET", target: "/api/rpc/mine"}}},
	{route: "/rest/v1/rpc/{query}", requests: []step{{method: "POST", target: "/rest/v1/rpc/mine", body: `{}`}}},
	{route: "a declared one", requests: []step{{method: "GET", target: "/notes"}}},
	{route: "/api/batch", requests: []step{
		{method: "POST", target: "/api/batch", body: `{"writes":[{"op":"update","table":"notes","key":"KEY","set":{"text":"hush"},"return":true}]}`},
		{method: "POST", target: "/api/batch", body: `{"writes":[{"op":"delete","table":"notes","where":"id=not.is.null","return":true}]}`, headers: []string{"Prefer: tx=rollback"}},
	}},
	{route: "/api/search/{table}", requests: []step{
		{method: "POST", target: "/api/search/notes", body: `{"text":{"index":"words","query":"hush"},"select":"text,_rank"}`},
		{method: "POST", target: "/api/search/notes", body: `{"near":{"column":"vector","vector":[1,0]}}`, headers: []string{"Prefer: count=exact"}},
	}},
	{route: "/api/export/{table}", requests: []step{
		{method: "GET", target: "/api/export/notes"},
		{method: "GET", target: "/api/export/notes?id=eq.KEY", headers: []string{"Accept: text/csv"}},
	}},
	{route: "/api/import/{table}", without: "that a key is taken cannot be kept from who writes it; data judges what comes of it"},
	{route: "/api/realtime/{channel}", without: "another package answers it, and proves it"},
	{route: "/api/openapi.json", without: "it is a declaration"},
	{route: "/health", without: "it is one word"},
	{route: "/ready", without: "it is one word"},
	{route: "preflight", without: "it asks the gate nothing"},
	{route: "refused", without: "it asks the gate nothing"},
	{route: "none", without: "it asks the gate nothing"},
}

// TestEverySurfaceWithTheWrongCaller asks every surface for a row as somebody
// who may not see it. The answers, their headers too, must be those of a
// database without that row; and the row's owner must get it the same way.
func TestEverySurfaceWithTheWrongCaller(t *testing.T) {
	for _, of := range surfaces {
		for _, st := range of.requests {
			t.Run(st.method+" "+st.target+" "+strings.Join(st.headers, " "), func(t *testing.T) {
				t.Parallel()
				with, without := noted(t, true), noted(t, false)
				for _, who := range []string{"", bobUID} {
					got, want := with.told(t, &st, who), without.told(t, &st, who)
					if got != want || strings.Contains(got, hiddenText) {
						t.Errorf("as %q\nhidden %s\nabsent %s", who, got, want)
					}
				}
				if got, none := with.told(t, &st, annUID), without.told(t, &st, annUID); got == none {
					t.Errorf("the owner got %s", got)
				}
			})
		}
	}
	t.Run("routes", func(t *testing.T) {
		var listed []string
		for _, of := range surfaces {
			listed = append(listed, of.route)
			if len(of.requests) == 0 && of.without == "" {
				t.Errorf("%s has no request and no reason", of.route)
			}
		}
		for _, route := range routesOfSource(t) {
			if !slices.Contains(listed, route) {
				t.Errorf("no wrong caller walks %s: add it to surfaces", route)
			}
		}
	})
}

// noted is a site with books, and a note that is ann's alone where it has one.
func noted(t *testing.T, has bool) *site {
	t.Helper()
	s := newShopOf(t, waysManifest)
	service, steps := []string{"apikey: " + s.keys.Secret()}, []step{
		{method: "POST", target: "/api/data/books", body: `{"id":1,"title":"Emma"}`},
		{method: "POST", target: "/api/data/users", body: `[{"id":"` + annUID + `","email":"ann@example.com"},{"id":"` + bobUID + `","email":"bob@example.com"}]`},
		{method: "POST", target: "/api/data/notes", body: `{"id":"` + hiddenKey + `","owner":"` + annUID + `","text":"` + hiddenText + `","page":1,"vector":[1,0]}`},
	}
	if !has {
		steps = steps[:2]
	}
	for i := range steps {
		steps[i].headers, steps[i].status = service, http.StatusCreated
	}
	s.walk(t, steps)
	return s
}

// told is everything that a caller is answered.
func (s *site) told(t *testing.T, st *step, who string) string {
	t.Helper()
	headers := slices.Clone(st.headers)
	if st.body != "" {
		headers = append(headers, sendsJSON)
	}
	headers = append(headers, "apikey: "+s.keys.Publishable())
	if who != "" {
		headers = append(headers, "Authorization: Bearer "+s.token(t, who))
	}
	w := s.do(st.method, strings.ReplaceAll(st.target, "KEY", hiddenKey), strings.ReplaceAll(st.body, "KEY", hiddenKey), headers...)
	answer := w.Header().Clone()
	for _, ours := range []string{"X-Request-Id", "Date"} {
		answer.Del(ours)
	}
	return fmt.Sprint(w.Code, " ", answer, " ", w.Body)
}

// routesOfSource are the patterns that requests are counted under: every way
// through this package has one.
func routesOfSource(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]string{}
	var found []ast.Expr
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) {
						constants[name.Name] = literal(n.Values[i])
					}
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if field, ok := left.(*ast.SelectorExpr); ok && field.Sel.Name == "route" {
						found = append(found, n.Rhs[i])
					}
				}
			}
			return true
		})
	}
	var routes []string
	for _, e := range found {
		switch e := e.(type) {
		case *ast.BasicLit:
			routes = append(routes, literal(e))
		case *ast.Ident:
			routes = append(routes, constants[e.Name])
		default:
			routes = append(routes, "a declared one")
		}
	}
	return routes
}

// literal is a string literal's text, "" for anything else.
func literal(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok {
		if text, err := strconv.Unquote(lit.Value); err == nil {
			return text
		}
	}
	return ""
}
