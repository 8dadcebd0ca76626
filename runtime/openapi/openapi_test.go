package openapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/openapi"
)

var update = flag.Bool("update", false, "write the golden documents")

// write loads a manifest and writes its document.
func write(t *testing.T, path string, audience openapi.Audience) []byte {
	t.Helper()
	m, err := load.Load(t.Context(), load.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	raw, err := openapi.Write(m, checked.Rules, audience)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// source writes a manifest of its own file.
func source(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "edgehive.cue")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// valid has an independent reader judge a document.
func valid(t *testing.T, raw []byte) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatalf("the document does not load: %v\n%s", err, raw)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	return document
}

var audiences = map[string]openapi.Audience{"everyone": openapi.Everyone, "service": openapi.Service}

// TestGolden holds a manifest with everything in it against its documents.
func TestGolden(t *testing.T) {
	for name, audience := range audiences {
		t.Run(name, func(t *testing.T) {
			raw := write(t, "testdata/every.cue", audience)
			valid(t, raw)
			if again := write(t, "testdata/every.cue", audience); !bytes.Equal(raw, again) {
				t.Error("the same manifest gave other bytes")
			}
			var got bytes.Buffer
			if err := json.Indent(&got, raw, "", " "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden := filepath.Join("testdata", "every."+name+".json")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("differs from %s: go test ./runtime/openapi -update, and look at the difference", golden)
			}
		})
	}
}

// TestSmallest are manifests that declare next to nothing.
func TestSmallest(t *testing.T) {
	for _, text := range []string{
		"manifest: 1\n",
		"manifest: 1\ntables: empty: {}\n",
		"manifest: 1\ntables: empty: access: {read: true, create: true, update: true, delete: true}\n",
		"manifest: 1\ntables: select: {columns: {limit: {type: \"int\"}}, access: read: true}\n",
	} {
		for name, audience := range audiences {
			document := valid(t, write(t, source(t, text), audience))
			if document.Info.Title != "backend" || document.Servers[0].URL != "/" {
				t.Errorf("%s: title %q, server %q", name, document.Info.Title, document.Servers[0].URL)
			}
		}
	}
}

// TestEveryoneIsNotTold looks for all that is the service role's, and for what
// only some callers see, in the document for everyone.
func TestEveryoneIsNotTold(t *testing.T) {
	everyone, service := string(write(t, "testdata/every.cue", openapi.Everyone)), string(write(t, "testdata/every.cue", openapi.Service))
	for _, hidden := range []string{
		"vaults", "combination", "vaulted", // a service role's table, its column, its channel
		"never",         // a channel whose own rule is false
		"d_d",           // a table without any access
		"cost_of_staff", // staff's
		"secret_note",   // nobody's
		"untold",        // a vector that nobody may search
		"whispers",      // a broadcast of the service role's
		"backstage",     // a function of its own
		"staff()", "auth.uid", "claims", "x-service-role",
	} {
		if strings.Contains(everyone, hidden) {
			t.Errorf("everyone is told of %s", hidden)
		}
	}
	for _, shown := range []string{"vaults", "combination", "vaulted", "d_d", "cost_of_staff", "secret_note", "untold", "whispers", "backstage", `"x-service-role":true`} {
		if !strings.Contains(service, shown) {
			t.Errorf("the service role is not told of %s", shown)
		}
	}
}

// TestOperations are those that the rules grant to somebody.
func TestOperations(t *testing.T) {
	document := valid(t, write(t, "testdata/every.cue", openapi.Everyone))
	for path, want := range map[string]string{
		"/api/data/things":          "DELETE GET HEAD PATCH POST",
		"/api/data/things/{key}":    "DELETE GET PATCH",
		"/api/data/shelves":         "GET HEAD",
		"/api/data/shelves/{key}":   "GET",
		"/api/data/countries":       "GET HEAD POST",
		"/api/data/countries/{key}": "GET",
		"/api/data/a_b":             "POST",
		"/api/data/a_b/{key}":       "",
		"/api/data/a":               "",
		"/api/data/vaults":          "",
		"/api/data/users/{key}":     "GET",
		"/api/realtime/fresh":       "GET",
		"/api/realtime/vaulted":     "",
		"/api/data/pairs":           "DELETE GET HEAD POST",
		"/api/batch":                "POST",
		"/api/search/things":        "POST",
		"/api/search/pairs":         "",
		"/api/export/things":        "GET",
		"/api/import/things":        "POST",
		"/api/export/shelves":       "GET",
		"/api/import/shelves":       "",
		"/api/export/a_b":           "",
		"/api/import/a_b":           "POST",
		"/api/export/vaults":        "",
		"/api/import/vaults":        "",
		"/":                         "",
	} {
		got := ""
		if item := document.Paths.Value(path); item != nil {
			got = methods(item)
		}
		if got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
}

func methods(item *openapi3.PathItem) string {
	var out []string
	for _, method := range []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"} {
		if item.GetOperation(method) != nil {
			out = append(out, method)
		}
	}
	return strings.Join(out, " ")
}

// TestBodies holds bodies against the schemas of requests.
func TestBodies(t *testing.T) {
	raw := write(t, "testdata/every.cue", openapi.Everyone)
	document := valid(t, raw)
	const least = `"name":"abc","price":1.25,"sizes":[1],"country":"nl"`
	for _, c := range []struct {
		schema, body string
		ok           bool
	}{
		{"things.insert", `{` + least + `}`, true},
		{"things.insert", `{` + least + `,"kind":"second hand","grade":null,"ratio":0.5,"whole":3,"sold":true,"tags":["a","b"],"meta":[1,{}],"settings":"x","shelf":7,"pin":"1234"}`, true},
		{"things.insert", `{` + least + `,"at":"2026-01-31T12:34:56.789012+00:00","day":"2026-01-31","days":["2026-01-31"],"token":"018f3c5e-0000-7000-8000-000000000000"}`, true},
		{"things.insert", `{"price":1,"sizes":[1],"country":"nl"}`, false},
		{"things.insert", `{` + least + `,"name":null}`, false},
		{"things.insert", `{` + least + `,"name":""}`, false},
		{"things.insert", `{` + least + `,"name":"9"}`, false},
		{"things.insert", `{` + least + `,"kind":"old"}`, false},
		{"things.insert", `{` + least + `,"kind":null}`, false},
		{"things.insert", `{` + least + `,"count":-6}`, false},
		{"things.insert", `{` + least + `,"count":1.5}`, false},
		{"things.insert", `{` + least + `,"ratio":1.6}`, false},
		{"things.insert", `{` + least + `,"price":-1}`, false},
		{"things.insert", `{` + least + `,"price":1.255}`, false},
		{"things.insert", `{` + least + `,"whole":0.5}`, false},
		{"things.insert", `{` + least + `,"settings":null}`, false},
		{"things.insert", `{` + least + `,"tags":[]}`, false},
		{"things.insert", `{` + least + `,"tags":[null]}`, false},
		{"things.insert", `{` + least + `,"sizes":["1"]}`, false},
		{"things.insert", `{` + least + `,"pin":"123"}`, false},
		{"things.insert", `{` + least + `,"day":"31-01-2026"}`, false},
		{"things.insert", `{` + least + `,"token":"x"}`, false},
		{"things.insert", `{` + least + `,"meta":null}`, true},
		{"things.update", `{}`, true},
		{"things.update", `{"price":2,"grade":null}`, true},
		{"things.update", `{"price":null}`, false},
		{"things", `{"price":-1,"count":-6}`, true}, // a row may be older than a bound
		{"things", `{"price":"1"}`, false},
		{"things", `{"id":1}`, false},
		{"countries.insert", `{"id":"nl"}`, true},
		{"countries.insert", `{"name":"Nederland"}`, false},
		{"countries.insert", `{"id":""}`, false},
		{"profiles.insert", `{}`, false},
		{"api.error", `{"code":"42501","message":"no","details":null,"hint":null}`, true},
		{"api.error", `{"code":"42501"}`, false},
	} {
		body, err := jsonschema.UnmarshalJSON(strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema(t, raw, c.schema).Validate(body); (err == nil) != c.ok {
			t.Errorf("%s: %s: %v", c.schema, c.body, err)
		}
	}
	for _, c := range []struct {
		schema, body string
		ok           bool
	}{
		{"api.batch.things", `{"op":"insert","table":"things","rows":{` + least + `},"as":"t"}`, true},
		{"api.batch.things", `{"op":"insert","table":"things","rows":[{` + least + `,"shelf":{"$key":"s.2"}}],"return":true,"select":"id"}`, true},
		{"api.batch.things", `{"op":"insert","table":"things","rows":[{` + least + `,"name":{"$key":"s"}}]}`, false},
		{"api.batch.things", `{"op":"insert","table":"things","rows":[{"name":"a"}]}`, false},
		{"api.batch.things", `{"op":"insert","table":"things","rows":[],"ifMatch":"x"}`, false},
		{"api.batch.things", `{"op":"upsert","table":"things","rows":{` + least + `},"onConflict":"shelf","ignoreDuplicates":true}`, true},
		{"api.batch.things", `{"op":"update","table":"things","key":{"$key":"t"},"set":{"shelf":null},"ifMatch":"\"1-a\"","atMost":1}`, true},
		{"api.batch.things", `{"op":"update","table":"things","where":"name=eq.a"}`, false},
		{"api.batch.things", `{"op":"delete","table":"things","where":"name=eq.a","single":true}`, true},
		{"api.batch.things", `{"op":"delete","table":"shelves","where":"name=eq.a"}`, false},
		{"api.batch.pairs", `{"op":"update","table":"pairs","set":{}}`, false},
		{"api.batch.a_b", `{"op":"insert","table":"a_b","rows":{"c":"y"}}`, true},
	} {
		body, err := jsonschema.UnmarshalJSON(strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema(t, raw, c.schema).Validate(body); (err == nil) != c.ok {
			t.Errorf("%s: %s: %v", c.schema, c.body, err)
		}
	}
	for schema, column := range map[string]string{"things.insert": "owner", "things.update": "fixed"} {
		if document.Components.Schemas[schema].Value.Properties[column] != nil {
			t.Errorf("%s has %s", schema, column)
		}
	}
	if row := document.Components.Schemas["things"].Value; row.Properties["pin"] != nil || !row.Properties["owner"].Value.ReadOnly {
		t.Error("a row has pin, or owner is not read-only")
	}
}

// schema compiles a schema of a document, as JSON Schema 2020-12 has it.
func schema(t *testing.T, raw []byte, name string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestVersion changes with what is described, and with nothing else.
func TestVersion(t *testing.T) {
	version := func(text string) string {
		return valid(t, write(t, source(t, "manifest: 1\n"+text), openapi.Everyone)).Info.Version
	}
	base := version(`tables: t: {columns: a: type: "text", access: read: true}`)
	if base == "" {
		t.Fatal("there is no version")
	}
	if version(`tables: t: {columns: a: type: "text", access: read: true}, limits: body: "2MiB"`) != base {
		t.Error("another limit changes the version")
	}
	if version(`tables: t: {columns: a: type: "int", access: read: true}`) == base {
		t.Error("another type does not change the version")
	}
}
