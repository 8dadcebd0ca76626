package operation_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

func TestRowsAreReadAndWritten(t *testing.T) {
	w := open(t)
	w.walk([]asked{
		{nobody, "db.select", `{"table":"books","query":"select=id,title&order=title.desc"}`, "", `[{"id":2,"title":"Sanditon"},{"id":1,"title":"Emma"}]`},
		{nobody, "db.select", `{"table":"books","query":"select=id&limit=1","count":true}`, "", `{"count":2} [{"id":1}]`},
		{nobody, "db.select", `{"table":"books","query":"select=id&id=gt.7","count":true}`, "", `{"count":0} []`},
		{nobody, "db.select", `{"table":"books","query":"select=id&order=id&limit=2&_page="}`, "", `[{"id":1},{"id":2}]`},
		{nobody, "db.select", `{"table":"books","query":"select=title,authors(name)&id=eq.1"}`, "", `[{"title":"Emma","authors":{"name":"Austen"}}]`},
		{nobody, "db.select", `{"table":"books","query":"select=nothing"}`, "", "42703 column books.nothing does not exist"},
		{nobody, "db.select", `{"table":"books","query":"id=like.x"}`, "", `42883 operator does not exist: bigint ~~ unknown`},

		{ann, "db.insert", `{"table":"books","query":"select=id,stock"}`, `{"id":3,"title":"Ulysses","isbn":"3"}`, `{"affected":1} [{"id":3,"stock":1}]`},
		{ann, "db.insert", `{"table":"books","query":"select=title"}`, `[{"title":"A"},{"title":"B"}]`, `{"affected":2} [{"title":"A"},{"title":"B"}]`},
		{ann, "db.insert", `{"table":"books","prefer":"return=minimal"}`, `{"id":9,"title":"C"}`, `{"affected":1}`},
		{ann, "db.insert", `{"table":"books"}`, `{"id":3,"title":"Ulysses"}`, `23505 duplicate key value violates unique constraint "books_pkey"`},
		{ann, "db.insert", `{"table":"books","query":"on_conflict=isbn&select=id,title","prefer":"resolution=merge-duplicates"}`, `{"title":"Ulysses 2","isbn":"3"}`, `{"affected":1} [{"id":3,"title":"Ulysses 2"}]`},
		{ann, "db.insert", `{"table":"books","query":"on_conflict=isbn","prefer":"resolution=ignore-duplicates"}`, `{"title":"Ulysses 3","isbn":"3"}`, `{"affected":0} []`},
		{ann, "db.insert", `{"table":"books","query":"columns=title,stock&select=stock","prefer":"missing=default, return=representation"}`, `{"title":"D"}`, `{"affected":1} [{"stock":1}]`},
		{ann, "db.insert", `{"table":"books","query":"columns=title,stock&select=stock"}`, `{"title":"E"}`, `23502 null value in column "stock" of relation "books" violates not-null constraint`},
		{ann, "db.insert", `{"table":"books"}`, `{`, "PGRST102 Empty or invalid json"},
		{ann, "db.insert", `{"table":"books"}`, "", "PGRST102 Empty or invalid json"},
		{ann, "db.insert", `{"table":"books"}`, `{"nothing":1}`, "PGRST204 Could not find the 'nothing' column of 'books' in the schema cache"},
		{nobody, "db.insert", `{"table":"books"}`, `{"title":"x"}`, `42501 new row violates row-level security policy for table "books"`},
		{ann, "db.insert", `{"table":"books","prefer":"tx=rollback"}`, `{"id":77,"title":"x"}`, `{"affected":1} [{"id":77,"title":"x","author":null,"isbn":null,"stock":1}]`},
		{ann, "db.select", `{"table":"books","query":"id=eq.77"}`, "", `[]`},

		{ann, "db.update", `{"table":"books","query":"id=eq.1&select=stock"}`, `{"stock":4}`, `{"affected":1} [{"stock":4}]`},
		{ann, "db.update", `{"table":"books","query":"id=eq.99"}`, `{"stock":4}`, `{"affected":0} []`},
		{ann, "db.update", `{"table":"books"}`, `{"stock":4}`, "21000 UPDATE requires a WHERE clause"},
		{service, "db.update", `{"table":"books"}`, `{"stock":4}`, "21000 UPDATE requires a WHERE clause"},
		{service, "db.delete", `{"table":"books"}`, "", "21000 DELETE requires a WHERE clause"},
		{ann, "db.update", `{"table":"books","query":"id=gt.0","prefer":"max-affected=1"}`, `{"stock":3}`, "PGRST124 Query result exceeds max-affected preference constraint"},
		{ann, "db.update", `{"table":"books","query":"id=gt.0","prefer":"handling=lenient,nonsense,tx=rollback,return=minimal"}`, `{"stock":3}`, `{"affected":7}`},
		{ann, "db.delete", `{"table":"books","query":"id=eq.9&select=title"}`, "", `{"affected":1} [{"title":"C"}]`},

		{ann, "db.batch", "", `{"writes":[{"op":"insert","table":"authors","rows":[{"name":"X"}]}]}`, "42501 permission denied for table authors"},
		{ann, "db.batch", "{}", ` [{"op":"insert","table":"books","as":"b","rows":[{"id":20,"title":"New"}]},{"op":"insert","table":"orders","rows":[{"book":{"$key":"b"}}],"return":true,"select":"book,owner"}]`, `{"results":[{"affected":1},{"affected":1,"rows":[{"book":20,"owner":"` + annID + `"}]}]}`},
		{ann, "db.batch", "{}", `{"writes":[{"op":"insert","table":"books","rows":[{"id":21,"title":"New"}]},{"op":"insert","table":"books","rows":[{"id":1,"title":"Old"}]}]}`, `23505 duplicate key value violates unique constraint "books_pkey"`},
		{ann, "db.select", `{"table":"books","query":"id=eq.21"}`, "", `[]`},
		{ann, "db.batch", "{}", `[`, "PGRST102 Empty or invalid json"},
		{ann, "db.batch", "{}", `[]],[`, "PGRST102 Empty or invalid json"},
		{ann, "db.batch", "{}", ``, "PGRST102 Empty or invalid json"},

		{nobody, "db.call", `{"query":"titles"}`, `{"least":5}`, `[]`},
		{nobody, "db.call", `{"query":"titles"}`, `{"least":4}`, `[{"title":"Emma"}]`},
		{ann, "db.call", `{"query":"ofAnn"}`, "", `[{"id":1},{"id":2},{"id":3}]`},
		{bob, "db.call", `{"query":"ofAnn"}`, "", "42501 permission denied for function ofAnn"},
	})
}

func TestPages(t *testing.T) {
	w := open(t)
	var said struct {
		Next string `json:"next"`
	}
	for _, want := range []string{`[{"id":1}]`, `[{"id":2}]`} {
		reply, err := w.ask(nobody, "db.select", `{"table":"books","query":"select=id&order=id&limit=1&_page=`+said.Next+`"}`, "")
		if err != nil || string(reply.Body) != want || json.Unmarshal(reply.Head, &said) != nil && reply.Head != nil {
			t.Errorf("%s %s, %v; want %s", reply.Head, reply.Body, err, want)
		}
	}
	if said.Next == "" {
		t.Error("no page told of the next one")
	}
}

// TestRulesHoldForFunctions asks as callers who may not: everything is granted,
// and the rules of the tables stay.
func TestRulesHoldForFunctions(t *testing.T) { rulesHold(t, open(t)) }

func rulesHold(t *testing.T, w *world) {
	t.Helper()
	w.walk([]asked{
		{ann, "db.select", `{"table":"orders","query":"select=id"}`, "", `[{"id":1}]`},
		{bob, "db.select", `{"table":"orders","query":"select=id","count":true}`, "", `{"count":1} [{"id":2}]`},
		{nobody, "db.select", `{"table":"orders"}`, "", `[]`},
		{service, "db.select", `{"table":"orders","query":"select=id"}`, "", `[{"id":1},{"id":2}]`},
		{bob, "db.select", `{"table":"books","query":"select=orders(id)&id=eq.1"}`, "", `[{"orders":[{"id":2}]}]`},
		{bob, "db.update", `{"table":"orders","query":"id=eq.1"}`, `{"state":"x"}`, `{"affected":0} []`},
		{bob, "db.delete", `{"table":"orders","query":"id=gt.0&select=id","prefer":"tx=rollback"}`, "", `{"affected":1} [{"id":2}]`},
		{bob, "db.batch", "{}", `[{"op":"delete","table":"orders","key":1,"return":true}]`, `{"results":[{"affected":0,"rows":[]}]}`},
		{bob, "db.insert", `{"table":"orders"}`, `{"owner":"` + annID + `"}`, `428C9 cannot insert a non-DEFAULT value into column "owner"`},
		{bob, "db.select", `{"table":"users"}`, "", "42501 permission denied for table users"},
		{nobody, "db.insert", `{"table":"drop","prefer":"return=minimal"}`, `{"text":"x"}`, `{"affected":1}`},
	})
	_, err := w.ask(nobody, "db.insert", `{"table":"drop"}`, `{"text":"x"}`)
	if f := fault.From(err); f.Code != "42501" || !strings.Contains(f.Hint, "return=minimal") {
		t.Errorf("rows that may be written and not read: %v, hint %q", err, f.Hint)
	}
}

// TestRowsShownNeedARead writes with grants that read nothing.
func TestRowsShownNeedARead(t *testing.T) {
	w := open(t).as(&manifest.Grants{Tables: []manifest.TableGrant{{Table: "books", Operations: []string{"create", "update", "delete"}}}})
	w.walk([]asked{
		{ann, "db.insert", `{"table":"books"}`, `{"id":5,"title":"x"}`, `{"affected":1}`},
		{ann, "db.insert", `{"table":"books","prefer":"return=representation"}`, `{"title":"x"}`, "42501 permission denied for table books"},
		{ann, "db.update", `{"table":"books","query":"id=eq.5"}`, `{"title":"y"}`, `{"affected":1}`},
		{ann, "db.update", `{"table":"books","query":"title=eq.y"}`, `{"title":"z"}`, "42501 permission denied for table books"},
		{ann, "db.delete", `{"table":"books","query":"id=in.(5,6)"}`, "", `{"affected":1}`},
		{ann, "db.select", `{"table":"books"}`, "", "42501 permission denied for table books"},
	})
}

func TestPreferencesOfFunctions(t *testing.T) {
	w := open(t)
	w.walk([]asked{
		{ann, "db.insert", `{"table":"books","prefer":"resolution=merge"}`, `{"title":"x"}`, "PGRST122 Invalid preferences given with handling=strict"},
		{ann, "db.insert", `{"table":"books","prefer":"return=headers-only"}`, `{"title":"x"}`, "function-operation return is minimal or representation here"},
		{ann, "db.insert", `{"table":"books","prefer":"max-affected=1"}`, `{"title":"x"}`, "function-operation the preference max-affected is for db.update and db.delete"},
		{ann, "db.update", `{"table":"books","query":"id=eq.1","prefer":"resolution=merge-duplicates"}`, `{"title":"x"}`, "function-operation the preference resolution is for db.insert"},
		{ann, "db.batch", `{"prefer":"return=minimal"}`, `[]`, "function-operation of preferences a batch knows tx and handling alone"},
		{ann, "db.batch", `{"prefer":"tx=rollback"}`, `[{"op":"delete","table":"books","where":"id=eq.2"}]`, `{"results":[{"affected":1}]}`},
		{ann, "db.call", `{"query":"titles","prefer":"missing=default"}`, `{"least":1}`, "function-operation of preferences a query knows tx, max-affected and handling alone"},
		{ann, "db.select", `{"table":"books","query":"select=title&id=eq.2"}`, "", `[{"title":"Sanditon"}]`},
	})
}

func TestOnce(t *testing.T) {
	w := open(t)
	const row = `{"title":"Once"}`
	w.walk([]asked{
		{ann, "db.insert", `{"table":"books","query":"select=id","once":"a"}`, row, `{"affected":1} [{"id":3}]`},
		{ann, "db.insert", `{"table":"books","query":"select=id","once":"a"}`, row, `{"affected":1,"replayed":true} [{"id":3}]`},
		{ann, "db.insert", `{"table":"books","query":"select=id","once":"a"}`, `{"title":"Other"}`, "idempotency-key-reused this Idempotency-Key was another request's"},
		{bob, "db.insert", `{"table":"books","query":"select=id","once":"a"}`, row, `{"affected":1} [{"id":4}]`},
		{ann, "db.batch", `{"once":"b"}`, `[{"op":"delete","table":"books","where":"id=eq.4"}]`, `{"results":[{"affected":1}]}`},
		{ann, "db.batch", `{"once":"b"}`, `[{"op":"delete","table":"books","where":"id=eq.4"}]`, `{"results":[{"affected":1}]}`},
		{ann, "db.insert", `{"table":"books","once":"` + strings.Repeat("x", 256) + `"}`, row, "bad-idempotency-key an Idempotency-Key has 1 to 255 printable ASCII characters"},
	})
	other := w.as(w.definition.Grants)
	other.definition.Name = "another"
	if got := other.said(ann, "db.insert", `{"table":"books","query":"select=id","once":"a"}`, row); got != `{"affected":1} [{"id":5}]` {
		t.Errorf("another function met the name: %s", got)
	}
}

// TestOwnWritesAreRead reads from a table whose answers are cached.
func TestOwnWritesAreRead(t *testing.T) {
	w := open(t)
	const asks = `{"table":"books","query":"select=stock&id=eq.1"}`
	for i, want := range []string{`[{"stock":5}]`, `[{"stock":5}]`} {
		if got := w.said(nobody, "db.select", asks, ""); got != want {
			t.Errorf("%d: %s", i, got)
		}
	}
	w.walk([]asked{
		{ann, "db.update", `{"table":"books","query":"id=eq.1","prefer":"return=minimal"}`, `{"stock":6}`, `{"affected":1}`},
		{nobody, "db.select", asks, "", `[{"stock":6}]`},
	})
}

// TestOnSurrealDB asks the same of the other engine.
func TestOnSurrealDB(t *testing.T) {
	s, err := surreal.Open(t.Context(), surreal.Options{
		URL: surrealtest.Shared(t).URL, Namespace: fmt.Sprintf("o%d", time.Now().UnixNano()), Database: "main", User: "root", Password: "root",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s.Close) })
	m := shop()
	m.Queries = nil // theirs is another language
	w := openOn(t, s, m)
	rulesHold(t, w)
	depthsAreKept(t, w)
}

// TestWritesCarryTheirDepth looks at what triggers see of a function's writes.
func TestWritesCarryTheirDepth(t *testing.T) { depthsAreKept(t, open(t)) }

func depthsAreKept(t *testing.T, w *world) {
	t.Helper()
	start, err := w.store.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for depth, step := range []asked{
		{ann, "db.insert", `{"table":"books"}`, `{"id":50,"title":"x"}`, ""},
		{ann, "db.update", `{"table":"books","query":"id=eq.50"}`, `{"title":"y"}`, ""},
		{ann, "db.batch", "", `[{"op":"update","table":"books","where":"id=eq.50","set":{"title":"z"}}]`, ""},
		{ann, "db.delete", `{"table":"books","query":"id=eq.50"}`, "", ""},
	} {
		w.depth = depth
		if _, err := w.ask(step.caller, step.name, step.head, step.body); err != nil {
			t.Fatal(err)
		}
	}
	var commits []query.Commit
	for {
		more, err := w.store.Changes(t.Context(), start, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(more) == 0 {
			break
		}
		commits, start = append(commits, more...), more[len(more)-1].Cursor
	}
	if len(commits) != 4 {
		t.Fatalf("%d commits", len(commits))
	}
	for depth, c := range commits {
		if c.Depth != depth+1 {
			t.Errorf("a write at depth %d is at %d in the feed", depth, c.Depth)
		}
	}
}
