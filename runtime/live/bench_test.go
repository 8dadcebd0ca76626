package live_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/live"
)

// BenchmarkDispatch is what one commit of one row costs the hub: 1000
// subscribers that share a group, and 1000 groups of one of which one sees it.
func BenchmarkDispatch(b *testing.B) {
	for _, c := range []struct{ name, uid string }{{"one group of 1000", ""}, {"1000 groups of one", "user%d"}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld()
			h, err := live.NewHub(context.Background(), live.Options{Feed: w, Gate: w.gate()})
			if err != nil {
				b.Fatal(err)
			}
			defer h.Close()
			var arrived atomic.Int64
			want := int64(0)
			done := make(chan struct{}, 1)
			for i := range 1000 {
				uid := c.uid
				if uid != "" {
					uid = fmt.Sprintf(uid, i)
				}
				r := &reader{arrived: &arrived, want: &want, done: done}
				who := auth.Nobody()
				if uid != "" {
					who = &auth.Caller{Role: auth.Authenticated, UID: uid, Claims: "{}"}
				}
				sub, err := h.Subscribe(live.Request{Channel: "notes", Caller: who, Encoder: plain{}, Wake: r.wake})
				if err != nil {
					b.Fatal(err)
				}
				r.sub.Store(sub)
				eventually(b, "it is attached", func() bool { r.wake(); _, attached := sub.Progress(); return attached })
			}
			each := int64(1000)
			if c.uid != "" {
				each = 1
			}
			b.ReportAllocs()
			i := int64(0)
			for b.Loop() {
				i++
				atomic.StoreInt64(&want, arrived.Load()+each)
				w.put(note{id: 1, owner: "user7", text: "a note of the ordinary length, say some eighty bytes of text or a little more", hidden: fmt.Sprint(i)})
				<-done
			}
		})
	}
}

// reader takes what comes at once.
type reader struct {
	sub     atomic.Pointer[live.Subscription]
	arrived *atomic.Int64
	want    *int64
	done    chan struct{}
}

func (r *reader) wake() {
	sub := r.sub.Load()
	if sub == nil {
		return
	}
	var frames [4]live.Frame
	taken, _ := sub.Take(frames[:0], 1<<20)
	if len(taken) > 0 && r.arrived.Add(int64(len(taken))) == atomic.LoadInt64(r.want) {
		r.done <- struct{}{}
	}
}
