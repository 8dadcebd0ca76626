package kits_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
	"github.com/edge-hive/edge-hive/examples/internal/guest"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// program is the conformance program in one language.
type program struct {
	folder string
	source string // that is run as it is, "" where it is built
	large  bool   // too large to be committed: it is always built
}

var programs = []program{
	{folder: "rust"},
	{folder: "go", large: true},
	{folder: "assemblyscript"},
	{folder: "c"},
	{folder: "javascript", source: "main.js"},
}

// TestConformance holds the program of each language against the same expectations,
// in the host that serves them.
func TestConformance(t *testing.T) {
	for _, p := range programs {
		t.Run(p.folder, func(t *testing.T) {
			t.Parallel()
			file, code := p.code(t)
			g := load(t, file, code)
			t.Run("requests", g.requests)
			t.Run("bodies", g.bodies)
			t.Run("answers", g.answers)
			t.Run("operations", g.operations)
			t.Run("faults", g.faults)
			t.Run("events", g.events)
			t.Run("logs", g.logs)
			t.Run("failures", g.failures)
		})
	}
}

// built are the modules of this run, by folder: two tests want each.
var built sync.Map

// code gives the program, and the name of its file.
func (p program) code(t testing.TB) (file string, code []byte) {
	t.Helper()
	dir := "examples/kits/conformance/" + p.folder
	if p.source != "" {
		file = filepath.Join(backend.Root(t), dir, p.source)
		return file, read(t, filepath.Dir(file), p.source)
	}
	if module, found := built.Load(p.folder); found {
		return "function.wasm", module.([]byte)
	}
	committed := ""
	if !p.large {
		committed = "examples/kits/testdata/" + p.folder + ".wasm"
	}
	code = guest.Module(t, dir, committed)
	t.Logf("the module has %d KB", len(code)/1000)
	built.Store(p.folder, code)
	return "function.wasm", code
}

func (g *loaded) requests(t *testing.T) {
	a := g.ask(t, &function.Request{
		Method: http.MethodPut, Path: "/facts", Route: "/price/{id}", Params: map[string]string{"id": "ü 7", "b": ""},
		Query: "a=%20b&c", Header: http.Header{"Content-Type": {"text/plain"}, "X-Many": {"one", "two, three", "ünï"}},
	}, []byte("12345"))
	same(t, a.body.Bytes(), `{"kind": "request", "function": "conformance", "depth": 2, "trace": "00-aa-bb-01", "method": "PUT",
		"path": "/facts", "route": "/price/{id}", "params": {"id": "ü 7", "b": ""}, "query": "a=%20b&c",
		"headers": {"content-type": ["text/plain"], "x-many": ["one", "two, three", "ünï"]},
		"caller": {"role": "authenticated", "uid": "u1", "email": "ann@example.com"}, "plan": "gold", "size": 5}`)

	a = g.get(t, "/query", "a=1&b=x%26y+z&a=%C3%BC&c&=e&%zz")
	var values map[string][]string
	if err := json.Unmarshal(a.body.Bytes(), &values); err != nil {
		t.Fatal(err)
	}
	delete(values, "%zz") // what cannot be decoded may be left out, or stand as it came
	if want := map[string][]string{"a": {"1", "ü"}, "b": {"x&y z"}, "c": {""}, "": {"e"}}; !reflect.DeepEqual(values, want) {
		t.Errorf("the query is %v", values)
	}
}

func (g *loaded) bodies(t *testing.T) {
	for _, size := range []int{0, 1, 2, 255, 4096, 65535, 65536, 1 << 20} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i * 7)
		}
		if a := g.send(t, "/echo", body); !bytes.Equal(a.body.Bytes(), body) {
			t.Errorf("of %d bytes %d came back, or others", size, a.body.Len())
		}
	}
	for _, text := range []string{
		`null`, `true`, `0`, `-1.5e-3`, `""`, `[]`, `{}`, `[[],{}]`, `{"a":{"b":[1,2,{"c":null}]},"d":"x"}`,
		`"\u0000\u001f\"\\\/\b\f\n\r\t"`, `"ü 漢 😀 \u00fc \ud83d\ude00"`, `{"ü":"😀","":"empty"}`, `" "`,
		`["9007199254740993","-170141183460469231731687303715884105728"]`,
		` { "spaces" : [ 1 , 2 ] } `, `"` + strings.Repeat("long ü", 20000) + `"`, strings.Repeat("[", 60) + strings.Repeat("]", 60),
	} {
		a := g.send(t, "/json", []byte(text))
		if got := a.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%.40s is answered as %q", text, got)
		}
		same(t, a.body.Bytes(), text)
	}
	numbers := `[9007199254740993,-9223372036854775808,18446744073709551616,0.1000000000000000055511151231257827,1e400]`
	same(t, g.send(t, "/json", []byte(numbers)).body.Bytes(), numbers)
	var rows []struct {
		N    int    `json:"n"`
		Name string `json:"name"`
	}
	a := g.get(t, "/big", "n=20000")
	if err := json.Unmarshal(a.body.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 20000 || rows[19999].N != 19999 || rows[19999].Name != "row 19999" {
		t.Errorf("%d rows, %d bytes", len(rows), a.body.Len())
	}
	for _, bad := range []string{``, `{`, `[1,]`, `{"a":1,}`, `01`, `1.`, `"\x"`, `"` + "\n" + `"`, `tru`, `1 2`, `"\ud8"`, strings.Repeat("[", 100000)} {
		if _, err := g.call(t.Context(), request("/json", ""), []byte(bad)); err == nil {
			t.Errorf("%.40q was taken for JSON", bad)
		}
	}
}

func (g *loaded) answers(t *testing.T) {
	a := g.ask(t, &function.Request{Method: http.MethodGet, Path: "/headers", Header: http.Header{"X-In": {"one", "two, three"}}}, nil)
	if a.status != 207 || a.body.Len() > 0 || a.header.Get("X-Count") != "2" ||
		!slices.Equal(a.header["X-Out"], []string{"one", "two, three"}) || !slices.Equal(a.header["Set-Cookie"], []string{"a=1", "b=2"}) {
		t.Errorf("the answer is %d %v %q", a.status, a.header, a.body.String())
	}
	for _, status := range []int{200, 201, 204, 301, 404, 418, 500, 599} {
		if a := g.get(t, "/status/"+number(status), ""); a.status != status || a.body.Len() > 0 {
			t.Errorf("%d is answered as %d %q", status, a.status, a.body.String())
		}
	}
	if a := g.get(t, "/no/such/path", ""); a.status != http.StatusNotFound || a.body.String() != "no such path" ||
		!strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("the answer is %d %v %q", a.status, a.header, a.body.String())
	}
	a = g.get(t, "/stream", "")
	if !slices.Equal(a.pieces, []string{"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"}) || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the stream is %q, %v", a.pieces, a.header)
	}
	a = g.get(t, "/bad-head", "")
	if code := faultIn(t, a)["code"]; code == "" || a.status != http.StatusOK {
		t.Errorf("the answer is %d %s", a.status, a.body.String())
	}
}

func (g *loaded) events(t *testing.T) {
	for _, e := range []struct{ kind, detail, body, want string }{
		{
			"change", `{"table": "books", "op": "update", "cursor": "c7", "row": {"id": "1", "title": "ü"}, "old": {"id": "1", "title": "u"}}`, "",
			`{"table": "books", "op": "update", "cursor": "c7", "title": "ü", "old": "u"}`,
		},
		{
			"change", `{"table": "books", "op": "create", "cursor": "c8", "row": {"id": "1", "title": "a"}, "old": null}`, "",
			`{"table": "books", "op": "create", "cursor": "c8", "title": "a", "old": null}`,
		},
		{
			"change", `{"table": "books", "op": "delete", "cursor": "c9", "row": null, "old": {"id": "1", "title": "a"}}`, "",
			`{"table": "books", "op": "delete", "cursor": "c9", "title": null, "old": "a"}`,
		},
		{
			"schedule", `{"cron": "0 3 * * *", "due": "2026-01-02T02:00:00+00:00"}`, "",
			`{"cron": "0 3 * * *", "due": "2026-01-02T02:00:00+00:00"}`,
		},
		{"call", `{"function": "price"}`, "some ü", `{"from": "price", "body": "some ü"}`},
	} {
		a, err := g.call(t.Context(), &function.Event{Kind: e.kind, Detail: json.RawMessage(e.detail)}, []byte(e.body))
		if err != nil {
			t.Errorf("%s: %v", e.kind, err)
			continue
		}
		same(t, a.body.Bytes(), e.want)
	}
}

func (g *loaded) logs(t *testing.T) {
	g.log.reset()
	if a := g.get(t, "/log", ""); a.body.Len() > 0 {
		t.Errorf("the answer is %q", a.body.String())
	}
	for _, line := range []string{`"debug é"`, "info", "warn", "error"} {
		if !strings.Contains(g.log.text(), line) {
			t.Errorf("the log has no %s:\n%s", line, g.log.text())
		}
	}
}

// failures are clean: the call has a fault that tells nothing, the log has the reason,
// and the next call finds everything as it was.
func (g *loaded) failures(t *testing.T) {
	for _, f := range []struct {
		path  string
		codes []string
		said  string
	}{
		{"/fail", []string{function.CodeFailed}, "told to fail"},
		{"/panic", []string{function.CodeFailed}, ""},
		{"/memory", []string{function.CodeMemory, function.CodeFailed}, ""},
		{"/loop", []string{function.CodeTimeout}, ""},
		{"/recurse", []string{function.CodeFailed, function.CodeMemory, function.CodeTimeout}, ""},
	} {
		g.log.reset()
		a, err := g.callShort(t.Context(), request(f.path, ""), nil)
		code := codeOf(err)
		if !slices.Contains(f.codes, code) || a.status != 0 {
			t.Errorf("%s: %v, status %d", f.path, err, a.status)
		}
		if strings.Contains(err.Error(), "told to") {
			t.Errorf("%s: the caller learns %q", f.path, err)
		}
		if !strings.Contains(g.log.text(), f.said) {
			t.Errorf("%s: the log does not say why:\n%s", f.path, g.log.text())
		}
		for range 2 {
			if a, err := g.callShort(t.Context(), request("/state", ""), nil); err != nil || a.body.String() != "1" {
				t.Errorf("after %s: %q, %v", f.path, a.body.String(), err)
			}
		}
	}
}

// same holds JSON against what it must be: the text of numbers counts, the order of
// members does not.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	for _, d := range []struct {
		text []byte
		into *any
	}{{got, &g}, {[]byte(want), &w}} {
		decoder := json.NewDecoder(bytes.NewReader(d.text))
		decoder.UseNumber()
		if err := decoder.Decode(d.into); err != nil {
			t.Errorf("%.200q: %v", d.text, err)
			return
		}
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %.600s\nwant %.600s", got, want)
	}
}
