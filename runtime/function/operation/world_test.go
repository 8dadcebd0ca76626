package operation_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/function/operation"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

func TestMain(m *testing.M) {
	// The shared server of tests is ended with the process.
	const server = "github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest.(*Server)."
	leaktest.Main(m, goleak.IgnoreAnyFunction(server+"startPackage.func1"), goleak.IgnoreAnyFunction(server+"wait"))
}

const (
	annID = "0190a000-0000-7000-8000-00000000000a"
	bobID = "0190a000-0000-7000-8000-00000000000b"
)

var (
	service = &auth.Caller{Role: auth.Service, Claims: "{}"}
	nobody  = auth.Nobody()
	ann     = &auth.Caller{Role: auth.Authenticated, UID: annID, Claims: "{}"}
	bob     = &auth.Caller{Role: auth.Authenticated, UID: bobID, Claims: "{}"}
)

func rule(text string) manifest.Condition { return manifest.Condition{Declared: true, Text: text} }

func shop() *manifest.Manifest {
	always, mine := manifest.Condition{Declared: true, Always: true}, rule("owner == auth.uid")
	writers := rule("auth.role == 'authenticated'")
	return &manifest.Manifest{
		Name:  "shop",
		Cache: manifest.Cache{Policies: []manifest.Policy{{Name: "minute", TTL: time.Minute}}},
		Tables: []manifest.Table{
			{Name: "users", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{{Name: "email", Type: "text", BuiltIn: true}}},
			{Name: "authors", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{{Name: "name", Type: "text"}}, Access: manifest.Access{Read: always}},
			{
				Name: "books", Key: manifest.Key{Type: "int"}, Cache: "minute",
				Columns: []manifest.Column{
					{Name: "title", Type: "text", Required: true},
					{Name: "author", Type: "ref", Table: "authors"},
					{Name: "isbn", Type: "text"},
					{Name: "stock", Type: "int", Default: &manifest.Default{JSON: "1"}},
				},
				Indexes: []manifest.Index{{Name: "byISBN", Columns: []string{"isbn"}, Unique: true}},
				Access:  manifest.Access{Read: always, Create: writers, UpdateBefore: writers, UpdateAfter: writers, Delete: writers},
			},
			{
				Name: "orders", Key: manifest.Key{Type: "int"},
				Columns: []manifest.Column{
					{Name: "owner", Type: "ref", Table: "users", Required: true, Auto: &manifest.Auto{Create: "auth.uid"}},
					{Name: "book", Type: "ref", Table: "books"},
					{Name: "state", Type: "text"},
				},
				Access: manifest.Access{Read: mine, Create: writers, UpdateBefore: mine, UpdateAfter: mine, Delete: mine},
			},
			{Name: "drop", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{{Name: "text", Type: "text"}}, Access: manifest.Access{Create: always}},
		},
		Queries: []manifest.Query{
			{
				Name: "titles", Reads: []string{"books"}, Returns: manifest.ReturnsRows, Call: always,
				Params:  []manifest.QueryParam{{Name: "least", QueryType: manifest.QueryType{Type: "int"}, Required: true}},
				Columns: []manifest.QueryColumn{{Name: "title", QueryType: manifest.QueryType{Type: "text"}}},
				SQL:     "SELECT title FROM books WHERE stock >= :least ORDER BY id",
			},
			{
				Name: "ofAnn", Reads: []string{"orders"}, Returns: manifest.ReturnsRows, Call: rule("auth.uid == '" + annID + "'"),
				Columns: []manifest.QueryColumn{{Name: "id", QueryType: manifest.QueryType{Type: "int"}}},
				SQL:     "SELECT id FROM orders",
			},
		},
		Channels: []manifest.Channel{{Name: "lobby", Broadcast: true, Access: always, Send: writers}},
	}
}

// everything grants what the shop has.
func everything() *manifest.Grants {
	all := []string{"read", "create", "update", "delete"}
	g := &manifest.Grants{
		Queries: []string{"titles", "ofAnn"}, Functions: []string{"price"}, Cache: true, Publish: []string{"lobby"}, Fetch: []string{"api.example.com"},
	}
	for _, t := range []string{"users", "authors", "books", "orders", "drop"} {
		g.Tables = append(g.Tables, manifest.TableGrant{Table: t, Operations: all})
	}
	return g
}

// world is the operations over a real store, gate, hub and cache.
type world struct {
	*testing.T
	operations map[string]function.Operation
	gate       *data.Gate
	store      store.Store
	hub        *live.Hub
	functions  *others
	log        *lines
	// definition and depth are those of the next calls.
	definition *function.Definition
	depth      int
}

func closed(t testing.TB, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Error(err)
	}
}

func open(t testing.TB) *world {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "data.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s.Close) })
	return openOn(t, s, shop())
}

func openOn(t testing.TB, s store.Store, m *manifest.Manifest) *world {
	t.Helper()
	ctx := context.Background()
	schema, err := query.Declare(m)
	if err != nil {
		t.Fatal(err)
	}
	rules, faults := access.Compile(m, schema)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	have, err := s.Inspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx, plan.Diff(have, plan.FromManifest(m, schema), nil)); err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(ctx, schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, view.Close) })
	answers, err := tiered.New(tiered.Options{Bytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, answers.Close) })
	gate, err := data.New(data.Options{Manifest: m, Schema: schema, Rules: rules, View: view, Cache: answers})
	if err != nil {
		t.Fatal(err)
	}
	hub, err := live.NewHub(ctx, live.Options{Feed: s, Gate: gate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	values, err := tiered.NewValues(8<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, values.Close) })
	client := outbound.New()
	t.Cleanup(func() { closed(t, client.Close) })
	w := &world{gate: gate, store: s, hub: hub, functions: &others{}, log: &lines{}}
	w.T, _ = t.(*testing.T)
	w.operations = operation.New(operation.Options{
		Gate: gate, Values: values, Fetcher: client, Publisher: hub, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	w.definition = &function.Definition{
		Name: "tester", Grants: everything(), Config: map[string]string{"CURRENCY": "EUR \"x\""},
		Secrets: map[string]manifest.SecretValue{"KEY": manifest.NewSecretValue("hidden-value")},
	}
	for table, rows := range map[string]string{
		"users":   `[{"id":"` + annID + `"},{"id":"` + bobID + `"}]`,
		"authors": `[{"id":1,"name":"Austen"}]`,
	} {
		w.put(t, table, rows)
	}
	w.put(t, "books", `[{"id":1,"title":"Emma","author":1,"isbn":"1","stock":5},{"id":2,"title":"Sanditon","author":1,"isbn":"2","stock":0}]`)
	w.put(t, "orders", `[{"id":1,"owner":"`+annID+`","book":1,"state":"open"},{"id":2,"owner":"`+bobID+`","book":1,"state":"open"}]`)
	return w
}

func (w *world) put(t testing.TB, table, rows string) {
	t.Helper()
	if _, err := w.gate.Insert(t.Context(), service, data.Write{Table: table, Body: []byte(rows)}); err != nil {
		t.Fatal(err)
	}
}

// as gives the world to a function with other grants.
func (w *world) as(g *manifest.Grants) *world {
	other := *w
	d := *w.definition
	d.Grants = g
	other.definition = &d
	return &other
}

// ask carries out an operation: what came back, or the fault.
func (w *world) ask(caller *auth.Caller, name, head, body string) (function.Reply, error) {
	return w.askAs(context.Background(), caller, name, head, body)
}

func (w *world) askAs(ctx context.Context, caller *auth.Caller, name, head, body string) (function.Reply, error) {
	return w.operations[name].Do(ctx, &function.Call{
		Definition: w.definition, Event: &function.Event{ID: "request-1", Trace: "trace-1", Depth: w.depth, Caller: caller}, Acting: caller, Functions: w.functions,
	}, []byte(head), []byte(body))
}

// said is what came back as text: head and body, or the fault's code and message.
func (w *world) said(caller *auth.Caller, name, head, body string) string {
	reply, err := w.ask(caller, name, head, body)
	if err != nil {
		f := fault.From(err)
		if f.Code == fault.CodeInternal {
			w.Errorf("%s %s: %v", name, head, err)
		}
		return f.Code + " " + f.Message
	}
	return strings.TrimSpace(string(reply.Head) + " " + string(reply.Body))
}

type asked struct {
	caller           *auth.Caller
	name, head, body string
	want             string
}

func (w *world) walk(tests []asked) {
	w.Helper()
	for _, test := range tests {
		if got := w.said(test.caller, test.name, test.head, test.body); got != test.want {
			w.Errorf("%s %s %s as %s:\n got %s\nwant %s", test.name, test.head, test.body, test.caller.Role, got, test.want)
		}
	}
}

// others are the other functions.
type others struct {
	name   string
	event  *function.Event
	answer func(function.Answer) error
}

// Call implements function.Caller.
func (o *others) Call(_ context.Context, name string, e *function.Event, to function.Answer) error {
	o.name, o.event = name, e
	return o.answer(to)
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}
