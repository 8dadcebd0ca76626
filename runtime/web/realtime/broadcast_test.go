package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/realtime"
)

// wantMessage reads a frame that somebody sent, and gives its cursor.
func (s *socket) wantMessage(event, payload, from string) string {
	s.t.Helper()
	return wantMessage(s.t, s.next(), event, payload, from)
}

func wantMessage(t testing.TB, frame, event, payload, from string) string {
	t.Helper()
	var f struct {
		Type, Cursor, Event string
		Payload             json.RawMessage
		From                *string
		At                  time.Time
	}
	if err := json.Unmarshal([]byte(frame), &f); err != nil || f.Type != "message" || f.Event != event || string(f.Payload) != payload || f.Cursor == "" {
		t.Fatalf("frame %s, want %s %s (%v)", frame, event, payload, err)
	}
	if got := f.From; got == nil && from != "" || got != nil && *got != from {
		t.Fatalf("frame %s, want it from %q", frame, from)
	}
	if since := time.Since(f.At); since < -time.Minute || since > time.Minute || !strings.HasSuffix(frame, `+00:00"}`) {
		t.Fatalf("frame %s was sent at another time", frame)
	}
	return f.Cursor
}

// posts sends over HTTP.
func (b *backend) posts(channel, body string, header http.Header) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url("http", channel), strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		r.Header[k] = v
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, codeOf(b.t, response)
	}
	defer func() { _ = response.Body.Close() }()
	raw, _ := io.ReadAll(response.Body)
	var a struct{ Cursor string }
	if err := json.Unmarshal(raw, &a); err != nil || a.Cursor == "" {
		b.t.Errorf("answer %s", raw)
	}
	return response.StatusCode, a.Cursor
}

func TestBroadcast(t *testing.T) {
	b := start(t, options{})
	anns, bobs, stream := b.dial("lobby", bearer(b.token(ann, time.Hour))), b.dial("lobby", nil), b.listen("lobby", nil)
	anns.want(`{"type":"joined"}`)
	bobs.want(`{"type":"joined"}`)
	stream.want("joined", `{"type":"joined"}`)

	anns.send(`{"type":"send","event":"typing","payload":{"a": [1, "<é>"]},"ref":"7"}`)
	const payload = `{"a":[1,"<é>"]}`
	sent, heard := anns.next(), anns.next()
	if strings.HasPrefix(sent, `{"type":"message"`) { // the two have no order
		sent, heard = heard, sent
	}
	if !strings.HasPrefix(sent, `{"type":"sent","ref":"7","cursor":"`) {
		t.Fatalf("the answer is %s", sent)
	}
	_, at := cut(sent)
	if got := wantMessage(t, heard, "typing", payload, ann); got != at {
		t.Errorf("cursor %s, the answer's %s", got, at)
	}
	if got := bobs.wantMessage("typing", payload, ann); got != at {
		t.Errorf("cursor %s, the sender's %s", got, at)
	}
	name, data := stream.next()
	if wantMessage(t, data, "typing", payload, ann); name != "message" || stream.id != at {
		t.Errorf("event %s with id %s", name, stream.id)
	}

	anns.send(`{"type":"send","event":"silent","self":false}`)
	anns.send(`{"type":"send","event":"loud","self":true}`)
	anns.wantMessage("loud", "null", ann)
	bobs.wantMessage("silent", "null", ann)
	at = bobs.wantMessage("loud", "null", ann)

	if status, _ := b.posts("lobby", `{"event":"note","payload":1}`, http.Header{"Apikey": {b.keys.Secret()}}); status != 200 {
		t.Errorf("the service role posts: %d", status)
	}
	status, cursor := b.posts("lobby", `{"event":"note","payload":2}`, bearer(b.token(bob, time.Hour)))
	if status != 200 {
		t.Errorf("bob posts: %d", status)
	}
	bobs.wantMessage("note", "1", "")
	if got := bobs.wantMessage("note", "2", bob); got != cursor {
		t.Errorf("cursor %s, the sender's %s", got, cursor)
	}

	late, back := b.dial("lobby", nil), b.dial("lobby?after="+at, nil)
	late.want(`{"type":"joined"}`)
	back.want(`{"type":"resumed"}`)
	for _, s := range []*socket{late, back} {
		s.wantMessage("note", "1", "")
		s.wantMessage("note", "2", bob)
	}
	again := b.listen("lobby", http.Header{"Last-Event-Id": {at}})
	again.want("resumed", `{"type":"resumed"}`)
	rows := b.dial("posts", nil)
	other := rows.want(`{"type":"snapshot","rows":[]}`)
	lost := b.dial("lobby?after="+other, nil)
	lost.want(`{"type":"truncated"}`)
	lost.want(`{"type":"joined"}`)
	crossed := b.dial("posts?after="+at, nil)
	crossed.want(`{"type":"truncated"}`)
	crossed.want(`{"type":"snapshot","rows":[]}`)
}

// TestBroadcastIsDenied has every way to hear and to send tried by those who may
// not, and by nobody.
func TestBroadcastIsDenied(t *testing.T) {
	start(t, options{limits: realtime.Limits{CallerWithin: 200 * time.Millisecond}}).dial("attic", nil).wantClose(4001)
	b := start(t, options{})
	ear := b.dial("attic?apikey="+b.keys.Secret(), nil)
	ear.want(`{"type":"joined"}`)
	token := bearer(b.token(ann, time.Hour))
	b.dial("attic", token).wantClose(4003)
	for _, header := range []http.Header{nil, token} {
		response, cancel := b.request("attic", header)
		want := 401
		if header != nil {
			want = 403
		}
		if code := codeOf(t, response); response.StatusCode != want || code != "42501" {
			t.Errorf("SSE: %d %s", response.StatusCode, code)
		}
		cancel()
	}

	// Who may listen and not send.
	s := b.dial("lobby", nil)
	s.want(`{"type":"joined"}`)
	s.send(`{"type":"send","event":"x","ref":"1"}`)
	if f := s.next(); !strings.HasPrefix(f, `{"type":"error","ref":"1","code":"42501",`) {
		t.Errorf("nobody sends: %s", f)
	}
	rows := b.dial("posts", token)
	rows.want(`{"type":"snapshot","rows":[]}`)
	rows.send(`{"type":"send","event":"x","ref":"1"}`)
	if f := rows.next(); !strings.HasPrefix(f, `{"type":"error","ref":"1","code":"no-broadcast",`) {
		t.Errorf("sent to a table: %s", f)
	}
	early := b.dial("plaza?auth=later", nil)
	early.send(`{"type":"send","event":"x","ref":"1"}`)
	if f := early.next(); !strings.HasPrefix(f, `{"type":"error","ref":"1","code":"42501",`) {
		t.Errorf("before it is known who sends: %s", f)
	}

	anyone := b.dial("plaza", nil)
	anyone.want(`{"type":"joined"}`)
	anyone.send(`{"type":"send","event":"x"}`)
	anyone.wantMessage("x", "null", "")

	const body = `{"event":"x","payload":1}`
	with := func(header http.Header, name, value string) http.Header {
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header.Set(name, value)
		return header
	}
	for _, tt := range []struct {
		name, channel, body string
		header              http.Header
		status              int
		code                string
	}{
		{"nobody", "lobby", body, nil, 401, "42501"},
		{"a user, left out", "attic", body, token, 403, "42501"},
		{"nobody, left out", "attic", body, nil, 401, "42501"},
		{"no channel", "nosuch", body, token, 404, "PGRST205"},
		{"a table's", "posts", body, token, 400, "no-broadcast"},
		{"bad token", "lobby", body, bearer("a.b.c"), 401, "PGRST301"},
		{"token in the URL", "lobby?token=" + b.token(ann, time.Hour), body, nil, 401, "42501"},
		{"expired", "lobby", body, bearer(b.token(ann, -31*time.Second)), 401, "PGRST303"},
		{"service key in a page", "lobby", body, http.Header{"Apikey": {b.keys.Secret()}, "Origin": {"https://x.example"}}, 403, "service-key-in-browser"},
		{"null origin", "lobby", body, with(token, "Origin", "null"), 403, "origin-not-allowed"},
		{"text", "lobby", body, with(token, "Content-Type", "text/plain"), 415, "unsupported-media-type"},
		{"encoded", "lobby", body, with(token, "Content-Encoding", "gzip"), 415, "unsupported-media-type"},
		{"empty", "lobby", "", token, 400, "bad-message"},
		{"no object", "lobby", "[]", token, 400, "bad-message"},
		{"null", "lobby", "null", token, 400, "bad-message"},
		{"two", "lobby", body + body, token, 400, "bad-message"},
		{"twice", "lobby", `{"event":"x","event":"y"}`, token, 400, "bad-message"},
		{"more than we know", "lobby", `{"event":"x","self":false}`, token, 400, "bad-message"},
		{"no event", "lobby", `{"payload":1}`, token, 400, "bad-message"},
		{"bytes", "lobby", "{\"event\":\"x\",\"payload\":\"\xff\"}", token, 400, "bad-message"},
		{"too much", "lobby", `{"event":"x","payload":"` + strings.Repeat("x", 70<<10) + `"}`, token, 413, "too-large"},
		{"just too much", "lobby", `{"event":"x","payload":"` + strings.Repeat("x", live.MaxPayload-1) + `"}`, token, 413, "too-large"},
	} {
		if status, code := b.posts(tt.channel, tt.body, tt.header); status != tt.status || code != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, code, tt.status, tt.code)
		}
	}
	if status, _ := b.posts("lobby", `{"event":"x","payload":"`+strings.Repeat("x", live.MaxPayload-2)+`"}`, token); status != 200 {
		t.Errorf("as much as may be sent: %d", status)
	}
	if status, _ := b.posts("attic", body, http.Header{"Apikey": {b.keys.Secret()}}); status != 200 {
		t.Errorf("the service role: %d", status)
	}
	ear.wantMessage("x", "1", "") // and nothing before it
}

func TestBroadcastFloods(t *testing.T) {
	b := start(t, options{})
	token := bearer(b.token(ann, time.Hour))
	many := b.dial("lobby", token)
	many.flood(func() error {
		return many.WriteMessage(websocket.TextMessage, []byte(`{"type":"send","event":"x","ref":"1"}`))
	})

	large := b.dial("lobby", token)
	_ = large.WriteMessage(websocket.TextMessage, []byte(`{"type":"send","event":"x","payload":"`+strings.Repeat("x", 65<<10)+`"}`)) // it may be closed before the end
	large.wantClose(websocket.CloseMessageTooBig)

	// What means nothing counts, what is refused does not.
	bad := b.dial("lobby", token)
	bad.want(`{"type":"joined"}`)
	bad.wantMessage("x", "null", ann)
	bad.wantMessage("x", "null", ann)
	for range 3 {
		bad.send(`{"type":"send","ref":"` + strings.Repeat("r", 65) + `","event":"x"}`)
		bad.send(`{"type":"send","ref":"r","event":""}`)
		bad.send(`{"type":"send","event":"x","payload":{"a":1,"a":2}}`)
	}
	bad.send(`{"type":"send","event":7}`)
	frames := bad.wantClose(4002)
	if len(frames) != 10 || !strings.Contains(frames[1], `"ref":"r","code":"bad-message"`) {
		t.Errorf("%d frames: %s", len(frames), frames)
	}
	dumb := b.dial("lobby", nil)
	for range 20 {
		dumb.send(`{"type":"send","event":"x","ref":"1"}`)
	}
	for n := 0; n < 20; {
		if strings.Contains(dumb.next(), "42501") {
			n++
		}
	}
}

func TestBroadcastAndExpiry(t *testing.T) {
	b := start(t, options{limits: realtime.Limits{Grace: patience}})
	ear := b.dial("lobby", nil)
	ear.want(`{"type":"joined"}`)
	s := b.expiring("lobby", `{"type":"joined"}`)
	if f := s.next(); !strings.Contains(f, `"code":"PGRST303"`) {
		t.Fatalf("at expiry: %s", f)
	}
	s.send(`{"type":"send","event":"late","ref":"1"}`)
	if f := s.next(); !strings.HasPrefix(f, `{"type":"error","ref":"1","code":"PGRST303"`) {
		t.Errorf("sent with a token that has expired: %s", f)
	}
	if status, _ := b.posts("lobby", `{"event":"meanwhile"}`, bearer(b.token(bob, time.Hour))); status != 200 {
		t.Fatalf("bob posts: %d", status)
	}
	s.send(`{"type":"auth","token":"` + b.token(ann, time.Hour) + `"}`)
	s.wantMessage("meanwhile", "null", bob)
	ear.wantMessage("meanwhile", "null", bob)
	s.send(`{"type":"auth","token":""}`)
	s.send(`{"type":"send","event":"signed out","ref":"2"}`)
	if f := s.next(); !strings.HasPrefix(f, `{"type":"error","ref":"2","code":"42501"`) {
		t.Errorf("sent as nobody: %s", f)
	}
}

func TestBroadcastReload(t *testing.T) {
	b := start(t, options{})
	token := bearer(b.token(ann, time.Hour))
	stays, gone := b.dial("lobby", token), b.dial("attic?apikey="+b.keys.Secret(), nil)
	stays.want(`{"type":"joined"}`)
	gone.want(`{"type":"joined"}`)
	stays.send(`{"type":"send","event":"before"}`)
	at := stays.wantMessage("before", "null", ann)
	b.reload(func(m *manifest.Manifest) {
		m.Channels = append(m.Channels[:5:5], m.Channels[6])
		m.Channels[4].Send = rule("auth.uid == '" + bob + "'")
	})
	gone.wantClose(4004)
	stays.send(`{"type":"send","event":"after","ref":"1"}`)
	if f := stays.next(); !strings.Contains(f, `"code":"42501"`) {
		t.Errorf("sent against the new rule: %s", f)
	}
	late := b.dial("lobby?after="+at, nil)
	late.want(`{"type":"resumed"}`)
	b.reload(func(m *manifest.Manifest) { m.Channels[4].Access = rule("auth.uid == '" + bob + "'") })
	stays.wantClose(4003)
	late.wantClose(4003)
}

// Who does not read a broadcast is ended, and others go on.
func TestBroadcastSlowReader(t *testing.T) {
	b := start(t, options{live: live.Options{QueueMessages: 16, Patience: 200 * time.Millisecond, HistoryBytes: 64 << 20}})
	narrow := *websocket.DefaultDialer
	narrow.NetDialContext = func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := net.Dial(network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
		return conn, err
	}
	conn, response, err := narrow.Dial(b.url("ws", "lobby"), nil)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, response)
	}
	defer func() { _ = conn.Close() }()
	slow, quick := &socket{conn, t}, b.dial("lobby", nil)
	at := slow.want(`{"type":"joined"}`)
	quick.want(`{"type":"joined"}`)
	large := json.RawMessage(`"` + strings.Repeat("x", 60<<10) + `"`)
	n := 0
	eventually(t, "the slow reader's subscription has ended", func() bool {
		n++
		if _, err := b.hub.Publish(t.Context(), service, "lobby", fmt.Sprint(n), large); err != nil {
			t.Fatal(err)
		}
		quick.wantMessage(fmt.Sprint(n), string(large), "")
		left, _ := b.hub.Subscribers()
		return left == 1
	})
	heard := slow.wantClose(4008)
	for i, f := range heard {
		at = wantMessage(t, f, fmt.Sprint(i+1), string(large), "")
	}
	if len(heard) == n {
		t.Fatal("it heard everything")
	}
	again := b.dial("lobby?after="+at, nil)
	again.want(`{"type":"resumed"}`)
	if n-len(heard) <= 256 { // what is kept at least
		again.wantMessage(fmt.Sprint(len(heard)+1), string(large), "")
	}
}
