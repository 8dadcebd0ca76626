package web_test

import (
	"strings"
	"testing"
)

const writingManifest = shopManifest + `
tables: loans: {
	key: {type: "ref", table: "books", onDelete: "cascade"}
	columns: {to: type: "text", changed: {type: "timestamp", auto: update: "now()"}}
	access: read: true
}
queries: {
	move: {
		as: "service", reads: ["books"], write: true, access: call: "auth.uid != null"
		params: by: {type: "int", required: true}
		returns: {id: type: "int", year: type: "int"}
		sql: "UPDATE books SET year = year + :by RETURNING id, year"
	}
	add: {
		as: "service", reads: ["books", "loans"], write: true, access: call: true
		params: {title: {type: "text", required: true}, isbn: type: "text"}
		returns: value: type: "int"
		sql: "INSERT INTO books (title, isbn, year) VALUES (:title, :isbn, (SELECT 1900 + count(*) FROM loans)) RETURNING id AS value"
	}
	clear: {as: "service", reads: ["books"], write: true, returns: "nothing", sql: "DELETE FROM books"}
	total: {as: "service", reads: ["books"], returns: value: type: "int", sql: "SELECT count(*) AS value FROM books", access: call: true, cache: "catalog"}
}
`

func TestQueriesThatWriteOverHTTP(t *testing.T) {
	s := newShopOf(t, writingManifest)
	ann, service, key := "Authorization: Bearer "+s.token(t, annUID), "apikey: "+s.keys.Secret(), "apikey: "+s.keys.Publishable()
	const byPost = `{"code":"25006","message":"cannot execute move in a read-only transaction","details":null,"hint":"it writes: call it by POST"}`
	s.walk(t, []step{
		{"POST", "/api/rpc/total", `{}`, nil, 200, "0", nil},
		{"POST", "/api/rpc/add", `{"title":"Emma","isbn":"1"}`, nil, 200, "1", map[string]string{"X-Cache": "bypass", "Cache-Control": "private, no-store", "Content-Range": ""}},
		{"POST", "/rest/v1/rpc/add", `{"title":"Persuasion"}`, []string{key, "Idempotency-Key: one"}, 200, "2", map[string]string{"Idempotent-Replayed": ""}},
		{"POST", "/rest/v1/rpc/add", `{"title":"Persuasion"}`, []string{key, "Idempotency-Key: one"}, 200, "2", map[string]string{"Idempotent-Replayed": "true"}},
		{"POST", "/rest/v1/rpc/add", `{"title":"Ulysses"}`, []string{key, "Idempotency-Key: one"}, 422, "idempotency-key-reused", nil},
		{"POST", "/api/rpc/add", `{"title":"Ulysses"}`, []string{"Idempotency-Key: a", "Idempotency-Key: b"}, 400, "bad-idempotency-key", nil},
		{"POST", "/api/rpc/add", `{"title":"Emma","isbn":"1"}`, nil, 409, `"23505","message":"duplicate key value violates unique constraint \"books_isbn_key\""`, nil},
		{"POST", "/api/rpc/add", `{"title":""}`, nil, 400, "books_title_check", nil},
		{"POST", "/api/rpc/total", `{}`, nil, 200, "2", nil},
		{"GET", "/api/rpc/move?by=1", "", []string{ann}, 405, byPost, map[string]string{"Allow": "OPTIONS,POST"}},
		{"HEAD", "/api/rpc/move?by=1", "", []string{ann}, 405, "", nil},
		{"GET", "/api/rpc/move?by=1", "", nil, 401, "42501", nil},
		{"POST", "/api/rpc/move?id=eq.2&select=year", `{"by":1}`, []string{ann, "Prefer: tx=rollback"}, 200, `[{"year":1901}]`, map[string]string{"Preference-Applied": "tx=rollback"}},
		{"POST", "/api/rpc/move", `{"by":1}`, []string{ann, object}, 406, "PGRST116", nil},
		{"POST", "/api/rpc/move", `{"by":1}`, []string{ann, "Prefer: handling=strict, max-affected=1"}, 400, "PGRST124", nil},
		{"POST", "/api/rpc/move", `{"by":2000}`, []string{ann}, 400, "books_year_check", nil},
		{"GET", "/api/data/books?select=year", "", nil, 200, `[{"year":1900},{"year":1900}]`, nil},
		{"POST", "/api/rpc/move", `{"by":15}`, []string{ann, "Prefer: return=minimal"}, 200, "", map[string]string{"Content-Length": "0"}},
		{"GET", "/api/data/books?select=year", "", nil, 200, `[{"year":1915},{"year":1915}]`, nil},
		{"POST", "/api/data/loans", `{"id":1,"to":"Ann"}`, []string{service}, 201, "", nil},
	})
	tag := s.do("GET", "/api/data/books/1", "").Header().Get("Etag")
	s.walk(t, []step{
		{"POST", "/api/rpc/move", `{"by":1}`, []string{ann}, 200, `[{"id":1,"year":1916},{"id":2,"year":1916}]`, nil},
		{"PATCH", "/api/data/books/1", `{"isbn":"2"}`, []string{ann, "If-Match: " + tag}, 412, "", nil},
		{"POST", "/api/rpc/clear", `{}`, []string{ann}, 403, "42501", nil},
		{"POST", "/api/rpc/clear", `{}`, []string{service}, 204, "", nil},
		{"GET", "/api/data/loans", "", nil, 200, "[]", nil},
		{"POST", "/api/rpc/add", `{"title":"Ulysses"}`, nil, 200, "3", nil},
	})
	if tag == "" || !strings.HasPrefix(tag, `"`) {
		t.Errorf("the row's tag is %q", tag)
	}
}
