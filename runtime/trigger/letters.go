package trigger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Letter is a dead letter: a change for which a function failed for good.
type Letter struct {
	ID       string    `json:"id"`
	Table    string    `json:"table,omitempty"`
	Op       string    `json:"op,omitempty"`
	Key      string    `json:"key,omitempty"`
	At       time.Time `json:"at"`   // the commit's
	Died     time.Time `json:"died"` // when it was given up
	Attempts int       `json:"attempts,omitempty"`
	Error    string    `json:"error"`
	// Missed says that it is no change: changes were missed, from about At until Died.
	Missed bool `json:"missed,omitempty"`
	// Event is what the function is told; of a single letter alone.
	Event json.RawMessage `json:"event,omitempty"`
}

// The codes of faults about letters.
const (
	CodeNoLetter = "no-such-letter"
	CodeMissed   = "letter-of-missed"
)

func (l *letter) public() Letter {
	at := l.At
	if l.Missed {
		at = l.Since
	}
	return Letter{
		ID: l.ID, Table: l.Table, Op: l.Op, Key: l.Key, At: time.UnixMicro(at).UTC(), Died: time.UnixMicro(l.Died).UTC(),
		Attempts: l.Attempts, Error: l.Cause, Missed: l.Missed,
	}
}

// Letters lists the dead letters of a function in the order of their changes,
// after an id, at most limit.
func (r *Runner) Letters(ctx context.Context, name, after string, limit int) ([]Letter, error) {
	if after != "" {
		after += "\x01"
	}
	notes, err := r.store.Noted(ctx, roomDead+name, after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Letter, 0, len(notes))
	for _, n := range notes {
		l, err := readLetter(n)
		if err != nil {
			return nil, err
		}
		list = append(list, l.public())
	}
	return list, nil
}

// Letter gives one dead letter with its event.
func (r *Runner) Letter(ctx context.Context, name, id string) (Letter, error) {
	found, err := r.letters(ctx, name, []string{id})
	if err != nil {
		return Letter{}, err
	}
	l := found[0].public()
	if !l.Missed {
		event, err := r.loadEvent(ctx, name, id)
		if err != nil && !isGone(err) {
			return Letter{}, err
		}
		l.Event = event
	}
	return l, nil
}

func readLetter(n store.Note) (*letter, error) {
	l := &letter{}
	if err := json.Unmarshal(n.Body, l); err != nil {
		return nil, fmt.Errorf("read the letter %q: %w", n.Key, err)
	}
	return l, nil
}

// letters reads those of some ids, or all of them; one that is not there is a
// fault.
func (r *Runner) letters(ctx context.Context, name string, ids []string) ([]*letter, error) {
	var list []*letter
	if len(ids) == 0 {
		err := r.each(ctx, roomDead+name, func(n store.Note) error {
			l, err := readLetter(n)
			list = append(list, l)
			return err
		})
		return list, err
	}
	for _, id := range ids {
		notes, err := r.store.Noted(ctx, roomDead+name, id, 1)
		if err != nil {
			return nil, err
		}
		if id == "" || len(notes) == 0 || notes[0].Key != id {
			return nil, noLetter(name, id)
		}
		l, err := readLetter(notes[0])
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func noLetter(name, id string) *fault.Fault {
	return fault.Newf(CodeNoLetter, "the function %q has no dead letter %q", name, id).WithHint("edge-hive function dead lists them")
}

// CheckIDs is a fault where dead letters are named of a function that has none.
func CheckIDs(name string, ids []string) error {
	for _, id := range ids {
		if id != "" {
			return noLetter(name, id)
		}
	}
	return nil
}

// request is what is to become of dead letters.
type request struct {
	Function string   `json:"function"`
	IDs      []string `json:"ids,omitempty"` // none for all
	Retry    bool     `json:"retry,omitempty"`

	letters []*letter
	asked   string // the note that says it
}

// Retry has the changes of dead letters tried again, as if they had not been; no
// ids are all of them. It gives how many, and false where another node leads,
// which does it in a moment.
func (r *Runner) Retry(ctx context.Context, name string, ids []string) (n int, now bool, err error) {
	return r.request(ctx, &request{Function: name, IDs: ids, Retry: true})
}

// Discard throws dead letters away; no ids are all of them.
func (r *Runner) Discard(ctx context.Context, name string, ids []string) (n int, now bool, err error) {
	return r.request(ctx, &request{Function: name, IDs: ids})
}

func (r *Runner) request(ctx context.Context, req *request) (int, bool, error) {
	list, err := r.letters(ctx, req.Function, req.IDs)
	if err != nil {
		return 0, false, err
	}
	if req.Retry {
		kept := slices.DeleteFunc(slices.Clone(list), func(l *letter) bool { return l.Missed })
		if len(kept) < len(list) && len(req.IDs) > 0 {
			return 0, false, fault.New(CodeMissed, "changes that were missed cannot be tried again: nobody knows them").
				WithHint("see to the rows that were written in that time, then discard the letter")
		}
		list = kept
	}
	if len(list) == 0 {
		return 0, true, nil
	}
	req.letters = list
	n := 0
	if r.do(ctx, func(d *driver) { n = d.carryOut(req) }) {
		return n, true, nil
	}
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	body, err := json.Marshal(req)
	if err != nil {
		return 0, false, err
	}
	note := store.Note{Room: roomAsked, Key: fmt.Sprintf("%020d.%s", time.Now().UnixNano(), rand.Text()), Body: body}
	return len(list), false, r.store.Note(ctx, store.Notes{Put: []store.Note{note}})
}

// startAsking looks for what other nodes have asked for.
func (d *driver) startAsking() {
	if d.asking {
		return
	}
	d.asking = true
	go func() { d.replies <- d.r.requested(d.ctx) }()
}

// mostRequests bounds how many are carried out at once.
const mostRequests = 100

func (r *Runner) requested(ctx context.Context) []request {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	notes, err := r.store.Noted(ctx, roomAsked, "", mostRequests)
	if err != nil {
		return nil // the next look may see them
	}
	var list []request
	for _, n := range notes {
		req := request{asked: n.Key}
		if err := json.Unmarshal(n.Body, &req); err == nil {
			if req.letters, err = r.letters(ctx, req.Function, req.IDs); err != nil && ctx.Err() != nil {
				return list
			}
		}
		list = append(list, req)
	}
	return list
}

func (d *driver) takeRequests(list []request) {
	d.asking = false
	if d.ending() {
		return
	}
	for i := range list {
		d.carryOut(&list[i])
		d.drop(store.NoteName{Room: roomAsked, Key: list[i].asked})
	}
}

// carryOut does what is asked with letters that are still there.
func (d *driver) carryOut(req *request) int {
	l := d.lines[req.Function]
	if l == nil {
		return 0
	}
	n := 0
	for _, letter := range req.letters {
		at, there := slices.BinarySearch(l.dead, letter.ID)
		if !there || req.Retry && letter.Missed {
			continue
		}
		l.dead = slices.Delete(l.dead, at, at+1)
		d.drop(store.NoteName{Room: roomDead + l.name, Key: letter.ID})
		n++
		if !req.Retry {
			d.drop(store.NoteName{Room: roomEvent + l.name, Key: letter.ID})
			continue
		}
		t := &task{
			id: letter.ID, table: letter.Table, op: letter.Op, key: letter.Key, depth: letter.Depth, size: letter.Size, time: letter.At,
			cause: letter.Cause, filed: true,
		}
		l.enterFirst(t)
		l.filed++
		d.putJSON(store.NoteName{Room: roomRetry + l.name, Key: t.id}, t.letter())
	}
	return n
}

// addDead adds a dead letter; beyond the bound, the oldest go.
func (d *driver) addDead(l *line, note *letter) {
	d.putJSON(store.NoteName{Room: roomDead + l.name, Key: note.ID}, note)
	if at, there := slices.BinarySearch(l.dead, note.ID); !there {
		l.dead = slices.Insert(l.dead, at, note.ID)
	}
	l.seen.Dead++
	d.r.meter.Died(l.name)
	for len(l.dead) > mostDead {
		oldest := l.dead[0]
		l.dead = slices.Delete(l.dead, 0, 1)
		d.drop(store.NoteName{Room: roomDead + l.name, Key: oldest})
		d.drop(store.NoteName{Room: roomEvent + l.name, Key: oldest})
		d.r.log.Error("a function has too many dead letters; the oldest is gone", "function", l.name, "letter", oldest, "kept", mostDead)
	}
}

// miss goes on where the feed begins, for a line that it no longer reaches back
// to; where it is whole, nothing was missed.
func (d *driver) miss(l *line, begin query.Cursor, whole bool) {
	from := l.place
	d.fileAll(l)
	l.place, l.atEnd, l.unsaved = begin, false, true
	if l.fresh || whole { // what is fresh was to begin at the present
		return
	}
	now := d.r.now()
	since := l.since
	if since == 0 {
		since = now.UnixMicro()
	}
	l.seen.Missed++
	d.r.meter.Missed(l.name)
	d.r.log.Error("the feed no longer reaches back to where a function was: changes may have been missed", "function", l.name,
		"since", time.UnixMicro(since).UTC(), "from", from.String(), "to", begin.String())
	d.addDead(l, &letter{
		ID: idOf(begin, 0) + ".missed." + pad(uint64(now.UnixMicro()), 11), Missed: true, Since: since, Died: now.UnixMicro(),
		Cause: "the feed no longer reached back to where the function was: it was away for longer than changes are kept, or the database was restored or its tables made anew",
	})
}

// parkedTime is how long the place of a function is kept that no manifest asks for.
const parkedTime = 24 * time.Hour

// forgetParked drops what functions left that are gone for a day.
func (d *driver) forgetParked() {
	for name, l := range d.lines {
		if l.parked.IsZero() || d.r.now().Sub(l.parked) < parkedTime || l.running > 0 {
			continue
		}
		d.r.log.Info("what a function left is dropped: no manifest has asked for it for a day", "function", name, "retries", l.filed, "dead", len(l.dead))
		delete(d.lines, name)
		for note := range d.notes {
			if note.Room == roomEvent+name || note.Room == roomRetry+name || note.Room == roomDead+name {
				delete(d.notes, note)
			}
		}
		d.drop(store.NoteName{Room: roomPlace, Key: name})
		for _, room := range []string{roomRetry, roomEvent, roomDead} {
			d.drop(store.NoteName{Room: room + name})
		}
	}
}
