package operation_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/function/operation"
)

func TestHeadsAreStrict(t *testing.T) {
	w := open(t)
	for name := range w.operations {
		for _, head := range []string{`{`, `[]`, `"x"`, `1`, `{} {}`, `{"nothing":1}`, `{"a":1,"a":1}`, `{"table":1,"table":1}`, "{\"key\":\"\xff\"}", `{"key":"x",}`, `{'key':1}`, strings.Repeat("[", 1000)} {
			_, err := w.ask(ann, name, head, "")
			if f := fault.From(err); f.Code != function.CodeOperation {
				t.Errorf("%s %.40q: %v", name, head, err)
			}
		}
		if _, err := w.ask(ann, name, `{"key":"`+strings.Repeat("x", 65<<10)+`"}`, ""); !fault.Is(err, function.CodeOperation) {
			t.Errorf("%s with a head of 65 KiB: %v", name, err)
		}
	}
	for _, test := range []struct{ name, head, body, message, hint string }{
		{"db.select", `{"tabel":"books"}`, "", `the head has a member "tabel", which is none of this operation`, "did you mean table?"},
		{"db.select", `{"Table":"books"}`, "", `the head has a member "Table", which is none of this operation`, "did you mean table?"},
		{"cache.set", `{"key":"a","if_absent":true}`, "", `the head has a member "if_absent", which is none of this operation`, "did you mean ifAbsent?"},
		{"secret.get", `{"zzzzzz":1}`, "", `the head has a member "zzzzzz", which is none of this operation`, "it takes name"},
		{"db.select", `{"table":["books"]}`, "", `the member "table" of the head is of another type`, ""},
		{"db.select", `{"table":"books","count":"yes"}`, "", `the member "count" of the head is of another type`, ""},
		{"cache.add", `{"key":"a","by":1.5}`, "", `the member "by" of the head is of another type`, ""},
		{"cache.add", `{"key":"a","by":9223372036854775808}`, "", `the member "by" of the head is of another type`, ""},
		{"fetch", `{"url":"https://api.example.com","headers":{"a":1}}`, "", `the header "a" is neither a text nor a list of texts`, ""},
		{"fetch", `{"url":"https://api.example.com","headers":["a"]}`, "", `the member "headers" of the head is of another type`, ""},
		{"fetch", `{"url":"https://api.example.com","timeout":"soon"}`, "", `timeout is a duration above zero, and at most 8760h0m0s`, "such as 500ms, 90s, 5m, 12h or 30d"},
		{"db.select", `{}`, "", `the head has no "table"`, ""},
		{"db.select", ``, "", `the head has no "table"`, ""},
		{"db.call", `{}`, "", `the head has no "query"`, ""},
		{"cache.get", `{"key":""}`, "", `the head has no "key"`, ""},
		{"cache.get", `{"key":null}`, "", `the head has no "key"`, ""},
		{"fetch", `{}`, "", `the head has no "url"`, ""},
		{"function.call", `{}`, "", `the head has no "function"`, ""},
		{"channel.publish", `{}`, "", `the head has no "channel"`, ""},
		{"secret.get", `{}`, "", `the head has no "name"`, ""},
		{"config.get", `{}`, "", `the head has no "name"`, ""},
		{"crypto.hash", `{}`, "", `the head has no "hash"`, ""},
		{"crypto.equal", `{}`, "", `the head has no "to"`, ""},
		{"crypto.sign", `{"algorithm":"ES256"}`, "", `the head has no "secret"`, ""},
		{"crypto.verify", `{"algorithm":"ES256"}`, "", `the head has no "key"`, ""},
		{"crypto.verify", `{}`, "", `the head has no "algorithm"`, ""},
		{"db.select", `{"table":"books"}`, "x", "db.select takes no body", "what it is to do stands in its head"},
		{"db.select", `{"table":"books","query":"` + strings.Repeat("x", 17<<10) + `"}`, "", "the query has more than 16384 bytes", ""},
		{"db.insert", `{"table":"books"}`, strings.Repeat(" ", 1<<20+1), "the body of db.insert has at most 1048576 bytes", ""},
		{"cache.set", `{"key":"a"}`, strings.Repeat(" ", 1<<20+1), "the body of cache.set has at most 1048576 bytes", ""},
		{"channel.publish", `{"channel":"lobby"}`, strings.Repeat(" ", 64<<10+1), "the body of channel.publish has at most 65536 bytes", ""},
	} {
		_, err := w.ask(ann, test.name, test.head, test.body)
		if f := fault.From(err); f.Code != function.CodeOperation || f.Message != test.message || f.Hint != test.hint {
			t.Errorf("%s %.80s: %v, hint %q", test.name, test.head, err, f.Hint)
		}
	}
}

// TestWhatIsNotThere has operations without their means, as a function has that
// is run without a server.
func TestWhatIsNotThere(t *testing.T) {
	w := open(t)
	w.operations = operation.New(operation.Options{})
	for name, try := range tried {
		if name == "function.call" || strings.HasPrefix(name, "crypto.") || strings.HasSuffix(name, ".get") && name != "cache.get" {
			continue // they need none, or have them from the call
		}
		_, err := w.ask(ann, name, strings.ReplaceAll(try.head, "NAME", try.there), strings.ReplaceAll(try.body, "NAME", try.there))
		if f := fault.From(err); f.Code != function.CodeOperation || !strings.HasPrefix(f.Message, "there is no ") || !strings.HasSuffix(f.Message, " here") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.operations["function.call"].Do(t.Context(), &function.Call{Definition: w.definition, Event: &function.Event{}, Acting: ann}, []byte(`{"function":"price"}`), nil)
	if f := fault.From(err); f.Message != "there is no other function here" {
		t.Errorf("a function alone: %v", err)
	}
}

// FuzzOperations sends anything to any operation: it is done, or refused with a
// fault that is the sender's.
func FuzzOperations(f *testing.F) {
	for name, try := range tried {
		f.Add(name, strings.ReplaceAll(try.head, "NAME", try.there), strings.ReplaceAll(try.body, "NAME", try.there))
	}
	f.Add("crypto.verify", `{"algorithm":"RS256","key":"-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----","signature":"AA"}`, "x")
	f.Add("crypto.equal", `{"to":"eA=="}`, "x")
	f.Add("cache.add", `{"key":"n","by":-5,"ttl":"30d"}`, "")
	f.Add("db.insert", `{"table":"books","query":"on_conflict=isbn","prefer":"resolution=merge-duplicates","once":"x"}`, `[{"isbn":"1","title":"x"}]`)
	w := open(f)
	w.T = &testing.T{}
	w.functions.answer = func(function.Answer) error { return nil }
	f.Fuzz(func(t *testing.T, name, head, body string) {
		if _, known := w.operations[name]; !known || name == "fetch" && strings.Contains(head, "api.example.com") {
			return
		}
		_, err := w.ask(ann, name, head, body)
		if err == nil {
			return
		}
		if said := fault.From(err); said.Code == fault.CodeInternal || said.Code == "" || said.Message == "" {
			t.Errorf("%s %q %q: %v", name, head, body, err)
		}
	})
}
