package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// world is a table with its feed, in memory: what a store does, with faults
// that a store would make a test wait for.
type world struct {
	table *query.Table

	mu      sync.Mutex
	rows    map[int64]query.Row
	commits []query.Commit
	kept    int // commits before this index are gone
	epoch   uint64
	watch   []chan struct{}
	deaf    bool  // Watch's channels are not woken
	broken  error // what Changes gives
	// unwatched is what Watch gives.
	unwatched error
	watches   int // how often Watch was called
	// during runs inside a snapshot, after its rows were read.
	during func()
}

func newWorld() *world {
	text := query.Type{Kind: query.KindText}
	return &world{
		epoch: 1,
		rows:  make(map[int64]query.Row),
		table: query.NewTable("notes", []*query.Column{
			{Name: "id", Type: query.Type{Kind: query.KindInt}},
			{Name: "owner", Type: text},
			{Name: "text", Type: text},
			{Name: "hidden", Type: text},
		}, nil),
	}
}

// put writes rows in one commit: a row whose owner is "" is deleted.
func (w *world) put(rows ...note) query.Cursor {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := query.Commit{Cursor: query.Cursor{Epoch: w.epoch, Seq: uint64(len(w.commits) + 1)}, At: int64(len(w.commits))}
	for _, n := range rows {
		ch := query.Change{Table: "notes", Op: query.Update}
		old, had := w.rows[n.id]
		if had {
			ch.Before = query.AppendRow(nil, w.table, old)
		}
		switch {
		case n.owner == "" && !had:
			continue
		case n.owner == "":
			ch.Op = query.Delete
			delete(w.rows, n.id)
		default:
			if !had {
				ch.Op = query.Insert
			}
			row := query.Row{query.Int(n.id), query.Text(n.owner), query.Text(n.text), query.Text(n.hidden)}
			w.rows[n.id] = row
			ch.After = query.AppendRow(nil, w.table, row)
		}
		c.Changes = append(c.Changes, ch)
	}
	w.commits = append(w.commits, c)
	if !w.deaf {
		w.wake()
	}
	return c.Cursor
}

type note struct {
	id                  int64
	owner, text, hidden string
}

func (w *world) wake() {
	for _, ch := range w.watch {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (w *world) set(change func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
	w.wake()
}

func (w *world) position() query.Cursor {
	return query.Cursor{Epoch: w.epoch, Seq: uint64(len(w.commits))}
}

func (w *world) Position(context.Context) (query.Cursor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position(), w.broken
}

func (w *world) Changes(_ context.Context, after query.Cursor, limit int) ([]query.Commit, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return nil, w.broken
	}
	if after.Epoch != w.epoch || after.Seq < uint64(w.kept) {
		return nil, store.ErrTruncated
	}
	first := min(int(after.Seq), len(w.commits))
	return slices.Clone(w.commits[first:min(first+limit, len(w.commits))]), nil
}

func (w *world) Watch(ctx context.Context) (<-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watches++
	if w.unwatched != nil {
		return nil, w.unwatched
	}
	ch := make(chan struct{}, 1)
	w.watch = append(w.watch, ch)
	return ch, nil
}

// asked is how often Watch was called.
func (w *world) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.watches
}

// gate is one generation over the world: rule gives what a caller sees, the
// text of the owner that a row must have; "*" is all.
type gate struct {
	w      *world
	rule   func(*auth.Caller) (string, error)
	narrow bool
	events []string
	rows   int
	mu     sync.Mutex
	closed bool
	asked  atomic.Int64 // for snapshots
}

func (w *world) gate() *gate {
	return &gate{w: w, rows: 1000, events: []string{"create", "update", "delete"}, rule: func(c *auth.Caller) (string, error) {
		if c.UID == "" {
			return "*", nil
		}
		return c.UID, nil
	}}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *gate) Subscribe(c *auth.Caller, channel string) (*data.Subscription, error) {
	if channel != "notes" {
		return nil, fault.New("PGRST205", "no such channel")
	}
	owner, err := g.rule(c)
	if err != nil {
		return nil, err
	}
	s := &data.Subscription{Channel: &manifest.Channel{Name: channel, Events: g.events}, Table: g.w.table, Rows: g.rows}
	columns := g.w.table.Columns
	if g.narrow {
		columns = columns[:3]
	}
	for _, column := range columns {
		s.Columns = append(s.Columns, query.Output{Name: column.Name, Expr: &query.ColumnRef{Table: g.w.table, Column: column}})
	}
	if owner != "*" {
		s.Where = &query.Compare{
			Op:    query.Equal,
			Left:  &query.ColumnRef{Table: g.w.table, Column: g.w.table.Columns[1]},
			Right: &query.Literal{Value: query.Text(owner), Of: query.Type{Kind: query.KindText}},
		}
	}
	s.Group = fmt.Sprintf("%s %s %v", channel, owner, g.narrow)
	return s, nil
}

func (g *gate) Snapshot(ctx context.Context, s *data.Subscription, out query.RowWriter) (store.Info, error) {
	g.asked.Add(1)
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return store.Info{}, store.ErrClosed
	}
	w := g.w
	w.mu.Lock()
	info := store.Info{Position: w.position(), Count: -1}
	for _, id := range slices.Sorted(maps.Keys(w.rows)) {
		if s.Where != nil && query.Holds(s.Where, w.rows[id], nil) != query.True {
			continue
		}
		if info.Rows == g.rows {
			break
		}
		info.Rows++
		if err := query.WriteRow(out, s.Columns, w.rows[id]); err != nil {
			w.mu.Unlock()
			return info, err
		}
	}
	during := w.during
	w.mu.Unlock()
	if during != nil {
		during()
	}
	return info, ctx.Err()
}

// Judge has nothing to say: no rule of the world looks beyond its row.
func (g *gate) Judge(context.Context, []query.Expr) ([]query.Truth, error) {
	return nil, errors.New("a row was to be judged by the store")
}

// Broadcasts has none: broadcast_test declares them.
func (g *gate) Broadcasts() []*manifest.Channel { return nil }

// MaySend lets nobody send.
func (g *gate) MaySend(*auth.Caller, string) error { return fault.New("PGRST205", "no such channel") }

// plain encodes events for client.
type plain struct{}

func (plain) Encode(dst []byte, e *live.Event) []byte {
	dst = fmt.Appendf(dst, `{"type":%q,"cursor":%q`, e.Type, e.Cursor)
	switch e.Type {
	case live.Snapshot:
		dst = fmt.Appendf(dst, `,"rows":%s,"more":%v`, e.Rows, e.More)
	case live.Create, live.Update, live.Enter:
		dst = e.AppendKey(append(dst, `,"key":`...))
		dst = e.AppendRow(append(dst, `,"row":`...))
	case live.Delete, live.Leave:
		dst = e.AppendKey(append(dst, `,"key":`...))
	case live.Message:
		dst = fmt.Appendf(dst, `,"event":%q,"payload":%s,"from":%q`, e.Broadcast.Event, e.Broadcast.Payload, e.Broadcast.From)
	}
	return append(dst, '}')
}

type frame struct {
	Type   string
	Cursor string
	Key    int64
	Row    map[string]any
	Rows   []map[string]any
	More   bool

	Event, From string
	Payload     json.RawMessage
}

// client is a subscriber that keeps a view, as an application would.
type client struct {
	t    testing.TB
	sub  *live.Subscription
	who  *auth.Caller
	wake chan struct{}

	view   map[int64]string // id -> owner/text
	cursor live.Cursor
	seen   []frame
	ended  *live.End
}

func (c *client) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func subscribe(t testing.TB, h *live.Hub, uid string, after *live.Cursor) *client {
	t.Helper()
	c := &client{t: t, who: caller(uid), wake: make(chan struct{}, 1), view: make(map[int64]string)}
	sub, err := h.Subscribe(live.Request{Channel: "notes", Caller: c.who, After: after, Encoder: plain{}, Wake: c.rouse})
	if err != nil {
		t.Fatalf("subscribe %q: %v", uid, err)
	}
	c.sub = sub
	t.Cleanup(sub.Close)
	return c
}

func caller(uid string) *auth.Caller {
	if uid == "" {
		return auth.Nobody()
	}
	return &auth.Caller{Role: auth.Authenticated, UID: uid, Claims: "{}"}
}

// take reads what is there.
func (c *client) take() {
	frames, end := c.sub.Take(nil, 1<<20)
	for _, f := range frames {
		c.apply(f)
	}
	if end != nil {
		c.ended = end
	}
}

func text(row map[string]any) string { return fmt.Sprint(row["owner"], "/", row["text"]) }

// apply keeps the view, strictly: an event that does not fit it is an error.
func (c *client) apply(raw live.Frame) {
	var f frame
	if err := json.Unmarshal(raw.Data, &f); err != nil {
		c.t.Errorf("frame %s: %v", raw.Data, err)
		return
	}
	c.seen = append(c.seen, f)
	_, had := c.view[f.Key]
	switch raw.Type {
	case live.Snapshot:
		clear(c.view)
		for _, row := range f.Rows {
			c.view[int64(row["id"].(float64))] = text(row)
		}
	case live.Create, live.Enter:
		if had {
			c.t.Errorf("%s of key %d, which is there already", f.Type, f.Key)
		}
		c.view[f.Key] = text(f.Row)
	case live.Update:
		if !had {
			c.t.Errorf("update of key %d, which is not there", f.Key)
		}
		c.view[f.Key] = text(f.Row)
	case live.Delete, live.Leave:
		if !had {
			c.t.Errorf("%s of key %d, which is not there", f.Type, f.Key)
		}
		delete(c.view, f.Key)
	}
	if raw.Type != live.Truncated {
		c.cursor = raw.Cursor
	}
}

// until takes frames until the condition holds.
func (c *client) until(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.After(2 * time.Minute)
	for c.take(); !holds(); c.take() {
		select {
		case <-c.wake:
		case <-deadline:
			c.t.Fatalf("waited in vain for %s; %d rows in view, end %v, %d frames, the last %v", what, len(c.view), c.ended, len(c.seen), c.seen[max(0, len(c.seen)-5):])
		}
	}
}

// untilView waits for the view of the world under the owner's rule.
func (c *client) untilView(w *world, owner string) {
	c.t.Helper()
	c.until("the view of "+owner, func() bool { return maps.Equal(c.view, w.view(owner)) })
}

func (w *world) view(owner string) map[int64]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	view := make(map[int64]string)
	for id, row := range w.rows {
		if owner == "*" || row[1].S == owner {
			view[id] = row[1].S + "/" + row[2].S
		}
	}
	return view
}

func (c *client) types() []string {
	types := make([]string, len(c.seen))
	for i := range c.seen {
		types[i] = c.seen[i].Type
	}
	return types
}

func newHub(t testing.TB, w *world, g live.Gate, o live.Options) *live.Hub {
	t.Helper()
	o.Feed, o.Gate = w, g
	h, err := live.NewHub(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
