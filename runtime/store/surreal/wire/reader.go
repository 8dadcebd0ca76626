package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Kind is what kind of value a Reader stands before.
type Kind uint8

// The kinds of values.
const (
	Invalid Kind = iota
	None         // NONE, and CBOR's undefined
	Null
	Bool
	Int
	Float
	String
	Bytes
	Array
	Map
	Decimal
	Datetime
	Duration
	UUID
	Record
	Table
	Other // a tag that is none of these: Skip it
)

// ErrMalformed is what every read of bytes that are no such value gives.
var ErrMalformed = errors.New("malformed CBOR")

// maxDepth bounds how deep values may stand in each other.
const maxDepth = 256

// Reader walks the values in Bytes. The first error stays: methods then give
// zero values, and Err tells it. One goroutine at a time.
type Reader struct {
	bytes []byte
	at    int
	err   error
}

// NewReader reads b, which must not change meanwhile.
func NewReader(b []byte) *Reader { return &Reader{bytes: b} }

// Err is the first error, or nil.
func (r *Reader) Err() error { return r.err }

// Fail makes err the reader's error, if it has none.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// More reports whether bytes are left.
func (r *Reader) More() bool { return r.err == nil && r.at < len(r.bytes) }

func (r *Reader) malformed(what string) {
	r.Fail(fmt.Errorf("%w: %s at byte %d", ErrMalformed, what, r.at))
}

// Kind is the kind of the next value, which stays unread.
func (r *Reader) Kind() Kind {
	if !r.More() {
		return Invalid
	}
	first := r.bytes[r.at]
	switch first & 0xe0 {
	case majorUnsigned, majorNegative:
		return Int
	case majorBytes:
		return Bytes
	case majorText:
		return String
	case majorArray:
		return Array
	case majorMap:
		return Map
	case majorTag:
		at := r.at
		_, tag := r.head()
		r.at = at
		return kindOfTag(tag)
	}
	switch first & 31 {
	case 20, 21:
		return Bool
	case 22:
		return Null
	case 23:
		return None
	case 25, 26, 27:
		return Float
	}
	return Invalid
}

func kindOfTag(tag uint64) Kind {
	switch tag {
	case TagNone:
		return None
	case TagTable:
		return Table
	case TagRecord:
		return Record
	case TagDecimal:
		return Decimal
	case TagDatetime:
		return Datetime
	case TagDuration:
		return Duration
	case TagUUID:
		return UUID
	}
	return Other
}

// head reads the first byte of a value and the number after it.
func (r *Reader) head() (major byte, n uint64) {
	if !r.More() {
		r.malformed("the end")
		return 0, 0
	}
	first := r.bytes[r.at]
	r.at++
	major = first & 0xe0
	short := first & 31
	if short < 24 {
		return major, uint64(short)
	}
	size := 1 << (short - 24)
	if short > 27 || r.at+size > len(r.bytes) {
		r.malformed("a head")
		return major, 0
	}
	rest := r.bytes[r.at:]
	r.at += size
	switch size {
	case 1:
		return major, uint64(rest[0])
	case 2:
		return major, uint64(binary.BigEndian.Uint16(rest))
	case 4:
		return major, uint64(binary.BigEndian.Uint32(rest))
	}
	return major, binary.BigEndian.Uint64(rest)
}

func (r *Reader) expect(major byte, what string) uint64 {
	at := r.at
	got, n := r.head()
	if got != major && r.err == nil {
		r.at = at
		r.malformed("no " + what)
		return 0
	}
	return n
}

// Tag reads the tag that the next value has.
func (r *Reader) Tag() uint64 { return r.expect(majorTag, "tag") }

// Array reads the head of an array: so many values follow.
func (r *Reader) Array() int { return r.count(majorArray, "array") }

// Map reads the head of an object: so many pairs of String and value follow.
func (r *Reader) Map() int { return r.count(majorMap, "object") }

func (r *Reader) count(major byte, what string) int {
	n := r.expect(major, what)
	if n > uint64(len(r.bytes)-r.at) {
		r.malformed("a long " + what)
		return 0
	}
	return int(n)
}

// String reads a text; it is valid as long as the reader's bytes are.
func (r *Reader) String() []byte { return r.span(majorText, "text") }

// Bytes reads bytes; they are the reader's own.
func (r *Reader) Bytes() []byte { return r.span(majorBytes, "bytes") }

func (r *Reader) span(major byte, what string) []byte {
	n := r.expect(major, what)
	if r.err != nil || n > uint64(len(r.bytes)-r.at) {
		r.malformed("a long " + what)
		return nil
	}
	span := r.bytes[r.at : r.at+int(n)]
	r.at += int(n)
	return span
}

// Int reads an int.
func (r *Reader) Int() int64 {
	major, n := r.head()
	if n > math.MaxInt64 || major != majorUnsigned && major != majorNegative {
		r.malformed("no int")
		return 0
	}
	if major == majorNegative {
		return -int64(n) - 1
	}
	return int64(n)
}

// Uint reads an int that is never negative, of 64 bits.
func (r *Reader) Uint() uint64 { return r.expect(majorUnsigned, "unsigned int") }

// Bool reads a bool.
func (r *Reader) Bool() bool {
	major, n := r.head()
	if major != majorSimple || n != 20 && n != 21 {
		r.malformed("no bool")
		return false
	}
	return n == 21
}

// Float reads a float of 64, 32 or 16 bits.
func (r *Reader) Float() float64 {
	if !r.More() {
		r.malformed("the end")
		return 0
	}
	size := r.bytes[r.at]
	major, n := r.head()
	if major != majorSimple {
		r.malformed("no float")
		return 0
	}
	switch size & 31 {
	case 27:
		return math.Float64frombits(n)
	case 26:
		return float64(math.Float32frombits(uint32(n)))
	case 25:
		return half(uint16(n))
	}
	r.malformed("no float")
	return 0
}

// half is a float of 16 bits (RFC 8949, appendix D).
func half(h uint16) float64 {
	exponent, mantissa := int(h>>10&31), float64(h&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(mantissa, -24)
	case 31:
		f = math.Inf(1)
		if mantissa != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mantissa+1024, exponent-25)
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}

// Decimal reads a decimal's text.
func (r *Reader) Decimal() []byte {
	r.tagged(TagDecimal)
	return r.String()
}

// Datetime reads a moment, in seconds since the epoch and nanoseconds.
func (r *Reader) Datetime() (seconds, nanos int64) {
	r.tagged(TagDatetime)
	if r.Array() != 2 {
		r.malformed("no datetime")
		return 0, 0
	}
	return r.Int(), r.Int()
}

// UUID reads the 16 bytes of a uuid.
func (r *Reader) UUID() []byte {
	r.tagged(TagUUID)
	b := r.Bytes()
	if len(b) != 16 {
		r.malformed("no uuid")
		return make([]byte, 16)
	}
	return b
}

// Record reads the table of a record's id; its key is the next value.
func (r *Reader) Record() (table []byte) {
	r.tagged(TagRecord)
	if r.Array() != 2 {
		r.malformed("no record id")
		return nil
	}
	if r.Kind() == Table {
		r.Tag()
	}
	return r.String()
}

func (r *Reader) tagged(tag uint64) {
	if r.Tag() != tag {
		r.malformed("another tag")
	}
}

// Skip passes over the next value, whatever it is.
func (r *Reader) Skip() { r.skip(0) }

func (r *Reader) skip(depth int) {
	if depth > maxDepth {
		r.malformed("too deep a value")
		return
	}
	major, n := r.head()
	switch major {
	case majorBytes, majorText:
		if n > uint64(len(r.bytes)-r.at) {
			r.malformed("a long value")
			return
		}
		r.at += int(n)
	case majorMap, majorArray:
		if n > uint64(len(r.bytes)-r.at) {
			r.malformed("a long value")
			return
		}
		if major == majorMap {
			n *= 2
		}
		for ; n > 0 && r.err == nil; n-- {
			r.skip(depth + 1)
		}
	case majorTag:
		r.skip(depth + 1)
	}
}

// Rest passes over everything that is left and gives its bytes.
func (r *Reader) Rest() []byte {
	if r.err != nil {
		return nil
	}
	rest := r.bytes[r.at:]
	r.at = len(r.bytes)
	return rest
}

// Raw passes over the next value and gives its bytes.
func (r *Reader) Raw() []byte {
	from := r.at
	r.Skip()
	if r.err != nil {
		return nil
	}
	return r.bytes[from:r.at]
}
