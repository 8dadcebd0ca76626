package web_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

const (
	sendsCSV   = "Content-Type: text/csv; charset=utf-8"
	sendsLines = "Content-Type: application/x-ndjson"
)

func TestExportAndImport(t *testing.T) {
	s := newShop(t)
	ann, service := "Authorization: Bearer "+s.token(t, annUID), "apikey: "+s.keys.Secret()
	s.walk(t, []step{{"POST", "/api/data/users", `{"id":"` + annUID + `"}`, []string{service}, 201, "", nil}})
	for i, st := range []step{
		{"POST", "/api/import/books", "title,isbn,year\nEmma,1,1815\n\"Sense, and\",,\n", []string{sendsCSV}, 401, "42501", nil},
		{"POST", "/api/import/books", "title,isbn,year\nEmma,1,1815\n\"Sense, and\",,\n", []string{sendsCSV, ann}, 200, `{"rows":2,"inserted":2}`, map[string]string{"Cache-Control": "private, no-store", "Vary": "Origin, Authorization, apikey"}},
		{"GET", "/api/export/books", "", nil, 200, `{"id":1,"title":"Emma","isbn":"1","year":1815}` + "\n" + `{"id":2,"title":"Sense, and","isbn":null,"year":null}` + "\n", map[string]string{"Content-Type": "application/x-ndjson; charset=utf-8", "Cache-Control": "private, no-store", "Vary": "Origin, Authorization, apikey, Accept-Encoding"}},
		{"GET", "/api/export/books?select=title,year&order=id.desc&limit=1", "", []string{"Accept: text/csv"}, 200, "title,year\n\"Sense, and\",\n", map[string]string{"Content-Type": "text/csv; charset=utf-8"}},
		{"GET", "/api/export/books?year=is.null&select=year", "", []string{"Accept: application/x-ndjson;nulls=stripped"}, 200, "{}\n", nil},
		{"GET", "/api/export/books?_page=", "", nil, 400, "PGRST100", nil},
		{"GET", "/api/export/books", "", []string{"Accept: application/json"}, 406, "PGRST107", nil},
		{"GET", "/api/export/books", "", []string{"Prefer: count=exact"}, 400, "takes no precondition", nil},
		{"GET", "/api/export/books?nope=eq.1", "", nil, 400, "42703", nil},
		{"GET", "/api/export/nope", "", nil, 404, "PGRST205", nil},
		{"GET", "/api/export/books/1", "", nil, 404, "PGRST125", nil},
		{"POST", "/api/export/books", "", nil, 405, "method-not-allowed", map[string]string{"Allow": "OPTIONS,GET"}},
		{"OPTIONS", "/api/import/books", "", nil, 204, "", map[string]string{"Allow": "OPTIONS,POST"}},

		{"POST", "/api/import/books", `{"title":"Emma II","isbn":"2"}` + "\n" + `{"title":"Again","isbn":"1"}` + "\n", []string{sendsLines, ann}, 409, `"details":"line 2"`, nil},
		{"POST", "/api/import/books", `[{"title":"A"},` + "\n" + `{"title":""}]`, []string{sendsJSON, ann}, 400, `"details":"line 2"`, nil},
		{"POST", "/api/import/books", "title,nope\nA,1\n", []string{sendsCSV, ann}, 400, "PGRST204", nil},
		{"POST", "/api/import/books", "title\nA,1\n", []string{sendsCSV, ann}, 400, "wrong number of fields", nil},
		{"POST", "/api/import/books", `{"title":"A"} 7`, []string{sendsLines, ann}, 400, "only objects can be rows", nil},
		{"POST", "/api/import/books", `{"title":"A"`, []string{sendsLines, ann}, 400, "PGRST102", nil},
		{"POST", "/api/import/books", strings.Repeat("[", 100), []string{sendsLines, ann}, 400, "PGRST102", nil},
		{"POST", "/api/import/books", "title=A", []string{"Content-Type: application/x-www-form-urlencoded", ann}, 415, "an import needs", nil},
		{"POST", "/api/import/books?columns=title", "title\nA\n", []string{sendsCSV, ann}, 400, "has no query", nil},
		{"POST", "/api/import/books", strings.Repeat("x", 70<<10), []string{sendsCSV, ann}, 413, "", nil},
		{"GET", "/api/data/books?select=id", "", nil, 200, `[{"id":1},{"id":2}]`, nil},

		{"POST", "/api/import/books", "id,title\n1,Emma!\n3,New\n", []string{sendsCSV, ann, "Prefer: resolution=merge-duplicates"}, 200, `{"rows":2,"inserted":1}`, map[string]string{"Preference-Applied": "resolution=merge-duplicates"}},
		{"POST", "/api/import/books", "id,title\n1,x\n4,Newer\n", []string{sendsCSV, ann, "Prefer: resolution=ignore-duplicates"}, 200, `{"rows":1,"inserted":1}`, nil},
		{"POST", "/api/import/books", "title\nGone\n", []string{sendsCSV, ann, "Prefer: tx=rollback"}, 200, `{"rows":1,"inserted":1}`, map[string]string{"Preference-Applied": "tx=rollback"}},
		{"POST", "/api/import/books", "title\nOnce\n", []string{sendsCSV, ann, "Idempotency-Key: a"}, 200, `{"rows":1,"inserted":1}`, map[string]string{"Idempotent-Replayed": ""}},
		{"POST", "/api/import/books", "title\nOnce\n", []string{sendsCSV, ann, "Idempotency-Key: a"}, 200, `{"rows":1,"inserted":1}`, map[string]string{"Idempotent-Replayed": "true"}},
		{"POST", "/api/import/books", "title\nTwice\n", []string{sendsCSV, ann, "Idempotency-Key: a"}, 422, "idempotency-key-reused", nil},
		{"GET", "/api/data/books?select=title&order=id", "", nil, 200, `[{"title":"Emma!"},{"title":"Sense, and"},{"title":"New"},{"title":"Newer"},{"title":"Once"}]`, nil},

		{"POST", "/api/import/notes", `{"text":"Ann's"}`, []string{sendsLines, ann}, 200, `{"rows":1,"inserted":1}`, nil},
		{"POST", "/api/import/notes", `{"text":"x","owner":"` + annUID + `"}`, []string{sendsLines, ann}, 400, "428C9", nil},
		{"GET", "/api/export/notes?select=text", "", []string{ann}, 200, `{"text":"Ann's"}` + "\n", nil},
	} {
		w := s.do(st.method, st.target, st.body, st.headers...)
		if w.Code != st.status || !strings.Contains(w.Body.String(), st.has) {
			t.Errorf("step %d, %s %s: %d %s, want %d %s", i, st.method, st.target, w.Code, w.Body, st.status, st.has)
		}
		for name, value := range st.want {
			if got := w.Header().Get(name); got != value {
				t.Errorf("step %d, %s %s: %s is %q, want %q", i, st.method, st.target, name, got, value)
			}
		}
	}
	if w := s.do("GET", "/api/export/notes", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("nobody exported %d %q", w.Code, w.Body)
	}
}

// TestExportThatFailsOnTheWay must not look like a whole one.
func TestExportThatFailsOnTheWay(t *testing.T) {
	s := newSite(t, plain())
	s.gate.err = errors.New("the disk is gone")
	server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
	response, err := http.Get(server.url + "/api/export/books")
	if err != nil {
		return // cut before the header, which is as good
	}
	defer closeBody(t, response)
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("a part was taken for the whole")
	}
}
