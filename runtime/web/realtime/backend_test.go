package realtime_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
	"github.com/edge-hive/edge-hive/runtime/web/realtime"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// patience is for what a loaded machine takes its time for: it never decides.
const patience = time.Minute

var service = &auth.Caller{Role: auth.Service, Claims: "{}"}

const (
	ann = "0190a000-0000-7000-8000-00000000000a"
	bob = "0190a000-0000-7000-8000-00000000000b"
)

func rule(text string) manifest.Condition { return manifest.Condition{Declared: true, Text: text} }

// chat is a backend with a public channel, one of each caller's own rows, and
// one for those who are signed in.
func chat() *manifest.Manifest {
	always := manifest.Condition{Declared: true, Always: true}
	all := []string{"create", "update", "delete"}
	return &manifest.Manifest{
		Name: "chat",
		Tables: []manifest.Table{
			{Name: "users", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{{Name: "email", Type: "text", BuiltIn: true}}},
			{Name: "posts", Key: manifest.Key{Type: "int"}, Rows: 1000, Columns: []manifest.Column{{Name: "text", Type: "text"}}, Access: manifest.Access{Read: always}},
			{
				Name: "notes", Key: manifest.Key{Type: "int"}, Rows: 1000,
				Columns: []manifest.Column{{Name: "owner", Type: "text"}, {Name: "text", Type: "text"}},
				Access:  manifest.Access{Read: rule("owner == auth.uid")},
			},
			{Name: "vault", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{{Name: "text", Type: "text"}}},
		},
		Channels: []manifest.Channel{
			{Name: "posts", Table: "posts", Events: all},
			{Name: "mine", Table: "notes", Events: all},
			{Name: "club", Table: "posts", Events: all, Access: rule("auth.role == 'authenticated'")},
			{Name: "vault", Table: "vault", Events: all},
			{Name: "lobby", Broadcast: true, History: 2, Access: always, Send: rule("auth.role == 'authenticated'")},
			{Name: "attic", Broadcast: true},
			{Name: "plaza", Broadcast: true, Access: always, Send: always},
		},
	}
}

// backend is the whole of it: a database, the hub, the server, and an HTTP
// listener.
type backend struct {
	t      testing.TB
	store  *sqlite.Store
	hub    *live.Hub
	server *realtime.Server
	keys   *auth.Keys
	gate   *data.Gate
	http   *httptest.Server
}

type options struct {
	live   live.Options
	limits realtime.Limits
	cors   manifest.CORS
	wrap   func(http.Handler) http.Handler
}

func start(t testing.TB, o options) *backend {
	t.Helper()
	b := &backend{t: t}
	// Nobody is given up for having waited for the machine, unless it is what is tested.
	for _, limit := range []*time.Duration{&o.limits.CallerWithin, &o.limits.Pong, &o.limits.Write} {
		if *limit == 0 {
			*limit = patience
		}
	}
	var err error
	if b.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "data.db")}); err != nil {
		t.Fatal(err)
	}
	if b.keys, err = auth.NewKeys(manifest.NewSecretValue("a secret that is long enough, and of this test alone"), nil); err != nil {
		t.Fatal(err)
	}
	b.gate = b.generation(chat())
	o.live.Feed, o.live.Gate = b.store, b.gate
	if b.hub, err = live.NewHub(t.Context(), o.live); err != nil {
		t.Fatal(err)
	}
	b.server, err = realtime.New(realtime.Options{
		Hub: b.hub, Limits: o.limits,
		Settings: realtime.Settings{Callers: b.keys, CORS: o.cors, Server: manifest.Server{URL: "https://api.example.com"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /api/realtime/{channel}", b.server)
	mux.Handle("POST /api/realtime/{channel}", b.server)
	var handler http.Handler = mux
	if o.wrap != nil {
		handler = o.wrap(mux)
	}
	b.http = httptest.NewServer(handler)
	t.Cleanup(b.stop)
	return b
}

func (b *backend) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.server.Close(ctx); err != nil {
		b.t.Errorf("close the server: %v", err)
	}
	b.http.Close()
	b.hub.Close()
	if err := b.store.Close(); err != nil {
		b.t.Errorf("close the store: %v", err)
	}
}

// generation builds a gate of a manifest on the store.
func (b *backend) generation(m *manifest.Manifest) *data.Gate {
	b.t.Helper()
	ctx := context.Background()
	schema, err := query.Declare(m)
	if err != nil {
		b.t.Fatal(err)
	}
	rules, faults := access.Compile(m, schema)
	if err := faults.Err(); err != nil {
		b.t.Fatal(err)
	}
	have, err := b.store.Inspect(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.store.Migrate(ctx, plan.Diff(have, plan.FromManifest(m, schema), nil)); err != nil {
		b.t.Fatal(err)
	}
	view, err := b.store.Open(ctx, schema)
	if err != nil {
		b.t.Fatal(err)
	}
	gate, err := data.New(data.Options{Manifest: m, Schema: schema, Rules: rules, View: view})
	if err != nil {
		b.t.Fatal(err)
	}
	return gate
}

// reload swaps a changed manifest in.
func (b *backend) reload(change func(*manifest.Manifest)) {
	b.t.Helper()
	m := chat()
	change(m)
	gate := b.generation(m)
	if err := b.hub.Swap(context.Background(), gate); err != nil {
		b.t.Fatal(err)
	}
	b.gate = gate
}

// insert writes rows as JSON.
func (b *backend) insert(table, rows string) {
	b.t.Helper()
	if _, err := b.gate.Insert(context.Background(), service, data.Write{Table: table, Body: []byte(rows)}); err != nil {
		b.t.Fatalf("insert %s: %v", rows, err)
	}
}

func (b *backend) post(id int, text string) {
	b.t.Helper()
	b.insert("posts", fmt.Sprintf(`{"id":%d,"text":%q}`, id, text))
}

func (b *backend) patch(table string, id int, body string) {
	b.t.Helper()
	w := data.Write{Table: table, Key: fmt.Sprint(id), HasKey: true, Body: []byte(body)}
	if _, err := b.gate.Update(context.Background(), service, w); err != nil {
		b.t.Fatalf("update %d: %v", id, err)
	}
}

func (b *backend) remove(table string, id int) {
	b.t.Helper()
	if _, err := b.gate.Delete(context.Background(), service, data.Write{Table: table, Key: fmt.Sprint(id), HasKey: true}); err != nil {
		b.t.Fatalf("delete %d: %v", id, err)
	}
}

// token is one of a user for a while.
func (b *backend) token(uid string, lives time.Duration) string {
	b.t.Helper()
	now := time.Now()
	token, err := b.keys.Issue(auth.Claims{Subject: uid, Issued: now.Add(-time.Minute), Expires: now.Add(lives)})
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// url is a channel's address; scheme is http or ws.
func (b *backend) url(scheme, path string) string {
	return scheme + strings.TrimPrefix(b.http.URL, "http") + "/api/realtime/" + path
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
