package surreal

import (
	"math"
	"math/bits"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// tally is what a group has of one aggregate's values so far.
type tally struct {
	count     int64
	high, low uint64 // the sum of ints, in 128 bits
	sum, rest float64
	best      query.Value
}

func (t *tally) addInt(n int64) {
	var carry uint64
	t.low, carry = bits.Add64(t.low, uint64(n), 0)
	t.high += uint64(n>>63) + carry
}

// add counts a value; null is passed over.
func (t *tally) add(of *query.Aggregate, v query.Value) {
	if v.IsNull() {
		return
	}
	t.count++
	switch of.Func {
	case query.AggregateMin:
		if t.best.IsNull() || query.CompareValues(v, t.best) < 0 {
			t.best = v
		}
	case query.AggregateMax:
		if t.best.IsNull() || query.CompareValues(v, t.best) > 0 {
			t.best = v
		}
	case query.AggregateSum, query.AggregateAvg:
		switch {
		case v.Kind == query.KindFloat:
			t.addFloat(v.Float())
		case of.Of.Kind == query.KindFloat && of.Func == query.AggregateSum:
			t.addFloat(float64(v.N))
		default:
			t.addInt(v.N)
		}
	}
}

// addFloat sums with the error of each step kept beside (Kahan, Babuska,
// Neumaier), as the other engine does.
func (t *tally) addFloat(f float64) {
	s := t.sum + f
	if math.Abs(t.sum) > math.Abs(f) {
		t.rest += (t.sum - s) + f
	} else {
		t.rest += (f - s) + t.sum
	}
	t.sum = s
}

func (t *tally) float() float64 {
	whole := float64(int64(t.high))*(1<<64) + float64(t.low)
	if fits(t.high, t.low) {
		whole = float64(int64(t.low))
	}
	sum := t.sum
	if !math.IsNaN(t.rest) && !math.IsInf(t.rest, 0) {
		sum += t.rest
	}
	return sum + whole
}

// fits reports a sum that is an int64.
func fits(high, low uint64) bool { return high == uint64(int64(low)>>63) }

// value is the aggregate's.
func (t *tally) value(of *query.Aggregate) (query.Value, error) {
	switch {
	case of.Func == query.AggregateCount:
		return query.Int(t.count), nil
	case t.count == 0:
		return query.Null(), nil
	}
	switch of.Func {
	case query.AggregateMin, query.AggregateMax:
		return t.best, nil
	case query.AggregateAvg:
		return query.Float(t.float() / float64(t.count) / math.Pow10(int(scaleOf(of)))), nil
	}
	if of.Of.Kind == query.KindFloat {
		return query.Float(t.float()), nil
	}
	if !fits(t.high, t.low) {
		return query.Value{}, faultSum()
	}
	return query.Value{Kind: of.Of.Kind, Scale: of.Of.Scale, N: int64(t.low)}, nil
}

func scaleOf(of *query.Aggregate) uint8 {
	if t := of.Operand.Type(); t.Kind == query.KindDecimal {
		return t.Scale
	}
	return 0
}

// faultSum is a sum that is no int64 any more.
func faultSum() *fault.Fault {
	return fault.New("22003", "bigint out of range").WithHint("sum fewer rows: filter or group them")
}
