package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const authorsManifest = `
manifest: 1
name:     "library"
limits: body: "64KiB"
rates: default: {per: "caller", requests: 100000, window: "1m"}
tables: authors: {
	key: type: "int"
	columns: name: {type: "text", required: true}
	access: {read: true, create: "auth.role == 'authenticated'"}
}
tables: books: {
	key: type: "int"
	columns: {
		title: {type: "text", required: true}
		author: {type: "ref", table: "authors"}
		editor: {type: "ref", table: "authors"}
		year: type:  "int"
		note: type:  "text"
		meta: type:  "json"
		owner: {type: "text"}
	}
	indexes: byTitle: {columns: ["title"], unique: true}
	access: {
		read:   "owner == null || owner == auth.uid"
		create: "auth.role == 'authenticated'"
		update: "auth.role == 'authenticated'"
		delete: "auth.role == 'authenticated'"
	}
	cache: "catalog"
}
cache: policies: catalog: ttl: "5m"
`

const (
	merge  = "Prefer: resolution=merge-duplicates"
	csv    = "Accept: text/csv"
	bobUID = "0190a000-0000-7000-8000-00000000000b"
)

// newLibrary is a handler over the real gate, with two authors and four books,
// of which one is Ann's alone.
func newLibrary(t testing.TB) (s *site, ann, bob string) {
	t.Helper()
	s = newShopOf(t, authorsManifest)
	ann, bob = "Authorization: Bearer "+s.token(t, annUID), "Authorization: Bearer "+s.token(t, bobUID)
	w := s.do("POST", "/api/data/authors", `[{"id":1,"name":"Austen"},{"id":2,"name":"Borges"}]`, sendsJSON, ann)
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w = s.do("POST", "/api/data/books", `[
		{"id":1,"title":"Emma","author":1,"editor":2,"year":1815,"note":"say \"hi\", you","meta":{"a":null,"b":1},"owner":null},
		{"id":2,"title":"Persuasion","author":1,"editor":null,"year":1817,"note":"","meta":null,"owner":null},
		{"id":3,"title":"Ficciones","author":2,"editor":null,"year":null,"note":null,"meta":[1],"owner":null},
		{"id":4,"title":"Diary","author":1,"editor":null,"year":1,"note":null,"meta":null,"owner":"`+annUID+`"}]`, sendsJSON, ann)
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return s, ann, bob
}

func TestEmbedsOverHTTP(t *testing.T) {
	s, ann, bob := newLibrary(t)
	s.walk(t, []step{
		{"GET", "/api/data/books?select=title,author(name)&order=id&limit=1", "", []string{bob}, 200, `[{"title":"Emma","author":{"name":"Austen"}}]`, map[string]string{"X-Cache": "miss", "Content-Range": "0-0/*"}},
		{"GET", "/api/data/books?select=title,author(name)&order=id&limit=1", "", []string{bob}, 200, `Austen`, map[string]string{"X-Cache": "hit"}},
		{"GET", "/api/data/authors?select=name,books!author!inner(title)&books.title=eq.Diary", "", []string{ann, "Prefer: count=exact"}, 200, `[{"name":"Austen","books":[{"title":"Diary"}]}]`, map[string]string{"Content-Range": "0-0/1"}},
		{"GET", "/api/data/authors?select=name,books!author!inner(title)&books.title=eq.Diary", "", []string{bob, "Prefer: count=exact"}, 200, `[]`, map[string]string{"Content-Range": "*/0"}},
		{"GET", "/api/data/authors?select=name,books!author!inner(title)&offset=2", "", []string{bob, "Prefer: count=exact"}, 206, `[]`, map[string]string{"Content-Range": "*/2"}},
		{"GET", "/api/data/authors?select=name,books!author!inner(title)&offset=3", "", []string{bob, "Prefer: count=exact"}, 416, `PGRST103`, nil},
		{"GET", "/api/data/authors?select=name,books!author!inner(title)&limit=1", "", []string{bob, "Prefer: count=exact"}, 206, `Austen`, map[string]string{"Content-Range": "0-0/2"}},
		{"HEAD", "/api/data/authors?select=name,books!author!inner(title)", "", []string{bob, "Prefer: count=exact"}, 200, ``, map[string]string{"Content-Range": "0-1/2"}},
		{"GET", "/api/data/books?select=count(),year.max()", "", []string{object, bob}, 200, `{"count":3,"max":1817}`, nil},
		{"GET", "/api/data/books/1?select=title,author(name)", "", nil, 200, `{"title":"Emma","author":{"name":"Austen"}}`, nil},
		{"GET", "/api/data/books?select=title,nope(name)", "", nil, 400, `"PGRST200"`, nil},
		{"GET", "/api/data/books?select=title,authors(name)", "", nil, 300, `"details":[{"cardinality":"many-to-one","embedding":"books with authors","relationship":"books_author_fkey using books(author) and authors(id)"}`, nil},
		{"GET", "/api/data/authors?select=name,...books!author(title)", "", nil, 400, `"PGRST119"`, nil},
		{"GET", "/api/data/authors?select=name,books!author(title)&order=books(title)", "", nil, 400, `"PGRST118"`, nil},
		{"GET", "/api/data/authors?select=name,books!author(title)&books=eq.1", "", nil, 400, `"PGRST120"`, nil},
		{"GET", "/api/data/authors?select=name&books.title=eq.1", "", nil, 400, `"PGRST108"`, nil},
		{"GET", "/api/data/books?select=title::nope", "", nil, 400, `"42704"`, nil},
		{"GET", "/api/data/books?year=cs.{1}", "", nil, 404, `"42883"`, nil},
		{"POST", "/api/data/books?select=title,author(name),editor(name)", `{"title":"New","author":2}`, []string{ann, rows}, 201, `[{"title":"New","author":{"name":"Borges"},"editor":null}]`, nil},
	})
}

func TestUpsertOverHTTP(t *testing.T) {
	s, ann, bob := newLibrary(t)
	s.walk(t, []step{
		{"POST", "/api/data/books", `{"id":1,"title":"Emma II"}`, []string{ann, merge}, 200, "", map[string]string{"Preference-Applied": "resolution=merge-duplicates"}},
		{"POST", "/api/data/books?select=id,title", `[{"id":1,"title":"Emma"},{"id":50,"title":"New"}]`, []string{ann, merge, rows}, 201, `[{"id":1,"title":"Emma"},{"id":50,"title":"New"}]`, nil},
		{"POST", "/rest/v1/books?on_conflict=title&columns=title,year&select=id,year", `[{"title":"Emma","year":9}]`, []string{ann, merge, rows}, 200, `[{"id":1,"year":9}]`, nil},
		{"POST", "/api/data/books?on_conflict=year", `{"title":"x"}`, []string{ann, merge}, 400, `"42P10"`, nil},
		{"POST", "/api/data/books?select=title", `[{"id":1,"title":"x"},{"id":51,"title":"Other"}]`, []string{ann, "Prefer: resolution=ignore-duplicates", rows, "Prefer: count=exact"}, 201, `[{"title":"Other"}]`, map[string]string{"Content-Range": "*/1", "Preference-Applied": "resolution=ignore-duplicates, return=representation, count=exact"}},
		{"POST", "/api/data/books", `{"id":4,"title":"x"}`, []string{bob, merge}, 403, `"42501"`, nil},
		{"POST", "/api/data/authors", `{"id":1,"name":"x"}`, []string{ann, merge}, 403, `permission denied for table authors`, nil},
		{"POST", "/api/data/books", `{"id":1,"title":"x"}`, []string{ann}, 409, `"23505"`, nil},
	})
}

func TestFormsOverHTTP(t *testing.T) {
	s, ann, _ := newLibrary(t)
	stripped := "Accept: application/vnd.pgrst.array+json;nulls=stripped"
	s.walk(t, []step{
		{
			"GET", "/api/data/books?select=id,title,year,note,meta,author(name)&order=id", "",
			[]string{csv},
			200,
			"id,title,year,note,meta,author\n1,Emma,1815,\"say \"\"hi\"\", you\",\"{\"\"a\"\":null,\"\"b\"\":1}\",\"{\"\"name\"\":\"\"Austen\"\"}\"\n" +
				"2,Persuasion,1817,\"\",,\"{\"\"name\"\":\"\"Austen\"\"}\"\n3,Ficciones,,,[1],\"{\"\"name\"\":\"\"Borges\"\"}\"\n",
			map[string]string{"Content-Type": "text/csv; charset=utf-8", "Content-Range": "0-2/*", "X-Cache": "miss"},
		},
		{"GET", "/api/data/books?select=id,title&id=eq.0", "", []string{csv}, 200, "id,title\n", map[string]string{"Content-Range": "*/*"}},
		{"GET", "/api/data/books?select=id,title&id=eq.0", "", nil, 200, "[]", map[string]string{"X-Cache": "miss"}},
		{"GET", "/api/data/books/1?select=title", "", []string{csv}, 200, "title\nEmma\n", nil},
		{"GET", "/api/data/books/99", "", []string{csv}, 404, "PGRST116", nil},
		{"GET", "/api/data/books?select=id,year,meta&order=id", "", []string{stripped}, 200, `[{"id":1,"year":1815,"meta":{"b":1}},{"id":2,"year":1817},{"id":3,"meta":[1]}]`, map[string]string{"X-Cache": "miss"}},
		{"GET", "/api/data/books?select=id,year,meta&id=eq.3", "", []string{"Accept: application/vnd.pgrst.object+json;nulls=stripped"}, 200, `{"id":3,"meta":[1]}`, map[string]string{"Content-Type": "application/vnd.pgrst.object+json; charset=utf-8"}},
		{"PATCH", "/api/data/books?id=eq.3&select=id,year,title", `{"title":"F"}`, []string{ann, rows, stripped}, 200, `[{"id":3,"title":"F"}]`, nil},
		{"PATCH", "/api/data/books?id=eq.3&select=id,year,author(name)", `{"title":"G"}`, []string{ann, rows, csv}, 200, "id,year,author\n3,,\"{\"\"name\"\":\"\"Borges\"\"}\"\n", map[string]string{"Content-Type": "text/csv; charset=utf-8"}},
		{"PATCH", "/api/data/books?id=eq.0&select=id", `{"title":"G"}`, []string{ann, rows, csv}, 200, "id\n", nil},
		{"GET", "/api/data/books", "", []string{"Accept: application/xml"}, 406, `"PGRST107"`, nil},
	})
}

func TestPagesOverHTTP(t *testing.T) {
	s, _, _ := newLibrary(t)
	target, seen := "/api/data/books?select=title&order=year.desc&limit=2&_page=", ""
	for target != "" {
		w := s.do("GET", target, "")
		seen += w.Body.String()
		next, _, _ := strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), `>; rel="next"`)
		if next != "" && !strings.HasSuffix(next, "&_page="+w.Header().Get("Next-Page")) {
			t.Errorf("%q and %q", next, w.Header().Get("Next-Page"))
		}
		wantHeader(t, w.Header(), "Content-Range", "")
		target = next
	}
	if want := `[{"title":"Ficciones"},{"title":"Persuasion"}][{"title":"Emma"}]`; seen != want {
		t.Errorf("got %s, want %s", seen, want)
	}
	s.walk(t, []step{
		{"GET", "/api/data/books?_page=", "", []string{"Prefer: count=exact"}, 200, "Emma", map[string]string{"Content-Range": "*/3", "Link": ""}},
		{"GET", "/api/data/books?_page=", "", []string{"Range: 1-2"}, 400, "PGRST100", nil},
		{"GET", "/api/data/books?_page=x", "", nil, 400, "bad-cursor", nil},
		{"GET", "/api/data/books?limit=1&title=neq.%3C%22%3E&_page=", "", nil, 200, "Emma", nil},
		{"GET", "/api/data/books/1?_page=", "", nil, 400, "PGRST100", nil},
	})
}

func TestIfMatchOverHTTP(t *testing.T) {
	s, ann, bob := newLibrary(t)
	tag := func() string { return "If-Match: " + s.do("GET", "/api/data/books/1", "").Header().Get("Etag") }
	first := tag()
	if !strings.HasPrefix(first, `If-Match: "1-`) {
		t.Errorf("%s does not begin with the revision", first)
	}
	s.walk(t, []step{
		{"PATCH", "/api/data/books/1", `{"year":1}`, []string{ann, first}, 204, "", nil},
		{"PATCH", "/api/data/books/1", `{"year":2}`, []string{ann, first}, 412, `"precondition-failed"`, nil},
		{"DELETE", "/api/data/books/1", "", []string{ann, first}, 412, `"precondition-failed"`, nil},
		{"PATCH", "/rest/v1/books?id=eq.1", `{"year":2}`, []string{ann, first}, 412, "", nil},
		{"PATCH", "/api/data/books/4", `{"year":2}`, []string{bob, "If-Match: *"}, 412, "", nil},
		{"PATCH", "/api/data/books/99", `{"year":2}`, []string{bob, "If-Match: *"}, 412, "", nil},
		{"PATCH", "/api/data/books/99", `{"year":2}`, []string{bob}, 404, "", nil},
		{"POST", "/api/data/books", `{"title":"x"}`, []string{ann, "If-Match: *"}, 400, "preference-not-supported", nil},
		{"PATCH", "/api/data/books/1", `{"year":2}`, []string{ann, "If-None-Match: *"}, 400, "preference-not-supported", nil},
	})
	s.walk(t, []step{{"PATCH", "/rest/v1/books?id=eq.1", `{"year":2}`, []string{ann, tag()}, 204, "", nil}})
	if w := s.do("DELETE", "/api/data/books/1", "", ann, tag()); w.Code != http.StatusNoContent {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOnceAndRollbackOverHTTP(t *testing.T) {
	s, ann, bob := newLibrary(t)
	const key, body = "Idempotency-Key: k-1", `{"title":"Once"}`
	again := map[string]string{"Idempotent-Replayed": "true"}
	first := map[string]string{"Idempotent-Replayed": ""}
	s.walk(t, []step{
		{"POST", "/api/data/books?select=id,title", body, []string{ann, rows, key}, 201, `[{"id":5,"title":"Once"}]`, first},
		{"POST", "/api/data/books?select=id,title", body, []string{ann, rows, key}, 201, `[{"id":5,"title":"Once"}]`, again},
		{"POST", "/api/data/books?select=title", body, []string{ann, rows, key}, 422, `"idempotency-key-reused"`, nil},
		{"POST", "/api/data/books?select=id,title", body, []string{ann, key}, 422, "", nil},
		{"POST", "/api/data/books?select=id,title", `{"title":"Twice"}`, []string{ann, rows, key}, 422, "", nil},
		{"DELETE", "/api/data/books/5", "", []string{ann, key}, 422, "", nil},
		{"POST", "/api/data/books?select=id,title", body, []string{bob, rows, key}, 409, "23505", nil},
		{"POST", "/api/data/books", body, []string{ann, "Idempotency-Key: "}, 400, "bad-idempotency-key", nil},
		{"POST", "/api/data/books", body, []string{ann, key, "Idempotency-Key: other"}, 400, "bad-idempotency-key", nil},
		{"DELETE", "/api/data/books/5", "", []string{ann, "Idempotency-Key: d"}, 204, "", first},
		{"DELETE", "/api/data/books/5", "", []string{ann, "Idempotency-Key: d"}, 204, "", again},
		{"DELETE", "/api/data/books?id=gt.0&select=id", "", []string{ann, rows, "Prefer: tx=rollback"}, 200, `[{"id":1},{"id":2},{"id":3},{"id":4}]`, map[string]string{"Preference-Applied": "return=representation, tx=rollback"}},
		{"POST", "/api/data/books?select=title", `{"title":"Gone"}`, []string{ann, rows, "Prefer: tx=rollback"}, 201, `[{"title":"Gone"}]`, nil},
		{"GET", "/api/data/books?select=count()", "", []string{ann}, 200, `[{"count":4}]`, nil},
		{"GET", "/api/data/books", "", []string{"Prefer: handling=strict, timezone=UTC"}, 400, "PGRST122", nil},
		{"GET", "/api/data/books", "", []string{"Prefer: timezone=UTC"}, 200, "", nil},
	})
}

func TestBatchOverHTTP(t *testing.T) {
	s, ann, bob := newLibrary(t)
	const body = `{"writes":[
		{"op":"insert","table":"authors","rows":{"name":"Camus"},"as":"a"},
		{"op":"insert","table":"books","rows":{"title":"Stranger","author":{"$key":"a"}},"return":true,"select":"title,author(name)"},
		{"op":"update","table":"books","where":"id=eq.1","set":{"year":1816}}]}`
	const want = `{"results":[{"affected":1},{"affected":1,"rows":[{"title":"Stranger","author":{"name":"Camus"}}]},{"affected":1}]}`
	s.walk(t, []step{
		{"POST", "/api/batch", body, []string{ann, "Prefer: tx=rollback"}, 200, want, map[string]string{"Preference-Applied": "tx=rollback", "Cache-Control": "private, no-store"}},
		{"POST", "/api/batch", body, []string{ann, "Idempotency-Key: b"}, 200, want, map[string]string{"Idempotent-Replayed": ""}},
		{"POST", "/api/batch", body, []string{ann, "Idempotency-Key: b"}, 200, want, map[string]string{"Idempotent-Replayed": "true"}},
		{"POST", "/api/batch", body, []string{ann}, 409, `"details":"write 1"`, nil},
		{"POST", "/api/batch", body, nil, 401, `"42501"`, nil},
		{"POST", "/api/batch", `{"writes":[{"op":"update","table":"books","key":4,"set":{"year":1}}]}`, []string{bob}, 200, `{"results":[{"affected":0}]}`, nil},
		{"POST", "/api/batch", `{"writes":[]}`, []string{ann}, 400, "bad-batch", nil},
		{"POST", "/api/batch?select=id", body, []string{ann}, 400, "bad-request", nil},
		{"POST", "/api/batch", body, []string{ann, object}, 406, "PGRST107", nil},
		{"POST", "/api/batch", body, []string{ann, "If-Match: *"}, 400, "preference-not-supported", nil},
		{"GET", "/api/batch", "", []string{ann}, 405, "method-not-allowed", map[string]string{"Allow": "OPTIONS,POST"}},
		{"OPTIONS", "/api/batch", "", nil, 204, "", map[string]string{"Allow": "OPTIONS,POST"}},
		{"GET", "/api/data/authors?select=count()", "", nil, 200, `[{"count":3}]`, nil},
	})
	if w := s.do("POST", "/api/batch", body, ann, "Content-Type: text/plain"); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestFaultsAreJSON holds every fault to its four members.
func TestFaultsAreJSON(t *testing.T) {
	s, _, _ := newLibrary(t)
	for _, target := range []string{"/api/data/books?select=title,authors(name)", "/api/data/nope", "/api/data/books?select=title,nope(x)"} {
		var members map[string]any
		w := s.do("GET", target, "")
		if err := json.Unmarshal(w.Body.Bytes(), &members); err != nil || len(members) != 4 {
			t.Errorf("%s: %s, %v", target, w.Body, err)
		}
	}
}
