package surreal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// endless is a feed of commits that were made by the way, a row each, and one
// before them. It counts what the reader holds.
type endless struct {
	mu     sync.Mutex
	feed   *feed
	away   bool
	first  uint64
	there  uint64 // commits
	waited int    // the most that waited at once
}

func (e *endless) Query(context.Context, string, []byte) ([][]byte, error) {
	return [][]byte{wire.AppendInt(nil, 7), wire.AppendArray(nil, 0)}, nil
}

func (*endless) Live(context.Context, string) (<-chan struct{}, error) {
	return make(chan struct{}), nil
}

func (e *endless) Read(_ context.Context, text string, _ []byte) ([][]byte, error) {
	e.feed.mu.Lock()
	waiting := len(e.feed.order.waiting)
	e.feed.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waited = max(e.waited, waiting)
	if e.away {
		return nil, errors.New("it is away")
	}
	var since, limit uint64
	if _, err := fmt.Sscanf(text, "SHOW CHANGES FOR TABLE "+tableChanges+" SINCE %d LIMIT %d", &since, &limit); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	from := max(since, e.first)
	n := min(limit, e.first+e.there-min(from, e.first+e.there))
	page := wire.AppendArray(nil, int(n))
	for seq := from; seq < from+n; seq++ {
		page = wire.AppendMap(page, 2)
		page = wire.AppendInt(wire.AppendString(page, "versionstamp"), int64(seq))
		page = wire.AppendArray(wire.AppendString(page, "changes"), 1)
		page = wire.AppendMap(page, 1)
		page = wire.AppendMap(wire.AppendString(page, "update"), 3)
		page = wire.AppendString(wire.AppendString(page, "table"), "notes")
		page = wire.AppendString(wire.AppendString(page, "op"), "CREATE")
		page = wire.AppendInt(wire.AppendString(page, "key"), int64(seq))
	}
	return [][]byte{page}, nil
}

func (e *endless) set(away bool, there uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away, e.there = away, there
}

// Who was away for long reads what came meanwhile bit by bit.
func TestFeedAfterALongAbsence(t *testing.T) {
	const missed = 2*waitingCommits + 5000
	source := &endless{first: uint64(time.Now().UnixMilli()) << ownBits, there: 1}
	f := newFeed(source, time.Hour, slog.New(slog.DiscardHandler))
	source.feed = f
	t.Cleanup(f.close)
	at, err := f.position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	look := func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.catchUp(t.Context())
	}
	source.set(true, 1+missed)
	if err := look(); err == nil {
		t.Fatal("a feed that is away is read")
	}
	source.set(false, 1+missed)
	for look() != nil { // until it is tried again
	}
	now, err := f.position(t.Context())
	if err != nil || now.Seq != at.Seq+missed {
		t.Errorf("the end is %d commits on, %v", now.Seq-at.Seq, err)
	}
	source.mu.Lock() // the reader goes on
	waited := source.waited
	source.mu.Unlock()
	if waited < waitingCommits || waited >= waitingCommits+maxPage {
		t.Errorf("%d commits waited at once", waited)
	}
	for seq := at; seq != now; {
		commits, err := f.changes(t.Context(), seq, maxPage)
		if err != nil || len(commits) == 0 {
			t.Fatalf("after %d commits: %v", seq.Seq-at.Seq, err)
		}
		for i := range commits {
			if commits[i].Cursor.Seq != seq.Seq+1 {
				t.Fatalf("commit %d is behind %d", commits[i].Cursor.Seq-at.Seq, seq.Seq-at.Seq)
			}
			seq = commits[i].Cursor
		}
	}
}
