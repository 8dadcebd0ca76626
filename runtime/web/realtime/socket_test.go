package realtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/realtime"
)

// socket is a real client.
type socket struct {
	*websocket.Conn
	t testing.TB
}

func (b *backend) dial(path string, header http.Header) *socket {
	b.t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(b.url("ws", path), header)
	if err != nil {
		b.t.Fatalf("dial %s: %v (%v)", path, err, response)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return &socket{conn, b.t}
}

// refused is the status and code of a handshake that fails.
func (b *backend) refused(path string, header http.Header) (int, string) {
	b.t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(b.url("ws", path), header)
	if err == nil {
		_ = conn.Close()
		b.t.Fatalf("dial %s succeeded", path)
	}
	if response == nil {
		b.t.Fatalf("dial %s: %v", path, err)
	}
	return response.StatusCode, codeOf(b.t, response)
}

func codeOf(t testing.TB, r *http.Response) string {
	t.Helper()
	defer func() { _ = r.Body.Close() }()
	raw, _ := io.ReadAll(r.Body)
	var body struct{ Code, Message string }
	if err := json.Unmarshal(raw, &body); err != nil || body.Message == "" {
		t.Errorf("an answer of %d that is no fault: %q", r.StatusCode, raw)
	}
	return body.Code
}

// read reads one frame, heartbeats left out.
func (s *socket) read() (string, error) {
	for {
		_ = s.SetReadDeadline(time.Now().Add(patience))
		_, raw, err := s.ReadMessage()
		if err != nil || !strings.HasPrefix(string(raw), `{"type":"ping"`) {
			return string(raw), err
		}
	}
}

// next is a read that must not fail.
func (s *socket) next() string {
	s.t.Helper()
	frame, err := s.read()
	if err != nil {
		s.t.Fatalf("read: %v", err)
	}
	return frame
}

// want reads one frame and compares it; the cursor is given back.
func (s *socket) want(want string) string {
	s.t.Helper()
	got := s.next()
	plain, cursor := cut(got)
	if plain != want {
		s.t.Fatalf("frame %s\nwant  %s", got, want)
	}
	return cursor
}

// cut takes the cursor out of a frame, and gives both.
func cut(frame string) (string, string) {
	before, rest, found := strings.Cut(frame, `,"cursor":"`)
	if !found {
		return frame, ""
	}
	cursor, after, _ := strings.Cut(rest, `"`)
	return before + after, cursor
}

func (s *socket) send(text string) {
	s.t.Helper()
	if err := s.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		s.t.Fatalf("send: %v", err)
	}
}

// wantClose reads until the close frame; frames before it are given back, heartbeats
// left out.
func (s *socket) wantClose(code int) []string {
	s.t.Helper()
	var frames []string
	for {
		frame, err := s.read()
		if err == nil {
			frames = append(frames, frame)
			continue
		}
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != code {
			s.t.Fatalf("ended by %v, want close %d", err, code)
		}
		if len(closed.Text) == 0 && code >= 4000 {
			s.t.Errorf("close %d gives no reason", code)
		}
		return frames
	}
}

// flood sends again and again until the server closes the connection for it.
func (s *socket) flood(send func() error) {
	s.t.Helper()
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for send() == nil {
			select {
			case <-enough:
				return
			default:
			}
		}
	}()
	defer func() {
		close(enough)
		<-ended
	}()
	s.wantClose(4029)
}

// expiring is a socket whose caller's token ends soon, and which has got its first
// frame before.
func (b *backend) expiring(channel, first string) *socket {
	b.t.Helper()
	for lives := 1500 * time.Millisecond; ; lives *= 4 {
		s := b.dial(channel+"?auth=later", nil)
		s.send(`{"type":"auth","token":"` + b.token(ann, lives) + `"}`)
		got := s.next()
		if plain, _ := cut(got); plain == first {
			return s
		}
		if lives > patience { // else it has expired before
			b.t.Fatalf("frame %s, want %s", got, first)
		}
		_ = s.Close()
	}
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestSocketSnapshotAndChanges(t *testing.T) {
	b := start(t, options{})
	b.post(1, "one")
	s := b.dial("posts", nil)
	s.want(`{"type":"snapshot","rows":[{"id":1,"text":"one"}]}`)
	b.post(2, "two")
	s.want(`{"type":"create","key":2,"row":{"id":2,"text":"two"}}`)
	b.patch("posts", 2, `{"text":"zwei"}`)
	at := s.want(`{"type":"update","key":2,"row":{"id":2,"text":"zwei"}}`)
	b.remove("posts", 1)
	s.want(`{"type":"delete","key":1}`)
	_ = s.Close()

	again := b.dial("posts?after="+at, nil)
	again.want(`{"type":"resumed"}`)
	again.want(`{"type":"delete","key":1}`)
}

func TestSocketEnterAndLeave(t *testing.T) {
	b := start(t, options{})
	b.insert("notes", fmt.Sprintf(`[{"id":1,"owner":%q,"text":"a"},{"id":2,"owner":%q,"text":"b"}]`, ann, bob))
	s := b.dial("mine", bearer(b.token(ann, time.Hour)))
	s.want(fmt.Sprintf(`{"type":"snapshot","rows":[{"id":1,"owner":%q,"text":"a"}]}`, ann))
	b.patch("notes", 2, fmt.Sprintf(`{"owner":%q}`, ann))
	s.want(fmt.Sprintf(`{"type":"enter","key":2,"row":{"id":2,"owner":%q,"text":"b"}}`, ann))
	b.patch("notes", 1, fmt.Sprintf(`{"owner":%q}`, bob))
	s.want(`{"type":"leave","key":1}`)
	b.remove("notes", 1)
	b.remove("notes", 2)
	s.want(`{"type":"delete","key":2}`)
}

func TestRefusedHandshakes(t *testing.T) {
	b := start(t, options{cors: manifest.CORS{Declared: true, Origins: []string{"https://www.example.com"}}})
	origin := func(o string) http.Header { return http.Header{"Origin": {o}} }
	withKey := origin("https://www.example.com")
	withKey.Set("Apikey", b.keys.Secret())
	cases := []struct {
		name, path string
		header     http.Header
		status     int
		code       string
	}{
		{"foreign origin", "posts", origin("https://evil.example"), 403, "origin-not-allowed"},
		{"null origin", "posts", origin("null"), 403, "origin-not-allowed"},
		{"suffix of an origin", "posts", origin("https://www.example.com.evil.example"), 403, "origin-not-allowed"},
		{"service key in a page", "posts", withKey, 403, "service-key-in-browser"},
		{"bad token", "posts", bearer("a.b.c"), 401, "PGRST301"},
		{"expired token", "posts?token=" + b.token(ann, -31*time.Second), nil, 401, "PGRST303"},
		{"bad cursor", "posts?after=nonsense", nil, 400, "bad-cursor"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if status, code := b.refused(c.path, c.header); status != c.status || code != c.code {
				t.Errorf("answered %d %s, want %d %s", status, code, c.status, c.code)
			}
		})
	}
	for _, o := range []string{"https://www.example.com", "https://API.example.com", b.http.URL} {
		b.dial("posts", origin(o)).want(`{"type":"snapshot","rows":[]}`)
	}
}

func TestPlainRequestIsToldHow(t *testing.T) {
	b := start(t, options{})
	response, err := http.Get(b.url("http", "posts"))
	if err != nil {
		t.Fatal(err)
	}
	if code := codeOf(t, response); response.StatusCode != http.StatusUpgradeRequired || code != "upgrade-required" {
		t.Errorf("answered %d %s", response.StatusCode, code)
	}
}

func TestWhoMayListen(t *testing.T) {
	soon := start(t, options{limits: realtime.Limits{CallerWithin: 200 * time.Millisecond}})
	soon.dial("club", nil).wantClose(4001) // nobody said who it is
	soon.dial("posts?auth=later", nil).wantClose(4001)

	b := start(t, options{})
	b.dial("nosuch", nil).wantClose(4004)
	b.dial("vault", bearer(b.token(ann, time.Hour))).wantClose(4003)
	late := b.dial("club", nil)
	late.send(`{"type":"auth","token":"` + b.token(ann, time.Hour) + `"}`)
	late.want(`{"type":"snapshot","rows":[]}`)

	key := b.dial("vault?apikey="+b.keys.Secret(), nil)
	key.want(`{"type":"snapshot","rows":[]}`)
	for within := 300 * time.Millisecond; ; within *= 4 {
		wrong := start(t, options{limits: realtime.Limits{CallerWithin: within}}).dial("club?auth=later", nil)
		wrong.send(`{"type":"auth","token":"a.b.c"}`)
		frames := wrong.wantClose(4001)
		if len(frames) == 1 && strings.Contains(frames[0], "PGRST301") {
			break
		}
		if within > patience || len(frames) > 0 { // else it was over before the token came
			t.Fatalf("before the close: %v", frames)
		}
	}
}

func TestTokenExpiresAndIsRenewed(t *testing.T) {
	const snapshot = `{"type":"snapshot","rows":[]}`
	b := start(t, options{limits: realtime.Limits{Grace: patience}})
	s := b.expiring("mine", snapshot)
	if f := s.next(); !strings.Contains(f, `"code":"PGRST303"`) {
		t.Fatalf("at expiry: %s", f)
	}
	b.insert("notes", fmt.Sprintf(`{"id":1,"owner":%q,"text":"a"}`, ann))
	s.send(`{"type":"auth","token":"` + b.token(ann, time.Hour) + `"}`)
	s.want(fmt.Sprintf(`{"type":"create","key":1,"row":{"id":1,"owner":%q,"text":"a"}}`, ann))
	s.send(`{"type":"auth","token":"` + b.token(ann, time.Second) + `"}`)
	if f := s.next(); !strings.Contains(f, `"code":"PGRST303"`) {
		t.Fatalf("at the second expiry: %s", f)
	}

	impatient := start(t, options{limits: realtime.Limits{Grace: 300 * time.Millisecond}}).expiring("mine", snapshot)
	if f := impatient.next(); !strings.Contains(f, `"code":"PGRST303"`) {
		t.Fatalf("at expiry: %s", f)
	}
	impatient.wantClose(4001)
}

// Another caller on the same socket sees his own rows, and signing out none.
func TestChangeOfCaller(t *testing.T) {
	b := start(t, options{})
	b.insert("notes", fmt.Sprintf(`[{"id":1,"owner":%q,"text":"a"},{"id":2,"owner":%q,"text":"b"}]`, ann, bob))
	s := b.dial("mine?token="+b.token(ann, time.Hour), nil)
	s.want(fmt.Sprintf(`{"type":"snapshot","rows":[{"id":1,"owner":%q,"text":"a"}]}`, ann))
	s.send(`{"type":"auth","token":"` + b.token(bob, time.Hour) + `"}`)
	s.want(fmt.Sprintf(`{"type":"snapshot","rows":[{"id":2,"owner":%q,"text":"b"}]}`, bob))
	s.send(`{"type":"auth","token":"a.b.c"}`)
	if f := s.next(); !strings.Contains(f, "PGRST301") {
		t.Fatalf("a bad token: %s", f)
	}
	b.patch("notes", 2, `{"text":"c"}`) // the old token still holds
	s.want(fmt.Sprintf(`{"type":"update","key":2,"row":{"id":2,"owner":%q,"text":"c"}}`, bob))
	s.send(`{"type":"auth","token":""}`)
	s.want(`{"type":"snapshot","rows":[]}`)
}

func TestReload(t *testing.T) {
	b := start(t, options{})
	stays, gone, denied := b.dial("posts", nil), b.dial("club", bearer(b.token(ann, time.Hour))), b.dial("mine", bearer(b.token(ann, time.Hour)))
	for _, s := range []*socket{stays, gone, denied} {
		s.want(`{"type":"snapshot","rows":[]}`)
	}
	for i := range 20 {
		b.post(i+1, "x")
		b.reload(func(m *manifest.Manifest) {
			m.Channels = append(m.Channels[:2:2], m.Channels[3])
			m.Tables[2].Access.Read = manifest.Condition{}
		})
	}
	for i := range 20 {
		stays.want(fmt.Sprintf(`{"type":"create","key":%d,"row":{"id":%d,"text":"x"}}`, i+1, i+1))
	}
	gone.wantClose(4004)
	denied.wantClose(4003)
}

// Keys that were changed, as after a leak, end what the old ones let in, and
// nothing else.
func TestKeysAreChanged(t *testing.T) {
	b := start(t, options{})
	token := b.token(ann, time.Hour)
	nobody, named, late := b.dial("posts", nil), b.dial("mine", bearer(token)), b.dial("mine?auth=later", nil)
	key, page := b.dial("posts", http.Header{"Apikey": {b.keys.Secret()}}), b.dial("posts", http.Header{"Apikey": {b.keys.Publishable()}})
	stream, open := b.listen("mine", bearer(token)), b.listen("posts", nil)
	for _, s := range []*socket{nobody, named, key, page} {
		s.want(`{"type":"snapshot","rows":[]}`)
	}
	stream.want("snapshot", `{"type":"snapshot","rows":[]}`)
	open.want("snapshot", `{"type":"snapshot","rows":[]}`)
	use := func(secret string, changed bool) {
		t.Helper()
		keys, err := auth.NewKeys(manifest.NewSecretValue(secret), nil)
		if err != nil {
			t.Fatal(err)
		}
		b.keys = keys
		b.server.Use(realtime.Settings{Callers: keys, NewKeys: changed})
	}
	use("a secret that is long enough, and of this test alone", false)
	b.post(1, "x")
	key.want(`{"type":"create","key":1,"row":{"id":1,"text":"x"}}`)
	use("another secret that is long enough, of this test too", true)
	named.wantClose(4001)
	key.wantClose(4001)
	stream.want("close", `{"type":"close","code":4001,"reason":"the keys have changed; come back with a new token"}`)
	if status, _ := b.refused("mine", bearer(token)); status != 401 {
		t.Errorf("the old token: %d", status)
	}
	b.post(2, "y")
	for _, s := range []*socket{nobody, page} {
		s.want(`{"type":"create","key":1,"row":{"id":1,"text":"x"}}`)
		s.want(`{"type":"create","key":2,"row":{"id":2,"text":"y"}}`)
	}
	open.want("create", `{"type":"create","key":1,"row":{"id":1,"text":"x"}}`)
	late.send(`{"type":"auth","token":"` + b.token(ann, time.Hour) + `"}`)
	late.want(`{"type":"snapshot","rows":[]}`)
}

func TestStopTellsToComeBack(t *testing.T) {
	b := start(t, options{})
	s := b.dial("posts", nil)
	s.want(`{"type":"snapshot","rows":[]}`)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.wantClose(websocket.CloseServiceRestart)
	}()
	if err := b.server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-done
	if status, code := b.refused("posts", nil); status != 503 || code != "unavailable" {
		t.Errorf("while stopping: %d %s", status, code)
	}
	if n := b.server.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// wrapped hides everything but Unwrap, as middleware does.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestBehindMiddleware(t *testing.T) {
	b := start(t, options{wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrapped{w}, r) })
	}})
	b.dial("posts", nil).want(`{"type":"snapshot","rows":[]}`)
	b.listen("posts", nil).want("snapshot", `{"type":"snapshot","rows":[]}`)
}
