package query

import (
	"cmp"
	"math"
	"math/bits"
	"strings"
)

// CompareValues is the one order of values that are not null: text and uuid
// by bytes, ints and decimals exactly by value, ints and floats exactly,
// decimals with floats as floats, false before true, json and
// lists structurally (equal means equal values; the order of unequal ones is
// jsonb's). Values of kinds that do not compare are ordered by kind, so that
// it is a total order.
func CompareValues(a, b Value) int {
	switch {
	case a.Kind == b.Kind && (a.Kind == KindInt || a.Kind == KindTimestamp || a.Kind == KindDate || a.Kind == KindBool):
		return cmp.Compare(a.N, b.N)
	case isText(a.Kind) && isText(b.Kind):
		return strings.Compare(a.S, b.S)
	case isNumber(a.Kind) && isNumber(b.Kind):
		return compareMixed(a, b)
	case isJSON(a.Kind) && isJSON(b.Kind):
		return compareJSON(a.S, b.S)
	case a.Kind == KindVector && b.Kind == KindVector:
		return compareVectors(a.S, b.S)
	}
	return cmp.Compare(a.Kind, b.Kind)
}

func isText(k Kind) bool   { return k == KindText || k == KindUUID }
func isNumber(k Kind) bool { return k == KindInt || k == KindFloat || k == KindDecimal }
func isJSON(k Kind) bool   { return k == KindJSON || k == KindList }

func compareMixed(a, b Value) int {
	if a.Kind == KindFloat && b.Kind == KindFloat {
		return cmp.Compare(a.Float(), b.Float())
	}
	if a.Kind == KindFloat {
		return -compareFloat(b, a.Float())
	}
	if b.Kind == KindFloat {
		return compareFloat(a, b.Float())
	}
	return compareScaled(a.N, a.Scale, b.N, b.Scale)
}

// powersOfTen are all that fit in an int64.
var powersOfTen = [19]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// maxScale is the most places a decimal has.
const maxScale = 18

// compareScaled compares a/10^x with b/10^y in 128 bits.
func compareScaled(a int64, x uint8, b int64, y uint8) int {
	if x == y {
		return cmp.Compare(a, b)
	}
	if (a < 0) != (b < 0) {
		return cmp.Compare(a, b)
	}
	aHigh, aLow := bits.Mul64(magnitude(a), uint64(powersOfTen[min(y, maxScale)]))
	bHigh, bLow := bits.Mul64(magnitude(b), uint64(powersOfTen[min(x, maxScale)]))
	c := cmp.Or(cmp.Compare(aHigh, bHigh), cmp.Compare(aLow, bLow))
	if a < 0 {
		return -c
	}
	return c
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// compareFloat compares an int exactly, and a decimal as PostgreSQL does:
// as the float it is nearest to, so that 0.1 equals 0.1.
func compareFloat(v Value, f float64) int {
	if v.Kind == KindInt || v.Scale == 0 {
		return compareIntFloat(v.N, f)
	}
	return cmp.Compare(decimalFloat(v), f)
}

func decimalFloat(v Value) float64 {
	return float64(v.N) / float64(powersOfTen[min(v.Scale, maxScale)])
}

func compareIntFloat(n int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -(1 << 63):
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(n, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(0, f-whole)
}
