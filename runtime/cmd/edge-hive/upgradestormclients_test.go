//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// stormLoad is the clients, as long as they are at work.
type stormLoad struct {
	storm  *upgradeStorm
	end    context.CancelFunc
	work   sync.WaitGroup // who writes
	listen sync.WaitGroup
	hush   context.CancelFunc
	heard  []*stormListener
}

// load begins with all kinds of clients, each of which keeps its connection.
func (s *upgradeStorm) load() *stormLoad {
	s.Helper()
	ctx, end := context.WithCancel(s.Context())
	hear, hush := context.WithCancel(s.Context())
	l := &stormLoad{storm: s, end: end, hush: hush}
	for i := range 4 {
		h := &stormListener{storm: s, number: i, ready: make(chan struct{}), seen: map[string]bool{}}
		l.heard = append(l.heard, h)
		way := h.follow
		if i%2 == 1 {
			way = h.stream
		}
		l.listen.Go(func() { way(hear) })
	}
	for _, h := range l.heard {
		select {
		case <-h.ready:
		case <-time.After(stormPatience):
			s.Fatalf("listener %d hears nothing", h.number)
		}
	}
	for i := range 6 {
		l.work.Go(func() { s.writes(ctx, i) })
	}
	for range 4 {
		l.work.Go(func() { s.reads(ctx) })
	}
	for i := range 3 {
		l.work.Go(func() { s.uploads(ctx, i) })
	}
	return l
}

// stop ends the clients, and sees to it that every listener has heard of every row.
func (l *stormLoad) stop() {
	s := l.storm
	s.Helper()
	l.end()
	l.work.Wait()
	for _, h := range l.heard {
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			missing := h.missing()
			if len(missing) == 0 {
				break
			}
			if time.Now().After(deadline) {
				s.Errorf("listener %d has not heard of %d rows, as %q", h.number, len(missing), missing[0])
				break
			}
		}
	}
	l.hush()
	l.listen.Wait()
}

// writes inserts rows, one request after the other on one connection.
func (s *upgradeStorm) writes(ctx context.Context, writer int) {
	client := s.client()
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("row %d of writer %d", i, writer)
		s.post(client, strings.NewReader(fmt.Sprintf(`{"text":%q}`, text)), text)
		pauseFor(ctx, 5*time.Millisecond)
	}
}

// uploads sends bodies that take a while.
func (s *upgradeStorm) uploads(ctx context.Context, writer int) {
	client := s.client()
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("slow row %d of writer %d", i, writer)
		r, w := io.Pipe()
		go func() {
			pieces := []string{`{"te`, `xt":"`, text[:4], text[4:], `"}`}
			for _, piece := range pieces {
				time.Sleep(uploadTime / time.Duration(len(pieces)))
				if _, err := io.WriteString(w, piece); err != nil {
					return // the answer says why
				}
			}
			_ = w.Close()
		}()
		s.post(client, r, text)
	}
}

// post inserts a row. Go's client does not send it a second time, whatever becomes of
// the connection.
func (s *upgradeStorm) post(client *http.Client, body io.Reader, text string) {
	began := time.Now()
	request, err := http.NewRequest(http.MethodPost, s.url+"/api/data/notes", body)
	if err != nil {
		s.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.GetBody = nil // a body that was sent is gone
	status, err := s.do(client, request)
	if s.answered("POST", status, http.StatusCreated, time.Since(began), err) {
		s.mu.Lock()
		s.acked[text] = true
		s.mu.Unlock()
	}
}

func (s *upgradeStorm) reads(ctx context.Context) {
	client := s.client()
	for ctx.Err() == nil {
		began := time.Now()
		request, err := http.NewRequest(http.MethodGet, s.url+"/api/data/notes?limit=5", http.NoBody)
		if err != nil {
			s.Error(err)
			return
		}
		status, err := s.do(client, request)
		s.answered("GET", status, http.StatusOK, time.Since(began), err)
		pauseFor(ctx, 5*time.Millisecond)
	}
}

func (s *upgradeStorm) do(client *http.Client, request *http.Request) (int, error) {
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return response.StatusCode, err
	}
	return response.StatusCode, nil
}

// stored are the rows that are there, by their text.
func (s *upgradeStorm) stored() map[string]bool {
	s.Helper()
	all := map[string]bool{}
	client := s.client()
	for offset := 0; ; {
		response, err := client.Get(fmt.Sprintf("%s/api/data/notes?select=text&order=id&limit=1000&offset=%d", s.url, offset))
		if err != nil {
			s.Fatal(err)
		}
		var rows []struct{ Text string }
		err = json.NewDecoder(response.Body).Decode(&rows)
		_ = response.Body.Close()
		if err != nil {
			s.Fatal(err)
		}
		if len(rows) == 0 {
			return all
		}
		for _, row := range rows {
			all[row.Text] = true
		}
		offset += len(rows)
	}
}

// stormListener is a subscriber that comes back with its cursor.
type stormListener struct {
	storm  *upgradeStorm
	number int
	ready  chan struct{}

	mu        sync.Mutex
	cursor    string
	seen      map[string]bool
	snapshots int
}

func (h *stormListener) missing() []string {
	h.storm.mu.Lock()
	defer h.storm.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	var missing []string
	for text := range h.storm.acked {
		if !h.seen[text] {
			missing = append(missing, text)
		}
	}
	return missing
}

// follow listens until the context ends, over as many connections as it takes.
func (h *stormListener) follow(ctx context.Context) {
	for ctx.Err() == nil {
		address := "ws" + strings.TrimPrefix(h.storm.url, "http") + "/api/realtime/notes"
		if h.cursor != "" {
			address += "?after=" + url.QueryEscape(h.cursor)
		}
		dialer := websocket.Dialer{HandshakeTimeout: stormPatience, TLSClientConfig: stormTrust()}
		conn, response, err := dialer.DialContext(ctx, address, nil)
		if err != nil {
			if ctx.Err() == nil {
				h.storm.Errorf("listener %d cannot come back: %v, %s", h.number, err, said(response))
			}
			return
		}
		_ = response.Body.Close()
		h.hear(ctx, conn)
	}
}

func said(response *http.Response) string {
	if response == nil {
		return ""
	}
	text, _ := io.ReadAll(response.Body)
	return fmt.Sprint(response.Status, response.Header, string(text))
}

// hear reads one connection until it ends.
func (h *stormListener) hear(ctx context.Context, conn *websocket.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			if ctx.Err() == nil && !websocket.IsCloseError(err, websocket.CloseServiceRestart, websocket.CloseGoingAway, websocket.CloseTryAgainLater) {
				h.storm.Errorf("listener %d was not told to come back: %v", h.number, err)
			}
			return
		}
		h.told(text)
	}
}

// told notes a frame.
func (h *stormListener) told(text []byte) {
	var frame struct {
		Type, Cursor string
		Row          struct{ Text string }
		Rows         []struct{ Text string }
	}
	if err := json.Unmarshal(text, &frame); err != nil {
		h.storm.Errorf("frame %q: %v", text, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if frame.Cursor != "" {
		h.cursor = frame.Cursor
	}
	switch frame.Type {
	case "snapshot":
		if h.snapshots++; h.snapshots == 1 {
			close(h.ready)
		} else {
			h.storm.Errorf("listener %d had to begin anew", h.number)
		}
	case "create":
		if h.seen[frame.Row.Text] {
			h.storm.Errorf("listener %d was told twice of %q", h.number, frame.Row.Text)
		}
		h.seen[frame.Row.Text] = true
	}
}

// stream is follow over event streams.
func (h *stormListener) stream(ctx context.Context) {
	client := h.storm.client()
	client.Timeout = 0
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.storm.url+"/api/realtime/notes", http.NoBody)
		if err != nil {
			h.storm.Error(err)
			return
		}
		request.Header.Set("Accept", "text/event-stream")
		if h.cursor != "" {
			request.Header.Set("Last-Event-ID", h.cursor)
		}
		response, err := client.Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			if ctx.Err() == nil {
				h.storm.Errorf("listener %d cannot come back: %v, %s", h.number, err, said(response))
			}
			return
		}
		closed := false
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if text, is := strings.CutPrefix(lines.Text(), "data: "); is {
				closed = strings.Contains(text, `"type":"close"`)
				h.told([]byte(text))
			}
		}
		_ = response.Body.Close()
		if !closed && ctx.Err() == nil {
			h.storm.Errorf("listener %d was not told to come back: %v", h.number, lines.Err())
		}
	}
}
