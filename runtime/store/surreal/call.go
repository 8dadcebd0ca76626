package surreal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// apply writes a call of a function of ours. They take null for an argument and
// give null for it.
func (c *compiler) apply(name string, args ...func()) {
	c.text(functionPrefix)
	c.text(name)
	c.text("(")
	for i, arg := range args {
		if i > 0 {
			c.text(", ")
		}
		arg()
	}
	c.text(")")
}

// refuse keeps the fault of what SurrealQL has no word for.
func (c *compiler) refuse(format string, args ...any) {
	if c.fault == nil {
		c.fault = fault.New(query.CodeNotImplemented, "Feature not implemented").
			WithDetails(fmt.Sprintf(format, args...) + " is not implemented on SurrealDB.")
	}
	c.text("NONE")
}

// call writes the value of a function or of arithmetic.
func (c *compiler) call(e *query.Call) {
	switch e.Func {
	case query.FuncSize:
		c.size(e.Args[0])
	case query.FuncLower:
		c.apply("lower", func() { c.expr(e.Args[0]) })
	case query.FuncScalar:
		c.asScalar(e)
	case query.FuncUUID:
		c.value(query.UUID(query.NewUUID()), e.Of, "")
	case query.FuncContains, query.FuncStartsWith, query.FuncEndsWith, query.FuncHas, query.FuncSuperset, query.FuncOverlap:
		c.judgement(e)
	case query.FuncNegate:
		c.arithmetic(query.FuncSubtract, e.Of, &query.Literal{Value: zeroOf(e.Of), Of: e.Of}, e.Args[0])
	default:
		c.arithmetic(e.Func, e.Of, e.Args[0], e.Args[1])
	}
}

// predicate writes that a function comes out as is wanted.
func (c *compiler) predicate(e *query.Call, want bool) {
	switch e.Func {
	case query.FuncContains, query.FuncStartsWith, query.FuncEndsWith:
		if isNull(e.Args[0]) || isNull(e.Args[1]) {
			c.truth(false)
			return
		}
		for _, arg := range e.Args {
			if nullable(arg) {
				c.raw(arg)
				c.text(" != NONE AND ")
			}
		}
		if !want {
			c.text("!")
		}
		c.textFunction(e)
	default:
		c.holds(e, want)
	}
}

// judgement writes a bool that a function gives, NONE where an argument is.
func (c *compiler) judgement(e *query.Call) {
	switch e.Func {
	case query.FuncHas:
		c.has(e.Args[0], e.Args[1])
	case query.FuncSuperset:
		name := "superset"
		if e.Args[0].Type().Kind == query.KindList {
			name = "all"
		}
		c.collections(name, e.Args[0], e.Args[1])
	case query.FuncOverlap:
		c.collections("any", e.Args[0], e.Args[1])
	default:
		c.group(func() {
			c.text("IF ")
			c.predicate(e, true)
			c.text(" { true } ELSE IF ")
			c.predicate(e, false)
			c.text(" { false }")
		})
	}
}

func (c *compiler) textFunction(e *query.Call) {
	switch e.Func {
	case query.FuncContains:
		c.text("string::contains(")
	case query.FuncStartsWith:
		c.text("string::starts_with(")
	default:
		c.text("string::ends_with(")
	}
	c.expr(e.Args[0])
	c.text(", ")
	c.expr(e.Args[1])
	c.text(")")
}

var arithmeticNames = map[query.FuncName]string{
	query.FuncAdd: "add", query.FuncSubtract: "subtract", query.FuncMultiply: "multiply", query.FuncDivide: "divide",
}

// arithmetic writes what is null where it leaves its type.
func (c *compiler) arithmetic(f query.FuncName, of query.Type, left, right query.Expr) {
	name := arithmeticNames[f]
	switch of.Kind {
	case query.KindFloat:
		c.apply(name+"_floats", func() { c.asFloat(left) }, func() { c.asFloat(right) })
	case query.KindInt:
		c.apply(name+"_ints", func() { c.expr(left) }, func() { c.expr(right) })
	default:
		c.apply(name+"_decimals", func() { c.expr(left) }, func() { c.expr(right) },
			func() { c.decimalLimit("-9223372036854775808", of.Scale) }, func() { c.decimalLimit("9223372036854775807", of.Scale) })
	}
}

// asFloat writes a number as the float that arithmetic takes it for.
func (c *compiler) asFloat(e query.Expr) {
	switch typeOf(e).Kind {
	case query.KindDecimal:
		if l, ok := e.(*query.Literal); ok && c.constant(l, asFloat) {
			return
		}
		c.apply("float", func() { c.expr(e) }, func() { c.unit(typeOf(e).Scale) })
	default:
		c.expr(e)
	}
}

// decimalLimit writes the least or most of a scale: digits / 10^scale.
func (c *compiler) decimalLimit(digits string, scale uint8) {
	at := len(digits) - int(scale)
	c.text(digits[:at])
	if scale > 0 {
		c.text(".")
		c.text(digits[at:])
	}
	c.text("dec")
}

func zeroOf(t query.Type) query.Value {
	if t.Kind == query.KindFloat {
		return query.Float(0)
	}
	return query.Value{Kind: t.Kind, Scale: t.Scale}
}

// expressionFault is the fault of a condition that SurrealDB cannot take; nil
// where the error is another one.
func expressionFault(err error) *fault.Fault {
	var failed *rpc.StatementError
	if !errors.As(err, &failed) {
		return nil
	}
	switch {
	case strings.Contains(failed.Message, "Could not cast into `regex`"):
		return fault.New(query.CodePattern, "invalid regular expression: it is too large for SurrealDB").
			WithHint("repeat less, or fewer classes").WithCause(err)
	case strings.Contains(failed.Message, "query recursion depth limit"):
		return fault.New(codeTooComplex, "the statement is nested too deep for SurrealDB").
			WithHint("nest fewer conditions and relations, or raise SURREAL_MAX_QUERY_PARSING_DEPTH of the server").WithCause(err)
	case strings.Contains(failed.Message, "excessive computation depth"):
		return fault.New(codeTooComplex, "json that the statement looks into is nested too deep for SurrealDB").
			WithHint("leave out rows whose json is nested deep, or raise SURREAL_MAX_COMPUTATION_DEPTH of the server").WithCause(err)
	}
	return nil
}

// codeTooComplex is PostgreSQL's of a statement that is too complex.
const codeTooComplex = "54001"
