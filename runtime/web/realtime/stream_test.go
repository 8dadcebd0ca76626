package realtime_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/realtime"
)

// stream is an SSE client.
type stream struct {
	t      testing.TB
	lines  *bufio.Scanner
	cancel context.CancelFunc
	id     string // the last event's
}

func (b *backend) request(path string, header http.Header) (*http.Response, context.CancelFunc) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url("http", path), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, cancel
}

func (b *backend) listen(path string, header http.Header) *stream {
	b.t.Helper()
	response, cancel := b.request(path, header)
	b.t.Cleanup(func() { cancel(); _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		b.t.Fatalf("listen %s: %s %s", path, response.Status, codeOf(b.t, response))
	}
	return &stream{t: b.t, lines: newScanner(response.Body), cancel: cancel}
}

func newScanner(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	return lines
}

// next reads an event as a browser would: those without data are not told of,
// but their id counts.
func (s *stream) next() (string, string) {
	name, data := "", ""
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "id":
			s.id = value
		case "event":
			name = value
		case "data":
			data += value
		case "":
			if data != "" {
				return name, data
			}
			name = ""
		}
	}
	return "", ""
}

func (s *stream) want(name, data string) {
	s.t.Helper()
	gotName, gotData := s.next()
	plain, _ := cut(gotData)
	if gotName != name || plain != data {
		s.t.Fatalf("event %s %s, want %s %s (%v)", gotName, gotData, name, data, s.lines.Err())
	}
}

func TestStreamSnapshotChangesResume(t *testing.T) {
	b := start(t, options{})
	b.post(1, "one")
	s := b.listen("posts", nil)
	s.want("snapshot", `{"type":"snapshot","rows":[{"id":1,"text":"one"}]}`)
	b.insert("posts", `[{"id":2,"text":"two"},{"id":3,"text":"line\nbreak"}]`)
	s.want("create", `{"type":"create","key":2,"row":{"id":2,"text":"two"}}`)
	within := s.id // in the midst of a commit
	s.want("create", `{"type":"create","key":3,"row":{"id":3,"text":"line\nbreak"}}`)
	s.cancel()
	b.remove("posts", 1)

	again := b.listen("posts", http.Header{"Last-Event-Id": {within}})
	again.want("resumed", `{"type":"resumed"}`)
	again.want("create", `{"type":"create","key":3,"row":{"id":3,"text":"line\nbreak"}}`)
	again.want("delete", `{"type":"delete","key":1}`)
}

func TestStreamTruncated(t *testing.T) {
	b := start(t, options{})
	s := b.listen("posts?after=zz.1", nil)
	s.want("truncated", `{"type":"truncated"}`)
	s.want("snapshot", `{"type":"snapshot","rows":[]}`)
}

func TestStreamRefusals(t *testing.T) {
	b := start(t, options{limits: realtime.Limits{PerAddress: 1}})
	for _, c := range []struct {
		path   string
		header http.Header
		status int
		code   string
	}{
		{"nosuch", nil, 404, "PGRST205"},
		{"vault", nil, 401, "42501"},
		{"vault", bearer(b.token(ann, time.Hour)), 403, "42501"},
		{"posts?token=a.b.c", nil, 401, "PGRST301"},
		{"posts", http.Header{"Last-Event-Id": {"x"}}, 400, "bad-cursor"},
		{"posts", http.Header{"Origin": {"null"}}, 403, "origin-not-allowed"},
	} {
		response, cancel := b.request(c.path, c.header)
		if code := codeOf(t, response); response.StatusCode != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.path, response.StatusCode, code, c.status, c.code)
		}
		cancel()
	}
	eventually(t, "refused streams hold no seat", func() bool { return b.server.Connections() == 0 })
	b.listen("posts", nil).want("snapshot", `{"type":"snapshot","rows":[]}`)
	response, cancel := b.request("posts", nil)
	defer cancel()
	if code := codeOf(t, response); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("over the address's limit: %d %s", response.StatusCode, code)
	}
}

func TestStreamHeartbeatCarriesTheCursor(t *testing.T) {
	b := start(t, options{limits: realtime.Limits{Ping: 30 * time.Millisecond}})
	s := b.listen("mine?token="+b.token(ann, time.Hour), nil)
	s.want("snapshot", `{"type":"snapshot","rows":[]}`)
	first := s.id
	b.post(1, "another table")
	for s.id == first {
		if !s.lines.Scan() {
			t.Fatal(s.lines.Err())
		}
		if id, found := strings.CutPrefix(s.lines.Text(), "id: "); found {
			s.id = id
		}
	}
	b.listen("mine?after="+s.id, bearer(b.token(ann, time.Hour))).want("resumed", `{"type":"resumed"}`)
}

func TestStreamEnds(t *testing.T) {
	b := start(t, options{})
	for lives := 1200 * time.Millisecond; ; lives *= 4 {
		expires := b.listen("posts?token="+b.token(ann, lives), nil)
		if name, data := expires.next(); name == "snapshot" {
			expires.want("close", `{"type":"close","code":4001,"reason":"the token has expired"}`)
			break
		} else if lives > patience { // else it has expired before
			t.Fatalf("event %s %s, want a snapshot", name, data)
		}
	}
	gone, stays := b.listen("club", bearer(b.token(ann, time.Hour))), b.listen("posts", nil)
	gone.want("snapshot", `{"type":"snapshot","rows":[]}`)
	stays.want("snapshot", `{"type":"snapshot","rows":[]}`)
	b.reload(func(m *manifest.Manifest) { m.Channels = m.Channels[:2] })
	gone.want("close", `{"type":"close","code":4004,"reason":"the channel is not declared"}`)
	b.post(1, "x")
	stays.want("create", `{"type":"create","key":1,"row":{"id":1,"text":"x"}}`)
	if err := b.server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	stays.want("close", `{"type":"close","code":1012,"reason":"the server restarts; come back"}`)
	if name, data := stays.next(); name != "" {
		t.Errorf("after the end: %s %s", name, data)
	}
}
