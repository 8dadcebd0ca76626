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

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/live"
)

// chaosListener is one subscriber: a client that comes back with its cursor, to
// the other node, and drops what it has seen by it.
type chaosListener struct {
	chaos  *chaos
	number int
	ready  chan struct{}

	mu        sync.Mutex
	at        live.Cursor
	text      string // of the cursor
	rows      map[string]chaosNote
	stretches []chaosStretch
	since     map[string]bool // keys that were created since the last snapshot
	joins     int
	again     int
	faults    int
}

// mostFaults bounds what is said of the events of one listener.
const mostFaults = 3

// chaosStretch is what came after a snapshot, up to the next one.
type chaosStretch struct {
	from, to live.Cursor
	events   []int32
}

func newChaosListener(c *chaos, number int) *chaosListener {
	return &chaosListener{chaos: c, number: number, ready: make(chan struct{})}
}

// follow listens until the context ends, over as many connections as it takes.
func (l *chaosListener) follow(ctx context.Context) {
	for node := l.number; ctx.Err() == nil; node++ {
		n := l.chaos.nodes[node%len(l.chaos.nodes)]
		if l.number/len(l.chaos.nodes)%2 == 0 {
			l.followSocket(ctx, n)
		} else {
			l.followStream(ctx, n)
		}
		pauseFor(ctx, chaosPause)
	}
}

func (l *chaosListener) address(n *chaosNode) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	address := n.url + "/api/realtime/notes"
	if l.text != "" {
		address += "?after=" + url.QueryEscape(l.text)
	}
	return address
}

// refused sees to it that who is turned away is told when to come back.
func (l *chaosListener) refused(response *http.Response) {
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		l.chaos.Errorf("listener %d was answered %d, Retry-After %q", l.number, response.StatusCode, response.Header.Get("Retry-After"))
	}
}

func (l *chaosListener) followSocket(ctx context.Context, n *chaosNode) {
	dialer := websocket.Dialer{HandshakeTimeout: chaosDeadline}
	conn, response, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(l.address(n), "http"), nil)
	if response != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		if response != nil && ctx.Err() == nil {
			l.refused(response)
		}
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	l.joined()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		l.frame(ctx, text)
	}
}

func (l *chaosListener) followStream(ctx context.Context, n *chaosNode) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.address(n), http.NoBody)
	if err != nil {
		l.chaos.Error(err)
		return
	}
	request.Header.Set("Accept", "text/event-stream")
	transport := &http.Transport{ResponseHeaderTimeout: chaosDeadline}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		l.refused(response)
		return
	}
	l.joined()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			l.frame(ctx, []byte(data))
		}
	}
}

func (l *chaosListener) joined() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.joins++
}

// chaosFrame is one event on the wire.
type chaosFrame struct {
	Type   string      `json:"type"`
	Cursor string      `json:"cursor"`
	Key    string      `json:"key"`
	Row    chaosNote   `json:"row"`
	Rows   []chaosNote `json:"rows"`
	More   bool        `json:"more"`
}

// frame takes one event.
func (l *chaosListener) frame(ctx context.Context, text []byte) {
	var f chaosFrame
	if err := json.Unmarshal(text, &f); err != nil {
		l.chaos.Errorf("frame %q: %v", text, err)
		return
	}
	if f.Cursor == "" {
		return
	}
	at, err := live.ParseCursor(f.Cursor)
	if err != nil {
		l.chaos.Errorf("cursor %q: %v", f.Cursor, err)
		return
	}
	var all map[string]chaosNote
	if f.Type == "snapshot" && f.More && ctx.Err() == nil {
		all = l.chaos.stored(l.number % len(l.chaos.nodes)) // as a client does whose snapshot was cut short
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch f.Type {
	case "snapshot":
		l.begin(at, f.Rows, all)
	case "create", "update", "delete":
		if !follows(at, l.at) {
			return
		}
		l.take(&f, at)
	case "ping", "resumed":
	default:
		l.chaos.Errorf("a listener got %s", text)
		return
	}
	l.at, l.text = at, f.Cursor
	l.stretches[len(l.stretches)-1].to = at
}

// begin begins anew with a snapshot.
func (l *chaosListener) begin(at live.Cursor, rows []chaosNote, all map[string]chaosNote) {
	l.rows, l.since = make(map[string]chaosNote, len(rows)), map[string]bool{}
	for _, row := range rows {
		l.rows[row.ID] = row
	}
	for key, row := range all {
		l.rows[key] = row
	}
	if l.stretches = append(l.stretches, chaosStretch{from: at}); len(l.stretches) == 1 {
		close(l.ready)
	}
}

// take takes what happened to a row.
func (l *chaosListener) take(f *chaosFrame, at live.Cursor) {
	e := chaosEvent{key: f.Key, text: f.Row.Text, step: stepDelete}
	_, there := l.rows[f.Key]
	switch f.Type {
	case "create":
		e.step = stepCreate
		if there && !l.since[f.Key] {
			l.again++
		}
		l.since[f.Key] = true
		l.rows[f.Key] = f.Row
	case "update":
		e.step = chaosStep(f.Row.N)
		l.rows[f.Key] = f.Row
	case "delete":
		delete(l.rows, f.Key)
	}
	if f.Type != "delete" && f.Key != f.Row.ID {
		l.chaos.Errorf("an event of %s has the row %v", f.Key, f.Row)
	}
	at.Of = 0
	number, err := l.chaos.truth.event(e, at)
	if err != nil && l.faults < mostFaults {
		l.faults++
		l.chaos.Errorf("listener %d: %v", l.number, err)
	}
	s := &l.stretches[len(l.stretches)-1]
	s.events = append(s.events, number)
}

// follows reports a place after another one; the end of a commit is after its
// parts.
func follows(a, b live.Cursor) bool {
	if order := a.Commit.Compare(b.Commit); order != 0 {
		return order > 0
	}
	return b.Part != 0 && (a.Part == 0 || a.Part > b.Part)
}

// differs tells how many rows a listener has that are not so, or has not.
func (l *chaosListener) differs(stored map[string]chaosNote) (missing, wrong int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, row := range stored {
		if has, ok := l.rows[key]; !ok {
			missing++
		} else if has != row {
			wrong++
		}
	}
	return missing, wrong + max(0, len(l.rows)-(len(stored)-missing))
}

// told reports that all listeners have what is there.
func told(listeners []*chaosListener, stored map[string]chaosNote) bool {
	for _, l := range listeners {
		l.mu.Lock()
		size := len(l.rows)
		l.mu.Unlock()
		if size != len(stored) {
			return false
		}
		if missing, wrong := l.differs(stored); missing+wrong > 0 {
			return false
		}
	}
	return true
}

// checkListeners sees to it that every listener has what is there, that each was
// told of everything that any of them was told of while it listened, in the same
// order and once, and that they were told of everything that was done.
func (c *chaos) checkListeners(listeners []*chaosListener, stored map[string]chaosNote) {
	c.Helper()
	t, instead := &c.truth, 0
	for _, l := range listeners {
		if missing, wrong := l.differs(stored); missing+wrong > 0 {
			c.Errorf("listener %d lacks %d of %d rows and has %d that are not so", l.number, missing, len(stored), wrong)
		}
		for i := range l.stretches {
			lost, fault := t.checkStretch(&l.stretches[i])
			if lost != "" && i+1 < len(l.stretches) {
				instead++ // a snapshot came for what it had missed
			} else if lost != "" {
				c.Errorf("listener %d, stretch %d: %s", l.number, i+1, lost)
			}
			if fault != "" {
				c.Errorf("listener %d, stretch %d: %s", l.number, i+1, fault)
			}
		}
	}
	c.Logf("%d times a snapshot came in place of events", instead)
	c.checkTold(listeners)
}

// checkStretch says what a listener was not told of, and what is wrong with what
// it was told.
func (t *chaosTruth) checkStretch(s *chaosStretch) (lost, fault string) {
	seen := make([]bool, len(t.events))
	for i, n := range s.events {
		if seen[n] {
			return "", fmt.Sprintf("it was told twice of %v", t.events[n])
		}
		seen[n] = true
		if i > 0 && !follows(t.places[n], t.places[s.events[i-1]]) {
			return "", fmt.Sprintf("it was told of %v after %v", t.events[n], t.events[s.events[i-1]])
		}
	}
	count, example := 0, ""
	for n, at := range t.places {
		if !seen[n] && follows(at, s.from) && !follows(at, s.to) {
			count++
			example = fmt.Sprintf("%v at %s", t.events[n], at)
		}
	}
	if count > 0 {
		lost = fmt.Sprintf("it was never told of %d events between %s and %s, among them %s", count, s.from, s.to, example)
	}
	return lost, ""
}

// checkTold compares what was done with what was told. A stretch that begins
// anew has a snapshot in place of events, so somebody must have had none.
func (c *chaos) checkTold(listeners []*chaosListener) {
	c.Helper()
	whole := false
	for _, l := range listeners {
		whole = whole || len(l.stretches) == 1
	}
	t := &c.truth
	told, texts := map[string]*[chaosSteps]int{}, map[string]string{}
	for _, e := range t.events {
		if e.text != "" {
			texts[e.key] = e.text
		}
	}
	for _, e := range t.events {
		text := texts[e.key]
		if told[text] == nil {
			told[text] = new([chaosSteps]int)
		}
		told[text][e.step]++
	}
	lost, wrong := 0, 0
	for text, row := range t.rows {
		of := told[text]
		if of == nil {
			of = new([chaosSteps]int)
		}
		for step, f := range row {
			if f == fateDone && of[step] == 0 {
				lost++
			}
			if of[step] > 1 || of[step] > 0 && (f == fateRefused || f == fateNone) {
				wrong++
				c.Logf("%s of %s, %q, was told %d times", chaosStep(step), text, f, of[step])
			}
		}
	}
	if wrong > 0 {
		c.Errorf("%d events are of what was not done, or was done twice", wrong)
	}
	if whole && lost > 0 {
		c.Errorf("%d events of what was done were never told", lost)
	}
	if !whole {
		c.Logf("every listener began anew; %d events of what was done were never told", lost)
	}
}
