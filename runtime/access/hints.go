package access

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// constantHint says what to write instead of a constant text.
func (s scope) constantHint(always bool) string {
	switch {
	case s.table != nil && !s.auth && always:
		return "leave it out: a condition that says nothing is not needed"
	case s.table != nil && !s.auth:
		return "compare a column of the row"
	case always:
		return "if everyone may, write true without quotes"
	}
	return "if only the service role may, write false without quotes, or leave it out"
}

// noRowHint says what to use where there is no row.
func (s scope) noRowHint() string {
	if s.auth {
		return "only auth may stand here: auth.uid, auth.role, auth.email, auth.claims.x; text stands in '...'"
	}
	return "text stands in '...'"
}

// describe names an operand's type for a message.
func describe(x query.Expr) string {
	switch x := x.(type) {
	case *query.Literal:
		if x.Value.Kind == query.KindText {
			return "the text '" + clip(x.Value.S) + "'"
		}
		return "the " + x.Of.String() + " " + string(query.AppendText(nil, x.Value))
	case *query.ColumnRef:
		return x.Column.Name + " (" + x.Column.Type.String() + ")"
	case *query.Lookup:
		return describe(x.Value)
	case *query.Auth:
		return authName(x.Attribute) + " (" + x.Type().String() + ")"
	case *query.Now:
		return "now() (timestamp)"
	}
	if name := ClaimName(x); name != "" {
		return name + " (" + x.Type().String() + ")"
	}
	return "a value of type " + x.Type().String()
}

func authName(a query.AuthAttribute) string {
	return "auth." + attributes[a]
}

// mismatch says that two operands do not meet, and how they would.
func mismatch(verb string, left, right query.Expr) *fault.Fault {
	if f := badLiteral(left, right); f != nil {
		return f
	}
	if f := badLiteral(right, left); f != nil {
		return f
	}
	return fault.Newf(codeMismatch, "cannot %s %s and %s", verb, describe(left), describe(right)).
		WithHint("both sides must be of one type")
}

// badLiteral says that a text does not read as the type of the other operand.
func badLiteral(typed, text query.Expr) *fault.Fault {
	lit, ok := text.(*query.Literal)
	if !ok || lit.Value.Kind != query.KindText {
		return nil
	}
	var example string
	t := typed.Type()
	switch t.Kind {
	case query.KindTimestamp:
		example = "write '2026-01-31T12:00:00Z'"
	case query.KindDate:
		example = "write '2026-01-31'"
	case query.KindUUID:
		example = "write 32 hexadecimal digits: '0198c0de-0000-7000-8000-000000000000'"
	case query.KindInt, query.KindFloat, query.KindDecimal:
		example = "write the number without quotes"
	case query.KindBool:
		example = "write true or false without quotes"
	default:
		return nil
	}
	return fault.Newf(codeMismatch, "'%s' is text, and %s", clip(lit.Value.S), isOfType(typed)).WithHint(example)
}

func isOfType(x query.Expr) string {
	if column, ok := x.(*query.ColumnRef); ok {
		return fmt.Sprintf("%s is of type %s", column.Column.Name, column.Column.Type)
	}
	return "the other side is of type " + x.Type().String()
}

// refused puts a fault of query's constructors into a rule's fault.
func refused(f *fault.Fault) *fault.Fault {
	return fault.New(codeMismatch, f.Message).WithHint(f.Hint)
}

// snippet is the source of a node, for a message.
func (p *parsed) snippet(e ast.Expr) string {
	r, ok := p.info.GetOffsetRange(e.ID())
	if !ok {
		return "this"
	}
	start, stop := p.begin(e), runeOffset(p.text, int(r.Stop))
	if stop <= start || stop > len(p.text) {
		return "this"
	}
	return clip(p.text[start:stop])
}

// clip shortens text for a message.
func clip(text string) string { return fault.Clip(text, 60) }

// count writes a number of things.
func count(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing + "s"
	case 1:
		return "one " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
