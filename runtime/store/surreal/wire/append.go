// Package wire is SurrealDB's values as CBOR: append functions that write them
// and a Reader that walks them without allocating. store/surreal and its
// connections use it; it knows no statement and no table.
package wire

import (
	"encoding/binary"
	"math"
	"strconv"
)

// The tags that SurrealDB gives its own types (its CBOR protocol, 2.x and 3.x).
const (
	TagNone     = 6
	TagTable    = 7
	TagRecord   = 8
	TagDecimal  = 10 // of text
	TagDatetime = 12 // of [seconds, nanoseconds]
	TagDuration = 14 // of [seconds, nanoseconds]
	TagUUID     = 37 // of 16 bytes
)

// The major types of CBOR (RFC 8949, section 3.1), in a byte's upper bits.
const (
	majorUnsigned = 0 << 5
	majorNegative = 1 << 5
	majorBytes    = 2 << 5
	majorText     = 3 << 5
	majorArray    = 4 << 5
	majorMap      = 5 << 5
	majorTag      = 6 << 5
	majorSimple   = 7 << 5
)

func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

// AppendNone appends NONE, the value that is not there.
func AppendNone(dst []byte) []byte { return append(dst, majorTag|TagNone, majorSimple|22) }

// AppendNull appends NULL.
func AppendNull(dst []byte) []byte { return append(dst, majorSimple|22) }

// AppendBool appends a bool.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, majorSimple|21)
	}
	return append(dst, majorSimple|20)
}

// AppendInt appends an int.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegative, uint64(-(n + 1)))
	}
	return appendHead(dst, majorUnsigned, uint64(n))
}

// AppendFloat appends a float.
func AppendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, majorSimple|27), math.Float64bits(f))
}

// AppendString appends a text.
func AppendString(dst []byte, s string) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// AppendBytes appends bytes.
func AppendBytes(dst, b []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

// AppendTag begins a tagged value: the next one that is appended.
func AppendTag(dst []byte, tag uint64) []byte { return appendHead(dst, majorTag, tag) }

// AppendArray begins an array of the next n values.
func AppendArray(dst []byte, n int) []byte { return appendHead(dst, majorArray, uint64(n)) }

// AppendMap begins an object of the next n pairs of name (AppendString) and value.
func AppendMap(dst []byte, n int) []byte { return appendHead(dst, majorMap, uint64(n)) }

// AppendDecimalText appends a decimal from its text.
func AppendDecimalText(dst []byte, s string) []byte {
	return AppendString(AppendTag(dst, TagDecimal), s)
}

// AppendDecimal appends n / 10^scale.
func AppendDecimal(dst []byte, n int64, scale uint8) []byte {
	var buf [40]byte
	digits := strconv.AppendInt(buf[:0], n, 10)
	if scale == 0 {
		return AppendDecimalText(dst, string(digits))
	}
	sign := 0
	if n < 0 {
		sign = 1
	}
	for len(digits)-sign <= int(scale) {
		digits = append(digits, 0)
		copy(digits[sign+1:], digits[sign:])
		digits[sign] = '0'
	}
	point := len(digits) - int(scale)
	digits = append(digits, 0)
	copy(digits[point+1:], digits[point:])
	digits[point] = '.'
	return AppendDecimalText(dst, string(digits))
}

// AppendDatetime appends a moment, from microseconds since the epoch.
func AppendDatetime(dst []byte, micros int64) []byte {
	seconds, rest := micros/1e6, micros%1e6
	if rest < 0 {
		seconds, rest = seconds-1, rest+1e6
	}
	dst = AppendArray(AppendTag(dst, TagDatetime), 2)
	return AppendInt(AppendInt(dst, seconds), rest*1000)
}

// AppendUUID appends a uuid from its 8-4-4-4-12 text, which must be one.
func AppendUUID(dst []byte, s string) []byte {
	dst = append(AppendTag(dst, TagUUID), majorBytes|16)
	for i := 0; i < len(s); {
		if s[i] == '-' {
			i++
			continue
		}
		dst = append(dst, nibble(s[i])<<4|nibble(s[i+1]))
		i += 2
	}
	return dst
}

func nibble(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// AppendRecord begins a record's id in a table; its key is the next value.
func AppendRecord(dst []byte, table string) []byte {
	return AppendString(AppendArray(AppendTag(dst, TagRecord), 2), table)
}

// AppendTable appends a table's name, as a target of statements.
func AppendTable(dst []byte, name string) []byte {
	return AppendString(AppendTag(dst, TagTable), name)
}
