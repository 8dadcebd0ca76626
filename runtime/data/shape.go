package data

import (
	"crypto/sha256"
	"encoding/base64"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// maxPooled bounds the buffers that are kept for later: one giant answer must
// not stay in memory for ever.
const maxPooled = 256 << 10

// writer is a JSON writer with its buffer, pooled.
type writer struct {
	json query.JSONWriter
	buf  []byte
}

var (
	writers = sync.Pool{New: func() any { return &writer{buf: make([]byte, 0, 4<<10)} }}
	keys    = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}
)

// release gives a writer back with the buffer that it has grown to.
func (w *writer) release(buf []byte) {
	if cap(buf) > maxPooled {
		return
	}
	w.buf = buf[:0]
	writers.Put(w)
}

// etag is the strong validator of a body.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	var text [24]byte
	text[0], text[23] = '"', '"'
	base64.RawURLEncoding.Encode(text[1:23], sum[:16])
	return string(text[:])
}

// selected is what a select shows: the columns that it names, or with `*`
// those that the caller may read. One that he may not is as absent.
func (t *table) selected(r *query.Request, visible *projection) (*projection, error) {
	if r == nil || r.Outputs == nil {
		return visible, nil
	}
	outputs := r.Expand(t.schema, visible.columns)
	for i := range outputs {
		if err := t.admit(outputs[i].Expr, visible); err != nil {
			return nil, err
		}
	}
	return &projection{outputs: outputs, shape: query.NewJSONShape(outputs)}, nil
}

// filter is a request's own condition, its key included; nil for none. It may
// speak of nothing that the caller may not read.
func (t *table) filter(r *query.Request, key string, hasKey bool, visible *projection) (query.Expr, error) {
	var where query.Expr
	if r != nil && r.Where != nil {
		if err := t.admit(r.Where, visible); err != nil {
			return nil, err
		}
		where = r.Where
	}
	if !hasKey {
		return where, nil
	}
	id := t.schema.Key()
	v, f := query.ParseLiteral(id.Type, key)
	if f != nil {
		return nil, f
	}
	same := &query.Compare{Op: query.Equal, Left: t.schema.Ref(id), Right: &query.Literal{Value: v, Of: id.Type}}
	return query.Conjunction(where, same), nil
}

// admit refuses an expression of a request that reads what its caller may not:
// with the words for a column that is not there. Whoever parsed the request
// was told what is readable; this is the gate's own look.
func (t *table) admit(e query.Expr, visible *projection) error {
	named := query.Columns(e)
	if visible.set.Contains(named) {
		return nil
	}
	for _, c := range t.schema.Columns {
		if named.Has(c) && !visible.set.Has(c) {
			return query.UnknownColumn(t.schema, c.Name, &visible.set)
		}
	}
	return nil
}

func (t *table) admitOrder(order []query.Order, visible *projection) error {
	for i := range order {
		if err := t.admit(order[i].Expr, visible); err != nil {
			return err
		}
	}
	return nil
}
