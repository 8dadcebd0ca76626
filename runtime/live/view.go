package live

import (
	"bytes"
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
}

func newView(of *data.Subscription, encoder Encoder) view {
	return view{
		of: of, encoder: encoder, mark: markOf(of),
		shape:  query.NewJSONShape(of.Columns),
		create: slices.Contains(of.Channel.Events, "create"),
		update: slices.Contains(of.Channel.Events, "update"),
		delete: slices.Contains(of.Channel.Events, "delete"),
		narrow: len(of.Columns) < len(of.Table.Columns),
	}
}

// sees reports whether the subscriber sees a row.
func (v *view) sees(row query.Row) bool {
	return row != nil && (v.of.Where == nil || query.Holds(v.of.Where, row, nil) == query.True)
}

// judge tells what a change is to the subscriber; false when it is nothing.
func (v *view) judge(before, after query.Row) (Type, bool) {
	was, is := v.sees(before), v.sees(after)
	switch {
	case before == nil:
		return Create, is && v.create
	case after == nil:
		return Delete, was && v.delete
	case was && is:
		return Update, v.update && (!v.narrow || !v.same(before, after))
	case is:
		return Enter, v.update
	}
	return Leave, was && v.update
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
func (v *view) frame(c *query.Commit, i int, before, after query.Row) (Frame, bool) {
	kind, told := v.judge(before, after)
	if !told {
		return Frame{}, false
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
	return v.encode(&e), true
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

// single is a batch of one event.
func (v *view) single(e *Event) *batch { return newBatch([]Frame{v.encode(e)}) }

func (v *view) appendRow(dst []byte, row query.Row) []byte {
	v.writer.ResetObjects(dst, v.shape)
	// The writer refuses nothing.
	_ = query.WriteRow(&v.writer, v.of.Columns, row)
	return v.writer.Bytes()
}

// replay gives the frames of a commit that lie after a cursor.
func (v *view) replay(c *query.Commit, after Cursor) ([]Frame, error) {
	first := 0
	if after.Commit == c.Cursor {
		first = after.Part
	}
	var frames []Frame
	for i := first; i < len(c.Changes); i++ {
		change := &c.Changes[i]
		if change.Table != v.of.Table.Name {
			continue
		}
		before, after, err := decode(v.of.Table, change)
		if err != nil {
			return nil, err
		}
		if f, told := v.frame(c, i, before, after); told {
			frames = append(frames, f)
		}
	}
	return frames, nil
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
