package web_test

import (
	"net/http"
	"strings"
	"testing"
)

const queriesManifest = shopManifest + `
queries: {
	since: {
		as:      "service"
		params:  {year: {type: "int", required: true}, word: type: "text"}
		reads:   ["books"]
		returns: {id: {type: "ref", table: "books"}, title: type: "text", year: type: "int"}
		sql:     "SELECT id, title, year FROM books WHERE year >= :year AND (:word IS NULL OR title LIKE '%' || :word || '%') ORDER BY id DESC"
		access: call: true
		cache: "catalog"
	}
	total: {as: "service", reads: ["books"], returns: value: type: "int", sql: "SELECT count(*) AS value FROM books", access: call: true}
	mine: {as: "service", reads: ["notes"], returns: {text: type: "text"}, sql: "SELECT text FROM notes WHERE owner = :auth_uid", access: call: "auth.uid != null"}
	silent: {as: "service", reads: [], returns: "nothing", sql: "SELECT 1", access: call: true}
	secret: {as: "service", reads: ["notes"], returns: {text: type: "text"}, sql: "SELECT text FROM notes"}
}
routes: {
	"GET /since/{year}": query: {name: "since", with: {year: param: "year", word: query: "q"}}
	"/notes": query: name: "mine"
	"/all": query: name: "secret"
}
`

func TestQueriesOverHTTP(t *testing.T) {
	s := newShopOf(t, queriesManifest)
	ann, service, key := "Authorization: Bearer "+s.token(t, annUID), "apikey: "+s.keys.Secret(), "apikey: "+s.keys.Publishable()
	const csv = "Accept: text/csv"
	s.walk(t, []step{
		{"POST", "/api/data/books", `[{"title":"Emma","year":1815},{"title":"Persuasion","year":1817},{"title":"Ulysses","year":1922}]`, []string{service}, 201, "", nil},
		{"POST", "/api/data/users", `{"id":"` + annUID + `","email":"ann@example.com"}`, []string{service}, 201, "", nil},
		{"POST", "/api/data/notes", `{"text":"Ann's"}`, []string{ann}, 201, "", nil},

		{
			"POST", "/api/rpc/since", `{"year":1817}`, nil, 200, `[{"id":3,"title":"Ulysses","year":1922},{"id":2,"title":"Persuasion","year":1817}]`,
			map[string]string{"Content-Range": "0-1/*", "X-Cache": "miss", "Cache-Control": "private, no-store", "Content-Type": "application/json; charset=utf-8", "Vary": "Origin, Authorization, apikey"},
		},
		{"POST", "/rest/v1/rpc/since", `{"year":1817}`, []string{key}, 200, `[{"id":3,`, map[string]string{"X-Cache": "hit"}},
		{"POST", "/rest/v1/rpc/since", `{"year":1817}`, nil, 401, "No API key found", nil},
		{"GET", "/api/rpc/since?year=1817", "", nil, 200, `[{"id":3,`, map[string]string{"X-Cache": "hit", "Cache-Control": "private, no-cache"}},
		{"HEAD", "/api/rpc/since?year=1817", "", []string{"Prefer: count=exact"}, 200, "", map[string]string{"Content-Range": "0-1/2"}},
		{"GET", "/api/rpc/since?year=1&select=title&title=like.E*&order=year.asc", "", nil, 200, `[{"title":"Emma"}]`, nil},
		{"GET", "/api/rpc/since?year=1&limit=1&offset=1", "", []string{"Prefer: count=exact"}, 206, `[{"id":2,`, map[string]string{"Content-Range": "1-1/3"}},
		{"GET", "/api/rpc/since?year=1&offset=9", "", []string{"Prefer: count=exact"}, 416, "PGRST103", nil},
		{"GET", "/api/rpc/since?year=1", "", []string{"Range: 1-1"}, 200, `[{"id":2,`, map[string]string{"Content-Range": "1-1/*"}},
		{"GET", "/api/rpc/since?year=1922", "", []string{object}, 200, `{"id":3,"title":"Ulysses","year":1922}`, map[string]string{"Content-Type": "application/vnd.pgrst.object+json; charset=utf-8"}},
		{"GET", "/api/rpc/since?year=1815", "", []string{object}, 406, "PGRST116", nil},
		{"GET", "/api/rpc/since?year=1922", "", []string{csv}, 200, "id,title,year\n3,Ulysses,1922", map[string]string{"Content-Type": "text/csv; charset=utf-8"}},
		{"POST", "/api/rpc/since", `{"year":1}`, []string{"Prefer: return=minimal, count=exact"}, 200, "", map[string]string{"Content-Range": "0-2/3", "Content-Length": "0"}},
		{"GET", "/api/rpc/total", "", nil, 200, "3", map[string]string{"Content-Range": "", "X-Cache": "bypass"}},
		{"GET", "/api/rpc/total", "", []string{csv}, 200, "3", map[string]string{"Content-Type": "application/json; charset=utf-8"}},
		{"POST", "/api/rpc/silent", `{}`, nil, 204, "", nil},
		{"POST", "/api/rpc/mine", `{}`, []string{ann}, 200, `[{"text":"Ann's"}]`, nil},
		{"POST", "/api/rpc/mine", `{}`, nil, 401, `"42501","message":"permission denied for function mine"`, nil},
		{"POST", "/api/rpc/secret", `{}`, []string{ann}, 403, "permission denied for function secret", nil},
		{"POST", "/api/rpc/secret", `{}`, []string{service}, 200, "Ann's", nil},

		{"POST", "/api/rpc/nope", `{"a":1}`, nil, 404, `{"code":"PGRST202","message":"Could not find the function public.nope(a) in the schema cache","details":"Searched for the function public.nope with parameter a or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.","hint":null}`, nil},
		{"GET", "/api/rpc/sinze?year=1", "", nil, 404, `"hint":"Perhaps you meant to call the function public.since"`, nil},
		{"POST", "/api/rpc/since", `{"year":"x"}`, nil, 400, "22P02", nil},
		{"POST", "/api/rpc/since", `{"year":1,"word":"' OR 1=1 --"}`, nil, 200, "[]", nil},
		{"PATCH", "/api/rpc/since", `{}`, nil, 405, "Cannot use the PATCH method on RPC", map[string]string{"Allow": "OPTIONS,GET,HEAD,POST"}},
		{"OPTIONS", "/api/rpc/since", "", nil, 204, "", map[string]string{"Allow": "OPTIONS,GET,HEAD,POST"}},
		{"GET", "/api/rpc/", "", nil, 404, "PGRST125", nil},
		{"GET", "/api/rpc/a/b", "", nil, 404, "PGRST125", nil},
		{"GET", "/rest/v1/rpc", "", []string{key}, 404, "PGRST125", nil},
		{"GET", "/api/rpc", "", nil, 404, "not-found", nil},
		{"GET", "/rest/v1/rpc/total", "", []string{key, "Accept-Profile: private"}, 406, "PGRST106", nil},

		{"GET", "/since/1817", "", nil, 200, `[{"id":3,`, map[string]string{"Content-Range": "0-1/*"}},
		{"GET", "/since/1817?q=Pers&select=title&id=eq.9", "", nil, 200, `[{"id":2,"title":"Persuasion","year":1817}]`, nil},
		{"GET", "/since/x", "", nil, 400, "22P02", nil},
		{"POST", "/since/1817", `{}`, nil, 405, "", nil},
		{"GET", "/notes", "", []string{ann}, 200, `[{"text":"Ann's"}]`, map[string]string{"Cache-Control": "private, no-cache"}},
		{"GET", "/notes", "", nil, 401, "42501", nil},
		{"GET", "/notes", "", []string{"Authorization: Bearer x.y.z"}, 401, "PGRST301", nil},
		{"GET", "/all", "", []string{ann}, 403, "42501", nil},
	})
	form := s.do(http.MethodPost, "/api/rpc/total", "{}", "Content-Type: text/plain")
	if form.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form that a page could send: %d", form.Code)
	}
}

func TestQueryAnswersAreValidated(t *testing.T) {
	s := newShopOf(t, queriesManifest)
	first := s.do("GET", "/api/rpc/total", "")
	tag := first.Header().Get("Etag")
	again := s.do("GET", "/api/rpc/total", "", "If-None-Match: "+tag)
	if tag == "" || again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("%q: %d %s", tag, again.Code, again.Body)
	}
}

// A write that was acknowledged is in the next answer, cached or not.
func TestQuerySeesWrites(t *testing.T) {
	s := newShopOf(t, queriesManifest)
	service := "apikey: " + s.keys.Secret()
	for i := range 20 {
		if w := s.do("POST", "/api/data/books", `{"title":"x","year":2000}`, service, sendsJSON); w.Code != http.StatusCreated {
			t.Fatal(w.Code, w.Body)
		}
		w := s.do("GET", "/api/rpc/since?year=2000", "")
		if got := strings.Count(w.Body.String(), `"id"`); got != i+1 {
			t.Fatalf("%d rows after %d writes", got, i+1)
		}
	}
}
