// Package outcome writes a batch's result as bytes and reads it back, so that
// an engine can give it again when the batch is repeated. Engines use it; it
// knows none of them.
package outcome

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// ErrUnfit is returned where the tables have changed since the result was
// written.
var ErrUnfit = errors.New("the result no longer fits the tables")

// A result is kept as one byte of its format, the cursor, and write by write
// the two counts, rows, values beyond them, and keys. Numbers are varints; a
// list begins with its length plus one, 0 for nil; lists of lists have the
// width of all of them behind it. Rows have the shape of their table before
// their values, for the table may be another one when they are read.
const format = 1

const shapeBytes = 8

// shapeOf tells tables apart whose rows look different; it is a hash, for it
// stands before every result.
func shapeOf(t *query.Table) [shapeBytes]byte {
	text := []byte(t.Name)
	for _, c := range t.Columns {
		text = append(text, 0)
		text = append(text, c.Name...)
		text = append(text, 0, byte(c.Type.Kind), c.Type.Scale, byte(c.Type.Elem))
		text = binary.AppendUvarint(text, uint64(c.Type.Dimensions))
	}
	sum := sha256.Sum256(text)
	return [shapeBytes]byte(sum[:])
}

// Encode writes the result of a batch.
func Encode(b *query.Batch, r *query.Result) []byte {
	dst := []byte{format}
	dst = binary.AppendUvarint(dst, r.Cursor.Epoch)
	dst = binary.AppendUvarint(dst, r.Cursor.Seq)
	dst = binary.AppendUvarint(dst, uint64(len(r.Writes)))
	for i := range r.Writes {
		did := &r.Writes[i]
		dst = binary.AppendUvarint(dst, uint64(did.Affected))
		dst = binary.AppendUvarint(dst, uint64(did.Inserted))
		dst = appendLength(dst, len(did.Rows), did.Rows == nil)
		if len(did.Rows) > 0 {
			shape := shapeOf(b.Writes[i].Table)
			dst = append(dst, shape[:]...)
			dst = binary.AppendUvarint(dst, uint64(len(did.Rows[0])))
			for _, row := range did.Rows {
				dst = appendValues(dst, row)
			}
		}
		dst = appendLength(dst, len(did.Beyond), did.Beyond == nil)
		if len(did.Beyond) > 0 {
			dst = binary.AppendUvarint(dst, uint64(len(did.Beyond[0])))
			for _, values := range did.Beyond {
				dst = appendValues(dst, values)
			}
		}
		dst = appendLength(dst, len(did.Keys), did.Keys == nil)
		dst = appendValues(dst, did.Keys)
	}
	return dst
}

func appendLength(dst []byte, n int, none bool) []byte {
	if none {
		return append(dst, 0)
	}
	return binary.AppendUvarint(dst, uint64(n)+1)
}

func appendValues(dst []byte, values []query.Value) []byte {
	for i := range values {
		v := &values[i]
		dst = append(dst, byte(v.Kind))
		switch v.Kind {
		case query.KindNull:
		case query.KindDecimal:
			dst = append(dst, v.Scale)
			dst = binary.AppendVarint(dst, v.N)
		case query.KindText, query.KindUUID, query.KindJSON, query.KindList, query.KindVector:
			dst = binary.AppendUvarint(dst, uint64(len(v.S)))
			dst = append(dst, v.S...)
		default:
			dst = binary.AppendVarint(dst, v.N)
		}
	}
	return dst
}

var errResult = errors.New("the result of a batch cannot be read")

// Decode reads what Encode wrote of the same batch. It is ErrUnfit where a table has other columns now.
func Decode(raw []byte, b *query.Batch) (query.Result, error) {
	d := resultDecoder{rest: string(raw)}
	var r query.Result
	if d.byte() != format {
		return r, errResult
	}
	r.Cursor.Epoch, r.Cursor.Seq = d.number(), d.number()
	writes := d.count(1)
	if d.failed {
		return query.Result{}, errResult
	}
	if writes != len(b.Writes) {
		return query.Result{}, ErrUnfit
	}
	r.Writes = make([]query.WriteResult, writes)
	for i := range r.Writes {
		d.write(&b.Writes[i], &r.Writes[i])
	}
	switch {
	case d.failed || d.rest != "":
		return query.Result{}, errResult
	case d.unfit:
		return query.Result{}, ErrUnfit
	}
	return r, nil
}

// resultDecoder reads from the front of rest. After a failure all that it
// gives is zero.
type resultDecoder struct {
	rest   string
	failed bool
	unfit  bool
}

func (d *resultDecoder) write(w *query.Write, did *query.WriteResult) {
	did.Affected, did.Inserted = d.int(), d.int()
	if n, some := d.length(); some {
		did.Rows = make([]query.Row, n)
		width := 0
		if n > 0 {
			shape := shapeOf(w.Table)
			if d.take(shapeBytes) != string(shape[:]) {
				d.unfit = true
			}
			width = d.width(n)
		}
		for i := range did.Rows {
			did.Rows[i] = d.values(width)
		}
	}
	if n, some := d.length(); some {
		did.Beyond = make([][]query.Value, n)
		width := 0
		if n > 0 {
			if width = d.width(n); width != len(w.Beyond) {
				d.unfit = true
			}
		}
		for i := range did.Beyond {
			did.Beyond[i] = d.values(width)
		}
	}
	if n, some := d.length(); some {
		did.Keys = d.values(n)
	}
}

func (d *resultDecoder) fail() { d.failed, d.rest = true, "" }

func (d *resultDecoder) take(n int) string {
	if n < 0 || n > len(d.rest) {
		d.fail()
		return ""
	}
	part := d.rest[:n]
	d.rest = d.rest[n:]
	return part
}

func (d *resultDecoder) byte() byte {
	part := d.take(1)
	if part == "" {
		return 0
	}
	return part[0]
}

// number reads a uvarint, as encoding/binary writes it.
func (d *resultDecoder) number() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		if d.failed || shift == 63 && b > 1 {
			break
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	d.fail()
	return 0
}

func (d *resultDecoder) signed() int64 {
	n := d.number()
	return int64(n>>1) ^ -int64(n&1)
}

func (d *resultDecoder) int() int {
	n := d.number()
	if n > math.MaxInt {
		d.fail()
		return 0
	}
	return int(n)
}

// count is a number of things of at least so many bytes each, which must be
// there: what is damaged asks for no memory.
func (d *resultDecoder) count(least int) int {
	n := d.number()
	if n > uint64(len(d.rest)/least) {
		d.fail()
		return 0
	}
	return int(n)
}

// length is that of a list; false is nil.
func (d *resultDecoder) length() (int, bool) {
	n := d.number()
	if n == 0 {
		return 0, false
	}
	if n-1 > uint64(len(d.rest)) {
		d.fail()
		return 0, false
	}
	return int(n - 1), true
}

// width is the number of values of each of n lists.
func (d *resultDecoder) width(n int) int {
	width := d.count(n)
	if width == 0 {
		d.fail() // nobody keeps rows of nothing
	}
	return width
}

func (d *resultDecoder) values(n int) []query.Value {
	if d.failed {
		return nil
	}
	values := make([]query.Value, n)
	for i := range values {
		v := query.Value{Kind: query.Kind(d.byte())}
		switch v.Kind {
		case query.KindNull:
		case query.KindDecimal:
			v.Scale = d.byte()
			v.N = d.signed()
		case query.KindText, query.KindUUID, query.KindJSON, query.KindList, query.KindVector:
			v.S = d.take(d.count(1))
		case query.KindBool, query.KindInt, query.KindFloat, query.KindTimestamp, query.KindDate:
			v.N = d.signed()
		default:
			d.fail()
		}
		if d.failed {
			return nil
		}
		values[i] = v
	}
	return values
}
