package gate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
)

func TestShutWaitsForWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate.Gate
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		shut, entered := make(chan error, 1), make(chan error, 1)
		go func() { shut <- g.Shut(t.Context()) }()
		synctest.Wait()
		go func() { entered <- g.Enter(t.Context()) }()
		synctest.Wait()
		if len(shut) != 0 || len(entered) != 0 {
			t.Fatal("the gate was shut, or let something through, while something ran")
		}
		g.Leave()
		if err := <-shut; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(entered) != 0 {
			t.Fatal("a shut gate let something through")
		}
		g.Open()
		if err := <-entered; err != nil {
			t.Fatal(err)
		}
		g.Leave()
	})
}

func TestShutGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate.Gate
		if err := g.Shut(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused := new(fault.Fault)
		if err := g.Enter(t.Context()); !errors.As(err, &refused) || refused.Code != gate.CodeShut {
			t.Errorf("who waits too long gets %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Enter(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("who does not wait gets %v", err)
		}
		g.Open()
	})
}

func TestShutGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate.Gate
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Shut(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("while something runs: %v", err)
		}
		if err := g.Enter(t.Context()); err != nil {
			t.Errorf("the gate stays shut: %v", err)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate.Gate
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		closed := make(chan bool, 2)
		for range 2 {
			go func() { closed <- g.Close() }()
		}
		synctest.Wait()
		if err := g.Enter(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("a closed gate says %v", err)
		}
		if len(closed) != 0 {
			t.Error("close does not wait for what runs")
		}
		g.Leave()
		if first, second := <-closed, <-closed; first == second {
			t.Errorf("one call closes, not %t and %t", first, second)
		}
	})
}
