package engine_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

const lobby = base + `
channels: lobby: {broadcast: true, history: 5, access: {read: true, send: "auth.role == 'authenticated'"}}
`

// hears reads the next message of a broadcast.
func (b *backend) hears(conn *websocket.Conn, event, payload string) {
	b.t.Helper()
	for {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, raw, err := conn.ReadMessage()
		if err != nil {
			b.t.Fatalf("read: %v", err)
		}
		var f struct {
			Type, Event string
			Payload     json.RawMessage
		}
		if err := json.Unmarshal(raw, &f); err != nil {
			b.t.Fatalf("frame %s: %v", raw, err)
		}
		if f.Type != "message" {
			continue
		}
		if f.Event != event || string(f.Payload) != payload {
			b.t.Fatalf("heard %s, want %s %s", raw, event, payload)
		}
		return
	}
}

// says sends as the service role, over HTTP.
func (b *backend) says(event, payload string) {
	b.t.Helper()
	b.want("POST", "/api/realtime/lobby", `{"event":"`+event+`","payload":`+payload+`}`, http.StatusOK, "")
}

// A broadcast goes on over reloads, with its history and rules of its own.
func TestBroadcast(t *testing.T) {
	b := start(t, lobby)
	ear := b.socket("lobby")
	b.says("before", "1")
	b.hears(ear, "before", "1")
	b.mustReload(strings.Replace(lobby, "history: 5", "history: 1", 1))
	b.says("after", `{"a":[1,2]}`)
	b.hears(ear, "after", `{"a":[1,2]}`)
	late := b.socket("lobby")
	b.hears(late, "after", `{"a":[1,2]}`)
	b.mustReload(base)
	for _, conn := range []*websocket.Conn{ear, late} {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				if !websocket.IsCloseError(err, 4004) {
					t.Errorf("the channel has gone: %v", err)
				}
				break
			}
		}
	}
	b.want("POST", "/api/realtime/lobby", `{"event":"x"}`, http.StatusNotFound, "")
}

// Of two nodes on one database each hears what the other's clients say.
func TestBroadcastBetweenNodes(t *testing.T) {
	manifest := onSurreal(t, lobby, surrealtest.Shared(t).URL)
	one, two := start(t, manifest), start(t, manifest)
	here, there := one.socket("lobby"), two.socket("lobby")
	heard := make(chan struct{})
	go func() { // a node listens soon after its start
		defer close(heard)
		for {
			if _, raw, err := there.ReadMessage(); err != nil || strings.Contains(string(raw), `"event":"hello"`) {
				return
			}
		}
	}()
	for done := false; !done; {
		one.says("hello", "0")
		select {
		case <-heard:
			done = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	one.says("one", "1")
	two.says("two", "2")
	// What comes from two nodes at the same time has no order between them.
	after := func(b *backend, conn *websocket.Conn) {
		t.Helper()
		for want := map[string]bool{"one": true, "two": true}; len(want) > 0; {
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, raw, err := conn.ReadMessage()
			if err != nil {
				b.t.Fatal(err)
			}
			var f struct{ Type, Event string }
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatalf("frame %s: %v", raw, err)
			}
			if f.Type == "message" && f.Event != "hello" && !want[f.Event] {
				t.Fatalf("heard %s, want %v", raw, want)
			}
			delete(want, f.Event)
		}
	}
	after(one, here)
	after(two, there)
	after(two, two.socket("lobby")) // its history has both
}
