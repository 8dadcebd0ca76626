package realtime_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/web/realtime"
)

const audience = 1000

var payload = strings.Repeat("x", 300)

// BenchmarkFanOut is one change of 300 bytes until each of 1000 sockets has it:
// through the store, the hub and the server, and by bare gorilla, one after the
// other, in the same process. The clients' share is in both.
func BenchmarkFanOut(b *testing.B) {
	b.Run("edge-hive", func(b *testing.B) {
		back := start(b, options{limits: realtime.Limits{PerAddress: audience}})
		crowd := newCrowd(b, back.url("ws", "posts"))
		crowd.wait(audience) // the snapshots
		b.ReportAllocs()
		id := 0
		for b.Loop() {
			id++
			back.post(id, payload)
			crowd.wait(audience)
		}
		crowd.leave()
	})
	b.Run("bare gorilla PreparedMessage", func(b *testing.B) {
		var mu sync.Mutex
		var conns []*websocket.Conn
		upgrader := websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			_, _, _ = conn.ReadMessage()
			_ = conn.Close()
		}))
		defer server.Close()
		crowd := newCrowd(b, "ws"+strings.TrimPrefix(server.URL, "http"))
		eventually(b, "all are connected", func() bool { mu.Lock(); defer mu.Unlock(); return len(conns) == audience })
		b.ReportAllocs()
		for b.Loop() {
			message, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte(`{"type":"create","key":1,"row":{"id":1,"text":"`+payload+`"}}`))
			if err != nil {
				b.Fatal(err)
			}
			for _, conn := range conns {
				if err := conn.WritePreparedMessage(message); err != nil {
					b.Fatal(err)
				}
			}
			crowd.wait(audience)
		}
		crowd.leave()
	})
}

// BenchmarkIdleConnection tells what an idle subscribed socket holds, with its
// client in the same process.
func BenchmarkIdleConnection(b *testing.B) {
	back := start(b, options{limits: realtime.Limits{PerAddress: audience}})
	for b.Loop() {
		before := held()
		crowd := newCrowd(b, back.url("ws", "posts"))
		crowd.wait(audience)
		b.ReportMetric((held()-before)/audience, "B/conn")
		b.ReportMetric(0, "ns/op")
		crowd.leave()
		eventually(b, "all have left", func() bool { return back.server.Connections() == 0 })
	}
}

func held() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

// crowd is 1000 clients that count their messages.
type crowd struct {
	b       testing.TB
	conns   []*websocket.Conn
	readers sync.WaitGroup
	got     atomic.Int64
	want    atomic.Int64
	reached chan struct{}
}

func newCrowd(b testing.TB, url string) *crowd {
	c := &crowd{b: b, reached: make(chan struct{}, 1)}
	dialer := websocket.Dialer{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10}
	for range audience {
		conn, _, err := dialer.Dial(url, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.conns = append(c.conns, conn)
		c.readers.Go(func() {
			for {
				if _, _, err := conn.NextReader(); err != nil {
					return
				}
				if c.got.Add(1) >= c.want.Load() {
					select {
					case c.reached <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	return c
}

// wait returns when n more messages have arrived.
func (c *crowd) wait(n int64) {
	want := c.want.Load() + n
	c.want.Store(want)
	for c.got.Load() < want {
		<-c.reached
	}
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.readers.Wait()
}
