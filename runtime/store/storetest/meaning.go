package storetest

import (
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// sameMeaning reports values that say the same: equal ones, and JSON of the same
// members in the same order, whose numbers may be written in other forms, for an
// engine may keep a number instead of its text. Numbers are compared exactly.
func sameMeaning(a, b query.Value) bool {
	left, right := string(query.AppendJSON(nil, a)), string(query.AppendJSON(nil, b))
	if left == right {
		return true
	}
	return a.Kind == query.KindJSON && b.Kind == query.KindJSON && sameTokens(left, right)
}

func sameTokens(a, b string) bool {
	left, right := tokensOf(a), tokensOf(b)
	for {
		x, err := left.Token()
		y, failed := right.Token()
		if err != nil || failed != nil {
			return errors.Is(err, io.EOF) && errors.Is(failed, io.EOF)
		}
		if !sameToken(x, y) {
			return false
		}
	}
}

func tokensOf(text string) *json.Decoder {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d
}

func sameToken(a, b json.Token) bool {
	x, isNumber := a.(json.Number)
	y, areNumbers := b.(json.Number)
	if !isNumber || !areNumbers {
		return a == b
	}
	left, ok := new(big.Rat).SetString(x.String())
	right, both := new(big.Rat).SetString(y.String())
	return ok && both && left.Cmp(right) == 0
}
