package data_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func (b *backend) answer(t testing.TB, caller *auth.Caller, r data.Read, url string) data.Answer {
	t.Helper()
	r.Request = b.request(t, caller, r.Table, url)
	a, err := b.Select(t.Context(), caller, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCacheServesUntilAWrite(t *testing.T) {
	b := stocked(t)
	books := data.Read{Table: "books"}
	first := b.answer(t, nobody, books, "select=title")
	again := b.answer(t, nobody, books, "select=title")
	if first.Status != cache.Miss || again.Status != cache.Hit || first.ETag == "" || again.ETag != first.ETag {
		t.Errorf("%s %s, then %s %s", first.Status, first.ETag, again.Status, again.ETag)
	}
	if again.Policy.Name != "minute" || again.Shared {
		t.Errorf("policy %q, shared %v although a column depends on who asks", again.Policy.Name, again.Shared)
	}
	if a := b.answer(t, nobody, data.Read{Table: "counters"}, ""); !a.Shared {
		t.Error("an answer for everybody is not shared")
	}
	b.do(t, update, ann, data.Write{Table: "books", Body: []byte(`{"title":"Persuasion"}`)}, "id=eq."+emmaID)
	after := b.answer(t, nobody, books, "select=title")
	if after.Status != cache.Miss || string(after.Body) != `[{"title":"Persuasion"}]` || after.ETag == first.ETag || after.Version == first.Version {
		t.Errorf("after a write: %s %s %s", after.Status, after.Body, after.ETag)
	}
	b.put(t, "counters", `{"n":1}`)
	if got := b.answer(t, nobody, books, "select=title"); got.Status != cache.Hit {
		t.Errorf("after a write to another table: %s", got.Status)
	}
}

func TestCacheIsSharedByBoundSelectsAlone(t *testing.T) {
	tests := []struct {
		name        string
		first, then *auth.Caller
		read        data.Read
		url, other  string
		want        cache.Status
	}{
		{"one answer for everyone", nobody, ann, data.Read{Table: "books"}, "", "", cache.Hit},
		{"the same said otherwise", nobody, nobody, data.Read{Table: "books"}, "select=title&limit=5", "limit=1000&select=title", cache.Hit},
		{"other columns by role", nobody, staff, data.Read{Table: "books"}, "", "", cache.Miss},
		{"staff and service see the same", staff, service, data.Read{Table: "books"}, "", "", cache.Hit},
		{"each his own", ann, bob, data.Read{Table: "orders"}, "", "", cache.Miss},
		{"nobody is not somebody", ann, nobody, data.Read{Table: "orders"}, "", "", cache.Miss},
		{"staff sees more", bob, staff, data.Read{Table: "orders"}, "", "", cache.Miss},
		{"other filter", nobody, nobody, data.Read{Table: "books"}, "title=eq.a", "title=eq.b", cache.Miss},
		{"other order", nobody, nobody, data.Read{Table: "books"}, "order=title", "order=title.desc", cache.Miss},
		{"other page", nobody, nobody, data.Read{Table: "books"}, "offset=1", "offset=2", cache.Miss},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := stocked(t)
			if got := b.answer(t, tt.first, tt.read, tt.url); got.Status != cache.Miss {
				t.Fatalf("the first: %s", got.Status)
			}
			if got := b.answer(t, tt.then, tt.read, tt.other); got.Status != tt.want {
				t.Errorf("the second: %s, want %s: %s", got.Status, tt.want, got.Body)
			}
		})
	}
}

func TestCacheKeepsFormsApart(t *testing.T) {
	b := stocked(t)
	url := "id=eq." + emmaID + "&select=title"
	for _, tt := range []struct {
		read  data.Read
		want  string
		count int64
	}{
		{data.Read{Table: "books"}, `[{"title":"Emma"}]`, -1},
		{data.Read{Table: "books", Single: true}, `{"title":"Emma"}`, -1},
		{data.Read{Table: "books", Count: true}, `[{"title":"Emma"}]`, 1},
	} {
		a := b.answer(t, nobody, tt.read, url)
		if a.Status != cache.Miss || string(a.Body) != tt.want || a.Count != tt.count {
			t.Errorf("%+v: %s %s %d", tt.read, a.Status, a.Body, a.Count)
		}
	}
}

func TestNoPolicyBypasses(t *testing.T) {
	b := stocked(t)
	for range 2 {
		if a := b.answer(t, nobody, data.Read{Table: "counters"}, ""); a.Status != cache.Bypass || a.ETag == "" {
			t.Errorf("%s %q", a.Status, a.ETag)
		}
	}
}

// counting counts the selects that reach the store, and holds them back until
// it is told.
type counting struct {
	store.View
	selects atomic.Int32
	release chan struct{}
}

func (c *counting) Select(ctx context.Context, s query.Select, w query.RowWriter) (store.Info, error) {
	c.selects.Add(1)
	<-c.release
	return c.View.Select(ctx, s, w)
}

func TestOneSelectForManyReaders(t *testing.T) {
	b := stocked(t)
	m := shop()
	schema, err := query.Declare(m)
	if err != nil {
		t.Fatal(err)
	}
	rules, faults := access.Compile(m, schema)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	view, err := b.store.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, view.Close)
	slow := &counting{View: view, release: make(chan struct{})}
	gate, err := data.New(data.Options{Manifest: m, Schema: schema, Rules: rules, View: slow, Cache: b.cache})
	if err != nil {
		t.Fatal(err)
	}
	const readers = 100
	bodies := make([]string, readers)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			a, err := gate.Select(context.Background(), nobody, data.Read{Table: "books"})
			if err != nil {
				t.Error(err)
				return
			}
			bodies[i] = string(a.Body)
		})
	}
	eventually(t, "all wait", func() bool { return b.cache.Stats().Misses == readers })
	close(slow.release)
	wg.Wait()
	if n := slow.selects.Load(); n != 1 {
		t.Errorf("%d selects", n)
	}
	for _, body := range bodies {
		if body == "" || body != bodies[0] {
			t.Fatalf("got %q", body)
		}
	}
}

// TestReadsOwnWrites has many writers, each of whom must find his own row with
// the very next read.
func TestReadsOwnWrites(t *testing.T) {
	b := stocked(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for last := int64(1); last < 20; {
				if _, err := b.Insert(context.Background(), ann, data.Write{Table: "books", Body: []byte(`{"title":"A","stock":0}`)}); err != nil {
					t.Error(err)
					return
				}
				a, err := b.Select(context.Background(), ann, data.Read{Table: "books", Count: true})
				if err != nil {
					t.Error(err)
					return
				}
				if a.Count <= last {
					t.Errorf("%d rows after a write, %d before", a.Count, last)
				}
				last = a.Count
			}
		})
	}
	wg.Wait()
}

// eventually polls until ok, or fails at a deadline.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
