package meter

import "unicode/utf8"

// reader reads the parts of a module. The first error stays: what is read after it
// is zero, and nothing moves. Offsets are those of the whole module.
type reader struct {
	code []byte // the whole module
	at   int
	end  int // of what may be read
	err  *Error
}

func (r *reader) fail(err *Error) {
	if r.err == nil {
		r.err = err
		r.at = r.end
	}
}

func (r *reader) failf(format string, args ...any) { r.fail(malformed(r.at, format, args...)) }

func (r *reader) more() bool { return r.err == nil && r.at < r.end }

func (r *reader) byte(what string) byte {
	if r.at >= r.end {
		r.failf("the module ends within %s", what)
		return 0
	}
	b := r.code[r.at]
	r.at++
	return b
}

// u32 reads an unsigned number of at most five bytes.
func (r *reader) u32(what string) uint32 {
	v, n := unsigned32(r.code[r.at:r.end])
	if n == 0 {
		r.failf("%s is no number of 32 bits", what)
		return 0
	}
	r.at += n
	return v
}

// skipNumber passes a signed number of at most so many bytes.
func (r *reader) skipNumber(most int, what string) {
	for i := r.at; i < r.end && i < r.at+most; i++ {
		if r.code[i] < 0x80 {
			r.at = i + 1
			return
		}
	}
	r.failf("%s is no number of that size", what)
}

// count reads how many there are of what takes at least size bytes each. No more
// are believed than there is room for, nor than most.
func (r *reader) count(size, most int, what string) int {
	at := r.at
	n := r.u32("the number of " + what)
	if int64(n)*int64(size) > int64(r.end-r.at) {
		r.fail(malformed(at, "%d %s are announced, more than there is room for", n, what))
		return 0
	}
	if int64(n) > int64(most) {
		r.fail(tooLarge(at, "the module has %d %s, the most is %d", n, what, most))
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int, what string) []byte {
	if n < 0 || n > r.end-r.at {
		r.failf("the module ends within %s", what)
		return nil
	}
	b := r.code[r.at : r.at+n : r.at+n]
	r.at += n
	return b
}

// name reads a text.
func (r *reader) name(what string) string {
	at := r.at
	n := r.count(1, len(r.code), "bytes of "+what)
	b := r.bytes(n, what)
	if len(b) > maxName {
		r.fail(tooLarge(at, "%s has %d bytes, the most is %d", what, len(b), maxName))
		return ""
	}
	if !utf8.Valid(b) {
		r.fail(malformed(at, "%s is not UTF-8", what))
		return ""
	}
	return string(b)
}

// part gives a reader of the next n bytes, and passes them.
func (r *reader) part(n int, what string) reader {
	b := r.bytes(n, what)
	return reader{code: r.code, at: r.at - len(b), end: r.at, err: r.err}
}

// unsigned32 reads an unsigned LEB128; n is 0 where there is none.
func unsigned32(b []byte) (v uint32, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint32(b[0]), 1
	}
	for i := 0; i < len(b) && i < 5; i++ {
		c := b[i]
		if i == 4 && c > 0x0f {
			return 0, 0
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// signed33 reads a signed LEB128 of 33 bits, as types of blocks have it.
func signed33(b []byte) (v int64, n int) {
	for i := 0; i < len(b) && i < 5; i++ {
		c := b[i]
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if shift := 7 * (i + 1); c&0x40 != 0 {
				v |= -1 << shift
			}
			if v < -1<<32 || v >= 1<<32 {
				return 0, 0
			}
			return v, i + 1
		}
	}
	return 0, 0
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendI32(b []byte, v int32) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, name string) []byte {
	return append(appendU32(b, uint32(len(name))), name...)
}
