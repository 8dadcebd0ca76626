package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
	"github.com/edge-hive/edge-hive/runtime/web"
)

const shopManifest = `
manifest: 1
name:     "shop"
limits: body: "64KiB"
rates: default: {per: "caller", requests: 100000, window: "1m"}
tables: books: {
	key: type: "int"
	columns: {
		title: {type: "text", required: true, min: 1}
		isbn: type: "text"
		year: {type: "int", min: 0, max: 3000}
	}
	indexes: byISBN: {columns: ["isbn"], unique: true}
	access: {read: true, create: "auth.role == 'authenticated'", update: "auth.role == 'authenticated'", delete: "auth.role == 'authenticated'"}
	cache: "catalog"
}
tables: notes: {
	columns: {
		owner: {type: "ref", table: "users", required: true, auto: create: "auth.uid"}
		text: {type: "text"}
	}
	access: {read: "owner == auth.uid", create: "auth.role == 'authenticated'", update: "owner == auth.uid", delete: "owner == auth.uid"}
}
cache: policies: catalog: ttl: "5m"
`

// newShop is a handler over the real gate, cache and database.
func newShop(t testing.TB) *site { return newShopOf(t, shopManifest) }

// newShopOf is one of another manifest.
func newShopOf(t testing.TB, text string) *site {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "edgehive.cue"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := load.Load(t.Context(), load.Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "shop.db")})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, db.Close)
	have, err := db.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), plan.Diff(have, plan.FromManifest(m, checked.Schema), nil)); err != nil {
		t.Fatal(err)
	}
	view, err := db.Open(t.Context(), checked.Schema)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, view.Close)
	answers, err := tiered.New(tiered.Options{Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, answers.Close)
	gate, err := data.New(data.Options{Manifest: m, Schema: checked.Schema, Rules: checked.Rules, View: view, Cache: answers})
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, m, func(o *web.Options) { o.Gate, o.Ready = gate, db.Health })
}

func closing(t testing.TB, end func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

// step is one request and what must come of it.
type step struct {
	method, target, body string
	headers              []string
	status               int
	has                  string            // in the body
	want                 map[string]string // headers
}

func (s *site) walk(t *testing.T, steps []step) {
	t.Helper()
	for i, st := range steps {
		headers := st.headers
		if st.body != "" {
			headers = append([]string{sendsJSON}, headers...)
		}
		w := s.do(st.method, st.target, st.body, headers...)
		if w.Code != st.status || !strings.Contains(w.Body.String(), st.has) {
			t.Errorf("step %d, %s %s: %d %s, want %d %s", i, st.method, st.target, w.Code, w.Body, st.status, st.has)
		}
		for name, value := range st.want {
			if got := w.Header().Get(name); got != value {
				t.Errorf("step %d, %s %s: %s is %q, want %q", i, st.method, st.target, name, got, value)
			}
		}
	}
}

const (
	annUID = "0190a000-0000-7000-8000-00000000000a"
	rows   = "Prefer: return=representation"
	object = "Accept: application/vnd.pgrst.object+json"
)

func TestBooks(t *testing.T) {
	s := newShop(t)
	ann, service := "Authorization: Bearer "+s.token(t, annUID), "apikey: "+s.keys.Secret()
	s.walk(t, []step{
		{"GET", "/api/data/books", "", nil, 200, "[]", map[string]string{"Content-Range": "*/*", "X-Cache": "miss"}},
		{"GET", "/api/data/books", "", nil, 200, "[]", map[string]string{"X-Cache": "hit"}},
		{"POST", "/api/data/books", `{"title":"Emma","isbn":"1","year":1815}`, nil, 401, "42501", nil},
		{"POST", "/api/data/books", `{"title":"Emma","isbn":"1","year":1815}`, []string{ann}, 201, "", map[string]string{"Content-Range": "*/*"}},
		{"POST", "/rest/v1/books", `[{"title":"Persuasion","isbn":"2"},{"title":"Ulysses","isbn":"3"}]`, []string{ann, rows, "Prefer: count=exact"}, 201, `[{"id":2,"title":"Persuasion"`, map[string]string{"Content-Range": "*/2"}},
		{"GET", "/api/data/books?select=title&order=id", "", nil, 200, `[{"title":"Emma"},{"title":"Persuasion"},{"title":"Ulysses"}]`, map[string]string{"X-Cache": "miss", "Content-Range": "0-2/*"}},
		{"GET", "/api/data/books?select=title&order=id&limit=1&offset=1", "", []string{"Prefer: count=exact"}, 206, `[{"title":"Persuasion"}]`, map[string]string{"Content-Range": "1-1/3"}},
		{"GET", "/api/data/books?select=id&order=id", "", []string{"Range: 1-5", "Range-Unit: items"}, 200, `[{"id":2},{"id":3}]`, map[string]string{"Content-Range": "1-2/*"}},
		{"GET", "/api/data/books?offset=50", "", []string{"Prefer: count=exact"}, 416, "PGRST103", nil},
		{"GET", "/api/data/books?title=eq.Emma", "", []string{object}, 200, `{"id":1,"title":"Emma","isbn":"1","year":1815}`, map[string]string{"Content-Type": "application/vnd.pgrst.object+json; charset=utf-8"}},
		{"GET", "/api/data/books", "", []string{object}, 406, "PGRST116", nil},
		{"GET", "/api/data/books/1", "", nil, 200, `{"id":1,"title":"Emma","isbn":"1","year":1815}`, map[string]string{"Content-Type": "application/json; charset=utf-8", "Content-Range": ""}},
		{"GET", "/api/data/books/99", "", nil, 404, "PGRST116", nil},
		{"GET", "/api/data/books/x", "", nil, 400, "22P02", nil},
		{"GET", "/api/data/nope", "", nil, 404, "PGRST205", nil},
		{"GET", "/api/data/book", "", nil, 404, "public.books", nil},
		{"GET", "/api/data/books?nope=eq.1", "", nil, 400, "42703", nil},
		{"GET", "/api/data/books?year=eq.x", "", nil, 400, "22P02", nil},
		{"GET", "/api/data/books?id=nope.1", "", nil, 400, "PGRST100", nil},
		{"POST", "/api/data/books", `{"title":"Emma","isbn":"1"}`, []string{ann}, 409, "23505", nil},
		{"POST", "/api/data/books", `{"isbn":"9"}`, []string{ann}, 400, "23502", nil},
		{"POST", "/api/data/books", `{"title":"x","year":4000}`, []string{ann}, 400, "23514", nil},
		{"POST", "/api/data/books", `{"title":"x","nope":1}`, []string{ann}, 400, "PGRST204", nil},
		{"POST", "/api/data/books", `{"title":"x"} {}`, []string{ann}, 400, "PGRST102", nil},
		{"POST", "/api/data/books", `{"title":"x","title":"y"}`, []string{ann}, 400, "PGRST102", nil},
		{"POST", "/api/data/books", `{"id":40,"title":"Dune"}`, []string{ann, "Prefer: return=headers-only"}, 201, "", map[string]string{"Location": "/books?id=eq.40"}},
		{"PATCH", "/api/data/books?id=eq.1", `{"year":1816}`, []string{ann}, 204, "", map[string]string{"Content-Range": "0-0/*"}},
		{"PATCH", "/api/data/books/1", `{"year":1817}`, []string{ann, rows}, 200, `{"id":1,"title":"Emma","isbn":"1","year":1817}`, nil},
		{"PATCH", "/api/data/books/99", `{"year":1817}`, []string{ann}, 404, "PGRST116", nil},
		{"PATCH", "/api/data/books", `{"year":1}`, []string{ann}, 400, "21000", nil},
		{"PATCH", "/rest/v1/books", `{"year":1}`, []string{service}, 400, "21000", nil},
		{"PATCH", "/api/data/books", `{"year":1}`, []string{service, "Prefer: count=exact"}, 204, "", map[string]string{"Content-Range": "0-3/4"}},
		{"PATCH", "/api/data/books?id=gt.0", `{"year":2}`, []string{ann, "Prefer: handling=strict, max-affected=3"}, 400, `"PGRST124","message":"Query result exceeds max-affected preference constraint","details":"The query affects 4 rows"`, nil},
		{"DELETE", "/api/data/books?year=eq.2", "", []string{ann, rows, "Prefer: handling=strict, max-affected=0"}, 200, "[]", map[string]string{"Preference-Applied": "return=representation, handling=strict, max-affected=0"}},
		{"DELETE", "/api/data/books?id=gt.0", "", []string{ann, "Prefer: handling=strict, max-affected=1"}, 400, "PGRST124", nil},
		{"PATCH", "/api/data/books/1", `{}`, []string{ann, rows}, 200, `{"id":1,"title":"Emma","isbn":"1","year":1}`, nil},
		{"GET", "/api/data/books?meta-%3Ex=eq.1", "", nil, 400, "column books.meta does not exist", nil},
		{"GET", "/api/data/books?order=title-%3E", "", nil, 400, `(title->)`, nil},
		{"DELETE", "/api/data/books/1", "", []string{ann, sendsJSON}, 204, "", nil},
		{"DELETE", "/api/data/books/1", "", []string{ann}, 404, "PGRST116", nil},
		{"DELETE", "/api/data/books?id=gt.2", "", []string{ann, rows}, 200, `[{"id":3`, map[string]string{"Content-Range": "*/*"}},
		{"DELETE", "/api/data/books", "", []string{ann}, 400, "21000", nil},
		{"GET", "/api/data/books?select=id", "", nil, 200, `[{"id":2}]`, nil},
		{"GET", "/ready", "", nil, 200, "ready", nil},
	})
}

func TestNotModified(t *testing.T) {
	s := newShop(t)
	ann := "Authorization: Bearer " + s.token(t, annUID)
	s.walk(t, []step{{"POST", "/api/data/books", `{"title":"Emma"}`, []string{ann}, 201, "", nil}})
	tag := s.do("GET", "/api/data/books/1", "").Header().Get("Etag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	s.walk(t, []step{
		{"GET", "/api/data/books/1", "", []string{"If-None-Match: " + tag}, 304, "", map[string]string{"Etag": tag}},
		{"PATCH", "/api/data/books/1", `{"year":1}`, []string{ann}, 204, "", nil},
		{"GET", "/api/data/books/1", "", []string{"If-None-Match: " + tag}, 200, "Emma", nil},
	})
}

// A row that is hidden and a row that is not there answer alike, on every way.
func TestHiddenRows(t *testing.T) {
	s := newShop(t)
	ann, bob := "Authorization: Bearer "+s.token(t, annUID), "Authorization: Bearer "+s.token(t, "0190a000-0000-7000-8000-00000000000b")
	service := "apikey: " + s.keys.Secret()
	s.walk(t, []step{
		{"POST", "/api/data/users", `[{"id":"` + annUID + `","email":"ann@example.com"},{"id":"0190a000-0000-7000-8000-00000000000b","email":"bob@example.com"}]`, []string{service}, 201, "", nil},
	})
	w := s.do("POST", "/api/data/notes", `{"text":"mine"}`, sendsJSON, ann, rows, object)
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	_, id, _ := strings.Cut(w.Body.String(), `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	absent := "0190a000-0000-7000-8000-0000000000ff"
	for _, c := range []struct{ method, target, body string }{
		{"GET", "/api/data/notes/%s", ""},
		{"GET", "/api/data/notes?id=eq.%s", ""},
		{"PATCH", "/api/data/notes/%s", `{"text":"x"}`},
		{"PATCH", "/api/data/notes?id=eq.%s", `{"text":"x"}`},
		{"DELETE", "/api/data/notes/%s", ""},
		{"DELETE", "/api/data/notes?id=eq.%s", ""},
	} {
		for _, prefer := range []string{"Prefer: count=exact", "Prefer: return=representation,count=exact"} {
			headers := []string{bob, prefer}
			if c.body != "" {
				headers = append(headers, sendsJSON)
			}
			hidden := s.do(c.method, strings.Replace(c.target, "%s", id, 1), c.body, headers...)
			gone := s.do(c.method, strings.Replace(c.target, "%s", absent, 1), c.body, headers...)
			if hidden.Code != gone.Code || hidden.Body.String() != gone.Body.String() {
				t.Errorf("%s %s: hidden %d %s, absent %d %s", c.method, c.target, hidden.Code, hidden.Body, gone.Code, gone.Body)
			}
			for _, name := range []string{"Content-Range", "Etag", "Cache-Control", "X-Cache"} {
				wantHeader(t, hidden.Header(), name, gone.Header().Get(name))
			}
		}
	}
	s.walk(t, []step{{"GET", "/api/data/notes", "", []string{ann}, 200, "mine", nil}})
}
