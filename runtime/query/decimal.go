package query

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// parseDecimal reads a decimal. round cuts it to the scale of the type, half
// away from zero; else it keeps the places that it needs.
func parseDecimal(t Type, text string, round bool) (Value, *fault.Fault) {
	if !decimalText(text) {
		return Value{}, badSyntax(t, text)
	}
	n := parseNumber(strings.TrimPrefix(text, "+"))
	if round {
		n = n.round(int64(t.Scale))
	}
	scale := int64(t.Scale)
	if n.digits != "" {
		scale = max(scale, int64(len(n.digits))-n.exponent)
	}
	if scale > maxScale {
		return Value{}, outOfRange(t, text).WithDetails("a decimal has at most 18 places after the point")
	}
	v, ok := n.scaled(uint8(scale))
	if !ok {
		return Value{}, outOfRange(t, text)
	}
	return Decimal(v, uint8(scale)), nil
}

// decimalText reports whether text is digits with a sign, a point and an
// exponent where numbers have them.
func decimalText(text string) bool {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	mantissa, exponent, found := text, "", false
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent, found = text[:i], text[i+1:], true
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return false
	}
	if !found {
		return true
	}
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return exponent != "" && strings.Trim(exponent, "0123456789") == ""
}

// round cuts the number to some places after the point, half away from zero.
func (n number) round(places int64) number {
	keep := n.exponent + places
	if keep >= int64(len(n.digits)) {
		return n
	}
	if keep < 0 {
		return number{}
	}
	digits := []byte("0" + n.digits[:keep])
	if n.digits[keep] >= '5' {
		i := len(digits) - 1
		for ; digits[i] == '9'; i-- {
			digits[i] = '0'
		}
		digits[i]++
	}
	return numberOf(n.negative, string(digits), n.exponent+1)
}

// scaled is the number times 10^scale; not ok when that is not whole or does
// not fit.
func (n number) scaled(scale uint8) (int64, bool) {
	if n.digits == "" {
		return 0, true
	}
	zeros := n.exponent + int64(scale) - int64(len(n.digits))
	if zeros < 0 || zeros+int64(len(n.digits)) > 19 {
		return 0, false
	}
	text := n.digits + strings.Repeat("0", int(zeros))
	if n.negative {
		text = "-" + text
	}
	v, err := strconv.ParseInt(text, 10, 64)
	return v, err == nil
}
