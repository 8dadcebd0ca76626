package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// follower is one subscriber.
type follower struct {
	t         *testing.T
	snapshots chan struct{}

	mu     sync.Mutex
	seen   map[string]int
	snaps  int
	closed bool
	end    func()
}

// frame takes one event; false ends the following.
func (f *follower) frame(text []byte) {
	var event struct {
		Type string `json:"type"`
		Row  struct {
			Text string `json:"text"`
		} `json:"row"`
		Rows []struct {
			Text string `json:"text"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(text, &event); err != nil {
		f.t.Errorf("frame %q: %v", text, err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch event.Type {
	case "snapshot":
		if f.snaps++; f.snaps > 1 {
			f.t.Error("a subscriber got a second snapshot")
			return
		}
		for _, row := range event.Rows {
			f.seen[row.Text]++
		}
		f.snapshots <- struct{}{}
	case "create":
		f.seen[event.Row.Text]++
	case "ping":
	default:
		f.t.Errorf("a subscriber got %s", text)
	}
}

func (f *follower) has(rows []string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !slices.ContainsFunc(rows, func(row string) bool { return f.seen[row] == 0 })
}

func (f *follower) check(i int, rows []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, row := range rows {
		if f.seen[row] != 1 {
			f.t.Errorf("subscriber %d saw %s %d times", i, row, f.seen[row])
		}
	}
	if len(f.seen) != len(rows) {
		f.t.Errorf("subscriber %d saw %d rows, want %d", i, len(f.seen), len(rows))
	}
}

func (f *follower) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.end()
}

// ended reports what ended the following, unless close did.
func (f *follower) ended(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.t.Errorf("a subscriber was closed: %v", err)
	}
}

func (f *follower) followSocket(b *backend) {
	dialer := websocket.Dialer{HandshakeTimeout: patience}
	conn, response, err := dialer.Dial(strings.Replace(b.URL(), "http", "ws", 1)+"/api/realtime/notes", http.Header{"Apikey": {b.Keys().Secret}})
	if err != nil {
		f.t.Error(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	f.mu.Lock()
	f.end = func() { _ = conn.Close() }
	f.mu.Unlock()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			f.ended(err)
			return
		}
		f.frame(text)
	}
}

func (f *follower) followStream(b *backend) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.mu.Lock()
	f.end = cancel
	f.mu.Unlock()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL()+"/api/realtime/notes", http.NoBody)
	if err != nil {
		f.t.Error(err)
		return
	}
	request.Header.Set("apikey", b.Keys().Secret)
	request.Header.Set("Accept", "text/event-stream")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	reader := bufio.NewReader(response.Body)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			f.ended(err)
			return
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			f.frame([]byte(data))
		}
	}
}
