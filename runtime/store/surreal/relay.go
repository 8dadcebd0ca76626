package surreal

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// What the nodes tell each other goes through the changefeed of _broadcasts,
// whose rows are dropped as they are written: nothing has to be deleted, and the
// server forgets it by itself. Commits may come into sight a little after later
// ones, so that a node looks back from time to time. What comes later than that
// is lost, as is what was told while a node could not reach the database for
// longer than relayKept.

const (
	// relayKept is how long the server keeps what is told.
	relayKept = time.Minute
	// relayBackEvery is how often a node looks back while there is something to
	// hear, and relayBackFor how far.
	relayBackEvery = 250 * time.Millisecond
	relayBackFor   = time.Second
	// tellsAtOnce bounds what one node tells at the same time; others wait.
	tellsAtOnce = 64
)

var _ store.Relay = (*Store)(nil)

// Tell implements store.Relay.
func (s *Store) Tell(ctx context.Context, message []byte) error {
	select {
	case s.tells <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for what is told before: %w", ctx.Err())
	}
	defer func() { <-s.tells }()
	vars := wire.AppendMap(nil, 3)
	vars = wire.AppendString(wire.AppendString(vars, "node"), s.holder)
	vars = wire.AppendInt(wire.AppendString(vars, "n"), s.told.Add(1))
	vars = wire.AppendBytes(wire.AppendString(vars, "message"), message)
	for attempt := 1; ; attempt++ {
		_, err := s.client.Query(ctx, "CREATE "+tableBroadcasts+" SET node = $node, n = $n, message = $message RETURN NONE", vars)
		if err == nil {
			return nil
		}
		if attempt == attempts || !isConflict(err) {
			return fmt.Errorf("tell other nodes: %w", err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// Listen implements store.Relay.
func (s *Store) Listen(ctx context.Context, hear func(message []byte)) {
	l := &listener{store: s, hear: hear, heard: map[heardOf]uint64{}}
	for retry := minRetry; ctx.Err() == nil; retry = min(2*retry, maxRetry) {
		if err := l.look(ctx, 0); err == nil { // what was told before is nobody's any more
			break
		}
		l.rest(ctx, retry)
	}
	l.attentive = true
	for ctx.Err() == nil {
		l.follow(ctx)
	}
}

// heardOf tells a message from others.
type heardOf struct {
	node string
	n    int64
}

// listener is one Listen: what it has heard, by the place in the changefeed.
type listener struct {
	store     *Store
	hear      func([]byte)
	attentive bool // what comes now is to be heard
	away      bool
	heard     map[heardOf]uint64
	last      uint64 // place of the last one in sight
	back      time.Time
	stirred   time.Time // when something came into sight
	sighted   uint64    // what has come into sight

	// windowed is what had come into sight when the window began.
	windowed uint64
	window   time.Time
}

// follow hears as LIVE wakes it, until there is so much that LIVE only costs the
// writers something (see feed.listen), or it has told nothing for a while.
func (l *listener) follow(ctx context.Context) {
	outer := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wakes, err := l.store.client.Live(ctx, "LIVE SELECT n FROM "+tableBroadcasts)
	if err != nil {
		l.rest(ctx, maxRetry)
		return
	}
	looks := time.NewTicker(pollAfter)
	defer looks.Stop()
	quiet := silence{sighted: l.sighted}
	for {
		l.lookNow(ctx)
		if l.isCrowded() {
			stop()
			l.crowd(outer)
			return
		}
		select {
		case <-ctx.Done():
			return
		case _, open := <-wakes:
			if !open {
				return
			}
			quiet.untold = 0
		case <-looks.C:
			if quiet.isDeaf(l.sighted) {
				return
			}
		}
	}
}

// crowd hears at every breath for as long as there is much to hear.
func (l *listener) crowd(ctx context.Context) {
	for ctx.Err() == nil && l.isCrowded() {
		l.rest(ctx, breath)
		l.lookNow(ctx)
	}
}

// isCrowded reports that much came into sight lately.
func (l *listener) isCrowded() bool {
	now := time.Now()
	if now.Sub(l.window) >= pollAfter {
		crowded := l.sighted-l.windowed >= crowd
		l.window, l.windowed = now, l.sighted
		return crowded
	}
	return l.sighted-l.windowed >= crowd
}

func (l *listener) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lookNow reads what has come, and from time to time what came late.
func (l *listener) lookNow(ctx context.Context) {
	from, now := l.last+1, time.Now()
	if now.Sub(l.back) >= relayBackEvery && now.Sub(l.stirred) < relayBackFor+2*pollAfter {
		l.back = now
		from = before(l.last, relayBackFor)
		l.forget(before(l.last, 2*relayBackFor))
	}
	err := l.look(ctx, from)
	if ctx.Err() != nil {
		return
	}
	if err != nil && !l.away {
		l.store.options.Logger.Warn("what other nodes tell cannot be read", "error", err)
	}
	if l.away = err != nil; l.away {
		l.rest(ctx, maxRetry)
	}
}

// forget drops what is so old that no look meets it again.
func (l *listener) forget(until uint64) {
	for id, seq := range l.heard {
		if seq < until {
			delete(l.heard, id)
		}
	}
}

// look reads the changefeed from a place to its end.
func (l *listener) look(ctx context.Context, from uint64) error {
	for {
		more, err := l.page(ctx, from)
		if err != nil || more == 0 {
			return err
		}
		from = more
	}
}

// page reads a page, and tells where the next one begins; 0 is nowhere.
func (l *listener) page(ctx context.Context, from uint64) (uint64, error) {
	ctx, done := context.WithTimeout(ctx, readTime)
	defer done()
	text := "SHOW CHANGES FOR TABLE " + tableBroadcasts + " SINCE " + strconv.FormatUint(from, 10) + " LIMIT " + strconv.Itoa(relayPage)
	results, err := l.store.client.Read(ctx, text, nil)
	if err != nil {
		return 0, fmt.Errorf("read what other nodes tell: %w", err)
	}
	r := wire.NewReader(results[0])
	read, last := r.Array(), uint64(0)
	for range read {
		if last, err = l.commit(r); err != nil {
			return 0, err
		}
	}
	l.last = max(l.last, last)
	if err := r.Err(); err != nil || read < relayPage {
		return 0, err
	}
	return last + 1, nil
}

// relayPage is how many messages are read at once.
const relayPage = 64

// commit takes what one commit tells, and gives its place.
func (l *listener) commit(r *wire.Reader) (uint64, error) {
	var seq uint64
	var raw []byte
	for range r.Map() {
		switch string(r.String()) {
		case "versionstamp":
			if r.Kind() != wire.Int {
				return 0, errWideStamp
			}
			seq = r.Uint()
		case "changes":
			raw = r.Raw()
		default:
			r.Skip()
		}
	}
	in := wire.NewReader(raw)
	for range in.Array() {
		for range in.Map() {
			if string(in.String()) == "update" {
				l.take(in, seq)
			} else {
				in.Skip()
			}
		}
	}
	if err := in.Err(); err != nil {
		return 0, fmt.Errorf("read what other nodes tell at %d: %w", seq, err)
	}
	return seq, nil
}

// take hears a message that another node told and that was not heard before.
func (l *listener) take(r *wire.Reader, seq uint64) {
	var id heardOf
	var message []byte
	for range r.Map() {
		switch string(r.String()) {
		case "node":
			id.node = string(r.String())
		case "n":
			id.n = r.Int()
		case "message":
			message = r.Bytes()
		default:
			r.Skip()
		}
	}
	if _, known := l.heard[id]; known || r.Err() != nil {
		return
	}
	l.heard[id] = seq
	l.sighted++
	l.stirred = time.Now()
	if l.attentive && id.node != l.store.holder {
		l.hear(message)
	}
}
