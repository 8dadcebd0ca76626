package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/live"
)

// chaosListener is one subscriber: a client that comes back with its cursor, and
// drops what it has seen by it.
type chaosListener struct {
	chaos *chaos
	node  *chaosNode
	ready chan struct{}

	mu        sync.Mutex
	at        live.Cursor
	text      string // of the cursor
	seen      map[string]int
	created   map[string]bool // since the last snapshot
	snapshots int
	again     int
	doubled   []string
}

// follow listens until the context ends, over as many connections as it takes.
func (l *chaosListener) follow(ctx context.Context, socket bool) {
	for ctx.Err() == nil {
		if socket {
			l.followSocket(ctx)
		} else {
			l.followStream(ctx)
		}
		pauseFor(ctx, 50*time.Millisecond)
	}
}

func (l *chaosListener) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	address := l.node.url + "/api/realtime/notes"
	if l.text != "" {
		address += "?after=" + url.QueryEscape(l.text)
	}
	return address
}

func (l *chaosListener) followSocket(ctx context.Context) {
	dialer := websocket.Dialer{HandshakeTimeout: chaosDeadline}
	conn, response, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(l.address(), "http"), nil)
	if response != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		l.frame(ctx, text)
	}
}

func (l *chaosListener) followStream(ctx context.Context) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.address(), http.NoBody)
	if err != nil {
		l.chaos.Error(err)
		return
	}
	request.Header.Set("Accept", "text/event-stream")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			l.frame(ctx, []byte(data))
		}
	}
}

// frame takes one event.
func (l *chaosListener) frame(ctx context.Context, text []byte) {
	type note struct {
		Text string `json:"text"`
	}
	var event struct {
		Type   string `json:"type"`
		Cursor string `json:"cursor"`
		Row    note   `json:"row"`
		Rows   []note `json:"rows"`
		More   bool   `json:"more"`
	}
	if err := json.Unmarshal(text, &event); err != nil {
		l.chaos.Errorf("frame %q: %v", text, err)
		return
	}
	if event.Cursor == "" {
		return
	}
	at, err := live.ParseCursor(event.Cursor)
	if err != nil {
		l.chaos.Errorf("cursor %q: %v", event.Cursor, err)
		return
	}
	var all map[string]int
	if event.Type == "snapshot" && event.More && ctx.Err() == nil {
		all = l.chaos.stored() // as a client does whose snapshot was cut short
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch event.Type {
	case "snapshot":
		l.seen, l.created = map[string]int{}, map[string]bool{}
		for _, row := range event.Rows {
			l.seen[row.Text] = 1
		}
		for row := range all {
			l.seen[row] = 1
		}
		if l.snapshots++; l.snapshots == 1 {
			close(l.ready)
		}
	case "create":
		if !follows(at, l.at) {
			return
		}
		switch {
		case l.created[event.Row.Text]:
			l.doubled = append(l.doubled, fmt.Sprintf("%s at %s", event.Row.Text, event.Cursor))
		case l.seen[event.Row.Text] > 0:
			l.again++
		}
		l.created[event.Row.Text] = true
		l.seen[event.Row.Text]++
	case "ping", "resumed":
	default:
		l.chaos.Errorf("a listener got %s", text)
		return
	}
	l.at, l.text = at, event.Cursor
}

// follows reports a place after another one; the end of a commit is after its
// parts.
func follows(a, b live.Cursor) bool {
	if order := a.Commit.Compare(b.Commit); order != 0 {
		return order > 0
	}
	return b.Part != 0 && (a.Part == 0 || a.Part > b.Part)
}

func (l *chaosListener) has(stored map[string]int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for row := range stored {
		if l.seen[row] == 0 {
			return false
		}
	}
	return true
}

// check sees to it that everything was told, and nothing twice.
func (l *chaosListener) check(i int, stored map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := 0
	for row := range stored {
		if l.seen[row] == 0 {
			lost++
		}
	}
	if lost > 0 {
		l.chaos.Errorf("listener %d was never told of %d of %d rows", i, lost, len(stored))
	}
	if len(l.doubled) > 0 {
		l.chaos.Errorf("listener %d was told of rows twice: %v", i, l.doubled)
	}
	for row := range l.seen {
		if stored[row] == 0 {
			l.chaos.Errorf("listener %d was told of %s, which is not there", i, row)
		}
	}
}
