package bookshop_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// document is an OpenAPI document as two independent readers see it.
type document struct {
	*openapi3.T
	compiler *jsonschema.Compiler
}

// described reads the document that a caller is answered with, and has it
// judged.
func described(t *testing.T, b *backend.Backend, token string) *document {
	t.Helper()
	a := b.Do(t, "GET", "/api/openapi.json", token, "")
	if a.Status != http.StatusOK {
		t.Fatalf("the document: %d %s", a.Status, a.Body)
	}
	d := &document{compiler: jsonschema.NewCompiler()}
	var err error
	if d.T, err = openapi3.NewLoader().LoadFromData([]byte(a.Body)); err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := jsonschema.UnmarshalJSON(strings.NewReader(a.Body))
	if err != nil {
		t.Fatal(err)
	}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", raw); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestAnswersAreAsDescribed holds what the API answers, to anyone and to the
// service role, against the document that the same caller was given.
func TestAnswersAreAsDescribed(t *testing.T) { onEach(t, answersAreAsDescribed) }

func answersAreAsDescribed(t *testing.T, b *backend.Backend) {
	service := b.Run(t, "keys", "--only", "service_role")
	ann := b.User(t, "ann@example.com", "")
	everyone, whole := described(t, b, ""), described(t, b, service)
	if printed := b.Run(t, "types", "openapi"); !sameJSON(t, printed, b.Do(t, "GET", "/api/openapi.json", service, "").Body) {
		t.Error("the command prints another document than the server")
	}
	const one = "application/vnd.pgrst.object+json"
	rows := []string{"Prefer", "return=representation"}
	annID := b.Do(t, "GET", "/api/data/users", ann, "").Rows(t)[0]["id"].(string)
	var key string
	for _, c := range []struct {
		method, path, pattern, token, body string
		status                             int
		headers                            []string
	}{
		{method: "GET", path: "books?limit=50", pattern: "books", status: 200},
		{method: "GET", path: "books?limit=5", pattern: "books", status: 206, headers: []string{"Prefer", "count=exact"}},
		{method: "GET", path: "books?select=title,price,meta->>binding&order=price.desc&limit=5", pattern: "books", status: 200},
		{method: "GET", path: "books?id=eq.7", pattern: "books", status: 200, headers: []string{"Accept", one}},
		{method: "GET", path: "books?id=gt.7", pattern: "books", status: 406, headers: []string{"Accept", one}},
		{method: "GET", path: "books?nothing=eq.7", pattern: "books", status: 400},
		{method: "GET", path: "books?offset=5000", pattern: "books", status: 416, headers: []string{"Prefer", "count=exact"}},
		{method: "GET", path: "books?select=id,title,authors(name)&order=authors(name)&limit=3", pattern: "books", status: 200},
		{method: "GET", path: "books?select=id,isbn&limit=3", pattern: "books", status: 200, headers: []string{"Accept", "text/csv"}},
		{method: "GET", path: "books?select=id,isbn&limit=3", pattern: "books", status: 200, headers: []string{"Accept", "application/vnd.pgrst.array+json;nulls=stripped"}},
		{method: "GET", path: "books?select=id&limit=3&_page=", pattern: "books", status: 200},
		{method: "GET", path: "books?_page=x", pattern: "books", status: 400},
		{method: "GET", path: "books?title=cs.{a}", pattern: "books", status: 404},
		{method: "GET", path: "books?words=wfts.river", pattern: "books", status: 200},
		{method: "GET", path: "books?_search=words&_text=river&_k=3", pattern: "books", status: 200},
		{method: "POST", path: "/api/search/books", pattern: "/api/search/books", body: `{"text":{"index":"words","query":"river"},"k":3}`, status: 200},
		{method: "POST", path: "/api/search/books", pattern: "/api/search/books", body: `{"text":{"index":"wards","query":"river"}}`, status: 400},
		{method: "POST", path: "/api/rpc/bestsellers", pattern: "/api/rpc/bestsellers", body: `{"since":"2020-01-01T00:00:00Z"}`, status: 200},
		{method: "GET", path: "/api/rpc/bestsellers?since=2020-01-01&sold=gt.1", pattern: "/api/rpc/bestsellers", status: 200},
		{method: "GET", path: "/api/rpc/bestsellers?since=2020-01-01", pattern: "/api/rpc/bestsellers", status: 200, headers: []string{"Accept", "text/csv"}},
		{method: "POST", path: "/api/rpc/bestsellers", pattern: "/api/rpc/bestsellers", body: `{"since":null}`, status: 400},
		{method: "HEAD", path: "books", pattern: "books", status: 200},
		{method: "GET", path: "books/7", pattern: "books/{key}", status: 200},
		{method: "GET", path: "books/999999", pattern: "books/{key}", status: 404},
		{method: "GET", path: "authors", pattern: "authors", status: 200},
		{method: "GET", path: "books", pattern: "books", token: "no.such.token", status: 401},
		{method: "POST", path: "orders", pattern: "orders", body: `{"book":7}`, status: 401},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":7}`, status: 201, headers: rows},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `[{"book":8},{"book":9}]`, status: 201, headers: rows},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":10}`, status: 201, headers: append(rows, "Accept", one)},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":11}`, status: 201},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":11}`, status: 409},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":12,"status":"paid"}`, status: 403},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":12,"quantity":0}`, status: 400},
		{method: "GET", path: "orders", pattern: "orders", token: ann, status: 200},
		{method: "PATCH", path: "orders?book=eq.7", pattern: "orders", token: ann, body: `{"quantity":2}`, status: 200, headers: rows},
		{method: "PATCH", path: "orders/KEY", pattern: "orders/{key}", token: ann, body: `{"quantity":3}`, status: 200, headers: rows},
		{method: "PATCH", path: "orders/KEY", pattern: "orders/{key}", token: ann, body: `{"quantity":4}`, status: 204},
		{method: "PATCH", path: "orders/KEY", pattern: "orders/{key}", token: ann, body: `{"quantity":5}`, status: 412, headers: []string{"If-Match", `"1-x"`}},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":20}`, status: 201, headers: []string{"Idempotency-Key", "k1"}},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":20}`, status: 201, headers: []string{"Idempotency-Key", "k1"}},
		{method: "POST", path: "orders", pattern: "orders", token: ann, body: `{"book":21}`, status: 422, headers: []string{"Idempotency-Key", "k1"}},
		{method: "POST", path: "profiles", pattern: "profiles", token: ann, body: `{"id":"ANN","nickname":"Ann"}`, status: 201},
		{method: "POST", path: "profiles", pattern: "profiles", token: ann, body: `{"id":"ANN","nickname":"Anne"}`, status: 200, headers: append(rows, "Prefer", "resolution=merge-duplicates")},
		{method: "POST", path: "/api/batch", pattern: "/api/batch", token: ann, status: 200, body: `{"writes":[
			{"op":"insert","table":"orders","rows":[{"book":31},{"book":32}],"return":true,"select":"id"},
			{"op":"update","table":"orders","where":"book=eq.31","set":{"quantity":2},"single":true},
			{"op":"upsert","table":"profiles","rows":{"id":"ANN","nickname":"Annie"}},
			{"op":"delete","table":"orders","where":"book=in.(31,32)","atMost":2}]}`},
		{method: "POST", path: "/api/batch", pattern: "/api/batch", token: service, status: 200, body: `{"writes":[
			{"op":"insert","table":"authors","rows":{"id":"made","name":"M. Made"},"as":"a"},
			{"op":"insert","table":"books","rows":[{"title":"Made in a batch","price":2,"author":{"$key":"a"}}],"as":"b"},
			{"op":"delete","table":"books","key":{"$key":"b"}}]}`},
		{method: "POST", path: "/api/batch", pattern: "/api/batch", token: ann, status: 403, body: `{"writes":[{"op":"insert","table":"authors","rows":{"id":"x","name":"X"}}]}`},
		{method: "POST", path: "/api/batch", pattern: "/api/batch", token: ann, status: 400, body: `{"writes":[]}`},
		{method: "DELETE", path: "orders/KEY", pattern: "orders/{key}", token: ann, status: 204},
		{method: "DELETE", path: "orders?book=eq.8", pattern: "orders", token: ann, status: 200, headers: rows},
		{method: "DELETE", path: "orders", pattern: "orders", token: ann, status: 400},
		{method: "GET", path: "users", pattern: "users", token: service, status: 200},
		{method: "GET", path: "books?limit=50", pattern: "books", token: service, status: 200},
		{
			method: "POST", path: "books", pattern: "books", token: service, status: 201, headers: rows,
			body: `{"title":"Made","price":0.07,"cost":1.1,"tags":[],"meta":null,"created_at":"2026-01-31T12:34:56.789012+00:00"}`,
		},
	} {
		document := everyone
		if c.token == service {
			document = whole
		}
		if !strings.HasPrefix(c.path, "/") {
			c.path, c.pattern = "/api/data/"+c.path, "/api/data/"+c.pattern
		}
		c.body = strings.ReplaceAll(c.body, "ANN", annID)
		sent := b.Do(t, c.method, strings.Replace(c.path, "KEY", key, 1), c.token, c.body, c.headers...)
		if sent.Status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, sent.Status, sent.Body, c.status)
			continue
		}
		path := c.pattern
		if c.body != "" && sent.Status < 300 {
			at := pointer("paths", path, strings.ToLower(c.method), "requestBody", "content", "application/json", "schema")
			if err := document.fits(at, c.body); err != nil {
				t.Errorf("%s %s: the body that was taken is not as described: %v", c.method, c.path, err)
			}
		}
		if err := document.answers(path, c.method, sent); err != nil {
			t.Errorf("%s %s: %v\n%.300s", c.method, c.path, err, sent.Body)
		}
		if c.method == "POST" && sent.Status == http.StatusCreated && strings.HasPrefix(sent.Body, `[{"id":"`) {
			key = sent.Rows(t)[0]["id"].(string)
		}
	}
	if book := everyone.Components.Schemas["books"].Value; book.Properties["cost"] != nil || book.Properties["price"] == nil {
		t.Error("everyone is told of the cost of books, or not of their price")
	}
	if whole.Components.Schemas["books"].Value.Properties["cost"] == nil {
		t.Error("the service role is not told of the cost of books")
	}
}

// answers holds an answer against its operation: its status is there by its
// number, the headers of a success are, and its body is as its media type says.
func (d *document) answers(path, method string, a backend.Answer) error {
	response := d.Paths.Value(path).GetOperation(method).Responses.Status(a.Status)
	if response == nil {
		return fmt.Errorf("status %d is not described", a.Status)
	}
	for _, name := range []string{"Content-Range", "Etag", "X-Cache", "Preference-Applied", "Idempotent-Replayed", "Next-Page", "Link", "Location"} {
		if a.Header.Get(name) == "" || a.Status >= 300 {
			continue
		}
		found := false
		for described := range response.Value.Headers {
			found = found || strings.EqualFold(described, name)
		}
		if !found {
			return fmt.Errorf("header %s is not described", name)
		}
	}
	if a.Body == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if response.Value.Content[media] == nil {
		return fmt.Errorf("%s is not described for %d", media, a.Status)
	}
	if media == "text/csv" {
		return nil
	}
	at := response.Ref
	if at == "" {
		at = pointer("paths", path, strings.ToLower(method), "responses", strconv.Itoa(a.Status))
	}
	return d.fits(at+strings.TrimPrefix(pointer("content", media, "schema"), "#"), a.Body)
}

// pointer is a JSON pointer from the names on the way.
func pointer(names ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	out := "#"
	for _, name := range names {
		out += "/" + escape.Replace(name)
	}
	return out
}

// fits holds a body against the schema at a place of the document, as JSON
// Schema 2020-12 has it, formats too.
func (d *document) fits(at, body string) error {
	schema, err := d.compiler.Compile("openapi.json" + (&url.URL{Fragment: strings.TrimPrefix(at, "#")}).String())
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var texts [2][]byte
	for i, text := range []string{a, b} {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		texts[i], _ = json.Marshal(value)
	}
	return string(texts[0]) == string(texts[1])
}
