package surreal

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// result is what reading a level's rows found out.
type result struct {
	rows     int
	groups   int64
	revision int64
}

// read feeds the rows of an answer to w.
func (l *level) read(r *wire.Reader, w query.RowWriter) (result, error) {
	switch {
	case l.groups != nil:
		return l.readGroups(r, w)
	case len(l.order) > 0:
		return l.readSorted(r, w)
	}
	var did result
	for range r.Array() {
		if err := l.take(r); err != nil {
			return did, err
		}
		if err := l.write(w, &did); err != nil {
			return did, err
		}
	}
	return did, r.Err()
}

// readOne feeds the one row that an answer is to w.
func (l *level) readOne(r *wire.Reader, w query.RowWriter) (result, error) {
	var did result
	if err := l.take(r); err != nil {
		return did, err
	}
	return did, l.write(w, &did)
}

// take reads one row's fields.
func (l *level) take(r *wire.Reader) error {
	next := 0
	for range r.Map() {
		name := r.String()
		for next < len(l.fields) && string(name) != l.fields[next].name {
			l.spans[next] = none
			next++
		}
		if next == len(l.fields) {
			if r.Err() == nil {
				return fmt.Errorf("read rows of %s: an unknown member %q", l.sel.Table.Name, name)
			}
			break
		}
		l.spans[next] = r.Raw()
		next++
	}
	for ; next < len(l.fields); next++ {
		l.spans[next] = none
	}
	return r.Err()
}

var none = wire.AppendNone(nil)

// write feeds the row at hand to w.
func (l *level) write(w query.RowWriter, did *result) error {
	w.BeginRow()
	for i := range l.outputs {
		if err := l.writeOutput(w, &l.outputs[i]); err != nil {
			return err
		}
	}
	if l.revision != nil {
		r := wire.NewReader(l.spans[l.revision.at])
		if did.revision = r.Int(); r.Err() != nil {
			return fmt.Errorf("read a revision: %w", r.Err())
		}
	}
	did.rows++
	if l.streams {
		*l.total = 0
	}
	return w.EndRow()
}

func (l *level) writeOutput(w query.RowWriter, o *output) error {
	if o.source == nil || len(o.casts) > 0 {
		v, err := l.value(o)
		if err == nil {
			query.WriteValue(w, v)
		}
		return err
	}
	if o.source.embed != nil {
		return l.writeEmbed(w, o.source)
	}
	r := wire.NewReader(l.spans[o.source.at])
	l.scratch = writeStored(w, r, o.t, l.scratch)
	return r.Err()
}

// value is an output of the row at hand.
func (l *level) value(o *output) (query.Value, error) {
	var v query.Value
	switch {
	case o.source != nil && o.source.embed != nil:
		text, err := l.embedText(o.source)
		if err != nil {
			return v, err
		}
		if text != nil {
			v = query.JSON(string(text))
		}
	case o.source != nil:
		r := wire.NewReader(l.spans[o.source.at])
		if v = readValue(r, o.types[0]); r.Err() != nil {
			return v, r.Err()
		}
	default:
		for i, leaf := range o.leaves {
			r := wire.NewReader(l.spans[leaf.at])
			if o.row[i] = readValue(r, o.types[i]); r.Err() != nil {
				return v, r.Err()
			}
		}
		v = query.Eval(o.expr, o.row, nil)
	}
	for _, t := range o.casts {
		next, f := query.CastValue(v, t)
		if f != nil {
			return v, f
		}
		v = next
	}
	return v, nil
}

// writeStored feeds a stored value to w, with scratch for its text.
func writeStored(w query.RowWriter, r *wire.Reader, t query.Type, scratch []byte) []byte {
	switch r.Kind() {
	case wire.None, wire.Null:
		r.Skip()
		w.Null()
		return scratch
	case wire.Record:
		r.Record()
		return writeStored(w, r, t, scratch)
	}
	switch t.Kind {
	case query.KindInt:
		w.Int(r.Int())
	case query.KindText:
		w.Text(r.String())
	case query.KindJSON:
		scratch = copyJSON(scratch[:0], r)
		w.JSON(scratch)
	default:
		query.WriteValue(w, readValue(r, t))
	}
	return scratch
}

// sorted is a row that is kept until all are there.
type sorted struct {
	raw  []byte
	keys []query.Value
}

// readSorted sorts and cuts here what the server gives by key.
func (l *level) readSorted(r *wire.Reader, w query.RowWriter) (result, error) {
	var did result
	rows := make([]sorted, r.Array())
	for i := range rows {
		raw := r.Raw()
		if r.Err() != nil {
			return did, r.Err()
		}
		if err := l.take(wire.NewReader(raw)); err != nil {
			return did, err
		}
		rows[i] = sorted{raw: raw, keys: make([]query.Value, len(l.order))}
		for k := range l.order {
			v, err := l.value(&l.order[k])
			if err != nil {
				return did, err
			}
			rows[i].keys[k] = v
		}
	}
	slices.SortStableFunc(rows, func(a, b sorted) int {
		for k := range l.sel.Order {
			if n := compareTerms(&l.sel.Order[k], a.keys[k], b.keys[k]); n != 0 {
				return n
			}
		}
		return 0
	})
	for _, row := range cut(rows, l.sel.Limit, l.sel.Offset) {
		if err := l.take(wire.NewReader(row.raw)); err != nil {
			return did, err
		}
		if err := l.write(w, &did); err != nil {
			return did, err
		}
	}
	return did, nil
}

// compareTerms orders two values as a term of an order says.
func compareTerms(o *query.Order, a, b query.Value) int {
	switch {
	case a.IsNull() && b.IsNull():
		return 0
	case a.IsNull() || b.IsNull():
		if a.IsNull() == o.NullsFirst {
			return -1
		}
		return 1
	}
	n := query.CompareValues(a, b)
	if o.Descending {
		return -n
	}
	return n
}

// cut gives a page of a list.
func cut[T any](list []T, limit, offset int) []T {
	list = list[min(len(list), max(offset, 0)):]
	if limit >= 0 && limit < len(list) {
		list = list[:limit]
	}
	return list
}
