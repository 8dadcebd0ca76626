package query

import (
	"cmp"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// MostDimensions is how many numbers a vector has at most.
const MostDimensions = 4096

// Metric says how far two vectors are from each other.
type Metric uint8

// The metrics: the less, the nearer.
const (
	Cosine    Metric = iota // 1 - cosine of the angle; 1 from a vector of zeros
	Euclidean               // l2
	Dot                     // the negative inner product
)

var metricNames = [...]string{Cosine: "cosine", Euclidean: "l2", Dot: "dot"}

// String is the metric's name as the manifest writes it.
func (m Metric) String() string { return metricNames[m] }

// ParseMetric reads a metric's name; "" is cosine.
func ParseMetric(name string) (Metric, bool) {
	for m, known := range metricNames {
		if name == known {
			return Metric(m), true
		}
	}
	return Cosine, name == ""
}

// VectorOf is a vector of numbers; it is null where one of them is no finite
// number.
func VectorOf(numbers []float32) Value {
	raw := make([]byte, 0, 4*len(numbers))
	for _, n := range numbers {
		if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
			return Value{}
		}
		raw = appendFloat32(raw, n)
	}
	return Value{Kind: KindVector, S: string(raw)}
}

// appendFloat32 writes no negative zero: equal vectors have equal bytes.
func appendFloat32(dst []byte, n float32) []byte {
	if n == 0 {
		n = 0
	}
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(n))
}

// Vector is the numbers of a vector.
func (v Value) Vector() []float32 {
	numbers := make([]float32, len(v.S)/4)
	for i := range numbers {
		numbers[i] = float32At(v.S, i)
	}
	return numbers
}

func float32At(raw string, i int) float32 {
	b := raw[4*i : 4*i+4]
	return math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
}

// parseVector reads a JSON array of numbers, rounded to what a float32 holds.
func parseVector(t Type, text string) (Value, *fault.Fault) {
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return Value{}, badSyntax(t, text).WithDetails("a vector is a JSON array of numbers")
	}
	raw := make([]byte, 0, 4*int(t.Dimensions))
	rest := strings.TrimSpace(text[1 : len(text)-1])
	for more := rest != ""; more; {
		var item string
		if item, rest, more = strings.Cut(rest, ","); len(raw) == 4*MostDimensions {
			return Value{}, wrongDimensions(t, strings.Count(text, ",")+1)
		}
		item = strings.TrimSpace(item)
		if !validNumber(item) {
			return Value{}, badSyntax(t, text).WithDetails("a vector is a JSON array of numbers")
		}
		n, err := strconv.ParseFloat(item, 32)
		if err != nil {
			return Value{}, outOfRange(t, item)
		}
		raw = appendFloat32(raw, float32(n))
	}
	if n := len(raw) / 4; n != int(t.Dimensions) {
		return Value{}, wrongDimensions(t, n)
	}
	return Value{Kind: KindVector, S: string(raw)}, nil
}

func wrongDimensions(t Type, n int) *fault.Fault {
	return fault.Newf(CodeDimensions, "expected %d dimensions, not %d", t.Dimensions, n).
		WithHint("send the vector of the model that the column was declared for")
}

// appendVector writes the shortest numbers that read back the same.
func appendVector(dst []byte, raw string) []byte {
	dst = append(dst, '[')
	for i := range len(raw) / 4 {
		if i > 0 {
			dst = append(dst, ',')
		}
		n := float64(float32At(raw, i))
		form := byte('f')
		if a := math.Abs(n); a != 0 && (a < 1e-6 || a >= 1e21) {
			form = 'e'
		}
		dst = strconv.AppendFloat(dst, n, form, -1, 32)
	}
	return append(dst, ']')
}

// compareVectors orders by the first number that differs.
func compareVectors(a, b string) int {
	for i := range min(len(a), len(b)) / 4 {
		if c := cmp.Compare(float32At(a, i), float32At(b, i)); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// NewDistance is how far a vector column is from a vector.
func NewDistance(operand Expr, to Value, metric Metric) (*Distance, *fault.Fault) {
	t := operand.Type()
	if t.Kind != KindVector {
		return nil, fault.Newf(CodeTypeMismatch, "%s has no distance", article(t)).WithHint("only vector columns have")
	}
	if len(to.S) != 4*int(t.Dimensions) {
		return nil, wrongDimensions(t, len(to.S)/4)
	}
	d := &Distance{Operand: operand, To: to, Metric: metric}
	d.numbers, d.length = wide(to.S), vectorLength(to.S)
	return d, nil
}

func vectorLength(raw string) float64 {
	sum := 0.0
	for i := range len(raw) / 4 {
		n := float64(float32At(raw, i))
		sum += n * n
	}
	return math.Sqrt(sum)
}

// Of is the distance from a stored vector; null where it is of another length.
func (e *Distance) Of(raw []byte) Value {
	if len(raw) != len(e.To.S) {
		return Value{}
	}
	numbers, length := e.numbers, e.length
	if numbers == nil {
		numbers, length = wide(e.To.S), vectorLength(e.To.S)
	}
	switch e.Metric {
	case Euclidean:
		return Float(math.Sqrt(squares(numbers, raw)))
	case Dot:
		dot, _ := products(numbers, raw)
		return Float(-dot)
	}
	dot, square := products(numbers, raw)
	if length == 0 || square == 0 {
		return Float(1)
	}
	// Rounding may lead a little out of what a cosine can be.
	return Float(1 - max(-1, min(1, dot/(length*math.Sqrt(square)))))
}

func evalDistance(e *Distance, v Value) Value {
	if v.Kind != KindVector {
		return Value{}
	}
	return e.Of([]byte(v.S))
}

// wide is the numbers of a vector, as sums need them: in float64, which a sum of
// 4096 squares of float32 does not leave.
func wide(raw string) []float64 {
	numbers := make([]float64, len(raw)/4)
	for i := range numbers {
		numbers[i] = float64(float32At(raw, i))
	}
	return numbers
}

// products gives the inner product with a stored vector, and that of the
// stored one with itself. Four sums of each at a time keep the processor busy.
func products(numbers []float64, raw []byte) (dot, square float64) {
	var d0, d1, d2, d3, s0, s1, s2, s3 float64
	for len(numbers) >= 4 && len(raw) >= 16 {
		a, b := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))), float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4:])))
		c, d := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[8:]))), float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[12:])))
		d0 += a * numbers[0]
		d1 += b * numbers[1]
		d2 += c * numbers[2]
		d3 += d * numbers[3]
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
		numbers, raw = numbers[4:], raw[16:]
	}
	for len(numbers) > 0 && len(raw) >= 4 {
		a := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		d0 += a * numbers[0]
		s0 += a * a
		numbers, raw = numbers[1:], raw[4:]
	}
	return d0 + d1 + d2 + d3, s0 + s1 + s2 + s3
}

// squares sums the squares of the differences.
func squares(numbers []float64, raw []byte) float64 {
	var s0, s1 float64
	for len(numbers) >= 2 && len(raw) >= 8 {
		both := binary.LittleEndian.Uint64(raw)
		a := float64(math.Float32frombits(uint32(both))) - numbers[0]
		b := float64(math.Float32frombits(uint32(both>>32))) - numbers[1]
		s0 += a * a
		s1 += b * b
		numbers, raw = numbers[2:], raw[8:]
	}
	if len(numbers) == 1 && len(raw) >= 4 {
		a := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))) - numbers[0]
		s0 += a * a
	}
	return s0 + s1
}
