package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/live"
)

// fate is what a client knows of a write.
type fate string

const (
	fateNone    fate = ""
	fateRefused fate = "refused" // it was not done, and never will be
	fateUnknown fate = "unknown"
	fateDone    fate = "done"
)

// chaosStep is what is done to a row, at most once each.
type chaosStep int

const (
	stepCreate chaosStep = iota
	stepFirst            // n becomes 1
	stepSecond           // n becomes 2
	stepDelete
	chaosSteps
)

func (s chaosStep) String() string { return [...]string{"create", "first", "second", "delete"}[s] }

// byHand begins the text of rows that were made by hand.
const byHand = "hand-"

// chaosTruth is what was answered, and what listeners were told of.
type chaosTruth struct {
	number *atomic.Int64
	mu     *sync.Mutex
	rows   map[string]*[chaosSteps]fate // by their text
	absent int                          // rows that are not there in the end

	numbers map[chaosEvent]int32
	events  []chaosEvent  // by number
	places  []live.Cursor // of the events
}

// chaosEvent is what a listener is told of a row.
type chaosEvent struct {
	key  string
	text string // "" of a delete
	step chaosStep
}

func newChaosTruth() chaosTruth {
	return chaosTruth{number: new(atomic.Int64), mu: new(sync.Mutex), rows: map[string]*[chaosSteps]fate{}, numbers: map[chaosEvent]int32{}}
}

// note keeps what was answered to a step. One with a key that was refused once
// may still be done by an earlier request, or a later one.
func (t *chaosTruth) note(text string, step chaosStep, f fate, keyed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := t.rows[text]
	if row == nil {
		row = new([chaosSteps]fate)
		t.rows[text] = row
	}
	if keyed && f == fateRefused && row[step] != fateNone {
		return
	}
	row[step] = f
}

// counts is how many writes had which end.
func (t *chaosTruth) counts(hand bool) map[fate]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := map[fate]int{}
	for text, row := range t.rows {
		if strings.HasPrefix(text, byHand) != hand {
			continue
		}
		for _, f := range row {
			if f != fateNone {
				counts[f]++
			}
		}
	}
	return counts
}

// event gives an event its number. It is the same event for all listeners, and
// at one place.
func (t *chaosTruth) event(e chaosEvent, at live.Cursor) (int32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.numbers[e]
	if !ok {
		n = int32(len(t.events))
		t.numbers[e], t.events, t.places = n, append(t.events, e), append(t.places, at)
	}
	if t.places[n] != at {
		return n, fmt.Errorf("%v is told at %s and at %s", e, t.places[n], at)
	}
	return n, nil
}

// may says whether a row may be there in the end, and whether it may not.
func may(row *[chaosSteps]fate) (there, gone bool) {
	there = row[stepCreate] == fateDone || row[stepCreate] == fateUnknown
	gone = row[stepCreate] != fateDone
	switch row[stepDelete] {
	case fateDone:
		there, gone = false, true
	case fateUnknown:
		gone = true
	}
	return there, gone
}

// mayBe says whether n may be what a row has.
func mayBe(row *[chaosSteps]fate, n int) bool {
	first, second := row[stepFirst], row[stepSecond]
	switch n {
	case 0:
		return first != fateDone && second != fateDone
	case 1: // a first one of unknown outcome may have come late
		return first == fateUnknown || first == fateDone && second != fateDone
	case 2:
		return second == fateDone || second == fateUnknown
	}
	return false
}

// check sees to it that what is there is what was answered.
func (t *chaosTruth) check(test *testing.T, stored map[string]chaosNote) {
	test.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	count, wrong := map[string]int{}, 0
	fail := func(format string, args ...any) {
		if wrong++; wrong <= 20 {
			test.Errorf(format, args...)
		}
	}
	for _, note := range stored {
		count[note.Text]++
		row := t.rows[note.Text]
		if row == nil {
			fail("%v is there and was never written", note)
			continue
		}
		if there, _ := may(row); !there || !mayBe(row, note.N) {
			fail("%v is there, its fate: %q", note, *row)
		}
	}
	for text, row := range t.rows {
		if _, gone := may(row); count[text] > 1 || count[text] == 0 && !gone {
			fail("%s is there %d times, its fate: %q", text, count[text], *row)
		}
		if count[text] == 0 {
			t.absent++
		}
	}
	if wrong > 0 {
		test.Errorf("%d of %d rows are wrong", wrong, len(t.rows))
	}
}

// stored are all rows that are there, by their keys, as a node gives them. It
// gives up when no page came for too long.
func (c *chaos) stored(node int) map[string]chaosNote {
	stored := map[string]chaosNote{}
	after := ""
	for came := time.Now(); ; {
		status, _, body := c.send(c.nodes[node], http.MethodGet, "/api/data/notes?order=id&limit=1000"+after, "", "")
		if status != http.StatusOK {
			if time.Since(came) > chaosPatience {
				c.Errorf("read all rows: %d %s", status, tail(body, 200))
				return stored
			}
			time.Sleep(50 * time.Millisecond)
			continue
		}
		came = time.Now()
		var rows []chaosNote
		if err := json.Unmarshal(body, &rows); err != nil {
			c.Errorf("read all rows: %v %s", err, tail(body, 200))
			return stored
		}
		for _, row := range rows {
			stored[row.ID] = row
			after = "&id=gt." + row.ID
		}
		if len(rows) < 1000 {
			return stored
		}
	}
}

func (c *chaos) checkNodesAgree(stored map[string]chaosNote) {
	c.Helper()
	other := c.stored(1)
	for key, row := range stored {
		if other[key] != row {
			c.Errorf("node 0 has %v and node 1 has %v", row, other[key])
		}
	}
	if len(other) != len(stored) {
		c.Errorf("node 0 has %d rows and node 1 has %d", len(stored), len(other))
	}
}
