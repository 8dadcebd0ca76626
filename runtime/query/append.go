package query

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends a value as it stands on the wire: numbers exact,
// decimals with the places of their scale, floats as the shortest text that
// reads back the same, timestamps as RFC 3339 with +00:00 and without
// trailing zeros. It allocates nothing but room in dst.
func AppendJSON(dst []byte, v Value) []byte {
	switch v.Kind {
	case KindBool:
		return strconv.AppendBool(dst, v.N != 0)
	case KindInt:
		return strconv.AppendInt(dst, v.N, 10)
	case KindFloat:
		return appendFloat(dst, v.Float())
	case KindDecimal:
		return appendDecimal(dst, v.N, v.Scale)
	case KindText, KindUUID:
		return appendString(dst, v.S)
	case KindTimestamp:
		dst = append(dst, '"')
		dst = appendTimestamp(dst, v.N)
		return append(dst, '"')
	case KindDate:
		dst = append(dst, '"')
		dst = appendDate(dst, v.N)
		return append(dst, '"')
	case KindJSON, KindList:
		return append(dst, v.S...)
	case KindVector:
		return appendVector(dst, v.S)
	}
	return append(dst, "null"...)
}

// AppendText appends a value as text: what AppendJSON gives, without the
// quotes and escapes of a string. Null is nothing.
func AppendText(dst []byte, v Value) []byte {
	switch v.Kind {
	case KindNull:
		return dst
	case KindText, KindUUID:
		return append(dst, v.S...)
	case KindTimestamp:
		return appendTimestamp(dst, v.N)
	case KindDate:
		return appendDate(dst, v.N)
	}
	return AppendJSON(dst, v)
}

// appendFloat writes numbers of ordinary size without an exponent.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

func appendDecimal(dst []byte, n int64, scale uint8) []byte {
	magnitude := uint64(n)
	if n < 0 {
		dst = append(dst, '-')
		magnitude = -magnitude
	}
	if scale == 0 {
		return strconv.AppendUint(dst, magnitude, 10)
	}
	var buf [24]byte
	digits := strconv.AppendUint(buf[:0], magnitude, 10)
	places := int(scale)
	if len(digits) <= places {
		dst = append(dst, '0', '.')
		for range places - len(digits) {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	point := len(digits) - places
	dst = append(dst, digits[:point]...)
	dst = append(dst, '.')
	return append(dst, digits[point:]...)
}

const (
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
	microsPerDay    = microsPerSecond * secondsPerDay
)

// floorDiv is a / b rounded down, and the rest, which is never negative.
func floorDiv(a, b int64) (int64, int64) {
	quotient, rest := a/b, a%b
	if rest < 0 {
		quotient--
		rest += b
	}
	return quotient, rest
}

func appendTimestamp(dst []byte, micros int64) []byte {
	days, rest := floorDiv(micros, microsPerDay)
	dst = appendDate(dst, days)
	seconds, fraction := rest/microsPerSecond, rest%microsPerSecond
	dst = appendTwo(append(dst, 'T'), seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	if fraction != 0 {
		places := 6
		for fraction%10 == 0 {
			fraction /= 10
			places--
		}
		dst = append(dst, '.')
		dst = appendDigits(dst, fraction, places)
	}
	return append(dst, "+00:00"...)
}

func appendDate(dst []byte, days int64) []byte {
	year, month, day := time.Unix(days*secondsPerDay, 0).UTC().Date()
	if year >= 0 && year <= 9999 {
		dst = appendTwo(dst, int64(year)/100)
		dst = appendTwo(dst, int64(year)%100)
	} else {
		dst = appendDigits(dst, int64(year), 4)
	}
	dst = appendTwo(append(dst, '-'), int64(month))
	return appendTwo(append(dst, '-'), int64(day))
}

// appendTwo writes two digits.
func appendTwo(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendDigits pads n with zeros to a width.
func appendDigits(dst []byte, n int64, width int) []byte {
	var buf [20]byte
	i := len(buf)
	magnitude := uint64(n)
	if n < 0 {
		dst = append(dst, '-')
		magnitude = -magnitude
	}
	for magnitude > 0 || width > 0 {
		i--
		buf[i] = byte('0' + magnitude%10)
		magnitude /= 10
		width--
	}
	return append(dst, buf[i:]...)
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string. Bytes that are no UTF-8, which only a
// foreign writer of the database can have left, become U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			size := runeSize(s[i:min(len(s), i+utf8.UTFMax)])
			if size == 0 {
				dst = append(dst, s[from:i]...)
				dst = append(dst, "\ufffd"...)
				i++
				from = i
				continue
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, c)
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// runeSize is the size of the rune that s begins with, 0 for no rune.
func runeSize[T string | []byte](s T) int {
	var buf [utf8.UTFMax]byte
	n := copy(buf[:], s)
	if r, size := utf8.DecodeRune(buf[:n]); r != utf8.RuneError || size > 1 {
		return size
	}
	return 0
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
