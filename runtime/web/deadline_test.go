package web

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestDeadline(t *testing.T) {
	far := func() time.Time { return time.Now().Add(time.Hour) }
	isDone := func(ctx context.Context) bool {
		select {
		case <-ctx.Done():
			return true
		default:
			return false
		}
	}
	for _, waits := range []bool{false, true} {
		begin := func(parent context.Context, at time.Time) (*deadline, context.Context) {
			d := new(deadline)
			ctx := d.within(parent, at)
			if waits {
				ctx.Done()
			}
			return d, ctx
		}
		d, ctx := begin(context.Background(), far())
		if ctx.Err() != nil || isDone(ctx) {
			t.Error("done before its time")
		}
		d.end()
		if !errors.Is(ctx.Err(), context.Canceled) || !isDone(ctx) {
			t.Errorf("after its end: %v", ctx.Err())
		}

		d, ctx = begin(context.Background(), time.Now().Add(-time.Second))
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !isDone(ctx) {
			t.Errorf("after its time: %v", ctx.Err())
		}
		d.end()
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("the reason has changed to %v", ctx.Err())
		}

		parent, gone := context.WithCancel(context.Background())
		d, ctx = begin(parent, far())
		child, cancel := context.WithCancel(ctx)
		gone()
		<-child.Done()
		if !errors.Is(ctx.Err(), context.Canceled) || !isDone(ctx) {
			t.Errorf("after the client has gone: %v", ctx.Err())
		}
		cancel()
		d.end()

		soon := time.Now().Add(time.Minute)
		parent, gone = context.WithDeadline(context.Background(), soon)
		d, ctx = begin(parent, far())
		if at, ok := ctx.Deadline(); !ok || !at.Equal(soon) {
			t.Errorf("the deadline is %v, want the earlier one", at)
		}
		d.end()
		gone()
	}
}

func TestDeadlineComes(t *testing.T) {
	d := new(deadline)
	ctx := d.within(context.Background(), time.Now().Add(10*time.Millisecond))
	defer d.end()
	<-ctx.Done()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("%v", ctx.Err())
	}
}
