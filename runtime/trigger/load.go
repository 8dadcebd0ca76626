package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// notesPage is how many notes are read at once.
const notesPage = 500

// loadTime bounds one look into the ledger.
const loadTime = 30 * time.Second

// each reads all notes of a room.
func (r *Runner) each(ctx context.Context, room string, visit func(store.Note) error) error {
	for from := ""; ; {
		page, cancel := context.WithTimeout(ctx, loadTime)
		notes, err := r.store.Noted(page, room, from, notesPage)
		cancel()
		if err != nil {
			return err
		}
		for _, n := range notes {
			if err := visit(n); err != nil {
				return fmt.Errorf("note %q of %q: %w", n.Key, room, err)
			}
		}
		if len(notes) < notesPage {
			return nil
		}
		from = notes[len(notes)-1].Key + "\x01" // no key has one
	}
}

var errGone = errors.New("the change is not in the ledger any more")

func isGone(err error) bool { return errors.Is(err, errGone) }

// loadEvent reads what a function is told of a change.
func (r *Runner) loadEvent(ctx context.Context, name, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	notes, err := r.store.Noted(ctx, roomEvent+name, id, 1)
	if err != nil {
		return nil, err
	}
	if len(notes) == 0 || notes[0].Key != id {
		return nil, errGone
	}
	return notes[0].Body, nil
}

// load reads what was done before this node led.
func (d *driver) load() error {
	err := d.r.each(d.ctx, roomPlace, func(n store.Note) error {
		var note placeNote
		if err := json.Unmarshal(n.Body, &note); err != nil {
			return err
		}
		place, err := query.ParseCursor(note.Place)
		if err != nil {
			return err
		}
		l := newLine(n.Key, place)
		l.since = note.At
		l.parked = time.UnixMicro(note.Parked)
		if note.Parked == 0 {
			l.parked = time.Time{}
		}
		l.skip = map[string]bool{}
		for _, id := range note.Done {
			l.skip[id] = true
		}
		d.lines[n.Key] = l
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range d.lines {
		if err := d.loadLetters(l); err != nil {
			return err
		}
		least := idOf(l.place, mostChanges) // what is up to the place does not come again
		maps.DeleteFunc(l.skip, func(id string, _ bool) bool { return id <= least })
	}
	return d.loadTimes()
}

// loadLetters reads what of a function is to be tried again, and what is dead.
func (d *driver) loadLetters(l *line) error {
	err := d.r.each(d.ctx, roomDead+l.name, func(n store.Note) error {
		l.dead = append(l.dead, n.Key)
		l.skip[n.Key] = true
		return nil
	})
	if err != nil {
		return err
	}
	dead := len(l.dead)
	slices.Sort(l.dead)
	return d.r.each(d.ctx, roomRetry+l.name, func(n store.Note) error {
		if l.skip[n.Key] && dead > 0 {
			if _, died := slices.BinarySearch(l.dead, n.Key); died { // a crash came between the two
				d.drop(store.NoteName{Room: n.Room, Key: n.Key})
				return nil
			}
		}
		t, err := readTask(n)
		if err != nil {
			return err
		}
		l.enter(t)
		l.filed++
		l.skip[t.id] = true
		return nil
	})
}

// readTask makes a task of its note.
func readTask(n store.Note) (*task, error) {
	var note letter
	if err := json.Unmarshal(n.Body, &note); err != nil {
		return nil, err
	}
	t := &task{
		id: n.Key, table: note.Table, op: note.Op, key: note.Key, depth: note.Depth, size: note.Size, time: note.At,
		attempts: note.Attempts, cause: note.Cause, filed: true,
	}
	if note.Due != 0 {
		t.due = time.UnixMicro(note.Due)
	}
	return t, nil
}
