package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// viewer keeps the rows of a channel over connections that break at random.
type viewer struct {
	b      *backend
	path   string
	token  string
	socket bool
	seed   uint64

	mu     sync.Mutex
	rows   map[string]string
	cursor string
	faults []string
}

func (v *viewer) apply(raw string) {
	var f struct {
		Type, Cursor string
		Key          json.RawMessage
		Row          json.RawMessage
		Rows         []json.RawMessage
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := json.Unmarshal([]byte(raw), &f); err != nil {
		v.faults = append(v.faults, raw)
		return
	}
	_, had := v.rows[string(f.Key)]
	switch f.Type {
	case "snapshot":
		clear(v.rows)
		for _, row := range f.Rows {
			var key struct{ ID json.RawMessage }
			_ = json.Unmarshal(row, &key)
			v.rows[string(key.ID)] = string(row)
		}
	case "create", "enter", "update":
		if had != (f.Type == "update") {
			v.faults = append(v.faults, "does not fit: "+raw)
		}
		v.rows[string(f.Key)] = string(f.Row)
	case "delete", "leave":
		if !had {
			v.faults = append(v.faults, "does not fit: "+raw)
		}
		delete(v.rows, string(f.Key))
	case "close":
		return
	}
	if f.Cursor != "" {
		v.cursor = f.Cursor
	}
}

// follow connects again and again until the context ends. Connections live longer
// where the machine is so loaded that nothing came over one.
func (v *viewer) follow(ctx context.Context) {
	random := rand.New(rand.NewPCG(v.seed, 1))
	for longer := 1; ctx.Err() == nil; {
		life, cancel := context.WithTimeout(ctx, time.Duration(longer*(20+random.IntN(200)))*time.Millisecond)
		if !v.connect(life) && longer < 1000 {
			longer *= 2
		}
		cancel()
	}
}

// connect follows over one connection, and says whether anything came.
func (v *viewer) connect(ctx context.Context) (came bool) {
	v.mu.Lock()
	path := v.path
	if v.cursor != "" {
		path += "?after=" + v.cursor
	}
	v.mu.Unlock()
	header := bearer(v.token)
	if v.socket {
		conn, _, err := websocket.DefaultDialer.DialContext(ctx, v.b.url("ws", path), header)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close() }()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		for {
			_, raw, err := conn.ReadMessage()
			if err != nil {
				return came
			}
			v.apply(string(raw))
			came = true
		}
	}
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, v.b.url("http", path), nil)
	r.Header = header
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	s := &stream{t: v.b.t, lines: newScanner(response.Body)}
	for {
		_, data := s.next()
		if data == "" {
			return came
		}
		v.apply(data)
		came = true
	}
}

// Sockets and streams that break at random, under writes and reloads, each have
// the table as their rule shows it in the end; nothing came twice.
func TestEveryViewHolds(t *testing.T) {
	b := start(t, options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tokens := map[string]string{ann: b.token(ann, time.Hour), bob: b.token(bob, time.Hour)}
	var viewers []*viewer
	var running sync.WaitGroup
	for i := range 16 {
		uid := []string{ann, bob}[i%2]
		v := &viewer{b: b, path: []string{"posts", "mine"}[i/2%2], token: tokens[uid], socket: i/4%2 == 0, seed: uint64(i), rows: map[string]string{}}
		viewers = append(viewers, v)
		running.Go(func() { v.follow(ctx) })
	}
	random := rand.New(rand.NewPCG(7, 7))
	posts, notes := map[string]string{}, map[string]string{}
	for i := range 400 {
		id := random.IntN(30) + 1
		key := fmt.Sprint(id)
		owner := []string{ann, bob}[random.IntN(2)]
		post, note := fmt.Sprintf(`{"id":%d,"text":"%d"}`, id, i), fmt.Sprintf(`{"id":%d,"owner":%q,"text":"%d"}`, id, owner, i)
		switch _, there := posts[key]; {
		case !there:
			b.insert("posts", post)
			b.insert("notes", note)
			posts[key], notes[key] = post, note
		case random.IntN(3) == 0:
			b.remove("posts", id)
			b.remove("notes", id)
			delete(posts, key)
			delete(notes, key)
		default:
			b.patch("posts", id, fmt.Sprintf(`{"text":"%d"}`, i))
			b.patch("notes", id, fmt.Sprintf(`{"owner":%q,"text":"%d"}`, owner, i))
			posts[key], notes[key] = post, note
		}
		if i%40 == 20 {
			b.reload(func(*manifest.Manifest) {})
		}
	}
	for _, v := range viewers {
		want := posts
		if v.path == "mine" {
			want = maps.Clone(notes)
			maps.DeleteFunc(want, func(_, row string) bool {
				return tokens[ann] == v.token != strings.Contains(row, ann)
			})
		}
		eventually(t, "a viewer has its rows", func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return maps.Equal(v.rows, want)
		})
		if len(v.faults) > 0 {
			t.Errorf("%s: %d frames that do not fit, the first %s", v.path, len(v.faults), v.faults[0])
		}
	}
	cancel()
	running.Wait()
	http.DefaultClient.CloseIdleConnections()
}

// Whatever a client says, the server answers or closes, and goes on.
func FuzzClientMessage(f *testing.F) {
	for _, seed := range []string{`{"type":"ping"}`, `{"type":"auth","token":""}`, `{"type":"auth","token":"a.b.c"}`, `{`, ``, "\x00", `{"type":1}`, `[[[[`} {
		f.Add(1, []byte(seed))
		f.Add(2, []byte(seed))
	}
	b := start(f, options{})
	f.Fuzz(func(t *testing.T, kind int, message []byte) {
		conn, _, err := websocket.DefaultDialer.Dial(b.url("ws", "posts"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if err := conn.WriteMessage(kind&1+1, message); err != nil {
			t.Fatal(err)
		}
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		for {
			_, raw, err := conn.ReadMessage()
			if websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
				return
			}
			if err != nil {
				t.Fatalf("after %q: %v", message, err)
			}
			if string(raw) == `{"type":"pong"}` {
				return
			}
		}
	})
}
