package surreal

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// What the nodes tell each other are rows of _broadcasts: by the database's
// clock, the node and the node's own number, so that the table is read from where
// one was. They are deleted soon. A commit may come into sight a little after
// later ones, so a node looks back from time to time; what comes later than that
// is lost, as is what was told while a node could not reach the database for
// longer than relayKept.

const (
	// relayKept is how long what is told is kept, relaySweep how often what is
	// older is looked for, and relayRows how much is deleted in one transaction.
	relayKept  = 30 * time.Second
	relaySweep = 10 * time.Second
	relayRows  = 512
	// relayNearFor is how far every look goes back, for commits that take their
	// time. relayBackEvery is how often a node looks further back while there is
	// something to hear, and relayBackFor how far.
	relayNearFor   = 50 * time.Millisecond
	relayBackEvery = 250 * time.Millisecond
	relayBackFor   = time.Second
	// relayPage is how many messages are read at once.
	relayPage = 64
	// tellsAtOnce bounds what one node tells at the same time; others wait.
	tellsAtOnce = 64
)

const (
	tellText = "CREATE " + tableBroadcasts + ":[time::millis(time::now()), $node, $n] SET message = $message RETURN NONE"
	hearText = "SELECT VALUE [record::id(id)[0], record::id(id)[1], record::id(id)[2], message] FROM " + tableBroadcasts + ":[$at, $node, $n]>.. LIMIT $page"
	// sweepText tells how much it has deleted.
	sweepText = "{ LET $old = (SELECT VALUE id FROM " + tableBroadcasts + ":[0]..[time::millis(time::now()) - $kept] LIMIT $rows);" +
		" DELETE $old RETURN NONE; RETURN $old.len() }"
)

var _ store.Relay = (*Store)(nil)

// Tell implements store.Relay.
func (s *Store) Tell(ctx context.Context, text []byte) error {
	select {
	case s.tells <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for what is told before: %w", ctx.Err())
	}
	defer func() { <-s.tells }()
	vars := message{node: s.holder, n: s.told.Add(1)}.vars(1)
	vars = wire.AppendBytes(wire.AppendString(vars, "message"), text)
	for attempt := 1; ; attempt++ {
		_, err := s.client.Query(ctx, tellText, vars)
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
	l := &listener{store: s, hear: hear, heard: map[message]struct{}{}, latest: map[string]message{}}
	for retry := minRetry; ctx.Err() == nil; retry = min(2*retry, maxRetry) {
		if l.begin(ctx) == nil {
			break
		}
		rest(ctx, retry)
	}
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	sweeping.Go(func() { l.sweep(ctx) })
	for ctx.Err() == nil {
		l.follow(ctx)
	}
}

// message tells a message from others, and where it is among them.
type message struct {
	at   int64 // milliseconds, of the database
	node string
	n    int64
}

func (m message) compare(other message) int {
	return cmp.Or(cmp.Compare(m.at, other.at), strings.Compare(m.node, other.node), cmp.Compare(m.n, other.n))
}

// vars begins parameters with the three, and says how many more follow.
func (m message) vars(more int) []byte {
	vars := wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 3+more), "at"), m.at)
	vars = wire.AppendString(wire.AppendString(vars, "node"), m.node)
	return wire.AppendInt(wire.AppendString(vars, "n"), m.n)
}

// listener is one Listen.
type listener struct {
	store *Store
	hear  func([]byte)
	begun int64 // what was told before is not heard
	away  bool
	heard map[message]struct{} // lately
	// latest is the last message of each node that was heard.
	latest map[string]message
	last   message   // the latest in sight
	back   time.Time // when it looked back last
	// stirred is when something came into sight, and sighted how much did.
	stirred atomic.Int64 // nanoseconds
	sighted uint64
	// windowed is what had come into sight when the window began.
	windowed uint64
	window   time.Time
}

// begin finds out what time it is.
func (l *listener) begin(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, readTime)
	defer done()
	results, err := l.store.client.Read(ctx, "RETURN time::millis(time::now())", nil)
	if err != nil {
		return err
	}
	r := wire.NewReader(results[0])
	l.begun = r.Int()
	l.last.at = l.begun
	return r.Err()
}

// sweep deletes what is old, until the context ends: at the start, and while
// there is something to hear, and a little longer.
func (l *listener) sweep(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		quiet := time.Since(time.Unix(0, l.stirred.Load())) > relayKept+2*relaySweep
		for more := first || !quiet; more && ctx.Err() == nil; {
			more = l.store.sweepTold(ctx, relayKept)
		}
		// Nodes shall not all do it at the same moment.
		rest(ctx, relaySweep+time.Duration(rand.Int64N(int64(relaySweep/2)))) //nolint:gosec // no secret
	}
}

// sweepTold deletes some of what is old, and reports whether there may be more.
func (s *Store) sweepTold(ctx context.Context, kept time.Duration) bool {
	ctx, done := context.WithTimeout(ctx, readTime)
	defer done()
	vars := wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 2), "kept"), kept.Milliseconds())
	vars = wire.AppendInt(wire.AppendString(vars, "rows"), relayRows)
	results, err := s.client.Query(ctx, sweepText, vars)
	switch {
	case err == nil:
		return wire.NewReader(results[0]).Int() == relayRows
	case ctx.Err() == nil && !isConflict(err): // another node deletes the same
		s.options.Logger.Debug("what nodes told each other could not be deleted", "error", err)
	}
	return false
}

// follow hears as LIVE wakes it, until there is so much that LIVE only costs the
// writers something (see feed.listen), or it has told nothing for a while.
func (l *listener) follow(ctx context.Context) {
	outer := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wakes, err := l.store.client.Live(ctx, "LIVE SELECT id FROM "+tableBroadcasts)
	if err != nil {
		rest(ctx, maxRetry)
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
		rest(ctx, breath)
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

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lookNow reads what has come, and from time to time what came late.
func (l *listener) lookNow(ctx context.Context) {
	from, now := l.before(relayNearFor), time.Now()
	if now.Sub(l.back) >= relayBackEvery && now.Sub(time.Unix(0, l.stirred.Load())) < relayBackFor+2*pollAfter {
		l.back = now
		from = l.before(relayBackFor)
		l.forget(from)
	}
	err := l.look(ctx, from)
	if ctx.Err() != nil {
		return
	}
	if err != nil && !l.away {
		l.store.options.Logger.Warn("what other nodes tell cannot be read", "error", err)
	}
	if l.away = err != nil; l.away {
		rest(ctx, maxRetry)
	}
}

// before is a place that long before the latest message.
func (l *listener) before(d time.Duration) message {
	return message{at: l.last.at - d.Milliseconds()}
}

// forget drops what no look meets again.
func (l *listener) forget(from message) {
	for m := range l.heard {
		if m.compare(from) <= 0 {
			delete(l.heard, m)
		}
	}
	for node, m := range l.latest {
		if m.at < from.at-relayKept.Milliseconds() {
			delete(l.latest, node)
		}
	}
}

// look hears what stands behind a place.
func (l *listener) look(ctx context.Context, from message) error {
	for full := true; full; {
		fresh, last, err := l.page(ctx, from)
		if err != nil {
			return err
		}
		if l.isGap(fresh) {
			// What was told before it is there, but from longer ago.
			for from, more := l.before(relayBackFor), true; more && from.compare(last) < 0; {
				late, end, err := l.page(ctx, from)
				if err != nil {
					return err
				}
				fresh, from, more = append(fresh, late...), end, end != from
			}
		}
		l.take(fresh)
		full, from = last != from, last
	}
	return nil
}

// news is a message that was not heard before.
type news struct {
	message
	text []byte
}

// page reads a page, and tells where it ends: where it began, if it is the last
// one.
func (l *listener) page(ctx context.Context, from message) (fresh []news, last message, err error) {
	ctx, done := context.WithTimeout(ctx, readTime)
	defer done()
	vars := wire.AppendInt(wire.AppendString(from.vars(1), "page"), relayPage)
	results, err := l.store.client.Read(ctx, hearText, vars)
	if err != nil {
		return nil, from, fmt.Errorf("read what other nodes tell: %w", err)
	}
	r := wire.NewReader(results[0])
	read := r.Array()
	for range read {
		if r.Array() != 4 {
			return nil, from, wire.ErrMalformed
		}
		last = message{at: r.Int(), node: string(r.String()), n: r.Int()}
		text := r.Bytes()
		if _, known := l.heard[last]; !known && last.at >= l.begun {
			fresh = append(fresh, news{last, text})
		}
	}
	if err := r.Err(); err != nil {
		return nil, from, fmt.Errorf("read what other nodes tell: %w", err)
	}
	if read < relayPage {
		last = from
	}
	return fresh, last, nil
}

// isGap reports that something is missing before what a node tells.
func (l *listener) isGap(fresh []news) bool {
	next := map[string]int64{}
	for i := range fresh {
		m := &fresh[i].message
		if _, known := next[m.node]; !known {
			next[m.node] = l.latest[m.node].n + 1
		}
		if m.n > next[m.node] {
			return true
		}
		next[m.node] = max(next[m.node], m.n+1)
	}
	return false
}

// take hears what is new, in order; what this node told is counted alone.
func (l *listener) take(fresh []news) {
	slices.SortFunc(fresh, func(a, b news) int { return a.compare(b.message) })
	for i := range fresh {
		m := fresh[i].message
		if _, known := l.heard[m]; known {
			continue // it was read twice
		}
		l.heard[m] = struct{}{}
		if l.latest[m.node].n < m.n {
			l.latest[m.node] = m
		}
		if l.last.compare(m) < 0 {
			l.last = m
		}
		l.sighted++
		l.stirred.Store(time.Now().UnixNano())
		if m.node != l.store.holder {
			l.hear(fresh[i].text)
		}
	}
}
