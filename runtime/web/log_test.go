package web_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/web"
)

func TestLogHoldsNoSecrets(t *testing.T) {
	s := newSite(t, plain())
	token := s.token(t, "ann")
	s.do("GET", "/api/data/books?apikey=hunter2&token=hunter2", "", "Authorization: Bearer "+token, "Cookie: a=hunter2")
	s.do("GET", "/rest/v1/books", "", "apikey: hunter2")
	s.do("GET", "/nothing?token=hunter2", "", "apikey: hunter2")
	if text := s.log.String(); strings.Contains(text, "hunter2") || strings.Contains(text, token) || !strings.Contains(text, "uid=ann") {
		t.Errorf("log: %s", text)
	}
}

func TestLogLevels(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{{nil, "level=DEBUG"}, {fault.New("42703", "no column"), "level=INFO"}, {errSecret, "level=ERROR"}} {
		s := newSite(t, plain())
		s.gate.err = c.err
		s.do("GET", "/api/data/books", "")
		if text := s.log.String(); !strings.Contains(text, c.want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%v: %s", c.err, text)
		}
	}
}

// meter remembers what it was told.
type meter struct {
	mu    sync.Mutex
	began int
	ended []string
}

func (m *meter) RequestBegan() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began++
}

func (m *meter) RequestEnded(route, method string, _ int, _ float64, _ int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = append(m.ended, method+" "+route)
}

func (m *meter) RateLimited(string) {}

// Labels are patterns: nothing that a client chooses makes a new one.
func TestMeterSeesPatterns(t *testing.T) {
	m := &meter{}
	s := newSite(t, plain(), func(o *web.Options) { o.Meter = m })
	for _, c := range [][3]string{
		{"GET", "/api/data/anything", "GET /api/data/{table}"},
		{"GET", "/api/data/anything/7", "GET /api/data/{table}/{key}"},
		{"GET", "/rest/v1/anything", "GET /rest/v1/{table}"},
		{"GET", "/whatever/else", "GET none"},
		{"FROBNICATE", "/whatever", "OTHER none"},
		{"GET", "/a//b", "GET refused"},
		{"GET", "/health", "GET /health"},
	} {
		s.do(c[0], c[1], "")
		if got := m.ended[len(m.ended)-1]; got != c[2] {
			t.Errorf("%s %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
	s.gate.panics = true
	s.do("GET", "/api/data/books", "")
	if m.began != len(m.ended) {
		t.Errorf("%d began, %d ended", m.began, len(m.ended))
	}
}
