package query

import (
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// compileMatch compiles the pattern of a Match: RE2, unanchored.
func compileMatch(pattern string, fold bool) (*regexp.Regexp, error) {
	if fold {
		pattern = "(?i)" + pattern
	}
	return regexp.Compile(pattern)
}

func evalCall(e *Call, row, old Row) Value {
	if e.Func == FuncUUID {
		return UUID(NewUUID())
	}
	a := Eval(e.Args[0], row, old)
	if len(e.Args) == 1 {
		return CallValue(e.Func, e.Of, a, Value{})
	}
	return CallValue(e.Func, e.Of, a, Eval(e.Args[1], row, old))
}

// CallValue applies a function of the tree to values; of is the type of the
// result, b is null for functions of one argument. Null arguments give null.
// Engines may call it for what their own language says differently.
func CallValue(f FuncName, of Type, a, b Value) Value {
	if a.IsNull() {
		return Value{}
	}
	switch f {
	case FuncSize:
		return size(a)
	case FuncLower:
		return Text(strings.ToLower(a.S))
	case FuncScalar:
		return Scalar(of, a.S)
	case FuncNegate:
		return arithmetic(FuncSubtract, of, zero(of), a)
	}
	if b.IsNull() {
		return Value{}
	}
	switch f {
	case FuncContains:
		return Bool(strings.Contains(a.S, b.S))
	case FuncStartsWith:
		return Bool(strings.HasPrefix(a.S, b.S))
	case FuncEndsWith:
		return Bool(strings.HasSuffix(a.S, b.S))
	case FuncHas:
		return Bool(listHas(a, b))
	case FuncSuperset:
		return Bool(superset(a.S, b.S))
	case FuncOverlap:
		return Bool(overlap(a.S, b.S))
	}
	return arithmetic(f, of, a, b)
}

func size(v Value) Value {
	if isText(v.Kind) {
		return Int(int64(utf8.RuneCountInString(v.S)))
	}
	if isJSON(v.Kind) && rankOf(v.S) >= rankArray {
		return Int(jsonCount(v.S))
	}
	return Value{}
}

// listHas looks for a scalar among the elements; those of another type are
// passed over.
func listHas(list, want Value) bool {
	it := itemsOf(list.S)
	for {
		_, item, ok := it.next()
		if !ok {
			return false
		}
		if isNumber(want.Kind) {
			if rankOf(item) == rankNumber && compareNumber(want, item) == 0 {
				return true
			}
			continue
		}
		v := Scalar(Type{Kind: want.Kind}, item)
		if !v.IsNull() && CompareValues(v, want) == 0 {
			return true
		}
	}
}

// compareNumber compares a number with the text of one, exactly.
func compareNumber(v Value, text string) int {
	buf := make([]byte, 0, 32)
	return compareNumbers(string(AppendJSON(buf, v)), text)
}

// Scalar reads JSON text as FuncScalar does: null unless it is a JSON value
// of the type.
func Scalar(of Type, raw string) Value {
	raw = strings.TrimSpace(raw)
	switch rank := rankOf(raw); {
	case rank == rankText && isText(of.Kind):
		return Value{Kind: of.Kind, S: jsonString(raw)}
	case rank == rankText && (of.Kind == KindTimestamp || of.Kind == KindDate):
		v, f := parseTime(of, jsonString(raw))
		if f != nil {
			return Value{}
		}
		return v
	case rank == rankBool && of.Kind == KindBool:
		return Bool(raw == "true")
	case rank == rankNumber && isNumber(of.Kind):
		return scalarNumber(of, raw)
	case rank == rankArray && of.Kind == KindList:
		return scalarList(of, raw)
	}
	return Value{}
}

// scalarList is the array as a list: null where an item is of another type.
func scalarList(of Type, raw string) Value {
	for items := itemsOf(raw); ; {
		_, item, ok := items.next()
		if !ok {
			return List(raw)
		}
		if Scalar(of.elem(), item).IsNull() {
			return Value{}
		}
	}
}

func scalarNumber(of Type, raw string) Value {
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil && of.Kind != KindDecimal {
		return Int(n)
	}
	switch of.Kind {
	case KindFloat:
		f, err := strconv.ParseFloat(raw, 64)
		if err != nil {
			return Value{}
		}
		return Float(f)
	case KindInt:
		n, ok := parseNumber(raw).scaled(0)
		if !ok {
			return Value{}
		}
		return Int(n)
	}
	v, f := parseDecimal(of, raw, false)
	if f != nil {
		return Value{}
	}
	return v
}

func zero(of Type) Value {
	if of.Kind == KindFloat {
		// -0 - x would lose the sign of zero; 0 - x is what SQL's - does.
		return Float(0)
	}
	return Value{Kind: of.Kind, Scale: of.Scale}
}

// arithmetic computes a result of a number type; null where it leaves the
// type or divides by zero.
func arithmetic(f FuncName, of Type, a, b Value) Value {
	if !isNumber(a.Kind) || !isNumber(b.Kind) {
		return Value{}
	}
	switch of.Kind {
	case KindFloat:
		return floatArithmetic(f, asFloat(a), asFloat(b))
	case KindInt:
		return intArithmetic(f, a.N, b.N)
	case KindDecimal:
		return decimalArithmetic(f, of.Scale, a, b)
	}
	return Value{}
}

func asFloat(v Value) float64 {
	switch v.Kind {
	case KindFloat:
		return v.Float()
	case KindDecimal:
		return decimalFloat(v)
	}
	return float64(v.N)
}

func floatArithmetic(f FuncName, a, b float64) Value {
	switch f {
	case FuncAdd:
		return Float(a + b)
	case FuncSubtract:
		return Float(a - b)
	case FuncMultiply:
		return Float(a * b)
	case FuncDivide:
		return Float(a / b) // by zero is no number, hence null
	}
	return Value{}
}

func intArithmetic(f FuncName, a, b int64) Value {
	switch f {
	case FuncAdd:
		if sum := a + b; (sum > a) == (b > 0) {
			return Int(sum)
		}
	case FuncSubtract:
		if difference := a - b; (difference < a) == (b > 0) {
			return Int(difference)
		}
	case FuncMultiply:
		if product, ok := multiply(a, b); ok {
			return Int(product)
		}
	case FuncDivide:
		if b != 0 && (a != math.MinInt64 || b != -1) {
			return Int(a / b)
		}
	}
	return Value{}
}

func multiply(a, b int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	if (a < 0) == (b < 0) {
		return int64(low), high == 0 && low <= math.MaxInt64
	}
	return -int64(low), high == 0 && low <= 1<<63
}

func decimalArithmetic(f FuncName, scale uint8, a, b Value) Value {
	x, y := a.N, b.N
	if f == FuncAdd || f == FuncSubtract {
		var ok, ok2 bool
		x, ok = rescale(x, a.Scale, scale)
		y, ok2 = rescale(y, b.Scale, scale)
		if !ok || !ok2 {
			return Value{}
		}
	}
	v := intArithmetic(f, x, y)
	if v.IsNull() || f == FuncDivide {
		return Value{}
	}
	return Decimal(v.N, scale)
}

// rescale gives n more places.
func rescale(n int64, from, to uint8) (int64, bool) {
	if to < from || to > maxScale {
		return 0, false
	}
	return multiply(n, powersOfTen[to-from])
}
