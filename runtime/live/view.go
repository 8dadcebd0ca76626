package live

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// view judges changes by one bound channel and encodes them for one surface.
// It is used by one goroutine at a time.
type view struct {
	of      *data.Subscription
	encoder Encoder
	mark    uint32
	shape   *query.JSONShape
	writer  query.JSONWriter
	scratch []byte
	create  bool
	update  bool
	delete  bool
	// narrow: some column may not be shown. Then an update that changes none of
	// those that may must not be told, or its coming would tell of the others.
	narrow bool
	// beyond: the condition looks at other rows, so that the store must judge.
	beyond bool
}

func newView(of *data.Subscription, encoder Encoder) view {
	return view{
		of: of, encoder: encoder, mark: markOf(of),
		shape:  query.NewJSONShape(of.Columns),
		create: slices.Contains(of.Channel.Events, "create"),
		update: slices.Contains(of.Channel.Events, "update"),
		delete: slices.Contains(of.Channel.Events, "delete"),
		narrow: len(of.Columns) < len(of.Table.Columns),
		beyond: query.LooksBeyond(of.Where),
	}
}

// sees reports whether the subscriber sees a row; errUnjudged where that is
// for the store to say, and it was not asked.
func (v *view) sees(row query.Row, q *questions) (bool, error) {
	switch {
	case row == nil:
		return false, nil
	case v.beyond:
		return q.holds(v.of.Where, row)
	}
	return v.of.Where == nil || query.Holds(v.of.Where, row, nil) == query.True, nil
}

// wants reports whether the channel tells of such changes at all.
func (v *view) wants(before, after query.Row) bool {
	switch {
	case before == nil:
		return v.create
	case after == nil:
		return v.delete
	}
	return v.update
}

// judge tells what a change is to the subscriber; false when it is nothing.
func (v *view) judge(before, after query.Row, q *questions) (Type, bool, error) {
	if !v.wants(before, after) {
		return 0, false, nil
	}
	was, err := v.sees(before, q)
	if err != nil {
		return 0, false, err
	}
	is, err := v.sees(after, q)
	if err != nil {
		return 0, false, err
	}
	switch {
	case before == nil:
		return Create, is, nil
	case after == nil:
		return Delete, was, nil
	case was && is:
		return Update, !v.narrow || !v.same(before, after), nil
	case is:
		return Enter, true, nil
	}
	return Leave, was, nil
}

// same reports whether two rows look the same to the subscriber.
func (v *view) same(before, after query.Row) bool {
	for i := range v.of.Columns {
		e := v.of.Columns[i].Expr
		if query.Eval(e, before, nil) != query.Eval(e, after, nil) {
			return false
		}
	}
	return true
}

// frame gives what change i of a commit is to the subscriber, encoded; false
// when it is nothing. before and after are the change's rows, decoded.
func (v *view) frame(c *query.Commit, i int, before, after query.Row, q *questions) (Frame, bool, error) {
	kind, told, err := v.judge(before, after, q)
	if !told || err != nil {
		return Frame{}, false, err
	}
	at := Cursor{Commit: c.Cursor}
	if i+1 < len(c.Changes) {
		at.Part = i + 1
	}
	e := Event{Type: kind, Cursor: at, At: c.At}
	if kind != Create && kind != Enter {
		e.Before = before
	}
	if kind != Delete && kind != Leave {
		e.After = after
	}
	return v.encode(&e), true, nil
}

func (v *view) encode(e *Event) Frame {
	e.Of, e.view, e.Cursor.Of = v.of, v, v.mark
	v.scratch = v.encoder.Encode(v.scratch[:0], e)
	f := Frame{Type: e.Type, Cursor: e.Cursor, Data: bytes.Clone(v.scratch)}
	if cap(v.scratch) > 64<<10 {
		v.scratch = nil // one large row must not be paid for ever after
	}
	return f
}

// single is a bundle of one event.
func (v *view) single(e *Event) *bundle { return newBundle([]Frame{v.encode(e)}) }

func (v *view) appendRow(dst []byte, row query.Row) []byte {
	v.writer.ResetObjects(dst, v.shape)
	// The writer refuses nothing.
	_ = query.WriteRow(&v.writer, v.of.Columns, row)
	return v.writer.Bytes()
}

// replay gives the frames of a commit that lie after a cursor; unreadable
// where a stored row cannot be read any more.
func (v *view) replay(ctx context.Context, gate Gate, c *query.Commit, after Cursor) ([]Frame, error) {
	first := 0
	if after.Commit == c.Cursor {
		first = after.Part
	}
	var frames []Frame
	for first < len(c.Changes) {
		last := len(c.Changes)
		var q *questions
		if v.beyond {
			last = min(last, first+changesAtOnce)
			var err error
			if q, err = v.inquire(ctx, gate, c.Changes[first:last]); err != nil {
				return nil, err
			}
		}
		for ; first < last; first++ {
			change := &c.Changes[first]
			if change.Table != v.of.Table.Name {
				continue
			}
			before, after, err := decode(v.of.Table, change)
			if err != nil {
				return nil, unreadable{err}
			}
			f, told, err := v.frame(c, first, before, after, q)
			if err != nil {
				return nil, err
			}
			if told {
				frames = append(frames, f)
			}
		}
	}
	return frames, nil
}

// unreadable says that a change's row cannot be read by today's columns.
type unreadable struct{ error }

// decoded is a change's rows, decoded once for all groups with one table.
type decoded struct {
	table         *query.Table
	before, after query.Row
}

func (r *decoded) of(t *query.Table, c *query.Change) (query.Row, query.Row, error) {
	if r.table != t {
		var err error
		if r.before, r.after, err = decode(t, c); err != nil {
			return nil, nil, err
		}
		r.table = t
	}
	return r.before, r.after, nil
}

// decode reads a change's rows, before and after, by today's columns.
func decode(t *query.Table, c *query.Change) (query.Row, query.Row, error) {
	var before, after query.Row
	var err error
	if c.Before != nil {
		if before, err = query.DecodeRow(t, c.Before); err != nil {
			return nil, nil, fmt.Errorf("the row before: %w", err)
		}
	}
	if c.After != nil {
		if after, err = query.DecodeRow(t, c.After); err != nil {
			return nil, nil, fmt.Errorf("the row after: %w", err)
		}
	}
	return before, after, nil
}
