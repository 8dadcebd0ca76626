package surreal

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// ear hears what is told. What only asks whether it hears does not count, for it may
// come at any time later.
type ear struct {
	mu    sync.Mutex
	heard []string
	awake bool
}

// anybodyThere asks whether an ear hears.
const anybodyThere = "?"

func (e *ear) hear(message []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if string(message) == anybodyThere {
		e.awake = true
		return
	}
	e.heard = append(e.heard, string(message))
}

func (e *ear) hears() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.awake
}

func (e *ear) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

func (e *ear) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = nil
}

// nodesOf opens several stores on one database.
func nodesOf(t *testing.T, server *surrealtest.Server, n int) []*Store {
	t.Helper()
	namespace := fmt.Sprintf("r%d_%d", time.Now().UnixNano(), namespaces.Add(1))
	list := make([]*Store, n)
	for i := range list {
		s, err := Open(t.Context(), Options{URL: server.URL, Namespace: namespace, Database: "main", User: "root", Password: "root"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		list[i] = s
	}
	return list
}

// listens has a store listen until the test ends, and waits until it hears.
func listens(t *testing.T, s, other *Store) *ear {
	t.Helper()
	e := &ear{}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Listen(ctx, e.hear)
	}()
	t.Cleanup(func() { stop(); <-ended })
	until(t, "it hears", func() bool {
		tell(t, other, anybodyThere)
		return e.hears()
	})
	return e
}

func tell(t testing.TB, s *Store, message string) {
	t.Helper()
	if err := s.Tell(t.Context(), []byte(message)); err != nil {
		t.Fatalf("tell: %v", err)
	}
}

func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestRelay has nodes tell each other, a little and much at once: each hears all
// of the others once, what one tells in its order, and nothing of itself.
func TestRelay(t *testing.T) {
	nodes := nodesOf(t, surrealtest.Shared(t), 3)
	tell(t, nodes[0], "before anybody listens")
	one, two := listens(t, nodes[0], nodes[2]), listens(t, nodes[1], nodes[2])
	one.forget()
	tell(t, nodes[2], "hello")
	tell(t, nodes[0], "mine")
	until(t, "they hear", func() bool { return len(one.all()) == 1 && len(two.all()) == 2 })
	if got := two.all(); !slices.Equal(got, []string{"hello", "mine"}) || one.all()[0] != "hello" {
		t.Fatalf("heard %q and %q", one.all(), got)
	}

	const tellers, each = 4, 60
	var all sync.WaitGroup
	for i := range tellers {
		all.Go(func() {
			for n := range each {
				tell(t, nodes[i%3], fmt.Sprintf("%d %d", i, n))
			}
		})
	}
	all.Wait()
	for i, e := range []*ear{one, two} {
		mine := 0
		for teller := range tellers {
			if teller%3 == i {
				mine++
			}
		}
		want := 1 + i + (tellers-mine)*each
		until(t, "all is heard", func() bool { return len(e.all()) >= want })
		next := map[int]int{}
		for _, message := range e.all()[1+i:] {
			var teller, n int
			if _, err := fmt.Sscanf(message, "%d %d", &teller, &n); err != nil {
				t.Fatalf("heard %q", message)
			}
			if teller%3 == i || n != next[teller] {
				t.Fatalf("node %d heard %q, want %d of that one", i, message, next[teller])
			}
			next[teller]++
		}
	}
	time.Sleep(2 * relayBackEvery) // nothing comes twice, however often it looks back
	if n := len(one.all()); n != 1+2*each {
		t.Errorf("%d messages were heard", n)
	}
	if n := len(two.all()); n != 2+3*each {
		t.Errorf("%d messages were heard", n)
	}
}

// TestRelayOverABreak cuts a node off for a while: what was told meanwhile is
// heard, once.
func TestRelayOverABreak(t *testing.T) {
	server := surrealtest.Shared(t)
	proxy, err := surrealtest.NewProxy(server.Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	nodes := nodesOf(t, server, 1)
	o := nodes[0].options
	o.URL = proxy.URL()
	cut, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cut.Close() })
	e := listens(t, cut, nodes[0])
	proxy.Refuse()
	proxy.Cut()
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint(i))
		tell(t, nodes[0], want[i])
	}
	if err := cut.Tell(t.Context(), []byte("nobody hears it")); err == nil {
		t.Error("who is cut off was told that others were told")
	}
	proxy.Resume()
	until(t, "it hears again", func() bool { return len(e.all()) >= len(want) })
	if got := e.all(); !slices.Equal(got, want) {
		t.Errorf("heard %q", got)
	}
}

// TestRelayKeepsLittle deletes what is old, and nothing else.
func TestRelayKeepsLittle(t *testing.T) {
	s := nodesOf(t, surrealtest.Shared(t), 1)[0]
	count := func() int64 {
		results, err := s.client.Query(t.Context(), "RETURN (SELECT VALUE id FROM "+tableBroadcasts+").len()", nil)
		if err != nil {
			t.Fatal(err)
		}
		return wire.NewReader(results[0]).Int()
	}
	for i := range relayRows + 3 {
		tell(t, s, fmt.Sprint(i))
	}
	if more := s.sweepTold(t.Context(), relayKept); more || count() != relayRows+3 {
		t.Errorf("%d are left of what was told just now", count())
	}
	time.Sleep(2 * time.Millisecond) // the clock is one of milliseconds
	if more := s.sweepTold(t.Context(), 0); !more || count() != 3 {
		t.Errorf("%d are left after some of what is old was deleted", count())
	}
	if more := s.sweepTold(t.Context(), 0); more || count() != 0 {
		t.Errorf("%d are left of what is old", count())
	}
}
