package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

func begin(t *testing.T, ctx context.Context, c *rpc.Client) *rpc.Transaction {
	t.Helper()
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func create(t *testing.T, tx *rpc.Transaction, n int64) {
	t.Helper()
	if _, err := tx.Query(t.Context(), "CREATE a SET n = $n", withN(n)); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, c *rpc.Client) int64 {
	t.Helper()
	return number(t, must(t, c, "RETURN count(SELECT id FROM a)")[0])
}

func TestTransactions(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	o := options(p.URL())
	c := dial(t, o)
	must(t, c, "DEFINE TABLE a SCHEMALESS; DEFINE TABLE one SCHEMALESS")

	tx := begin(t, t.Context(), c)
	create(t, tx, 1)
	list, err := tx.Query(t.Context(), "RETURN count(SELECT id FROM a)", nil)
	if err != nil || number(t, list[0]) != 1 {
		t.Fatalf("it does not see its own row: %v", err)
	}
	if n := count(t, c); n != 0 {
		t.Errorf("%d rows are seen before the commit", n)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, c); n != 1 {
		t.Errorf("%d rows after a commit, want 1", n)
	}
	tx.Cancel() // does nothing
	if _, err := tx.Query(t.Context(), "RETURN 1", nil); !errors.Is(err, rpc.ErrTransactionOver) {
		t.Errorf("got %v", err)
	}
	if err := tx.Commit(t.Context()); !errors.Is(err, rpc.ErrTransactionOver) {
		t.Errorf("got %v", err)
	}

	for name, end := range map[string]func(*rpc.Transaction, context.CancelFunc){
		"cancelled": func(tx *rpc.Transaction, _ context.CancelFunc) { tx.Cancel() },
		"dropped":   func(_ *rpc.Transaction, cancel context.CancelFunc) { cancel() },
		"cut":       func(*rpc.Transaction, context.CancelFunc) { cut(t, p, c, o) },
	} {
		t.Run(name, func(t *testing.T) {
			eventually(t, "it is back", func() bool { return c.Ready() == nil })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tx := begin(t, ctx, c)
			create(t, tx, 2)
			if _, err := tx.Query(t.Context(), "UPSERT one:1 SET n = 1", nil); err != nil {
				t.Fatal(err)
			}
			end(tx, cancel)
			var last error
			eventually(t, "it is over", func() bool {
				_, last = tx.Query(t.Context(), "RETURN 1", nil)
				return last != nil
			})
			if errors.Is(last, rpc.ErrUnknownOutcome) {
				t.Errorf("what was not committed is not unknown: %v", last)
			}
			if name == "cut" && !errors.Is(last, rpc.ErrUnavailable) {
				t.Errorf("got %v", last)
			}
			if err := tx.Commit(t.Context()); err == nil {
				t.Error("it was committed")
			}
			eventually(t, "it is back", func() bool { return c.Ready() == nil })
			// Nothing holds the row that it wrote, once the server has ended it: it is
			// told to, and not waited for.
			eventually(t, "the row is free", func() bool {
				_, err := c.Query(t.Context(), "UPSERT one:1 SET n = 2", nil)
				var busy *rpc.StatementError
				if err != nil && !errors.As(err, &busy) {
					t.Fatal(err)
				}
				return err == nil
			})
			if n := count(t, c); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
		})
	}
}

func TestTransactionsThatMeet(t *testing.T) {
	noLeaks(t)
	c := dial(t, options(surrealtest.Shared(t).URL))
	must(t, c, "DEFINE TABLE one SCHEMALESS; CREATE one:1 SET n = 0")
	first, second := begin(t, t.Context(), c), begin(t, t.Context(), c)
	defer first.Cancel()
	defer second.Cancel()
	for _, tx := range []*rpc.Transaction{first, second} {
		if _, err := tx.Query(t.Context(), "UPDATE one:1 SET n += 1", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var e *rpc.StatementError
	if err := second.Commit(t.Context()); !errors.As(err, &e) {
		t.Fatalf("two writes of one row: %v", err)
	}
	t.Logf("%+v", e)
	if n := number(t, must(t, c, "RETURN one:1.n")[0]); n != 1 {
		t.Errorf("n is %d, want 1", n)
	}
}

func TestUnknownOutcomeOfACommit(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	o := strict(p.URL())
	o.Connections = 1
	c := dial(t, o)
	must(t, c, "DEFINE TABLE a SCHEMALESS")
	tx := begin(t, t.Context(), c)
	create(t, tx, 1)
	p.Blackhole()
	if err := tx.Commit(t.Context()); !errors.Is(err, rpc.ErrUnknownOutcome) || !errors.Is(err, rpc.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	p.Resume()
}

func TestABeginThatIsNotWaitedForIsCancelled(t *testing.T) {
	noLeaks(t)
	p := newProxy(t, surrealtest.Shared(t).Address())
	o := options(p.URL())
	o.Connections = 1
	c := dial(t, o)
	p.Latency(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Begin(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if rpc.Waiting(c) != 1 {
		t.Error("the transaction's id is not waited for")
	}
	p.Resume()
	eventually(t, "it is cancelled", func() bool { return rpc.Waiting(c) == 0 })
	must(t, c, "RETURN 1")
}
