package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/web/realtime"
)

func TestClientMessages(t *testing.T) {
	b := start(t, options{})
	s := b.dial("posts", nil)
	s.want(`{"type":"snapshot","rows":[]}`)
	s.send(`{"type":"ping"}`)
	s.want(`{"type":"pong"}`)
	for _, bad := range []string{"", "x", "[]", `{"type":"auth"`, `{"type":"nosuch"}`, "\xff", `{}`, `1`, `"a"`} {
		s.send(bad)
		if f := s.next(); !strings.Contains(f, `"code":"bad-message"`) {
			t.Fatalf("to %q: %s", bad, f)
		}
	}
	if err := s.WriteMessage(websocket.BinaryMessage, []byte{1}); err != nil {
		t.Fatal(err)
	}
	s.wantClose(4002)

	large := b.dial("posts", nil)
	_ = large.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping","x":"`+strings.Repeat("a", 65<<10)+`"}`)) // it may be closed before the end
	large.wantClose(websocket.CloseMessageTooBig)

	many := b.dial("posts", nil)
	many.flood(func() error { return many.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) })

	pings := b.dial("posts", nil)
	pings.flood(func() error { return pings.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience)) })
}

func TestHeartbeat(t *testing.T) {
	b := start(t, options{limits: realtime.Limits{Ping: 50 * time.Millisecond}})
	s := b.dial("mine", bearer(b.token(ann, time.Hour)))
	s.want(`{"type":"snapshot","rows":[]}`)
	var ping struct{ Type, Cursor string }
	seen := map[string]bool{}
	for len(seen) < 2 { // the cursor moves on with what does not concern us
		_, raw, err := s.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &ping); err != nil || ping.Type != "ping" {
			t.Fatalf("frame %s", raw)
		}
		if len(seen) == 0 {
			b.post(1, "another table")
		}
		seen[ping.Cursor] = true
	}
	again := b.dial("mine?after="+ping.Cursor, bearer(b.token(ann, time.Hour)))
	again.want(`{"type":"resumed"}`)

	silent := start(t, options{limits: realtime.Limits{Ping: 50 * time.Millisecond, Pong: 200 * time.Millisecond}}).dial("posts", nil)
	silent.SetPingHandler(func(string) error { return nil }) // answers no ping
	_ = silent.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := silent.ReadMessage(); err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				t.Error("a client that answers no ping is kept")
			}
			return
		}
	}
}

func TestLimitsOfConnections(t *testing.T) {
	b := start(t, options{limits: realtime.Limits{PerAddress: 3, PerUser: 2}})
	first := b.dial("mine", bearer(b.token(ann, time.Hour)))
	b.dial("mine", bearer(b.token(ann, time.Hour)))
	if status, code := b.refused("mine", bearer(b.token(ann, time.Hour))); status != 429 || code != "too-many-connections" {
		t.Errorf("the user's third: %d %s", status, code)
	}
	other := b.dial("posts", nil)
	if status, _ := b.refused("posts", nil); status != 429 {
		t.Errorf("the address's fourth: %d", status)
	}
	other.send(`{"type":"auth","token":"` + b.token(ann, time.Hour) + `"}`)
	other.wantClose(4029)
	_ = first.Close()
	eventually(t, "seats are given back", func() bool { return b.server.Connections() == 1 })
	b.dial("mine", bearer(b.token(ann, time.Hour))).want(`{"type":"snapshot","rows":[]}`)
}

// Who reads a large commit at his own speed is not slow, however much comes
// after it meanwhile. A loaded machine may itself stand still for as long as slow ones
// may: then they may for longer, and the reader takes longer.
func TestSlowButSteady(t *testing.T) {
	for slow := 300 * time.Millisecond; ; slow *= 10 {
		err := readSteadily(t, slow)
		if err == nil {
			return
		}
		if slow > 5*time.Second {
			t.Fatal(err)
		}
	}
}

// readSteadily reads for several times as long as slow ones may stand still.
func readSteadily(t *testing.T, slow time.Duration) error {
	t.Helper()
	b := start(t, options{live: live.Options{QueueMessages: 16, Patience: slow}})
	const rows, later = 150, 30
	var body strings.Builder
	for i := range rows {
		fmt.Fprintf(&body, `,{"id":%d,"text":%q}`, i+1, strings.Repeat("x", 50<<10))
	}
	narrow := *websocket.DefaultDialer
	narrow.NetDialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		return conn, err
	}
	conn, response, err := narrow.Dial(b.url("ws", "posts"), nil)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, response)
	}
	defer func() { _ = conn.Close() }()
	s := &socket{conn, t}
	s.want(`{"type":"snapshot","rows":[]}`)
	b.insert("posts", "["+body.String()[1:]+"]")
	for i := range rows {
		f, err := s.read()
		if err != nil {
			return err
		}
		if !strings.Contains(f, fmt.Sprintf(`"key":%d,`, i+1)) {
			return fmt.Errorf("frame %d is %.80s", i+1, f)
		}
		time.Sleep(slow / 30) // its own speed
		if i%5 == 4 {
			b.post(rows+i/5+1, "later")
		}
	}
	for i := range later {
		want := fmt.Sprintf(`{"type":"create","key":%d,"row":{"id":%d,"text":"later"}}`, rows+i+1, rows+i+1)
		f, err := s.read()
		if err != nil {
			return err
		}
		if plain, _ := cut(f); plain != want {
			return fmt.Errorf("frame %s, want %s", f, want)
		}
	}
	return nil
}

// Who does not read is told why and from where he may come back, while others
// go on.
func TestSlowReader(t *testing.T) {
	b := start(t, options{live: live.Options{QueueMessages: 16, Patience: 200 * time.Millisecond}})
	slow, quick := b.dial("posts", nil), b.dial("posts", nil)
	at := slow.want(`{"type":"snapshot","rows":[]}`)
	quick.want(`{"type":"snapshot","rows":[]}`)
	large := strings.Repeat("x", 500<<10)
	id := 0
	eventually(t, "the slow reader's subscription has ended", func() bool {
		id++
		b.post(id, large)
		quick.want(fmt.Sprintf(`{"type":"create","key":%d,"row":{"id":%d,"text":%q}}`, id, id, large))
		n, _ := b.hub.Subscribers()
		return n == 1
	})
	for _, f := range slow.wantClose(4008) {
		_, at = cut(f)
	}
	again := b.dial("posts?after="+at, nil)
	again.want(`{"type":"resumed"}`)
	b.post(id+1, "last")
	for !strings.Contains(again.next(), `"last"`) {
	}
}
