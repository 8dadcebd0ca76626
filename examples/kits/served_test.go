package kits_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// TestServed asks the program of each language over HTTP, with the real operations.
func TestServed(t *testing.T) {
	t.Setenv("CONFORMANCE_KEY", "the key")
	b := backend.Copy(t, filepath.Join("testdata", "served"))
	if err := os.MkdirAll(filepath.Join(b.Dir, "modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		file, code := p.code(t)
		name := filepath.Join(b.Dir, "modules", p.folder+filepath.Ext(file))
		if err := os.WriteFile(name, code, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.Serve(t)
	ann := b.User(t, "ann@example.com", `{"plan": "gold"}`)
	for _, p := range programs {
		t.Run(p.folder, func(t *testing.T) {
			s := &served{b: b, path: "/api/edge/" + p.folder, ann: ann}
			t.Run("requests", s.requests)
			t.Run("stream", s.stream)
			t.Run("rows", s.rows)
			t.Run("services", s.services)
			t.Run("failures", s.failures)
		})
	}
}

// served is the program of a language, as its clients see it.
type served struct {
	b    *backend.Backend
	path string
	ann  string // her token
}

func (s *served) post(t *testing.T, path, token, body string, headers ...string) backend.Answer {
	t.Helper()
	return s.b.Do(t, "POST", s.path+path, token, body, headers...)
}

func (s *served) requests(t *testing.T) {
	body := make([]byte, 900<<10)
	for i := range body {
		body[i] = byte(i * 7)
	}
	if a := s.post(t, "/echo", "", string(body), "Content-Type", "application/octet-stream"); a.Body != string(body) {
		t.Errorf("%d: %d bytes came back", a.Status, len(a.Body))
	}
	a := s.post(t, "/headers", "", "", "X-In", "one")
	if a.Status != 207 || a.Header.Get("X-Count") != "1" || a.Header.Get("X-Out") != "one" || len(a.Header["Set-Cookie"]) != 2 {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	if a := s.post(t, "/status/418", "", ""); a.Status != 418 || a.Body != "" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	same(t, []byte(s.post(t, "/query?a=1&b=x%26y&a=%C3%BC", "", "").Body), `{"a": ["1", "ü"], "b": ["x&y"]}`)
	var facts struct {
		Path, Plan string
		Caller     struct{ Role, UID, Email string }
		Headers    map[string][]string
		Size       int
	}
	a = s.post(t, "/facts", s.ann, "12345")
	if err := json.Unmarshal([]byte(a.Body), &facts); err != nil {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if facts.Path != "/facts" || facts.Plan != "gold" || facts.Caller.Role != "authenticated" || facts.Caller.UID == "" ||
		facts.Caller.Email != "ann@example.com" || facts.Size != 5 || facts.Headers["authorization"] != nil {
		t.Errorf("the facts are %s", a.Body)
	}
}

// stream has each piece before the next: the answer is read as it comes.
func (s *served) stream(t *testing.T) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.b.URL+s.path+"/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.Header.Get("Content-Type") != "text/event-stream" || answer.ContentLength >= 0 {
		t.Errorf("the stream has %v, length %d", answer.Header, answer.ContentLength)
	}
	text, err := io.ReadAll(bufio.NewReader(answer.Body))
	if err != nil || !bytes.Equal(text, []byte("data: 1\n\ndata: 2\n\ndata: 3\n\n")) {
		t.Errorf("the stream is %q, %v", text, err)
	}
}

func (s *served) rows(t *testing.T) {
	row := `{"id": "7", "title": "ü", "isbn": "x1", "price": 12}`
	refused := s.post(t, "/insert", "", row)
	if !strings.Contains(refused.Body, `42501`) {
		t.Errorf("nobody may write, and got %s", refused.Body)
	}
	for _, step := range []struct{ path, body, want string }{
		{"/insert", row, `[` + row + `]`},
		{"/upsert", `{"id": "7", "title": "u", "isbn": "x1"}`, `[{"id": "7", "title": "u", "isbn": "x1", "price": 12}]`},
		{"/update", `{"title": "new"}`, `[{"id": "7", "title": "new", "isbn": "x1", "price": 12}]`},
		{"/select", ``, `{"count": 0, "rows": []}`},
		{
			"/batch", ``, `{"error": {"code": "23502", "details": "write 0", "hint": "",
				"message": "null value in column \"id\" of relation \"books\" violates not-null constraint"}}`,
		},
		{"/delete", ``, `[{"id": "7", "title": "new", "isbn": "x1", "price": 12}]`}, // the batch has not: all or nothing
	} {
		a := s.post(t, step.path, s.ann, step.body)
		if a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", step.path, a.Status, a.Body)
			continue
		}
		same(t, []byte(a.Body), step.want)
	}
}

func (s *served) services(t *testing.T) {
	var kept struct {
		Value                 string
		Stored, None, Deleted bool
		Sum                   int64
	}
	a := s.post(t, "/cache", "", "")
	err := json.Unmarshal([]byte(a.Body), &kept)
	// The number may have been added to before, by another function.
	if err != nil || kept.Value != "AP8=" || kept.Stored || kept.None || !kept.Deleted || kept.Sum < 7 || kept.Sum%7 != 0 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for path, want := range map[string]string{"/config": "EUR", "/secret": "the key"} {
		if a := s.post(t, path, "", ""); a.Body != want {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	heard := s.b.Listen(t, "lobby", "")
	same(t, []byte(s.post(t, "/publish", "", `{"text": "`+s.path+`"}`).Body), `{"published": true}`)
	listen(t, heard, s.path)
	for path, code := range map[string]string{"/fetch?url=https://example.com/": "42501", "/call?name=other": "42501", "/named": "42501"} {
		if a := s.post(t, path, s.ann, "{}"); a.Status != http.StatusOK || !strings.Contains(a.Body, code) {
			t.Errorf("%s is not granted, and gives %d %s", path, a.Status, a.Body)
		}
	}
}

// listen waits for a message that has a text in it.
func listen(t *testing.T, heard <-chan string, text string) {
	t.Helper()
	for timeout := time.After(longest); ; {
		select {
		case message, open := <-heard:
			if !open {
				t.Error("the channel was closed")
				return
			}
			if strings.Contains(message, text) {
				return
			}
		case <-timeout:
			t.Error("nothing was heard of what was published")
			return
		}
	}
}

// failures tell the caller nothing of the inside, but where to look for it.
func (s *served) failures(t *testing.T) {
	for _, path := range []string{"/fail", "/panic", "/memory"} {
		a := s.post(t, path, "", "")
		if a.Status < 500 || strings.Contains(a.Body, "told to") || a.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %v %s", path, a.Status, a.Header, a.Body)
		}
		if a := s.post(t, "/state", "", ""); a.Body != "1" {
			t.Errorf("after %s: %d %s", path, a.Status, a.Body)
		}
	}
}
