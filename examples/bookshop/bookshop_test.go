// Package bookshop_test uses the root manifest as its users would.
package bookshop_test

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

func start(t *testing.T) *backend.Backend {
	t.Helper()
	return backend.Start(t, backend.Root(t), shop...)
}

// shop is what the bookshop is made of, at the root.
var shop = []string{"edgehive.cue", "examples/bookshop"}

// onEach runs a test on the shop with its rows in each engine.
func onEach(t *testing.T, test func(t *testing.T, b *backend.Backend)) {
	t.Helper()
	backend.OnEach(t, backend.Root(t), shop, test)
}

func TestCatalogue(t *testing.T) { onEach(t, catalogue) }

func catalogue(t *testing.T, b *backend.Backend) {
	a := b.Do(t, "GET", "/api/data/books?select=id&limit=3&offset=10", "", "", "Prefer", "count=exact")
	if a.Status != http.StatusPartialContent || a.Header.Get("Content-Range") != "10-12/1200" {
		t.Errorf("count: %d %q", a.Status, a.Header.Get("Content-Range"))
	}
	rivers := b.Do(t, "GET", "/api/data/books?title=wfts.the+rivers&select=title", "", "")
	river := b.Do(t, "GET", "/api/data/books?words=wfts(simple).river&select=title", "", "")
	if rivers.Status != http.StatusOK || !strings.Contains(rivers.Body, "River") || rivers.Body != river.Body {
		t.Errorf("the rivers: %d %s\nthe word river: %d %s", rivers.Status, rivers.Body, river.Status, river.Body)
	}
	book := b.Do(t, "GET", "/api/data/books/1", "", "", "Accept", "application/json")
	if !strings.HasPrefix(book.Body, `{"id":1,"title":"`) || strings.Contains(book.Body, `"cost"`) {
		t.Errorf("a reader sees %s", book.Body)
	}
	staff := b.User(t, "sue@example.com", `{"role":"staff"}`)
	if book := b.Do(t, "GET", "/api/data/books/1", staff, ""); !strings.Contains(book.Body, `"cost":`) {
		t.Errorf("staff sees %s", book.Body)
	}
	reader := b.User(t, "ann@example.com", "")
	if a := b.Do(t, "PATCH", "/api/data/books?id=eq.1", reader, `{"price":0}`, "Prefer", "return=representation"); a.Body != "[]" {
		t.Errorf("a reader changed a price: %d %s", a.Status, a.Body)
	}
	if a := b.Do(t, "PATCH", "/api/data/books?id=eq.1", staff, `{"price":1.5}`); a.Status != http.StatusNoContent {
		t.Errorf("staff: %d %s", a.Status, a.Body)
	}
	if a := b.Do(t, "GET", "/rest/v1/books?select=price&id=eq.1", "", "", "apikey", b.Run(t, "keys", "--only", "anon")); a.Body != `[{"price":1.50}]` {
		t.Errorf("after the change: %s", a.Body)
	}
}

func TestOrdersAreTheirOwnersAlone(t *testing.T) { onEach(t, ordersAreTheirOwnersAlone) }

func ordersAreTheirOwnersAlone(t *testing.T, b *backend.Backend) {
	ann, bob := b.User(t, "ann@example.com", ""), b.User(t, "bob@example.com", "")
	if a := b.Do(t, "POST", "/api/data/orders", ann, `{"book":3}`); a.Status != http.StatusCreated {
		t.Fatalf("order: %d %s", a.Status, a.Body)
	}
	if a := b.Do(t, "POST", "/api/data/orders", ann, `{"book":3}`); a.Status != http.StatusConflict || !strings.Contains(a.Body, `"23505"`) {
		t.Errorf("a second open order for one book: %d %s", a.Status, a.Body)
	}
	if a := b.Do(t, "GET", "/api/data/orders", bob, ""); a.Body != "[]" {
		t.Errorf("Bob sees %s", a.Body)
	}
	if a := b.Do(t, "DELETE", "/api/data/orders?book=eq.3", bob, "", "Prefer", "return=representation"); a.Body != "[]" {
		t.Errorf("Bob deleted %s", a.Body)
	}
	if rows := b.Do(t, "GET", "/api/data/orders", ann, "").Rows(t); len(rows) != 1 || rows[0]["status"] != "open" {
		t.Errorf("Ann sees %v", rows)
	}
	if a := b.Do(t, "POST", "/api/data/orders", "", `{"book":3}`); a.Status != http.StatusUnauthorized {
		t.Errorf("nobody ordered: %d %s", a.Status, a.Body)
	}
}

func TestBestsellers(t *testing.T) { onEach(t, bestsellers) }

func bestsellers(t *testing.T, b *backend.Backend) {
	ann, bob := b.User(t, "ann@example.com", ""), b.User(t, "bob@example.com", "")
	const since = `{"since":"2020-01-01"}`
	if a := b.Do(t, "POST", "/api/rpc/bestsellers", "", since); a.Body != "[]" {
		t.Errorf("before any order: %d %s", a.Status, a.Body)
	}
	for caller, order := range map[string]string{ann: `{"book":3,"quantity":2}`, bob: `[{"book":3,"quantity":1},{"book":7,"quantity":2}]`} {
		if a := b.Do(t, "POST", "/api/data/orders", caller, order); a.Status != http.StatusCreated {
			t.Fatalf("order: %d %s", a.Status, a.Body)
		}
	}
	rows := b.Do(t, "POST", "/api/rpc/bestsellers", "", since).Rows(t)
	if len(rows) != 2 || rows[0]["book"] != 3.0 || rows[0]["sold"] != 3.0 || rows[1]["book"] != 7.0 {
		t.Errorf("nobody in particular sees %v", rows)
	}
	if a := b.Do(t, "GET", "/top/2020-01-01", "", ""); a.Header.Get("X-Cache") != "hit" || len(a.Rows(t)) != 2 {
		t.Errorf("by the route: %d %q %s", a.Status, a.Header.Get("X-Cache"), a.Body)
	}
	if a := b.Do(t, "GET", "/api/rpc/bestsellers?since=2020-01-01&select=sold&title=not.is.null&limit=1", "", ""); a.Body != `[{"sold":3}]` {
		t.Errorf("shaped: %s", a.Body)
	}
	if a := b.Do(t, "GET", "/top/soon", "", ""); a.Status != http.StatusBadRequest {
		t.Errorf("no moment: %d %s", a.Status, a.Body)
	}
}

func TestLiveOrders(t *testing.T) { onEach(t, liveOrders) }

func liveOrders(t *testing.T, b *backend.Backend) {
	ann, bob := b.User(t, "ann@example.com", ""), b.User(t, "bob@example.com", "")
	events := b.Listen(t, "myOrders", ann)
	if event := <-events; !strings.HasPrefix(event, "snapshot ") {
		t.Fatalf("the first event is %q", event)
	}
	b.Do(t, "POST", "/api/data/orders", bob, `{"book":5}`)
	b.Do(t, "POST", "/api/data/orders", ann, `{"book":6,"quantity":9}`)
	if event := <-events; !strings.HasPrefix(event, "create ") || !strings.Contains(event, `"quantity":9`) {
		t.Errorf("after Bob's and Ann's order Ann sees %q", event)
	}
}

func TestPowerCut(t *testing.T) { onEach(t, powerCut) }

func powerCut(t *testing.T, b *backend.Backend) {
	ann := b.User(t, "ann@example.com", "")
	var writers sync.WaitGroup
	for book := 1; book <= 20; book++ {
		writers.Go(func() {
			if a := b.Do(t, "POST", "/api/data/orders", ann, `{"book":`+strings.Repeat("1", book%3+1)+`}`); a.Status >= 500 {
				t.Errorf("order: %d %s", a.Status, a.Body)
			}
		})
	}
	writers.Wait()
	before := b.Do(t, "GET", "/api/data/orders?order=id", ann, "").Body
	b.Kill(t)
	b.Serve(t)
	if after := b.Do(t, "GET", "/api/data/orders?order=id", ann, "").Body; after != before {
		t.Errorf("before the cut %s\nafter %s", before, after)
	}
}

// TestSupabaseJS drives the backend with an unmodified @supabase/supabase-js.
func TestSupabaseJS(t *testing.T) {
	node, npm := backend.Program(t, "node"), backend.Program(t, "npm")
	client := t.TempDir()
	if err := os.CopyFS(client, os.DirFS("supabase-js")); err != nil {
		t.Fatal(err)
	}
	runIn(t, client, nil, npm, "ci", "--no-audit", "--no-fund")
	onEach(t, func(t *testing.T, b *backend.Backend) {
		t.Helper()
		runIn(t, client, []string{
			"URL=" + b.URL, "ANON_KEY=" + b.Run(t, "keys", "--only", "publishable"), "SERVICE_KEY=" + b.Run(t, "keys", "--only", "secret"),
			"ANN=" + b.User(t, "ann@example.com", ""),
		}, node, "client.mjs")
	})
}
