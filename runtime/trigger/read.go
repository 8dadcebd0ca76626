package trigger

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

const (
	// pageCommits are read at once.
	pageCommits = 256
	// questionsAtOnce bounds one question to the view.
	questionsAtOnce = 256
	// readTime bounds a look at the feed, and what is asked of the view for it.
	readTime = 10 * time.Second
)

// page is a look at the feed for some functions.
type page struct {
	looks int // the driver's, when it began
	after query.Cursor
	view  View
	// lines are who it is for, with their own places, none before after.
	lines map[*listener]query.Cursor

	end     query.Cursor // of what was read; after where there was nothing
	commits int
	found   map[*listener][]found
	// begin is set where the feed no longer reaches back.
	truncated bool
	whole     bool // but nothing lies between
	begin     query.Cursor
	err       error
}

// found is a commit that a function is called for.
type found struct {
	at      query.Cursor
	time    int64
	depth   int
	changes []change
}

// read reads a page and judges it.
func (r *Runner) read(ctx context.Context, p *page) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			p.err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	p.end = p.after
	present := p.after
	if p.after == (query.Cursor{}) {
		if present, p.err = r.store.Position(ctx); p.err != nil {
			return
		}
	}
	commits, err := r.store.Changes(ctx, p.after, pageCommits)
	if errors.Is(err, store.ErrTruncated) {
		p.truncated = true
		p.begin, p.whole, p.err = r.store.Resume(ctx, p.after)
		return
	}
	if err != nil {
		p.err = err
		return
	}
	if len(commits) == 0 {
		p.end = present
		return
	}
	p.commits, p.end = len(commits), commits[len(commits)-1].Cursor
	p.err = r.judge(ctx, p, commits)
}

// judge finds what of some commits functions are called for.
func (r *Runner) judge(ctx context.Context, p *page, commits []query.Commit) error {
	q := &questions{}
	p.found = map[*listener][]found{}
	// Twice where the view must be asked: for what, and with what it said.
	for {
		for l, place := range p.lines {
			var list []found
			for i := range commits {
				c := &commits[i]
				if c.Cursor.Compare(place) <= 0 {
					continue
				}
				if changes := l.find(c, q); len(changes) > 0 {
					list = append(list, found{at: c.Cursor, time: c.At, depth: c.Depth, changes: changes})
				}
			}
			p.found[l] = list
		}
		if len(q.asked) == 0 || q.answers != nil {
			return nil
		}
		if err := q.ask(ctx, p.view); err != nil {
			return err
		}
	}
}

// find gives the changes of a commit that the function is called for.
func (l *listener) find(c *query.Commit, q *questions) []change {
	var list []change
	for i := range c.Changes {
		written := &c.Changes[i]
		interests := l.tables[written.Table]
		if len(interests) == 0 || written.Before == nil && written.After == nil {
			continue
		}
		var r rows
		for j := range interests {
			it := &interests[j]
			if !it.wants(written.Op) {
				continue
			}
			if r.table == nil {
				var err error
				if r, err = decode(it.table, written); err != nil {
					list = append(list, unreadable(c.Cursor, i, written, err))
					break
				}
			}
			if it.when == nil || it.beyond && q.holds(it.when, &r) || !it.beyond && r.holds(it.when) {
				list = append(list, r.tell(c.Cursor, i, written.Op))
				break
			}
		}
	}
	return list
}

// questions are conditions that the view answers for a page, each once. What they
// are about is the moment of asking, at or after the commit.
type questions struct {
	asked   []query.Expr
	texts   map[string]int
	answers []query.Truth // nil before they were asked
}

// holds tells whether a condition is true of the rows; before it was asked, it is
// noted and false.
func (q *questions) holds(when query.Expr, r *rows) bool {
	row, old := r.judged()
	left := query.Place(when, row, old)
	if _, constant := left.(*query.Literal); constant {
		return query.IsTrueExpr(left)
	}
	if !query.LooksBeyond(left) {
		return query.Holds(left, nil, nil) == query.True
	}
	text := query.String(left)
	at, known := q.texts[text]
	if q.answers != nil {
		return known && q.answers[at] == query.True
	}
	if !known {
		if q.texts == nil {
			q.texts = map[string]int{}
		}
		q.texts[text] = len(q.asked)
		q.asked = append(q.asked, left)
	}
	return false
}

func (q *questions) ask(ctx context.Context, view View) error {
	answers := make([]query.Truth, 0, len(q.asked))
	for first := 0; first < len(q.asked); first += questionsAtOnce {
		some := q.asked[first:min(first+questionsAtOnce, len(q.asked))]
		truths, err := view.Test(ctx, some)
		if err == nil && len(truths) != len(some) {
			err = fmt.Errorf("%d answers to %d questions", len(truths), len(some))
		}
		if err != nil {
			return fmt.Errorf("ask about other rows: %w", err)
		}
		answers = append(answers, truths...)
	}
	q.answers = answers
	return nil
}
