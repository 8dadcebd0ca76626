package load

import (
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// fault says in our words what CUE found wrong with a value. Text of CUE's own
// is never passed on: it may dump whole structs, and secrets in them.
func (f finding) fault() *fault.Fault {
	has := func(s string) bool { return strings.Contains(f.format, s) }
	switch {
	case has("conflicting values"):
		return f.conflict()
	case has("incompatible list lengths"):
		return fault.Newf(codeConflict, "two lists of different lengths (%s and %s) are given for the same field", f.arg(0), f.arg(1)).
			WithHint("lists are not joined; keep one of them")
	case has("field not allowed"):
		return fault.Newf(codeUnknownField, "%q is not a field of the definition that this value is made of", f.last()).
			WithHint("mend the name, or add it to the definition")
	case has("out of bound"):
		return fault.New(codeBadValue, "the value is outside the bound that the manifest itself sets for it").
			WithHint("change the value or the bound")
	case has("empty disjunction"):
		return fault.New(codeBadValue, "the value is none of those that the manifest itself allows for it").
			WithHint("change the value, or add it to the alternatives")
	case has("structural cycle"), has("cycle"):
		return fault.New(codeCycle, "this value is made of itself").WithHint("break the cycle: one of its references has to go")
	case has("undefined field"):
		return fault.Newf(codeReference, "there is no field %s here", quoted(f.arg(0))).WithHint("see how the field is called where it is declared")
	case has("required but not present"), has("required field missing"):
		return fault.Newf(codeMissingField, "%q is missing; the definition that this value is made of requires it", f.last()).WithHint("add it")
	case has("division by zero"), len(f.args) > 0 && strings.Contains(fmt.Sprint(f.args[0]), "division by zero"):
		return fault.New(codeEvaluation, "a division by zero").WithHint("change the divisor")
	case has("error in call to"), has("as %s in argument"), has("cannot call"), has("too many arguments"), has("not enough arguments"), has("not sufficient"):
		return fault.New(codeEvaluation, "a function cannot take what it is given here").WithHint("see the function's arguments: how many, and of which type")
	case has("invalid operand"), has("cannot use"), has("invalid operation"):
		return fault.New(codeEvaluation, "this expression mixes types that do not go together").WithHint("see which side has the wrong type")
	case has("explicit error"):
		return fault.New(codeEvaluation, "an error (_|_) is written here").WithHint("replace it by a value")
	case has("out of range"), has("invalid index"), has("slice"):
		return fault.New(codeEvaluation, "an index is outside its list").WithHint("lists count from 0")
	case has("regexp"):
		return fault.New(codeEvaluation, "a regular expression cannot be read").WithHint("see the syntax of RE2: brackets, and what needs a backslash")
	case has("incomplete"), has("non-concrete"), has("unresolved disjunction"):
		return fault.New(codeIncomplete, "this expression needs a value that is not given").WithHint("give what it refers to a value, or a default with *")
	default:
		return fault.New(codeEvaluation, "CUE cannot work out this value").WithHint("see what it refers to, and whether all of it can hold at once")
	}
}

// conflict names two plain values that cannot both hold; structs, lists and
// secrets are not shown.
func (f finding) conflict() *fault.Fault {
	if strings.Contains(f.format, "mismatched") && len(f.args) >= 4 {
		return fault.Newf(codeConflict, "the same field is given %s and %s", noun(f.arg(2)), noun(f.arg(3))).
			WithHint("a field has one value; keep one of them, or say a default with *")
	}
	a, b := f.arg(0), f.arg(1)
	if f.secret() || !plain(a) || !plain(b) {
		return fault.New(codeConflict, "the same field is given two different values").
			WithHint("a field has one value; keep one of them, or say a default with *")
	}
	return fault.Newf(codeConflict, "the same field is given two different values, %s and %s", b, a).
		WithHint("a field has one value; keep one of them, or say a default with *")
}

// plain reports whether a value may stand in a message.
func plain(s string) bool {
	return len(s) <= 60 && !strings.ContainsAny(s, "{[\n")
}

func (f finding) arg(i int) string {
	if i < len(f.args) {
		return fmt.Sprint(f.args[i])
	}
	return ""
}

func (f finding) last() string {
	if len(f.path) == 0 {
		return ""
	}
	return unquoteLabel(f.path[len(f.path)-1])
}

// secret reports whether the finding is at or in something that may hold a
// secret: a field of that kind, or one that is called like it.
func (f finding) secret() bool {
	for _, p := range f.path {
		p = strings.ToLower(p)
		for _, word := range []string{"secret", "password", "token", "key", "credential"} {
			if strings.Contains(p, word) {
				return true
			}
		}
	}
	return false
}

func quoted(s string) string {
	if strings.HasPrefix(s, `"`) {
		return s
	}
	return `"` + s + `"`
}

// noun is a CUE type in words.
func noun(cueType string) string {
	switch cueType {
	case "struct":
		return "a struct"
	case "list":
		return "a list"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	case "float", "number":
		return "a number"
	case "null":
		return "null"
	case "bytes":
		return "bytes"
	default:
		return "another type"
	}
}
