package trigger

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// gone is a node that has crashed: nothing of it reaches the ledger any more.
type gone struct {
	Store
	dead atomic.Bool
}

func (g *gone) Note(ctx context.Context, n store.Notes) error {
	if g.dead.Load() {
		return errDead
	}
	return g.Store.Note(ctx, n)
}

func (g *gone) Lead(ctx context.Context, name, holder string, lasts time.Duration) (store.Lease, bool, error) {
	if g.dead.Load() {
		return store.Lease{}, false, errDead
	}
	return g.Store.Lead(ctx, name, holder, lasts)
}

func (g *gone) Resign(ctx context.Context, l store.Lease) error {
	if g.dead.Load() {
		return errDead
	}
	return g.Store.Resign(ctx, l)
}

// node is one of several on one SurrealDB.
type node struct {
	store  *surreal.Store
	gone   *gone
	view   store.View
	schema *query.Schema
	runner *Runner
	fakes  *fakes
}

func openNode(t *testing.T, server *surrealtest.Server, namespace string, m *manifest.Manifest, p pace) *node {
	t.Helper()
	ctx := context.Background()
	s, err := surreal.Open(ctx, surreal.Options{URL: server.URL, Namespace: namespace, Database: "main", User: "root", Password: "root"})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{store: s, gone: &gone{Store: s}, fakes: &fakes{}}
	if n.schema, err = query.Declare(m); err != nil {
		t.Fatal(err)
	}
	have, err := s.Inspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if p := plan.Diff(have, plan.FromManifest(m, n.schema), nil); len(p.Steps) > 0 {
		if err := s.Migrate(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if n.view, err = s.Open(ctx, n.schema); err != nil {
		t.Fatal(err)
	}
	rules, faults := access.Compile(m, n.schema)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	set, err := NewSet(m, rules, n.view, n.fakes)
	if err != nil {
		t.Fatal(err)
	}
	n.runner = New(Options{Store: n.gone, Retry: Retry{Tries: 3, First: time.Millisecond, Most: time.Millisecond}, pace: p})
	if err := n.runner.Swap(ctx, set); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		n.runner.Close(end)
		if err := n.view.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) put(t *testing.T, key string, value int64) {
	t.Helper()
	items := n.schema.Table("items")
	row := make(query.Row, len(items.Columns))
	row[0], row[items.Column("n").Index] = query.Text(key), query.Int(value)
	if _, err := n.view.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: items, Rows: []query.Row{row}}}}); err != nil {
		t.Fatal(err)
	}
}

// TestNodes: of two nodes one calls functions, whoever writes; when it is gone
// without a word the other takes over and leaves out nothing; dead letters are
// those of both.
func TestNodes(t *testing.T) {
	server := surrealtest.Shared(t)
	namespace := fmt.Sprintf("trigger%d", time.Now().UnixNano())
	m := stock(on("f", "items", "n > 0"))
	p := hasty
	p.lease, p.poll = 5*time.Second, 50*time.Millisecond // what a busy machine may take to renew it, and somebody waits for
	first := openNode(t, server, namespace, m, p)
	second := openNode(t, server, namespace, m, p)
	wait := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not in time: %s", what)
			}
		}
	}
	first.put(t, "a", 1)
	second.put(t, "b", 1)
	second.put(t, "none", 0)
	wait("the first has run for both", func() bool { return len(first.fakes.done()) == 2 })
	first.fakes.set(func(context.Context, *seen) error { return errFails })
	second.put(t, "bad", 1)
	wait("a dead letter is seen by the other", func() bool {
		l, err := second.runner.Letters(t.Context(), "f", "", 1)
		return err == nil && len(l) == 1
	})
	if n := len(second.fakes.called()); n != 0 {
		t.Errorf("the second called functions %d times", n)
	}
	first.gone.dead.Store(true)
	second.put(t, "c", 1)
	wait("the other takes over", func() bool { return len(second.fakes.done()) == 1 && second.fakes.done()[0].key() == "c" })
	if n, now, err := second.runner.Retry(t.Context(), "f", nil); n != 1 || !now || err != nil {
		t.Errorf("retry: %d, %t, %v", n, now, err)
	}
	first.put(t, "d", 1)
	wait("and goes on", func() bool { return len(second.fakes.done()) == 3 })
	wait("the first knows", func() bool { return !first.runner.Status(t.Context()).Leads })
}
