package rates

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

// till is a common count without time: what was drawn stays drawn.
type till struct {
	left  int
	asked int
	away  atomic.Bool
}

func (c *till) Take(_ context.Context, _ []byte, _ int, window time.Duration, most, back int) (drawn, left int, full, again time.Duration, err error) {
	if c.away.Load() {
		return 0, 0, 0, 0, errors.New("away")
	}
	c.asked++
	c.left += back
	drawn = min(most, c.left)
	c.left -= drawn
	return drawn, c.left, window, 10 * time.Second, nil
}

// node is a process that counts requests of one caller.
type node struct {
	*Limiter
	now time.Time
}

func newNode(c Common) *node {
	l := NewLimiter()
	l.Share(c)
	return &node{l, l.epoch}
}

func (n *node) take(t *Rate) Verdict {
	caller, client := &auth.Caller{Role: auth.Anon}, netip.MustParseAddr("192.0.2.1")
	key := n.key(t, caller, client)
	v := n.Limiter.take(key, t.requests, t.window, n.now)
	if v.Allowed {
		v = n.together(context.Background(), key, t, caller, client, v, n.now)
	}
	return v
}

func TestNodesCountTogether(t *testing.T) {
	common := &till{left: 100}
	one := &Rate{name: "r", requests: 100, window: time.Minute}
	a, b := newNode(common), newNode(common)
	allowed := 0
	for range 200 {
		for _, n := range []*node{a, b} {
			v := n.take(one)
			if v.Allowed {
				allowed++
				if v.Remaining < 0 || v.Remaining > 100-allowed+5 {
					t.Errorf("after %d, %d remain", allowed, v.Remaining)
				}
				if v.Reset != time.Minute {
					t.Errorf("it is whole in %s", v.Reset)
				}
			} else if v.Retry <= 0 || v.Retry > 10*time.Second {
				t.Errorf("again in %s", v.Retry)
			}
		}
	}
	if allowed != 100 {
		t.Errorf("%d of 100 were allowed", allowed)
	}
	if common.asked > 60 {
		t.Errorf("it was asked %d times for 400 requests", common.asked)
	}
}

func TestDrawnAndUnusedIsGivenBack(t *testing.T) {
	common := &till{left: 100}
	one := &Rate{name: "r", requests: 100, window: time.Minute}
	a := newNode(common)
	for range 8 { // in a row: more are drawn each time
		a.take(one)
	}
	held := 100 - 8 - common.left
	if held < 1 || held > 100/shares {
		t.Fatalf("%d are drawn and not used", held)
	}
	a.now = a.now.Add(time.Minute)
	a.take(one)
	if common.left != 100-9 {
		t.Errorf("%d are left of 91", common.left)
	}
}

func TestAwayEachCountsAlone(t *testing.T) {
	common := &till{left: 100}
	one := &Rate{name: "r", requests: 10, window: time.Minute}
	common.away.Store(true)
	a := newNode(common)
	allowed := 0
	for range 50 {
		if a.take(one).Allowed {
			allowed++
		}
	}
	if allowed != 10 {
		t.Errorf("alone, %d of 10 were allowed", allowed)
	}
}

func TestWhatOthersRefuseIsNotCharged(t *testing.T) {
	common := &till{left: 0}
	one := &Rate{name: "r", requests: 10, window: time.Minute}
	a := newNode(common)
	for range 50 {
		if a.take(one).Allowed {
			t.Fatal("allowed")
		}
	}
	if common.asked != 1 {
		t.Errorf("it was asked %d times while the answer was known", common.asked)
	}
	common.away.Store(true)
	a.now = a.now.Add(2 * time.Second)
	if v := a.take(one); !v.Allowed {
		t.Error("what others refused was charged to this node")
	}
}
