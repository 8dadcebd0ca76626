package sqlite

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// caster says what functionCast reads a value as.
type caster struct{ from, of query.Type }

// cast writes a call that makes the value one of another type, or ends the
// statement with the fault that says why it is none.
func (c *compiler) cast(e *query.Cast) {
	c.text(functionCast + "(")
	c.argument(argument{pointer: &caster{from: e.Operand.Type(), of: e.Of}})
	c.text(",")
	c.expr(e.Operand)
	c.text(")")
}

func castFunction(ctx sqlite3.Context, args ...sqlite3.Value) {
	e, ok := args[0].Pointer().(*caster)
	if !ok {
		ctx.ResultError(errNode)
		return
	}
	defer recovered(ctx, functionCast)
	if interrupted(ctx) {
		return
	}
	v, f := query.CastValue(argumentValue(args[1], e.from), e.of)
	if f != nil {
		resultFault(ctx, f)
		return
	}
	result(ctx, v)
}

// faultMark begins the text of an error that is a fault: SQLite hands on the
// text of a function's error, and nothing else of it.
const faultMark = "hive fault: "

// resultFault ends the statement with a fault; carriedFault finds it.
func resultFault(ctx sqlite3.Context, f *fault.Fault) {
	text, err := json.Marshal(fault.Fault{Code: f.Code, Message: f.Message, Details: f.Details, Hint: f.Hint})
	if err != nil {
		ctx.ResultError(err)
		return
	}
	ctx.ResultError(errors.New(faultMark + string(text)))
}

// carriedFault is the fault that ended a statement, or nil: one of our
// functions', or a sum that leaves its type.
func carriedFault(err error) *fault.Fault {
	if !errors.Is(err, sqlite3.ERROR) {
		return nil
	}
	text := err.Error()
	if _, carried, ok := strings.Cut(text, faultMark); ok {
		f := new(fault.Fault)
		if json.Unmarshal([]byte(carried), f) == nil {
			return f
		}
	}
	if strings.HasSuffix(text, ": integer overflow") {
		return faultSum().WithCause(err)
	}
	return nil
}
