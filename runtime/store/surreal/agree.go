package surreal

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
)

const (
	// agreeEvery is how often a node looks at the board, and soon when it has agreed
	// on nothing yet.
	agreeEvery = 5 * time.Second
	agreeSoon  = 250 * time.Millisecond
	// renewAfter is when what has not changed is left there again.
	renewAfter = 10 * time.Minute
	// mostReplay is how old a checkpoint may be: all commits since are read again.
	mostReplay = 10 * time.Minute
	// mostTables bounds those of a checkpoint.
	mostTables = 10_000
)

var _ store.Sharing = (*Store)(nil)

// ShareVersions implements store.Sharing.
func (s *Store) ShareVersions(board store.Board) {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.versions.share()
	f.running.Go(func() { f.agree(board) })
}

// Look implements store.Sharing.
func (s *Store) Look() { s.feed.hurry() }

// OnCommit implements store.Sharing.
func (s *Store) OnCommit(told func()) { s.feed.told.Store(&told) }

// agree has this node's versions mean the same as those of others, until the feed
// is closed.
func (f *feed) agree(board store.Board) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	a := agreement{feed: f, board: board}
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(a.step(f.ctx))
	}
}

// agreement is one node's way to agree with others.
type agreement struct {
	feed  *feed
	board store.Board
	when  time.Time // this node left something on the board last
}

// step looks at the board once, and says when to look again.
func (a *agreement) step(ctx context.Context) time.Duration {
	f := a.feed
	f.mu.Lock()
	last, found := f.order.last, f.epoch != 0
	f.mu.Unlock()
	if !found || last == 0 {
		return agreeSoon
	}
	raw, err := a.board.Read(ctx)
	if err != nil { // what is known goes on to be true
		if f.versions.isBased() {
			f.versions.checkpoint(last)
		} else {
			f.versions.trim(before(last, 2*settled))
		}
		return agreeSoon * 4
	}
	seen, ok := readCheckpoint(raw)
	ok = ok && seen.at <= last
	if !f.versions.isBased() {
		if !a.join(ctx, seen, ok, last) {
			return agreeSoon
		}
	} else if ok && f.has(seen.at) {
		f.versions.yield(seen)
	}
	if ok && seen.at == last && time.Since(a.when) < renewAfter {
		return agreeEvery
	}
	p := f.versions.checkpoint(last)
	if err := a.board.Write(ctx, p.bytes()); err != nil {
		return agreeSoon * 4
	}
	a.when = time.Now()
	return agreeEvery
}

// join agrees with who has left a checkpoint, or begins where there is none that
// is true.
func (a *agreement) join(ctx context.Context, seen checkpoint, ok bool, last uint64) bool {
	f := a.feed
	if ok && age(seen.at) <= mostReplay {
		met, err := f.replay(ctx, seen.at, last)
		if err != nil {
			return false
		}
		if met {
			f.versions.base(seen)
			return true
		}
	}
	if _, err := f.replay(ctx, last, last); err != nil {
		return false
	}
	f.versions.base(checkpoint{at: last, tag: rand.Uint64()}) //nolint:gosec // another than before, no secret
	return true
}

// replay reads again what was committed since some time before a place, and
// reports whether the place itself is still there.
func (f *feed) replay(ctx context.Context, at, last uint64) (met bool, err error) {
	for from := before(at, 2*settled); ; {
		list, read, full, err := f.show(ctx, from)
		if err != nil {
			return false, err
		}
		for i := range list {
			met = met || list[i].seq == at
			f.versions.saw(&list[i])
		}
		if !full || read >= last {
			return met, nil
		}
		from = read + 1
	}
}

// has reports that a commit is in sight.
func (f *feed) has(seq uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, found := slices.BinarySearch(f.order.known, seq)
	return found
}

func (v *versions) isBased() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.shared.based
}

// checkpointForm is the form's number.
const checkpointForm = 1

func (p *checkpoint) bytes() []byte {
	dst := []byte{checkpointForm}
	dst = binary.LittleEndian.AppendUint64(dst, p.at)
	dst = binary.LittleEndian.AppendUint64(dst, p.tag)
	for name, token := range p.tokens {
		dst = binary.AppendUvarint(dst, uint64(len(name)))
		dst = append(dst, name...)
		dst = binary.LittleEndian.AppendUint64(dst, token)
	}
	return dst
}

// readCheckpoint reads what bytes wrote; false for anything else.
func readCheckpoint(raw []byte) (checkpoint, bool) {
	if len(raw) < 17 || raw[0] != checkpointForm {
		return checkpoint{}, false
	}
	p := checkpoint{at: binary.LittleEndian.Uint64(raw[1:]), tag: binary.LittleEndian.Uint64(raw[9:]), tokens: map[string]uint64{}}
	for raw = raw[17:]; len(raw) > 0; {
		length, n := binary.Uvarint(raw)
		if n <= 0 || length > 255 || uint64(len(raw)-n) < length+8 || len(p.tokens) >= mostTables {
			return checkpoint{}, false
		}
		raw = raw[n:]
		p.tokens[string(raw[:length])] = binary.LittleEndian.Uint64(raw[length:])
		raw = raw[length+8:]
	}
	return p, p.at != 0
}
