package load

import (
	"math/big"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// A value that comes from one place, and is written there in plain literals,
// is read from the syntax: asking CUE for its fields takes most of the time of
// a load. Everything else is read from CUE (readInto); both give the same.

// isPlain reports whether an expression is literals through and through, each
// field named once.
func isPlain(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.BasicLit:
		return isPlainLiteral(x)
	case *ast.UnaryExpr:
		lit, ok := x.X.(*ast.BasicLit)
		return ok && x.Op == token.SUB && (lit.Kind == token.INT || lit.Kind == token.FLOAT) && isPlainLiteral(lit)
	case *ast.ListLit:
		for _, item := range x.Elts {
			if !isPlain(item) {
				return false
			}
		}
		return true
	case *ast.StructLit:
		return isPlainStruct(x)
	default:
		return false
	}
}

func isPlainStruct(x *ast.StructLit) bool {
	// Few fields: looking back is cheaper than a map.
	const most = 32
	if len(x.Elts) > most {
		return false
	}
	for i, elt := range x.Elts {
		f, ok := elt.(*ast.Field)
		if !ok || f.Constraint != token.ILLEGAL || !isPlain(f.Value) {
			return false
		}
		name, ok := plainLabel(f.Label)
		if !ok {
			return false
		}
		for _, before := range x.Elts[:i] {
			if other, _ := plainLabel(before.(*ast.Field).Label); other == name { //nolint:forcetypeassert // checked when it was looked at
				return false
			}
		}
	}
	return true
}

// plainLabel is the name of a regular field: not hidden, no definition.
func plainLabel(l ast.Label) (string, bool) {
	switch x := l.(type) {
	case *ast.Ident:
		return x.Name, x.Name != "" && x.Name[0] != '_' && x.Name[0] != '#'
	case *ast.BasicLit:
		return labelText(x)
	default:
		return "", false
	}
}

// readPlain reads an expression that isPlain.
func readPlain(n *node, e ast.Expr) {
	switch x := e.(type) {
	case *ast.BasicLit:
		readLiteral(n, x, "")
	case *ast.UnaryExpr:
		readLiteral(n, x.X.(*ast.BasicLit), "-") //nolint:forcetypeassert // isPlain
	case *ast.ListLit:
		n.kind = list
		n.fields = make([]*node, 0, len(x.Elts))
		for i, item := range x.Elts {
			at := position(item.Pos())
			child := &node{name: strconv.Itoa(i), label: at, value: at}
			n.add(child)
			readPlain(child, item)
		}
	case *ast.StructLit:
		n.kind = object
		n.fields = make([]*node, 0, len(x.Elts))
		for _, elt := range x.Elts {
			f := elt.(*ast.Field) //nolint:forcetypeassert // isPlain
			name, _ := plainLabel(f.Label)
			child := &node{name: name, label: position(f.Label.Pos()), value: position(f.Value.Pos())}
			n.add(child)
			readPlain(child, f.Value)
		}
	}
}

func readLiteral(n *node, x *ast.BasicLit, sign string) {
	switch x.Kind {
	case token.NULL:
		n.kind = null
	case token.TRUE, token.FALSE:
		n.kind, n.text = boolean, x.Value
	case token.STRING:
		if x.Value[len(x.Value)-1] == '\'' || x.Value[0] == '\'' {
			n.kind = binary
			return
		}
		s, err := literal.Unquote(x.Value)
		n.kind, n.text = text, s
		if err != nil {
			n.kind = broken
		}
	case token.INT, token.FLOAT:
		readLiteralNumber(n, x, sign)
	default:
		n.kind = broken
	}
}

// readLiteralNumber reads digits, with a point or without.
func readLiteralNumber(n *node, x *ast.BasicLit, sign string) {
	whole, fraction, _ := strings.Cut(x.Value, ".")
	mantissa, ok := new(big.Int).SetString(sign+whole+fraction, 10)
	if !ok {
		n.kind = broken
		return
	}
	setNumber(n, mantissa, -len(fraction), x.Kind == token.FLOAT)
}

// isPlainLiteral leaves the rarer ways to write a number (1_000, 0x10, 5K,
// 1e3) to CUE.
func isPlainLiteral(x *ast.BasicLit) bool {
	if x.Kind != token.INT && x.Kind != token.FLOAT {
		return true
	}
	digits := 0
	for i := range len(x.Value) {
		switch c := x.Value[i]; {
		case '0' <= c && c <= '9':
			digits++
		case c != '.' || i == 0 || i == len(x.Value)-1:
			return false
		}
	}
	return digits <= maxExponent
}
