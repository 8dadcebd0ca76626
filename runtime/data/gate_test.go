package data_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const (
	annID  = "0190a000-0000-7000-8000-00000000000a"
	bobID  = "0190a000-0000-7000-8000-00000000000b"
	emmaID = "0190a000-0000-7000-8000-0000000000e1"
)

var (
	service = &auth.Caller{Role: auth.Service, Claims: "{}"}
	nobody  = auth.Nobody()
	ann     = &auth.Caller{Role: auth.Authenticated, UID: annID, Email: "ann@example.com", Claims: "{}"}
	bob     = &auth.Caller{Role: auth.Authenticated, UID: bobID, Email: "bob@example.com", Claims: "{}"}
	staff   = &auth.Caller{Role: auth.Authenticated, UID: bobID, Claims: `{"role":"staff"}`}
)

func always() manifest.Condition          { return manifest.Condition{Declared: true, Always: true} }
func never() manifest.Condition           { return manifest.Condition{Declared: true} }
func rule(text string) manifest.Condition { return manifest.Condition{Declared: true, Text: text} }

const isStaff = "auth.claims.role == 'staff'"

// shop is a manifest with every kind of access.
func shop() *manifest.Manifest {
	return &manifest.Manifest{
		Name:  "shop",
		Cache: manifest.Cache{Policies: []manifest.Policy{{Name: "minute", TTL: time.Minute}}},
		Tables: []manifest.Table{
			{Name: "users", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{
				{Name: "email", Type: "text", BuiltIn: true},
				{Name: "app_metadata", Type: "json", BuiltIn: true},
				{Name: "locale", Type: "text", Max: "10"},
			}, Access: manifest.Access{Read: rule("id == auth.uid"), UpdateBefore: rule("id == auth.uid"), UpdateAfter: rule("id == auth.uid")}},
			{
				Name: "books", Key: manifest.Key{Type: "uuid"}, Cache: "minute", Rows: 5, Columns: []manifest.Column{
					{Name: "title", Type: "text", Required: true, Min: "1", Max: "20"},
					{Name: "price", Type: "decimal", Scale: 2, Min: "0"},
					{Name: "stock", Type: "int", Default: &manifest.Default{JSON: "1"}},
					{Name: "tags", Type: "list", Of: "text", Max: "3"},
					{Name: "meta", Type: "json"},
					{Name: "genre", Type: "text", Enum: []string{"novel", "poem"}},
					{Name: "isbn", Type: "text", Pattern: "^[0-9]+$"},
					{Name: "cost", Type: "int", Access: manifest.ColumnAccess{Read: rule(isStaff), Create: rule(isStaff), Update: never()}},
					{Name: "added", Type: "date", Default: &manifest.Default{CEL: "now()"}},
				}, Checks: []manifest.Check{{Name: "free", Text: "price > 0.0 || stock == 0"}},
				Access: manifest.Access{
					Read: always(), Create: rule("auth.role == 'authenticated'"),
					UpdateBefore: rule("auth.role == 'authenticated'"), UpdateAfter: rule("auth.role == 'authenticated'"), Delete: rule(isStaff),
				},
			},
			{Name: "orders", Key: manifest.Key{Type: "uuid"}, Cache: "minute", Columns: []manifest.Column{
				{Name: "owner", Type: "ref", Table: "users", Required: true, Auto: &manifest.Auto{Create: "auth.uid"}},
				{Name: "book", Type: "ref", Table: "books", Required: true, OnDelete: "restrict", Access: manifest.ColumnAccess{Update: never()}},
				{Name: "quantity", Type: "int", Min: "1", Max: "100", Default: &manifest.Default{JSON: "1"}},
				{Name: "status", Type: "text", Enum: []string{"open", "paid", "shipped"}, Default: &manifest.Default{JSON: `"open"`}},
				{Name: "changed", Type: "timestamp", Auto: &manifest.Auto{Create: "now()", Update: "now()"}},
				{Name: "spot", Type: "vector", Dimensions: 2, Access: manifest.ColumnAccess{Read: never()}},
			}, Indexes: []manifest.Index{
				{Name: "words", Kind: "fulltext", Columns: []string{"status"}}, {Name: "near", Kind: "vector", Columns: []string{"spot"}},
			}, Access: manifest.Access{
				Read:         rule("owner == auth.uid || " + isStaff),
				Create:       rule("auth.role == 'authenticated' && status == 'open'"),
				UpdateBefore: rule("owner == auth.uid && status == 'open'"),
				UpdateAfter:  rule("owner == auth.uid && status in ['open', 'paid']"),
				Delete:       rule("owner == auth.uid && status == 'open'"),
			}},
			{
				Name: "notes", Key: manifest.Key{Type: "text"}, Columns: []manifest.Column{{Name: "body", Type: "text"}},
				Access: manifest.Access{Create: always(), Read: rule("body == 'open'"), UpdateBefore: always(), UpdateAfter: always()},
			},
			{
				Name: "counters", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{{Name: "n", Type: "int"}},
				Access: manifest.Access{Read: always(), Create: always(), UpdateBefore: always(), UpdateAfter: always(), Delete: always()},
			},
			{
				Name: "profiles", Key: manifest.Key{Type: "ref", Table: "users", OnDelete: "cascade"},
				Columns: []manifest.Column{{Name: "nickname", Type: "text"}},
				Access:  manifest.Access{Read: always(), Create: rule("id == auth.uid"), UpdateBefore: rule("id == auth.uid"), UpdateAfter: rule("id == auth.uid")},
			},
			{Name: "labels", Key: manifest.Key{Type: "text"}, Columns: []manifest.Column{{Name: "shade", Type: "text"}}, Access: manifest.Access{Read: always()}},
			{
				Name: "labeled", Key: manifest.Key{Type: "int"}, Edge: &manifest.Edge{From: "order", To: "label"},
				Columns: []manifest.Column{
					{Name: "order", Type: "ref", Table: "orders", OnDelete: "cascade"},
					{Name: "label", Type: "ref", Table: "labels", OnDelete: "cascade"},
				},
				Access: manifest.Access{Read: always()},
			},
			{
				Name: "mentions", Key: manifest.Key{Type: "int"},
				Columns: []manifest.Column{{Name: "order", Type: "ref", Table: "orders", OnDelete: "setNull"}, {Name: "text", Type: "text"}},
				Access:  manifest.Access{Read: always(), UpdateBefore: rule("auth.role == 'authenticated'"), UpdateAfter: rule("auth.role == 'authenticated'")},
			},
			{Name: "vault", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{{Name: "value", Type: "text"}}},
			{
				Name: "drop", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{{Name: "value", Type: "text"}},
				Access: manifest.Access{Create: always()},
			},
		},
		Queries: []manifest.Query{
			{
				Name: "mine", Reads: []string{"orders"}, Returns: manifest.ReturnsRows, Call: rule("auth.role == 'authenticated'"), Cache: "minute",
				Columns: []manifest.QueryColumn{column("id", "uuid"), column("status", "text")},
				SQL:     "SELECT id, status FROM orders WHERE owner = :auth_uid",
			},
			{
				Name: "of", Reads: []string{"orders"}, Returns: manifest.ReturnsRows, Call: rule("param.who == auth.uid || " + isStaff),
				Params: []manifest.QueryParam{param("who", "uuid", true)}, Columns: []manifest.QueryColumn{column("id", "uuid")},
				SQL: "SELECT id FROM orders WHERE owner = :who",
			},
		},
		Channels: []manifest.Channel{
			{Name: "catalog", Table: "books", Events: []string{"create", "update", "delete"}},
			{Name: "mine", Table: "orders", Filter: "status != 'shipped'", Events: []string{"create", "update", "delete"}},
			{Name: "desk", Table: "orders", Events: []string{"create"}, Access: rule(isStaff)},
			{Name: "vault", Table: "vault", Events: []string{"create"}},
		},
	}
}

// clock is what the gate's clock says: one moment, so that answers are known.
var moment = time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)

// backend is a gate on a real database.
type backend struct {
	*data.Gate
	view  store.View
	store *sqlite.Store
	cache *tiered.Cache
	met   *met // nil outside of the test that walks every way
}

func open(t testing.TB, m *manifest.Manifest) *backend {
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
	s, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "data.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s.Close) })
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
	c, err := tiered.New(tiered.Options{Bytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, c.Close) })
	gate, err := data.New(data.Options{
		Manifest: m, Schema: schema, Rules: rules, View: view, Cache: c, Clock: func() time.Time { return moment },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &backend{Gate: gate, view: view, store: s, cache: c}
}

func closed(t testing.TB, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Error(err)
	}
}

// stocked is a backend with people, a book, and an order of each person.
func stocked(t testing.TB) *backend { return stockedWith(t, shop()) }

func stockedWith(t testing.TB, m *manifest.Manifest) *backend {
	t.Helper()
	b := open(t, m)
	b.put(t, "users", `[{"id":"`+annID+`","email":"ann@example.com"},{"id":"`+bobID+`","email":"bob@example.com"}]`)
	b.put(t, "books", `{"id":"`+emmaID+`","title":"Emma","price":"9.50","cost":3}`)
	b.put(t, "orders", `[{"id":"`+orderOf(annID)+`","owner":"`+annID+`","book":"`+emmaID+`","status":"open","spot":[1,0]},`+
		`{"id":"`+orderOf(bobID)+`","owner":"`+bobID+`","book":"`+emmaID+`","status":"paid","spot":[0,1]}]`)
	b.put(t, "labels", `{"id":"gift","shade":"red"}`)
	b.put(t, "labeled", `[{"order":"`+orderOf(annID)+`","label":"gift"},{"order":"`+orderOf(bobID)+`","label":"gift"}]`)
	b.put(t, "mentions", `[{"order":"`+orderOf(annID)+`","text":"a"},{"order":"`+orderOf(bobID)+`","text":"b"}]`)
	return b
}

// orderOf is the key of a person's order.
func orderOf(user string) string { return "0190b" + user[5:] }

func (b *backend) put(t testing.TB, table, body string) {
	t.Helper()
	if _, err := b.Insert(t.Context(), service, data.Write{Table: table, Body: []byte(body)}); err != nil {
		t.Fatalf("insert into %s: %v", table, err)
	}
}

func (b *backend) request(t testing.TB, caller *auth.Caller, table, url string) *query.Request {
	t.Helper()
	r, err := b.Parse(caller, table, url)
	if err != nil {
		t.Fatalf("parse %q: %v", url, err)
	}
	return r
}

// read gives the body of a read, or the code of its fault.
func (b *backend) read(t testing.TB, caller *auth.Caller, table, url string) string {
	t.Helper()
	r, err := b.Parse(caller, table, url)
	if err != nil {
		return code(t, err)
	}
	a, err := b.Select(t.Context(), caller, data.Read{Table: table, Request: r})
	if err != nil {
		return code(t, err)
	}
	return string(a.Body)
}

// code is the code and message of a fault; an error that is none fails.
func code(t testing.TB, err error) string {
	t.Helper()
	f := fault.From(err)
	if f.Code == fault.CodeInternal {
		t.Fatalf("internal: %v", err)
	}
	return f.Code + " " + f.Message
}

// write is one of the gate's writes.
type write func(*data.Gate, context.Context, *auth.Caller, data.Write) (data.Written, error)

// do gives what a write represents, or the code of its fault.
func (b *backend) do(t testing.TB, op write, caller *auth.Caller, w data.Write, url string) string {
	t.Helper()
	r, err := b.Parse(caller, w.Table, url)
	if err != nil {
		return code(t, err)
	}
	w.Request = r
	b.met.wrote(op, w)
	out, err := op(b.Gate, t.Context(), caller, w)
	if err != nil {
		return code(t, err)
	}
	return string(out.Body)
}

var (
	insert write = (*data.Gate).Insert
	update write = (*data.Gate).Update
	remove write = (*data.Gate).Delete

	_ cache.Cache = (*tiered.Cache)(nil)
)
