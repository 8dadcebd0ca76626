package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// The rooms of the ledger. Those that end with a slash are followed by the name of
// a function.
const (
	roomPlace = "function.place"  // by function: what was done
	roomTime  = "function.time"   // by function: when it was due
	roomAsked = "function.asked"  // what other nodes want of who leads
	roomRetry = "function.retry/" // by change: a letter
	roomEvent = "function.event/" // by change: what the function is told
	roomDead  = "function.dead/"  // by change: a letter
)

// placeNote is the note of a line: all up to Place is done, and of what comes
// after it what Done names, or what has a letter.
type placeNote struct {
	Place  string   `json:"place"`
	Done   []string `json:"done,omitempty"`
	At     int64    `json:"at"`               // when it was written, microseconds
	Parked int64    `json:"parked,omitempty"` // since when nobody asks for it
}

// letter is the note of a change that was not run as it should, or of changes that
// were missed.
type letter struct {
	ID       string `json:"id"`
	Table    string `json:"table,omitempty"`
	Op       string `json:"op,omitempty"`
	Key      string `json:"key,omitempty"`
	At       int64  `json:"at,omitempty"` // the commit's time
	Depth    int    `json:"depth,omitempty"`
	Size     int    `json:"size,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	Due      int64  `json:"due,omitempty"`
	Cause    string `json:"cause,omitempty"`
	Died     int64  `json:"died,omitempty"`
	// Missed says that there is no change: the feed ended, and from Since on nothing
	// was seen.
	Missed bool  `json:"missed,omitempty"`
	Since  int64 `json:"since,omitempty"`
}

func (t *task) letter() *letter {
	l := &letter{ID: t.id, Table: t.table, Op: t.op, Key: t.key, At: t.time, Depth: t.depth, Size: t.size, Attempts: t.attempts, Cause: t.cause}
	if !t.due.IsZero() {
		l.Due = t.due.UnixMicro()
	}
	return l
}

func (d *driver) put(name store.NoteName, body []byte) {
	if body == nil {
		body = []byte{}
	}
	d.notes[name] = body
}

func (d *driver) drop(name store.NoteName) { d.notes[name] = nil }

func (d *driver) putJSON(name store.NoteName, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		d.r.log.Error("a note could not be written", "room", name.Room, "error", err) // ours are plain
		return
	}
	d.put(name, body)
}

// save is what is on its way into the ledger.
type save struct {
	notes   map[store.NoteName][]byte
	filed   []*task
	lines   []*line
	drains  []*drain
	version uint64
	hold    query.Cursor
	err     error
}

// startSave writes what has changed, if it is time to.
func (d *driver) startSave(now time.Time) {
	if d.saving != nil || d.lost() || d.over {
		return
	}
	last := d.ending() && d.calls == 0 && !d.reading && !d.asking
	moved := false
	busy := len(d.notes) > 0 || d.version > d.r.adoptedVersion() || last
	for _, dr := range d.drains {
		busy = busy || dr.noted
	}
	for _, l := range d.lines {
		busy = busy || l.unsaved
		moved = moved || l.moved
	}
	due := d.saved.Add(d.r.pace.idle)
	switch {
	case busy:
		due = d.saved.Add(d.r.pace.save)
	case !moved:
		return
	}
	if d.badSave.until.After(due) {
		due = d.badSave.until
	}
	if now.Before(due) && !last {
		d.by(due)
		return
	}
	s := &save{notes: d.notes, filed: d.filed, version: d.version}
	d.notes, d.filed = map[store.NoteName][]byte{}, nil
	d.snapshot(s)
	d.saving, d.saved, d.over = s, now, last
	lease := d.lease
	go func() {
		s.err = d.r.write(lease, s)
		d.saves <- s
	}()
}

// snapshot adds the notes of lines, and what the feed is held from.
func (d *driver) snapshot(s *save) {
	first := true
	for _, l := range d.lines {
		low := l.low()
		if l.of != nil && (first || low.Compare(s.hold) < 0) {
			s.hold, first = low, false
		}
		if !l.unsaved && !l.moved {
			continue
		}
		note := placeNote{Place: low.String(), At: d.r.now().UnixMicro()}
		if !l.parked.IsZero() {
			note.Parked = l.parked.UnixMicro()
		}
		for _, m := range l.window {
			for _, index := range m.done {
				note.Done = append(note.Done, idOf(m.at, index))
			}
		}
		for id := range l.skip {
			note.Done = append(note.Done, id)
		}
		body, err := json.Marshal(&note)
		if err != nil {
			d.r.log.Error("the place of a function could not be noted", "function", l.name, "error", err)
			continue
		}
		s.notes[store.NoteName{Room: roomPlace, Key: l.name}] = body
		s.lines = append(s.lines, l)
		l.unsaved, l.moved = false, false
	}
	for _, dr := range d.drains {
		if dr.noted {
			s.drains = append(s.drains, dr)
		}
	}
}

// The bounds of what is written at once.
const (
	notesAtOnce = 256
	bytesAtOnce = 4 << 20
)

// writeTime bounds one write of the ledger.
const writeTime = 10 * time.Second

// write writes a save, in pieces where it is large: first what is to be there when
// the places have moved on, then the places, then what is not needed any more.
func (r *Runner) write(lease store.Lease, s *save) error {
	var piece, last store.Notes
	size := 0
	flush := func(n store.Notes) error {
		ctx, cancel := context.WithTimeout(context.Background(), writeTime)
		defer cancel()
		n.Under = &lease
		return r.store.Note(ctx, n)
	}
	var events, others []store.Note
	for name, body := range s.notes {
		note := store.Note{Room: name.Room, Key: name.Key, Body: body}
		switch {
		case body == nil:
			last.Drop = append(last.Drop, name)
		case name.Room == roomPlace:
			last.Put = append(last.Put, note)
		case strings.HasPrefix(name.Room, roomEvent):
			events = append(events, note)
		default:
			others = append(others, note)
		}
	}
	for _, note := range append(events, others...) { // no letter without its event
		piece.Put = append(piece.Put, note)
		if size += len(note.Body); len(piece.Put) >= notesAtOnce || size >= bytesAtOnce {
			if err := flush(piece); err != nil {
				return err
			}
			piece, size = store.Notes{}, 0
		}
	}
	last.Put = append(last.Put, piece.Put...)
	last.Hold = &s.hold
	for len(last.Drop) > notesAtOnce {
		// A crash before they are dropped runs their changes again.
		rest := last.Drop[notesAtOnce:]
		last.Drop = last.Drop[:notesAtOnce]
		if err := flush(last); err != nil {
			return err
		}
		last = store.Notes{Drop: rest}
	}
	return flush(last)
}

// takeSave goes on from what was written.
func (d *driver) takeSave(s *save) {
	d.saving = nil
	now := time.Now()
	if s.err != nil {
		if errors.Is(s.err, store.ErrLeaseLost) {
			d.r.log.Debug("a note came too late: another node calls functions now")
		}
		if d.badSave.failed(now, s.err) {
			d.r.log.Error("what functions have done could not be noted; no more are called until it is", "error", s.err)
		}
		maps.Copy(s.notes, d.notes) // what came later wins
		for name := range s.notes {
			if name.Room == roomPlace {
				delete(s.notes, name)
			}
		}
		d.notes, d.filed = s.notes, append(s.filed, d.filed...)
		for _, l := range s.lines {
			l.unsaved = true
		}
		return
	}
	if d.badSave.times > 0 {
		d.r.log.Info("what functions have done is noted again")
		d.badSave = bad{}
	}
	for _, t := range s.filed {
		if t.filed && !t.running {
			t.detail = nil // it is in the ledger
		}
	}
	for _, dr := range s.drains {
		close(dr.done)
	}
	if len(s.drains) > 0 {
		d.drains = slices.DeleteFunc(d.drains, func(dr *drain) bool { return slices.Contains(s.drains, dr) })
	}
	d.r.noted(s.version)
}

func (r *Runner) adoptedVersion() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.adopted
}

// noted says that a set is followed, and who is new in it noted.
func (r *Runner) noted(version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if version > r.adopted {
		r.adopted = version
		r.move()
	}
}
