package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

var databases atomic.Int64

// options forgive a server that is silent for a while.
func options(url string) rpc.Options { return rpc.Patient(strict(url)) }

func strict(url string) rpc.Options {
	return rpc.Options{
		URL: url, Namespace: fmt.Sprintf("rpc%d_%d", time.Now().UnixNano(), databases.Add(1)), Database: "main",
		User: "root", Password: "root", Connections: 3,
	}
}

func dial(t testing.TB, o rpc.Options) *rpc.Client {
	t.Helper()
	var c *rpc.Client
	eventually(t, "the server lets us in", func() bool { // it has no time of its own on a loaded machine
		var err error
		c, err = rpc.Dial(t.Context(), o)
		if err != nil && !errors.Is(err, rpc.ErrUnavailable) && !errors.Is(err, rpc.ErrUnknownOutcome) {
			t.Fatal(err)
		}
		return err == nil
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newProxy(t testing.TB, target string) *surrealtest.Proxy {
	t.Helper()
	p, err := surrealtest.NewProxy(target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// noLeaks fails the test if it leaves a goroutine behind.
func noLeaks(t *testing.T) {
	t.Helper()
	surrealtest.Shared(t)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { leaktest.None(t, before) })
}

func must(t testing.TB, c *rpc.Client, text string) [][]byte {
	t.Helper()
	list, err := c.Query(t.Context(), text, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return list
}

func number(t testing.TB, b []byte) int64 {
	t.Helper()
	r := wire.NewReader(b)
	n := r.Int()
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return n
}

func withN(n int64) []byte {
	return wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 1), "n"), n)
}

// eventually waits for what must become true; the bound is generous, since no
// time is promised here.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// cut cuts all connections and waits until all are there again.
func cut(t testing.TB, p *surrealtest.Proxy, c *rpc.Client, o rpc.Options) {
	t.Helper()
	eventually(t, "all are there", func() bool { return rpc.Open(c) == o.Connections })
	before := p.Taken()
	p.Cut()
	eventually(t, "all are back", func() bool {
		return p.Taken() > before+o.Connections && c.Ready() == nil && rpc.Open(c) == o.Connections
	})
}

func TestManyAtOnceGetTheirOwnAnswers(t *testing.T) {
	noLeaks(t)
	c := dial(t, options(surrealtest.Shared(t).URL))
	var all sync.WaitGroup
	for g := range int64(64) {
		all.Go(func() {
			for i := range int64(20) {
				n := g<<32 | i
				list, err := c.Query(t.Context(), "RETURN 1; RETURN $n", withN(n))
				if err != nil {
					t.Error(err)
					return
				}
				if len(list) != 2 || wire.NewReader(list[1]).Int() != n {
					t.Errorf("asked %d, got %x", n, list)
				}
			}
		})
	}
	all.Wait()
}

func TestStatementErrors(t *testing.T) {
	noLeaks(t)
	c := dial(t, options(surrealtest.Shared(t).URL))
	must(t, c, "DEFINE TABLE a SCHEMALESS; DEFINE TABLE b SCHEMALESS")
	for _, test := range []struct {
		text, kind, message string
		statement           int
	}{
		{"RETURN 1; THROW 'no'", "Thrown", "no", 1},
		{"BEGIN; CREATE a:1; THROW 'back'; CREATE a:2; COMMIT", "Thrown", "back", 2},
		{"CREATE b:1; CREATE b:1", "AlreadyExists", "already exists", 1},
		{"SELEC 1", "Validation", "Parse error", rpc.WholeText},
	} {
		_, err := c.Query(t.Context(), test.text, nil)
		var e *rpc.StatementError
		if !errors.As(err, &e) || e.Kind != test.kind || !strings.Contains(e.Message, test.message) {
			t.Errorf("%s: got %v", test.text, err)
		} else if e.Statement != test.statement && test.kind != "Thrown" {
			t.Errorf("%s: statement %d, want %d", test.text, e.Statement, test.statement)
		}
		if errors.Is(err, rpc.ErrUnavailable) {
			t.Errorf("%s: the server was there", test.text)
		}
	}
}

func TestCancelledRequestsLeaveNothingBehind(t *testing.T) {
	noLeaks(t)
	c := dial(t, options(surrealtest.Shared(t).URL))
	ctx, cancel := context.WithCancel(t.Context())
	// Long enough that all wait on a busy machine before the first is answered.
	const asleep = 5 * time.Second
	asked := time.Now()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			_, err := c.Query(ctx, "SLEEP 5s", nil)
			if !errors.Is(err, context.Canceled) || !errors.Is(err, rpc.ErrUnknownOutcome) || errors.Is(err, rpc.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
	eventually(t, "all wait", func() bool { return rpc.Waiting(c) == 32 })
	cancel()
	all.Wait()
	if n := rpc.Waiting(c); n != 0 {
		t.Errorf("%d still wait", n)
	}
	// The late answers come while others are asked for.
	for i := int64(0); time.Since(asked) < asleep+time.Second; i++ {
		list, err := c.Query(t.Context(), "RETURN $n", withN(i))
		if err != nil || number(t, list[0]) != i {
			t.Fatalf("asked %d, got %x, %v", i, list, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, err := c.Query(ctx, "RETURN 1", nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCutFailsWhatWaitsAndComesBack(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	o := options(p.URL())
	c := dial(t, o)
	must(t, c, "DEFINE TABLE t SCHEMALESS; CREATE ONLY t:1 SET n = 7")
	for range 3 {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				_, err := c.Query(t.Context(), "SLEEP 30s", nil)
				if !errors.Is(err, rpc.ErrUnavailable) || !errors.Is(err, rpc.ErrUnknownOutcome) {
					t.Errorf("got %v", err)
				}
			})
		}
		eventually(t, "all wait", func() bool { return rpc.Waiting(c) == 16 })
		cut(t, p, c, o)
		all.Wait()
		// Signed in, and in its namespace and database.
		if n := number(t, must(t, c, "RETURN t:1.n")[0]); n != 7 {
			t.Errorf("got %d", n)
		}
	}
}

func TestWhileDownRequestsFailAtOnceAndAreNotSent(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	c := dial(t, options(p.URL()))
	p.Refuse()
	eventually(t, "all connections are lost", func() bool { return c.Ready() != nil && rpc.Open(c) == 0 })
	_, err := c.Query(t.Context(), "RETURN 1", nil)
	if !errors.Is(err, rpc.ErrUnavailable) || errors.Is(err, rpc.ErrUnknownOutcome) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(err.Error(), p.Address()) {
		t.Errorf("the error does not say where: %v", err)
	}
	if _, err := c.Begin(t.Context()); !errors.Is(err, rpc.ErrUnavailable) {
		t.Errorf("begin: %v", err)
	}
	p.Resume()
	eventually(t, "it is back", func() bool { return c.Ready() == nil })
	must(t, c, "RETURN 1")
}

func TestABlackHoleIsNoticed(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	c := dial(t, strict(p.URL()))
	p.Blackhole()
	_, err := c.Query(t.Context(), "RETURN 1", nil)
	if !errors.Is(err, rpc.ErrUnavailable) || !errors.Is(err, rpc.ErrUnknownOutcome) {
		t.Errorf("got %v", err)
	}
	eventually(t, "it is lost", func() bool { return c.Ready() != nil })
	p.Resume()
	eventually(t, "it is back", func() bool { return c.Ready() == nil })
	must(t, c, "RETURN 1")
}

func TestABusyConnectionIsNotLost(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	o := strict(p.URL())
	o.Connections = 1
	c := dial(t, o)
	// The connection of requests is silent, as when the server computes and
	// answers no ping; it is heard on the other one.
	p.BlackholeLast()
	time.AfterFunc(4*time.Second, p.Resume)
	list, err := c.Query(t.Context(), "RETURN 5", nil)
	if err != nil || number(t, list[0]) != 5 {
		t.Fatalf("got %v, %v", list, err)
	}
	if n := p.Taken(); n != 2 {
		t.Errorf("%d connections were made, want 2", n)
	}
}

func TestLatencyIsNoLoss(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	p.Latency(200 * time.Millisecond)
	o := options(p.URL())
	o.Connections = 1
	c := dial(t, o)
	for range 4 {
		must(t, c, "RETURN 1")
	}
	if n := p.Taken(); n != 2 {
		t.Errorf("%d connections were made, want 2", n)
	}
}

func TestReadsAreRepeatedAndWritesAreNot(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	o := options(p.URL())
	o.Connections = 6
	c := dial(t, o)
	eventually(t, "all are there", func() bool { return rpc.Open(c) == 6 })
	var reads, writes, unknown atomic.Int64
	must(t, c, "DEFINE TABLE done SCHEMALESS")
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := c.Read(t.Context(), "SLEEP 5ms; RETURN 1", nil); err == nil {
					reads.Add(1)
				}
				_, err := c.Query(t.Context(), "CREATE done", nil)
				switch {
				case err == nil:
					writes.Add(1)
				case errors.Is(err, rpc.ErrUnknownOutcome):
					unknown.Add(1)
				}
			}
		})
	}
	for range 30 {
		time.Sleep(20 * time.Millisecond)
		p.CutOne()
	}
	close(stop)
	all.Wait()
	eventually(t, "it is back", func() bool { return c.Ready() == nil })
	done := number(t, must(t, c, "RETURN count(SELECT id FROM done)")[0])
	if done < writes.Load() || done > writes.Load()+unknown.Load() {
		t.Errorf("%d rows of %d writes that were done and %d that may have been", done, writes.Load(), unknown.Load())
	}
	t.Logf("%d reads, %d writes, %d unknown", reads.Load(), writes.Load(), unknown.Load())
}

func TestKilledAndStartedAgain(t *testing.T) {
	noLeaks(t)
	server, err := surrealtest.Start(t.Context(), t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.Kill() }()
	c := dial(t, options(server.URL))
	must(t, c, "DEFINE TABLE t SCHEMALESS; CREATE t:1 SET n = 7")
	for _, end := range []func(){server.Kill, server.Stop} {
		end()
		eventually(t, "it is lost", func() bool { return c.Ready() != nil })
		if _, err := c.Query(t.Context(), "RETURN 1", nil); !errors.Is(err, rpc.ErrUnavailable) || errors.Is(err, rpc.ErrUnknownOutcome) {
			t.Errorf("got %v", err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is back", func() bool { return c.Ready() == nil })
		if n := number(t, must(t, c, "RETURN t:1.n")[0]); n != 7 {
			t.Errorf("got %d", n)
		}
	}
	_ = c.Close()
}

func TestTooManyAndTooLarge(t *testing.T) {
	noLeaks(t)
	o := options(surrealtest.Shared(t).URL)
	o.Connections = 1
	c := dial(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var refused atomic.Int64
	for range rpc.MaxPending + 10 {
		all.Go(func() {
			if _, err := c.Query(ctx, "SLEEP 20s", nil); errors.Is(err, rpc.ErrOverloaded) {
				refused.Add(1)
			}
		})
	}
	eventually(t, "ten are refused", func() bool { return refused.Load() == 10 })
	cancel()
	all.Wait()
	vars := wire.AppendBytes(wire.AppendString(wire.AppendMap(nil, 1), "b"), make([]byte, 128<<20))
	if _, err := c.Query(t.Context(), "RETURN 1", vars); !errors.Is(err, rpc.ErrTooLarge) || errors.Is(err, rpc.ErrUnknownOutcome) {
		t.Errorf("got %v", err)
	}
}

func TestLargeMessages(t *testing.T) {
	noLeaks(t)
	c := dial(t, options(surrealtest.Shared(t).URL))
	const size = 64 << 20
	text := strings.Repeat("0123456789abcdef", size/16)
	vars := wire.AppendString(wire.AppendString(wire.AppendMap(nil, 1), "s"), text)
	var list [][]byte
	// The server of the tests is one thread: while it copies on a busy machine, it
	// may be silent for long enough to look lost.
	eventually(t, "a large message comes back", func() bool {
		var err error
		list, err = c.Read(t.Context(), "RETURN $s", vars)
		if err != nil && !errors.Is(err, rpc.ErrUnavailable) {
			t.Fatal(err)
		}
		return err == nil
	})
	if got := wire.NewReader(list[0]).String(); string(got) != text {
		t.Errorf("%d bytes came back otherwise than %d went", len(got), size)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	noLeaks(t)
	c := dial(t, options(surrealtest.Shared(t).URL))
	failed := make(chan error)
	go func() {
		_, err := c.Query(context.Background(), "SLEEP 30s", nil)
		failed <- err
	}()
	must(t, c, "DEFINE TABLE t")
	wakes, err := c.Live(context.Background(), "LIVE SELECT * FROM t")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := c.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return rpc.Waiting(c) == 1 })
	_ = c.Close()
	if err := <-failed; !errors.Is(err, rpc.ErrClosed) || !errors.Is(err, rpc.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	for range wakes { // it is closed
	}
	if _, err := tx.Query(context.Background(), "RETURN 1", nil); err == nil {
		t.Error("a transaction outlives the client")
	}
	if _, err := c.Query(context.Background(), "RETURN 1", nil); !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
