package operation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// tried is every operation that needs a grant, with a name that is there and one
// that is not: NAME stands for both.
var tried = map[string]struct{ head, body, there string }{
	"db.select":       {`{"table":"NAME"}`, "", "books"},
	"db.insert":       {`{"table":"NAME"}`, `{"title":"x"}`, "books"},
	"db.update":       {`{"table":"NAME","query":"id=eq.1"}`, `{"title":"x"}`, "books"},
	"db.delete":       {`{"table":"NAME","query":"id=eq.1"}`, "", "books"},
	"db.batch":        {`{}`, `[{"op":"delete","table":"NAME","where":"id=eq.1"}]`, "books"},
	"db.call":         {`{"query":"NAME"}`, `{"least":1}`, "titles"},
	"cache.get":       {`{"key":"NAME"}`, "", "there"},
	"cache.set":       {`{"key":"NAME"}`, "x", "there"},
	"cache.delete":    {`{"key":"NAME"}`, "", "there"},
	"cache.add":       {`{"key":"NAME"}`, "", "there"},
	"channel.publish": {`{"channel":"NAME","event":"x"}`, "{}", "lobby"},
	"fetch":           {`{"url":"https://NAME/"}`, "", "api.example.com"},
	"function.call":   {`{"function":"NAME"}`, "x", "price"},
	"secret.get":      {`{"name":"NAME"}`, "", "KEY"},
	"config.get":      {`{"name":"NAME"}`, "", "CURRENCY"},
	"crypto.hmac":     {`{"hash":"sha256","secret":"NAME"}`, "x", "KEY"},
	"crypto.sign":     {`{"algorithm":"ES256","secret":"NAME"}`, "x", "KEY"},
}

// free are the operations that need no grant.
var free = []string{"crypto.hash", "crypto.equal", "crypto.verify"}

// TestNothingWithoutAGrant tries every operation without a grant, as everybody:
// what is there and what is not are refused in the same words, and the log is
// told once, without values.
func TestNothingWithoutAGrant(t *testing.T) {
	w := open(t)
	for name := range w.operations {
		if _, known := tried[name]; !known && !slices.Contains(free, name) {
			t.Errorf("%s is not tried", name)
		}
	}
	w.ask(ann, "cache.set", `{"key":"there"}`, "cached-value")
	w.functions.answer = func(function.Answer) error { t.Error("a function was called"); return nil }
	for _, g := range []*manifest.Grants{nil, {}} {
		bare := w.as(g)
		bare.definition.Secrets, bare.definition.Config = nil, nil
		for _, name := range slices.Sorted(maps.Keys(tried)) {
			try := tried[name]
			for role, caller := range map[string]string{"service": "service", "ann": "ann"} {
				who := service
				if caller == "ann" {
					who = ann
				}
				refuse := func(what string) string {
					_, err := bare.ask(who, name, strings.ReplaceAll(try.head, "NAME", what), strings.ReplaceAll(try.body, "NAME", what))
					f := fault.From(err)
					if err == nil || f.Code != "42501" || f.Hint == "" || f.Cause != nil {
						t.Errorf("%s of %s as %s: %v", name, what, role, err)
						return ""
					}
					return strings.ReplaceAll(f.Message+f.Details+f.Hint, what, "NAME")
				}
				if there, absent := refuse(try.there), refuse("nothing-there"); there != absent {
					t.Errorf("%s as %s: %q of what is there, %q of what is not", name, role, there, absent)
				}
			}
		}
	}
	log := w.log.take()
	for name, try := range tried {
		of := 0
		for line := range strings.SplitSeq(log, "\n") {
			if strings.Contains(line, "operation="+name+" ") {
				of++
				if !strings.Contains(line, "level=INFO") || !strings.Contains(line, "function=tester") || !strings.Contains(line, "request_id=request-1") {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
		if want := 2 - strings.Count(name, "cache.") - strings.Count(name, "fetch"); of != want { // the two have no name
			t.Errorf("the log was told %d times of %s, want %d (%s)", of, name, want, try.there)
		}
	}
	for _, value := range []string{"hidden-value", "cached-value", "EUR", `"x"`, "eq.1"} {
		if strings.Contains(log, value) {
			t.Errorf("the log holds %s:\n%s", value, log)
		}
	}
	if got := w.said(ann, "cache.get", `{"key":"there"}`, ""); got != `{"found":true} cached-value` {
		t.Errorf("what was refused was done: %s", got)
	}
	if got := w.said(service, "db.select", `{"table":"books","query":"select=title&id=eq.1"}`, ""); got != `[{"title":"Emma"}]` {
		t.Errorf("what was refused was done: %s", got)
	}
}

// TestEachGrantIsItsOwn has every grant but one.
func TestEachGrantIsItsOwn(t *testing.T) {
	w := open(t)
	w.functions.answer = func(function.Answer) error { return nil }
	for name, without := range map[string]func(*manifest.Grants){
		"db.call":         func(g *manifest.Grants) { g.Queries = []string{"ofAnn"} },
		"cache.get":       func(g *manifest.Grants) { g.Cache = false },
		"channel.publish": func(g *manifest.Grants) { g.Publish = []string{"hall"} },
		"fetch": func(g *manifest.Grants) {
			g.Fetch = []string{"example.com", "api.example.com:8443", "http://api.example.com", "not a target"}
		},
		"function.call": func(g *manifest.Grants) { g.Functions = []string{"prices", "Price"} },
	} {
		g := everything()
		without(g)
		other := w.as(g)
		for tried, try := range tried {
			if tried == "crypto.sign" || tried == "fetch" && name != "fetch" {
				continue // its secret is no key, and there is no such host
			}
			got := other.said(ann, tried, strings.ReplaceAll(try.head, "NAME", try.there), strings.ReplaceAll(try.body, "NAME", try.there))
			refused := strings.HasPrefix(got, "42501")
			if want := tried == name || strings.HasPrefix(tried, "cache.") && name == "cache.get"; refused != want {
				t.Errorf("without what %s needs, %s: %s", name, tried, got)
			}
		}
	}
	for _, operation := range []string{"read", "create", "update", "delete"} {
		other := w.as(&manifest.Grants{Tables: []manifest.TableGrant{{Table: "drop", Operations: []string{operation}}, {Table: "drop", Operations: []string{operation}}}})
		for name, needs := range map[string]string{"db.select": "read", "db.insert": "create", "db.update": "update", "db.delete": "delete"} {
			body := map[string]string{"db.insert": `{"text":"x"}`, "db.update": `{"text":"x"}`}[name]
			got := other.said(service, name, `{"table":"drop","query":"id=eq.1"}`, body)
			if refused := strings.HasPrefix(got, "42501"); refused != (needs != operation) {
				t.Errorf("with %s alone, %s: %s", operation, name, got)
			}
		}
	}
}

// TestDenialsDoNotFillTheLog has a function that asks for ever other things.
func TestDenialsDoNotFillTheLog(t *testing.T) {
	w := open(t).as(nil)
	for i := range 3000 {
		w.ask(ann, "secret.get", fmt.Sprintf(`{"name":"s%d"}`, i%2000), "")
	}
	if told := strings.Count(w.log.take(), "\n"); told != 1024 {
		t.Errorf("the log was told %d times", told)
	}
}
