package query

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// containSigns are PostgreSQL's names of the operators between collections.
var containSigns = map[string]string{"cs": "@>", "cd": "<@", "ov": "&&"}

// contain types cs, cd and ov: on a list with a list, on json with JSON.
func (p *requestParser) contain(operand Expr, op, text string) (Expr, *fault.Fault) {
	t := operand.Type()
	if t.Kind != KindList && (t.Kind != KindJSON || op == "ov") {
		return nil, noOperator(containSigns[op], t, Type{}).WithHint("cs and cd are for lists and json, ov is for lists, this is " + article(t))
	}
	var v Value
	var f *fault.Fault
	nulls := false
	if t.Kind == KindList {
		v, nulls, f = parseItems(t, strings.TrimSpace(text))
	} else {
		v, f = ParseLiteral(t, text)
	}
	if f != nil {
		return nil, f
	}
	if jsonSize(v.S) > p.limits.InList {
		return nil, beyond(op+" has", p.limits.InList, "values")
	}
	literal := &Literal{Value: v, Of: t}
	switch {
	case op == "ov":
		return NewCall(FuncOverlap, operand, literal)
	case op == "cd":
		return NewCall(FuncSuperset, literal, operand)
	case nulls: // which no list has
		return outside(Equal, operand, 1), nil
	}
	return NewCall(FuncSuperset, operand, literal)
}

// jsonSize counts the values in JSON text, but for the outermost one.
func jsonSize(s string) int {
	n := 0
	for it := itemsOf(s); ; n++ {
		_, item, ok := it.next()
		if !ok {
			return n
		}
		n += jsonSize(item)
	}
}

func newContain(f FuncName, args []Expr) (Expr, *fault.Fault) {
	l, r := args[0].Type(), args[1].Type()
	lists := l.Kind == KindList && r.Kind == KindList && haveOrder(l, r)
	if !lists && (f == FuncOverlap || l.Kind != KindJSON || r.Kind != KindJSON) {
		sign := "@>"
		if f == FuncOverlap {
			sign = "&&"
		}
		return nil, noOperator(sign, l, r)
	}
	return &Call{Func: f, Args: args, Of: boolType}, nil
}

// superset is jsonb's a @> b: an object contains one whose members it
// contains, an array one whose items each stand in one of its own, in any
// order and number. An array also contains a scalar that is among its items,
// but only where it stands by itself.
func superset(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if rankOf(a) == rankArray && rankOf(b) < rankArray {
		return arrayHas(a, b)
	}
	return supersetDeep(a, b)
}

func supersetDeep(a, b string) bool {
	rank := rankOf(b)
	switch {
	case rankOf(a) != rank:
		return false
	case rank == rankArray:
		return supersetArray(a, b)
	case rank == rankObject:
		return supersetObject(a, b)
	}
	return compareJSON(a, b) == 0
}

func supersetObject(a, b string) bool {
	it := itemsOf(b)
	for {
		key, want, ok := it.next()
		if !ok {
			return true
		}
		value, found := jsonStep(a, Step{Key: jsonString(key), IsKey: true})
		if !found || !supersetDeep(value, want) {
			return false
		}
	}
}

func supersetArray(a, b string) bool {
	var set map[string]struct{} // a's scalars, where they are asked for often
	it := itemsOf(b)
	for asked := 0; ; asked++ {
		_, want, ok := it.next()
		switch {
		case !ok:
			return true
		case rankOf(want) >= rankArray:
			if !arrayContains(a, want) {
				return false
			}
			continue
		case asked < fewItems:
			if !arrayHas(a, want) {
				return false
			}
			continue
		case set == nil:
			set = scalarsOf(a)
		}
		if _, ok := set[scalarKey(want)]; !ok {
			return false
		}
	}
}

// fewItems are looked for one by one; a set is made for more.
const fewItems = 8

// arrayHas looks for a scalar among the items of an array.
func arrayHas(a, want string) bool {
	it := itemsOf(a)
	for {
		_, item, ok := it.next()
		if !ok || rankOf(item) == rankOf(want) && compareJSON(item, want) == 0 {
			return ok
		}
	}
}

// arrayContains looks for an item that contains an array or object.
func arrayContains(a, want string) bool {
	it := itemsOf(a)
	for {
		_, item, ok := it.next()
		if !ok || supersetDeep(item, want) {
			return ok
		}
	}
}

// overlap reports whether two lists have an element in common.
func overlap(a, b string) bool {
	if jsonCount(a) < jsonCount(b) {
		a, b = b, a
	}
	var set map[string]struct{}
	it := itemsOf(b)
	for asked := 0; ; asked++ {
		_, want, ok := it.next()
		switch {
		case !ok:
			return false
		case asked < fewItems:
			if arrayHas(a, want) {
				return true
			}
			continue
		case set == nil:
			set = scalarsOf(a)
		}
		if _, ok := set[scalarKey(want)]; ok {
			return true
		}
	}
}

func scalarsOf(a string) map[string]struct{} {
	set := make(map[string]struct{}, jsonCount(a))
	it := itemsOf(a)
	for {
		_, item, ok := it.next()
		if !ok {
			return set
		}
		if rankOf(item) < rankArray {
			set[scalarKey(item)] = struct{}{}
		}
	}
}

// scalarKey is one text for all forms of one scalar.
func scalarKey(raw string) string {
	switch rankOf(raw) {
	case rankText:
		return "t" + jsonString(raw)
	case rankNumber:
		n := parseNumber(raw)
		return "n" + strconv.Itoa(n.sign()) + n.digits + "e" + strconv.FormatInt(n.exponent, 10)
	}
	return raw
}
