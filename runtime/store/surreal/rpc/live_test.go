package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// drain takes the wake-up that is there, if there is one.
func drain(wakes <-chan struct{}) {
	select {
	case <-wakes:
	default:
	}
}

func woken(t *testing.T, wakes <-chan struct{}, what string) {
	t.Helper()
	eventually(t, what, func() bool {
		select {
		case <-wakes:
			return true
		default:
			return false
		}
	})
}

func TestLiveWakes(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	c := dial(t, options(p.URL()))
	must(t, c, "DEFINE TABLE a; DEFINE TABLE b")
	ctx, cancel := context.WithCancel(t.Context())
	a, err := c.Live(ctx, "LIVE SELECT * FROM a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Live(t.Context(), "LIVE SELECT * FROM b")
	if err != nil {
		t.Fatal(err)
	}
	must(t, c, "CREATE a")
	woken(t, a, "a row of a wakes")
	for range 50 {
		must(t, c, "CREATE b")
	}
	woken(t, b, "rows of b wake")
	select {
	case <-a:
		t.Error("a row of b wakes who waits for a")
	default:
	}

	p.Cut()
	woken(t, a, "a reconnection wakes")
	woken(t, b, "a reconnection wakes all")
	eventually(t, "it is back", func() bool { return c.Ready() == nil })
	drain(a)
	must(t, c, "CREATE a")
	woken(t, a, "a row wakes after a reconnection")

	cancel()
	for range a { // it is closed
	}
	must(t, c, "CREATE a")
}

func TestLiveOfNothing(t *testing.T) {
	noLeaks(t)
	c := dial(t, options(surrealtest.Shared(t).URL))
	for _, text := range []string{"LIVE SELECT * FROM", "RETURN 1", "THROW 'no'"} {
		var e *rpc.StatementError
		if _, err := c.Live(t.Context(), text); !errors.As(err, &e) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestLiveBegunWhileDown(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	c := dial(t, options(p.URL()))
	must(t, c, "DEFINE TABLE a")
	p.Refuse()
	eventually(t, "it is lost", func() bool { return c.Ready() != nil })
	wakes, err := c.Live(t.Context(), "LIVE SELECT * FROM a")
	if err != nil {
		t.Fatal(err)
	}
	p.Resume()
	woken(t, wakes, "it begins when the server is back")
	eventually(t, "it is back", func() bool { return c.Ready() == nil })
	drain(wakes)
	must(t, c, "CREATE a")
	woken(t, wakes, "a row wakes")
}

func TestSessionsAreRenewed(t *testing.T) {
	noLeaks(t)
	server := surrealtest.Shared(t)
	o := options(server.URL)
	root := dial(t, o)
	must(t, root, "DEFINE TABLE a")
	must(t, root, "DEFINE USER brief ON DATABASE PASSWORD 'p' ROLES OWNER DURATION FOR TOKEN 2s, FOR SESSION 2s")
	o.User, o.Password = "brief", "p"
	c := dial(t, o)
	wakes, err := c.Live(t.Context(), "LIVE SELECT * FROM a")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		time.Sleep(1500 * time.Millisecond)
		drain(wakes)
		must(t, root, "CREATE a")
		woken(t, wakes, "a row wakes in a renewed session")
		must(t, c, "CREATE a")
	}
}
