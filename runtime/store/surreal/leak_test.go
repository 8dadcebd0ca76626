package surreal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// Whatever becomes of the server, a store that is closed ends all that it
// started, and all that waits in it.
func TestCloseLeavesNothing(t *testing.T) {
	server, err := surrealtest.Start(t.Context(), t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.Kill() }()
	before := goleak.IgnoreCurrent()
	for i, c := range []struct {
		name string
		dies func(*surrealtest.Proxy)
	}{
		{"it is there", func(*surrealtest.Proxy) {}},
		{"its connections are cut", (*surrealtest.Proxy).Cut},
		{"it refuses", (*surrealtest.Proxy).Refuse},
		{"nothing passes", (*surrealtest.Proxy).Blackhole},
		{"it is slow", func(p *surrealtest.Proxy) { p.Latency(300 * time.Millisecond) }},
		{"it is killed", func(*surrealtest.Proxy) { server.Kill() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy, err := surrealtest.NewProxy(server.Address(), nil)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{URL: proxy.URL(), Namespace: "leak", Database: fmt.Sprintf("d%d", i), User: "root", Password: "root"}
			busy := openBusy(t, o)
			time.Sleep(50 * time.Millisecond)
			c.dies(proxy)
			time.Sleep(50 * time.Millisecond)
			busy.close()
			// A store that cannot be opened leaves nothing either.
			ctx, done := context.WithTimeout(t.Context(), 500*time.Millisecond)
			if s, err := Open(ctx, o); err == nil {
				_ = s.Close()
			}
			done()
			proxy.Close()
		})
	}
	leaktest.None(t, before)
}

// busyStore is a store at which everything is asked for all the time.
type busyStore struct {
	*testing.T
	store   *Store
	view    store.View
	running sync.WaitGroup
	gone    atomic.Bool
}

func openBusy(t *testing.T, o Options) *busyStore {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := &busyStore{T: t, store: s}
	schema := notesSchema(false)
	if err := s.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	if b.view, err = s.Open(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	wakes, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.running.Go(func() {
		for range wakes { // until the store ends
		}
	})
	notes := schema.Table("notes")
	for worker := range 4 {
		for name, ask := range map[string]func(n int64) error{
			"write": func(n int64) error {
				row := query.Row{query.Int(int64(worker)*1e6 + n), query.Text("x"), query.Null()}
				_, err := b.view.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: notes, Rows: []query.Row{row}}}})
				return err
			},
			"place": func(int64) error {
				_, err := s.Position(t.Context())
				return err
			},
			"changes": func(int64) error {
				_, err := s.Changes(t.Context(), query.Cursor{}, 10)
				return err
			},
			"snapshot": func(int64) error {
				snapshot, err := b.view.Snapshot(t.Context())
				if err != nil {
					return err
				}
				return snapshot.Close()
			},
			"health": func(int64) error { return s.Health(t.Context()) },
		} {
			b.running.Go(func() { b.ask(name, ask) })
		}
	}
	return b
}

// ask asks again and again, until the store is closed; from then on it must say so.
func (b *busyStore) ask(what string, ask func(n int64) error) {
	for n := int64(0); ; n++ {
		closed := b.gone.Load()
		err := ask(n)
		switch {
		case errors.Is(err, store.ErrClosed):
			return
		case closed:
			b.Errorf("%s of a closed store: %v, want ErrClosed", what, err)
			return
		case err != nil:
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func (b *busyStore) close() {
	b.Helper()
	if err := b.store.Close(); err != nil {
		b.Errorf("close: %v", err)
	}
	b.gone.Store(true)
	b.running.Wait()
	if err := b.view.Close(); err != nil {
		b.Errorf("close the view: %v", err)
	}
}
