package kits_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// operations that succeed: what the host was asked, and what the program made of it.
func (g *loaded) operations(t *testing.T) {
	body := `[{"title": "ü", "price": 12}, {"title": "b"}]`
	for _, o := range []struct {
		path, query, body string
		heads             []string // of the operations
		sent              string   // the body of the first one, JSON
		want              string
	}{
		{
			path: "/insert", body: body, heads: []string{`db.insert {"table": "books"}`}, sent: body,
			want: `[{"id": "1", "title": "ü"}]`,
		},
		{
			path: "/upsert", body: body, sent: body,
			heads: []string{`db.insert {"table": "books", "query": "on_conflict=isbn", "prefer": "resolution=merge-duplicates"}`},
			want:  `[{"id": "1", "title": "ü"}]`,
		},
		{
			path: "/update", body: `{"title": "new"}`, sent: `{"title": "new"}`,
			heads: []string{`db.update {"table": "books", "query": "id=eq.7"}`}, want: `[{"id": "7", "title": "new"}]`,
		},
		{path: "/delete", heads: []string{`db.delete {"table": "books", "query": "id=eq.7"}`}, want: `[]`},
		{
			path: "/batch", heads: []string{`db.batch {}`}, want: `[1, 3]`,
			sent: `[{"op": "insert", "table": "books", "rows": [{"title": "A"}], "return": true}, {"op": "delete", "table": "books", "where": "id=eq.7"}]`,
		},
		{
			path: "/named", body: `{"since": "2026-01-01"}`, sent: `{"since": "2026-01-01"}`,
			heads: []string{`db.call {"query": "bestsellers"}`}, want: `[{"total": "12.50"}]`,
		},
		{
			path: "/publish", body: `{"text": "ü"}`, sent: `{"text": "ü"}`,
			heads: []string{`channel.publish {"channel": "lobby", "event": "said"}`}, want: `{"published": true}`,
		},
		{
			path: "/random", want: `{"size": 32, "zero": false, "time": true}`,
		},
		{
			path: "/cache", want: `{"value": "AP8=", "stored": false, "none": false, "sum": 7, "deleted": true}`,
			heads: []string{
				`cache.set {"key": "k", "ttl": "5m"}`, `cache.get {"key": "k"}`, `cache.set {"key": "k", "ifAbsent": true}`,
				`cache.get {"key": "none"}`, `cache.add {"key": "n", "by": 7, "ttl": "1m"}`, `cache.delete {"key": "k"}`,
			},
		},
		{
			path: "/fetch", query: "url=" + url.QueryEscape("https://example.com/a?b=%C3%BC&c=1+2"), body: "", heads: []string{
				`fetch {"method": "POST", "url": "https://example.com/a?b=%C3%BC&c=1+2", "headers": {"x-kit": "yes"}, "timeout": "5s"}`,
			},
			want: `{"status": 418, "url": "https://example.com/end", "type": "text/plain", "body": "a tea pot ü"}`,
		},
	} {
		t.Run(o.path[1:], func(t *testing.T) {
			g.world.taken()
			a := g.ask(t, request(o.path, o.query).Request, []byte(o.body))
			same(t, a.body.Bytes(), o.want)
			taken := g.world.taken()
			if len(taken) != len(o.heads) {
				t.Fatalf("the operations are %q", taken)
			}
			for i, head := range o.heads {
				op, want, _ := strings.Cut(head, " ")
				if taken[i].op != op {
					t.Errorf("operation %d is %s, not %s", i, taken[i].op, op)
				}
				same(t, trimmed(t, taken[i].head), want)
			}
			if o.sent != "" {
				same(t, taken[0].body, o.sent)
			}
		})
	}
	t.Run("select", g.selects)
	t.Run("crypto", g.crypto)
	t.Run("texts", g.texts)
}

// trimmed leaves out what an operation's head need not have, and writes durations and
// the names of headers in one way. A timeout is what is left of it: JavaScript counts
// from when it was set.
func trimmed(t *testing.T, head string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(head), &members); err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	for name, value := range members {
		switch {
		case string(value) == `""` || string(value) == `null` || string(value) == `false`:
			delete(members, name)
		case name == "ttl":
			members[name] = []byte(strings.NewReplacer("5m0s", "5m", "1m0s", "1m").Replace(string(value)))
		case name == "timeout":
			left, err := time.ParseDuration(strings.Trim(string(value), `"`))
			if err != nil || left > 5*time.Second || left < time.Second {
				t.Errorf("the timeout is %s", value)
			}
			members[name] = []byte(`"5s"`)
		case name == "headers":
			members[name] = bytes.ToLower(value)
		}
	}
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (g *loaded) selects(t *testing.T) {
	g.world.taken()
	a := g.get(t, "/select", "")
	same(t, a.body.Bytes(), `{"count": 9007199254740993, "rows": [{"id": "1", "title": "ü"}, {"id": "2", "title": null}]}`)
	taken := g.world.taken()
	if len(taken) != 1 || taken[0].op != "db.select" {
		t.Fatalf("the operations are %q", taken)
	}
	var head struct {
		Table, Query string
		Count        bool
	}
	if err := json.Unmarshal([]byte(taken[0].head), &head); err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(head.Query)
	if err != nil {
		t.Fatal(err)
	}
	if want := (url.Values{
		"select": {"id,title"}, "title": {`eq.O'Hara, "x" & ü=1+1%`}, "id": {`in.("a,b","c\"d\\")`},
		"order": {"title.desc"}, "limit": {"5"}, "offset": {"10"},
	}); head.Table != "books" || !head.Count || !reflect.DeepEqual(query, want) {
		t.Errorf("selected %+v\n%v", head, query)
	}
}

func (g *loaded) crypto(t *testing.T) {
	body := []byte("message \x00\xff")
	g.world.taken()
	a := g.send(t, "/crypto", body)
	encode := base64.StdEncoding.EncodeToString
	tag := func(key string) string {
		h := hmac.New(sha256.New, []byte(key))
		h.Write(body)
		return encode(h.Sum(nil))
	}
	sum := sha256.Sum256(body)
	same(t, a.body.Bytes(), `{"sha256": "`+encode(sum[:])+`", "hmac": "`+tag("of KEY")+`", "key": "`+tag("\x00\xff")+
		`", "equal": true, "other": false, "signed": "AQI=", "valid": true}`)
	taken := g.world.taken()
	for _, o := range taken[max(0, len(taken)-2):] {
		if !bytes.Equal(o.body, body) {
			t.Errorf("%s is of %q", o.op, o.body)
		}
	}
	if len(taken) != 7 {
		t.Fatalf("the operations are %q", taken)
	}
	same(t, []byte(taken[0].head), `{"hash": "sha256"}`)
	same(t, []byte(taken[5].head), `{"algorithm": "ES256", "secret": "PEM"}`)
	same(t, []byte(taken[6].head), `{"algorithm": "ES256", "key": "P", "signature": "AP8="}`)
}

// texts are the operations whose answer is no JSON.
func (g *loaded) texts(t *testing.T) {
	if a := g.get(t, "/config", ""); a.body.String() != "EUR" {
		t.Errorf("the setting is %q", a.body.String())
	}
	if a := g.get(t, "/secret", ""); a.body.String() != "the key" {
		t.Errorf("the secret is %q", a.body.String())
	}
	g.world.taken()
	a := g.ask(t, request("/call", "name=price%20%C3%BC").Request, []byte("in\x00"))
	if a.status != http.StatusNonAuthoritativeInfo || a.header.Get("Content-Type") != "text/x-answer" || a.body.String() != "\x00\xff" {
		t.Errorf("the called function answered %d %v %q", a.status, a.header, a.body.String())
	}
	taken := g.world.taken()
	if len(taken) != 1 || string(taken[0].body) != "in\x00" {
		t.Fatalf("the operations are %q", taken)
	}
	same(t, []byte(taken[0].head), `{"function": "price ü"}`)
}

// faults of the host are values that the program reads.
func (g *loaded) faults(t *testing.T) {
	g.world.setRefuse(&fault.Fault{Code: "42501", Message: `no "grant" ü`, Details: "details", Hint: "a hint"})
	defer g.world.setRefuse(nil)
	want := map[string]string{"code": "42501", "message": `no "grant" ü`, "details": "details", "hint": "a hint"}
	for _, path := range []string{
		"/select", "/insert", "/upsert", "/update", "/delete", "/batch", "/named", "/cache", "/config", "/secret",
		"/fetch", "/publish", "/call", "/crypto",
	} {
		a := g.ask(t, request(path, "name=price&url=https://example.com/").Request, []byte(`{"title": "x"}`))
		if got := faultIn(t, a); a.status != http.StatusOK || !reflect.DeepEqual(got, want) {
			t.Errorf("%s answers %d %s", path, a.status, a.body.String())
		}
	}
}
