package load

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// scalarKinds are the shapes of CUE's predeclared types.
var scalarKinds = map[string]kind{"string": text, "int": integer, "number": integer | number, "bool": boolean}

// expr compiles the part of CUE that schema/ is written in: types, literals,
// bounds, patterns, unions, lists, structs with `if`, and definitions.
func (d *definitions) expr(e ast.Expr) (*shape, error) {
	switch x := e.(type) {
	case *ast.Ident:
		if x.Name == "_" {
			return &shape{}, nil
		}
		if k, ok := scalarKinds[x.Name]; ok {
			return &shape{kinds: k}, nil
		}
		return d.named(x.Name)
	case *ast.BasicLit:
		return literalShape(x)
	case *ast.ParenExpr:
		return d.expr(x.X)
	case *ast.UnaryExpr:
		return boundShape(x)
	case *ast.BinaryExpr:
		return d.binary(x)
	case *ast.ListLit:
		return d.list(x)
	case *ast.StructLit:
		o, err := d.object(x)
		return &shape{kinds: object, object: o}, err
	default:
		return nil, fmt.Errorf("%T is not in the schema's part of CUE", e)
	}
}

func literalShape(x *ast.BasicLit) (*shape, error) {
	switch x.Kind {
	case token.STRING:
		s, err := literal.Unquote(x.Value)
		return &shape{kinds: text, enum: []literalValue{{text, s}}}, err //nolint:wrapcheck // the caller names the definition
	case token.INT:
		return &shape{kinds: integer, enum: []literalValue{{integer, x.Value}}}, nil
	default:
		return nil, fmt.Errorf("literal %s is not in the schema's part of CUE", x.Value)
	}
}

func boundShape(x *ast.UnaryExpr) (*shape, error) {
	lit, ok := x.X.(*ast.BasicLit)
	if !ok {
		return nil, fmt.Errorf("bound of %T", x.X)
	}
	if x.Op == token.MAT {
		s, err := literal.Unquote(lit.Value)
		if err != nil {
			return nil, err //nolint:wrapcheck // the caller names the definition
		}
		re, err := regexp.Compile(s)
		return &shape{kinds: text, pattern: re}, err //nolint:wrapcheck // as above
	}
	r, ok := new(big.Rat).SetString(lit.Value)
	if !ok {
		return nil, fmt.Errorf("bound %s is no number", lit.Value)
	}
	switch x.Op {
	case token.GEQ:
		return &shape{kinds: integer | number, min: r}, nil
	case token.LEQ:
		return &shape{kinds: integer | number, max: r}, nil
	default:
		return nil, fmt.Errorf("operator %s is not in the schema's part of CUE", x.Op)
	}
}

// binary joins alternatives (|) or narrows (&).
func (d *definitions) binary(x *ast.BinaryExpr) (*shape, error) {
	a, err := d.expr(x.X)
	if err != nil {
		return nil, err
	}
	b, err := d.expr(x.Y)
	if err != nil {
		return nil, err
	}
	out := *a
	out.name = ""
	switch x.Op {
	case token.OR:
		out.kinds |= b.kinds
		out.enum = append(out.enum[:len(out.enum):len(out.enum)], b.enum...)
		if b.object != nil {
			out.object = b.object
		}
		if b.item != nil {
			out.item = b.item
		}
	case token.AND:
		out.kinds &= b.kinds
		if b.min != nil {
			out.min = b.min
		}
		if b.max != nil {
			out.max = b.max
		}
		if b.pattern != nil {
			out.pattern = b.pattern
		}
	default:
		return nil, fmt.Errorf("operator %s is not in the schema's part of CUE", x.Op)
	}
	return &out, nil
}

// list compiles [...T], [...] and [T, ...T].
func (d *definitions) list(x *ast.ListLit) (*shape, error) {
	s := &shape{kinds: list, nonEmpty: len(x.Elts) == 2}
	last, ok := x.Elts[len(x.Elts)-1].(*ast.Ellipsis)
	if !ok || len(x.Elts) > 2 {
		return nil, fmt.Errorf("only open lists are in the schema's part of CUE")
	}
	if last.Type == nil {
		return s, nil
	}
	item, err := d.expr(last.Type)
	s.item = item
	return s, err
}

func (d *definitions) object(x *ast.StructLit) (*objectShape, error) {
	o := &objectShape{byName: map[string]*fieldShape{}}
	for _, elt := range x.Elts {
		switch elt := elt.(type) {
		case *ast.Field:
			if _, isMap := elt.Label.(*ast.ListLit); isMap {
				entry, err := d.expr(elt.Value)
				if err != nil {
					return nil, err
				}
				o.entry = entry
				continue
			}
			f, err := d.field(elt)
			if err != nil {
				return nil, err
			}
			o.fields = append(o.fields, f)
			o.byName[f.name] = f
		case *ast.Comprehension:
			c, err := d.choice(elt)
			if err != nil {
				return nil, err
			}
			o.choices = append(o.choices, c)
		case *ast.EmbedDecl:
			if err := o.count(elt.Expr); err != nil {
				return nil, err
			}
		}
	}
	return o, nil
}

func (d *definitions) field(x *ast.Field) (*fieldShape, error) {
	name, _ := labelText(x.Label)
	value, err := d.expr(x.Value)
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", name, err)
	}
	src, err := format.Node(x.Value, format.Simplify())
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", name, err)
	}
	f := &fieldShape{name: name, doc: docOf(x), required: x.Constraint == token.NOT, value: value, source: string(src)}
	for _, a := range x.Attrs {
		if key, body := a.Split(); key == "default" {
			e, err := parser.ParseExpr("default", body)
			if err != nil {
				return nil, fmt.Errorf("default of %s: %w", name, err)
			}
			f.fallback = literalNode(name, e)
		}
	}
	return f, nil
}

// literalNode reads a default's literal.
func literalNode(name string, e ast.Expr) *node {
	n := &node{name: name}
	switch x := e.(type) {
	case *ast.BasicLit:
		switch x.Kind {
		case token.STRING:
			n.kind = text
			n.text, _ = literal.Unquote(x.Value)
		case token.TRUE, token.FALSE:
			n.kind, n.text = boolean, x.Value
		default:
			n.kind, n.text = integer, x.Value
		}
	case *ast.ListLit:
		n.kind = list
		for i, item := range x.Elts {
			n.add(literalNode(fmt.Sprint(i), item))
		}
	case *ast.StructLit:
		n.kind = object
		for _, elt := range x.Elts {
			if f, ok := elt.(*ast.Field); ok {
				label, _ := labelText(f.Label)
				n.add(literalNode(label, f.Value))
			}
		}
	}
	return n
}

// choice compiles `if type == "a" || type == "b" {...}`. A field that may be
// left out is asked for first, `if engine != _|_ if engine == "a" {...}`, or has
// a default, `if (*broadcast | false) == true {...}`.
func (d *definitions) choice(x *ast.Comprehension) (choice, error) {
	var c choice
	clauses := x.Clauses
	if len(clauses) == 2 && asksWhetherSet(clauses[0]) {
		clauses = clauses[1:]
	}
	clause, ok := clauses[0].(*ast.IfClause)
	body, isStruct := x.Value.(*ast.StructLit)
	if !ok || !isStruct || len(clauses) != 1 {
		return c, fmt.Errorf("only `if` is in the schema's part of CUE")
	}
	if err := c.condition(clause.Condition); err != nil {
		return c, err
	}
	o, err := d.object(body)
	if err != nil {
		return c, err
	}
	c.fields = o.fields
	return c, nil
}

// asksWhetherSet reports `if FIELD != _|_`.
func asksWhetherSet(clause ast.Clause) bool {
	ask, ok := clause.(*ast.IfClause)
	if !ok {
		return false
	}
	x, ok := ask.Condition.(*ast.BinaryExpr)
	if !ok || x.Op != token.NEQ {
		return false
	}
	_, bottom := x.Y.(*ast.BottomLit)
	return bottom
}

func (c *choice) condition(e ast.Expr) error {
	x, ok := e.(*ast.BinaryExpr)
	if !ok {
		return fmt.Errorf("condition %T is not in the schema's part of CUE", e)
	}
	if x.Op == token.LOR {
		if err := c.condition(x.X); err != nil {
			return err
		}
		return c.condition(x.Y)
	}
	field, isField := orDefault(x.X).(*ast.Ident)
	value, isLiteral := x.Y.(*ast.BasicLit)
	if x.Op != token.EQL || !isField || !isLiteral {
		return fmt.Errorf("a condition is FIELD == TEXT")
	}
	c.field = field.Name
	c.values = append(c.values, strings.Trim(value.Value, `"`))
	return nil
}

// orDefault is the field of (*field | false).
func orDefault(e ast.Expr) ast.Expr {
	paren, ok := e.(*ast.ParenExpr)
	if !ok {
		return e
	}
	if either, ok := paren.X.(*ast.BinaryExpr); ok && either.Op == token.OR {
		if marked, ok := either.X.(*ast.UnaryExpr); ok && marked.Op == token.MUL {
			return marked.X
		}
	}
	return e
}

// count compiles matchN(1, [{a!: _, ...}, {b!: _, ...}]), and the same of >=1.
func (o *objectShape) count(e ast.Expr) error {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) != 2 {
		return fmt.Errorf("embedded %T is not in the schema's part of CUE", e)
	}
	alternatives, ok := call.Args[1].(*ast.ListLit)
	if !ok {
		return fmt.Errorf("matchN takes a list here")
	}
	_, o.several = call.Args[0].(*ast.UnaryExpr)
	var names []string
	for _, a := range alternatives.Elts {
		if s, ok := a.(*ast.StructLit); ok && len(s.Elts) > 0 {
			if f, ok := s.Elts[0].(*ast.Field); ok {
				name, _ := labelText(f.Label)
				names = append(names, name)
			}
		}
	}
	o.oneOf = names
	return nil
}
