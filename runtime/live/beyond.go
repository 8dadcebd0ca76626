package live

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// A condition that looks beyond the row cannot be judged by the change alone:
// the row's values are put into it, and the store is asked about what is left.
// The answer is that of the moment of asking, at or after the commit. One
// answer serves all groups and rows that ask the same.
//
// The hub asks without its lock, and once for a commit. A group without an
// answer, for the store did not give it or the group was not there yet, is
// judged by nobody: its members go back to joining, each at his own speed, so
// that nothing is shown on a guess and nothing is left out.

// The bounds of asking.
const (
	// mostQuestions bounds what the hub asks about one commit; groups beyond it
	// join.
	mostQuestions = 32 << 10
	// questionsAtOnce bounds one call of the gate.
	questionsAtOnce = 256
	// changesAtOnce bounds how much of a commit a joining subscription asks
	// about at once.
	changesAtOnce = 128
	// answerPatience is how long the hub waits for a commit's answers.
	answerPatience = 2 * time.Second
)

// errUnjudged says that an answer is missing.
var errUnjudged = errors.New("the store has not judged this row")

// questions are the conditions that the store judges for a commit, each once.
type questions struct {
	asked   []query.Expr
	texts   []string
	answers map[string]query.Truth // by canonical text
}

// add notes what must be asked about a row; nil asks nothing.
func (q *questions) add(where query.Expr, row query.Row) {
	if row == nil {
		return
	}
	left := query.Place(where, row, nil)
	if _, decided := decided(left); decided {
		return
	}
	text := query.String(left)
	if q.answers == nil {
		q.answers = make(map[string]query.Truth)
	}
	if _, known := q.answers[text]; known {
		return
	}
	q.answers[text] = query.Unknown // until it is answered
	q.asked, q.texts = append(q.asked, left), append(q.texts, text)
}

// ask gets the answers. On an error there is none.
func (q *questions) ask(ctx context.Context, gate Gate) error {
	clear(q.answers)
	for first := 0; first < len(q.asked); first += questionsAtOnce {
		last := min(first+questionsAtOnce, len(q.asked))
		truths, err := gate.Judge(ctx, q.asked[first:last])
		if err == nil && len(truths) != last-first {
			err = fmt.Errorf("%d answers to %d questions", len(truths), last-first)
		}
		if err != nil {
			clear(q.answers)
			return fmt.Errorf("ask the store about rows that changed: %w", err)
		}
		for i, truth := range truths {
			q.answers[q.texts[first+i]] = truth
		}
	}
	return nil
}

// holds tells whether a condition holds for a row; errUnjudged where nobody
// was asked.
func (q *questions) holds(where query.Expr, row query.Row) (bool, error) {
	left := query.Place(where, row, nil)
	if truth, decided := decided(left); decided {
		return truth, nil
	}
	if q == nil {
		return false, errUnjudged
	}
	truth, known := q.answers[query.String(left)]
	if !known {
		return false, errUnjudged
	}
	return truth == query.True, nil
}

// decided tells whether a condition, its row put in place, is true without
// asking; the second result is false where that must be asked.
func decided(left query.Expr) (bool, bool) {
	if _, constant := left.(*query.Literal); constant {
		return query.IsTrueExpr(left), true
	}
	if and, ok := left.(*query.And); ok {
		for _, term := range and.Terms {
			if query.NeverHolds(term) {
				return false, true
			}
		}
	}
	return false, false
}

// inquire asks the store about a commit for all groups that need it. It is
// called without the lock; nil answers leave those groups unjudged.
func (h *Hub) inquire(ctx context.Context, c *query.Commit) (answered *questions) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("rows that changed could not be judged", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			answered = nil
		}
	}()
	q, gate := h.questions(c)
	if q == nil || len(q.asked) == 0 {
		return q
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	if err := q.ask(ctx, gate); err != nil {
		h.log.Warn("rows that changed could not be judged; their subscribers ask again", "cursor", c.Cursor.String(), "error", err)
		return nil
	}
	return q
}

// questions are what a commit's rows are asked, and who answers.
func (h *Hub) questions(c *query.Commit) (*questions, Gate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.groups.questions(c), h.gate
}

// questions are what a commit's rows are asked; nil where no group asks.
func (gs *groups) questions(c *query.Commit) *questions {
	var q *questions
	for i := range c.Changes {
		asking := gs.asking[c.Changes[i].Table]
		var rows decoded
		for g := range asking {
			before, after, err := rows.of(g.view.of.Table, &c.Changes[i])
			if err != nil {
				return nil // judge meets it as well, and says it
			}
			if q == nil {
				q = &questions{}
			}
			if g.view.wants(before, after) {
				q.add(g.view.of.Where, before)
				q.add(g.view.of.Where, after)
			}
			if len(q.asked) >= mostQuestions {
				return q
			}
		}
	}
	return q
}

// inquire asks the store about some changes of a commit for one subscription
// that joins.
func (v *view) inquire(ctx context.Context, gate Gate, changes []query.Change) (*questions, error) {
	q := &questions{}
	for i := range changes {
		if changes[i].Table != v.of.Table.Name {
			continue
		}
		before, after, err := decode(v.of.Table, &changes[i])
		if err != nil {
			return nil, unreadable{err}
		}
		if v.wants(before, after) {
			q.add(v.of.Where, before)
			q.add(v.of.Where, after)
		}
	}
	return q, q.ask(ctx, gate)
}

// dismiss sends the members of a group that could not be judged back to
// joining, before the commit at hand. The caller holds h.mu, and has not moved
// the hub's place yet.
func (h *Hub) dismiss(g *group) {
	g.pending = nil
	for len(g.members) > 0 {
		s := g.members[len(g.members)-1]
		h.detach(s)
		s.turn()
		h.start(s)
	}
}
