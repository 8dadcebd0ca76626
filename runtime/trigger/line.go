package trigger

import (
	"container/heap"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// The bounds of a line. At each, what is behind stays in the feed, which is held
// for it.
const (
	mostOpen    = 1024    // changes read and not run, of those that do not wait for another try
	openBytes   = 8 << 20 // what they take
	mostRetries = 10_000  // changes that wait for another try, or behind one that does
	mostDead    = 10_000  // dead letters; the oldest go
)

// line is what one function has to do. The driver alone uses it.
type line struct {
	name   string
	of     *listener // nil where no manifest asks for it any more
	parked time.Time // since when
	fresh  bool      // it has never read: what is before it does not concern it
	since  int64     // when its place was noted last, microseconds; 0 in this process

	place  query.Cursor // what was read up to
	atEnd  bool
	window []*mark // commits of which not all is done, or one before, in order
	open   int     // changes in the window that are not done
	bytes  int     // of them

	// skip are the ids of changes behind place that were done before this node led.
	skip map[string]bool

	queues  map[string]*queue // by table and key
	ready   []*queue
	waiting waiting
	running int
	filed   int // tasks of which the ledger has a note

	dead []string // ids, sorted

	seen tally // of this process

	unsaved bool // the ledger's note of it is not as it is
	moved   bool // and differs by the place alone
}

// tally counts what came of calls.
type tally struct {
	Runs, Failures, Retries, Dead, Missed uint64
	last                                  string // the last error
	lastAt                                time.Time
}

// mark is a commit that the function is called for.
type mark struct {
	at     query.Cursor
	before query.Cursor // what was read before it
	time   int64
	left   int
	done   []int // indexes of changes
}

// task is one call that is to be made for a change.
type task struct {
	id     string
	line   *line
	queue  *queue
	mark   *mark // nil where the window has it no more
	index  int
	table  string
	op     string
	key    string
	detail []byte // nil where it is in the ledger
	size   int
	depth  int
	time   int64 // of the commit

	attempts int
	due      time.Time
	cause    string // of the last failure
	filed    bool
	running  bool
	hopeless bool // it cannot be called, for cause
}

// queue is the tasks of one row, in their order.
type queue struct {
	key   string
	tasks []*task
	place int // in waiting, -1 where it is not
}

// waiting are queues whose first task is not due yet, the next one first.
type waiting []*queue

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].tasks[0].due.Before(w[j].tasks[0].due) }
func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].place, w[j].place = i, j
}

// Push implements heap.Interface.
func (w *waiting) Push(x any) {
	q, _ := x.(*queue)
	q.place = len(*w)
	*w = append(*w, q)
}

// Pop implements heap.Interface.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	q := (*w)[last]
	(*w)[last], *w = nil, (*w)[:last]
	q.place = -1
	return q
}

func newLine(name string, place query.Cursor) *line {
	return &line{name: name, place: place, queues: map[string]*queue{}}
}

// take adds what was found for the function up to a place. It gives what comes
// behind another try: that is not for the window.
func (l *line) take(list []found, end query.Cursor) (behind []*task) {
	for i := range list {
		f := &list[i]
		m := &mark{at: f.at, before: l.place, time: f.time}
		for j := range f.changes {
			c := &f.changes[j]
			id := idOf(f.at, c.index)
			if l.skip[id] {
				delete(l.skip, id)
				m.done = append(m.done, c.index)
				continue
			}
			m.left++
			l.open++
			l.bytes += len(c.detail)
			t := &task{
				id: id, mark: m, index: c.index, table: c.table, op: c.op, key: c.key, detail: c.detail, size: len(c.detail),
				depth: f.depth, time: f.time, cause: c.unread, hopeless: c.unread != "",
			}
			l.enter(t)
			if t.queue.tasks[0].filed {
				behind = append(behind, t)
			}
		}
		l.window = append(l.window, m)
		l.place = f.at
	}
	if l.place != end {
		l.place, l.moved = end, true
	}
	if len(list) > 0 {
		l.advance()
	}
	return behind
}

// full reports that nothing more is read for it now.
func (l *line) full() bool {
	return l.open >= mostOpen || l.bytes >= openBytes || l.filed >= mostRetries
}

// low is what all is done up to, or noted in the ledger.
func (l *line) low() query.Cursor {
	if len(l.window) > 0 {
		return l.window[0].before
	}
	return l.place
}

// enter puts a task behind those of its row.
func (l *line) enter(t *task) {
	t.line = l
	name := t.table + "\x00" + t.key
	q := l.queues[name]
	if q == nil {
		q = &queue{key: name, place: -1}
		l.queues[name] = q
	}
	t.queue = q
	q.tasks = append(q.tasks, t)
	if len(q.tasks) == 1 {
		l.offer(q)
	}
}

// enterFirst puts a task before those of its row, but for one that is tried.
func (l *line) enterFirst(t *task) {
	t.line = l
	q := l.queues[t.table+"\x00"+t.key]
	if q == nil {
		l.enter(t)
		return
	}
	t.queue = q
	q.tasks = slices.Insert(q.tasks, 1, t)
}

// offer makes the first task of a queue run when it is due.
func (l *line) offer(q *queue) {
	if q.tasks[0].due.IsZero() {
		l.ready = append(l.ready, q)
		return
	}
	heap.Push(&l.waiting, q)
}

// wake makes ready what is due; it gives when the next is, zero for never.
func (l *line) wake(now time.Time) time.Time {
	for len(l.waiting) > 0 {
		q := l.waiting[0]
		if due := q.tasks[0].due; due.After(now) {
			return due
		}
		heap.Pop(&l.waiting)
		l.ready = append(l.ready, q)
	}
	return time.Time{}
}

// next takes the task that is to run now; nil for none.
func (l *line) next() *task {
	if l.of == nil || l.running >= l.of.instances || len(l.ready) == 0 {
		return nil
	}
	q := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	t := q.tasks[0]
	t.running = true
	l.running++
	return t
}

// settle says that a task is done, for the feed: it was run, or is in the ledger.
func (l *line) settle(t *task) {
	m := t.mark
	if m == nil {
		return
	}
	t.mark = nil
	m.left--
	m.done = append(m.done, t.index)
	l.open--
	l.bytes -= t.size
	l.advance()
}

// advance forgets commits that are done, from the first on.
func (l *line) advance() {
	for len(l.window) > 0 && l.window[0].left == 0 {
		l.window[0] = nil
		l.window = l.window[1:]
	}
	l.unsaved = true
}

// leave takes the first task out of its queue, and lets the next one come.
func (l *line) leave(t *task) {
	q := t.queue
	q.tasks[0] = nil
	q.tasks = q.tasks[1:]
	if len(q.tasks) == 0 {
		delete(l.queues, q.key)
		return
	}
	l.offer(q)
}

// oldest is when the oldest commit was made of which something is left to do, 0
// for none.
func (l *line) oldest() int64 {
	if len(l.window) > 0 {
		return l.window[0].time
	}
	return 0
}
