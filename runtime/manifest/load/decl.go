package load

import (
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// decl is where a path of the manifest is written out in the files. A value
// that came by reference, embedding or pattern has none. It gives positions to
// faults and the order of the source to maps.
type decl struct {
	fields []*ast.Field
	values []ast.Expr
	order  int // of the first mention, among its siblings
	kids   map[string]*decl
}

// declare indexes the top level of files.
func declare(files []*ast.File) *decl {
	d := &decl{kids: map[string]*decl{}}
	for _, f := range files {
		d.addDecls(f.Decls)
	}
	return d
}

// child is the declaration of a field or list item; nil when there is none.
func (d *decl) child(name string) *decl {
	if d == nil {
		return nil
	}
	if d.kids == nil {
		d.kids = map[string]*decl{}
		for _, v := range d.values {
			d.addExpr(v)
		}
	}
	return d.kids[name]
}

func (d *decl) addExpr(e ast.Expr) {
	switch x := e.(type) {
	case *ast.StructLit:
		d.addDecls(x.Elts)
	case *ast.ParenExpr:
		d.addExpr(x.X)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			d.addExpr(x.X)
			d.addExpr(x.Y)
		}
	case *ast.ListLit:
		for i, item := range x.Elts {
			name := strconv.Itoa(i)
			d.kids[name] = &decl{values: []ast.Expr{item}, order: i}
		}
	}
}

func (d *decl) addDecls(decls []ast.Decl) {
	for _, x := range decls {
		switch x := x.(type) {
		case *ast.Field:
			if x.Constraint != token.ILLEGAL {
				continue // optional and required fields are constraints, not values
			}
			name, ok := labelText(x.Label)
			if !ok {
				continue
			}
			kid := d.kids[name]
			if kid == nil {
				kid = &decl{order: len(d.kids)}
				d.kids[name] = kid
			}
			kid.fields = append(kid.fields, x)
			kid.values = append(kid.values, x.Value)
		case *ast.EmbedDecl:
			d.addExpr(x.Expr)
		case *ast.Comprehension:
			d.addExpr(x.Value)
		}
	}
}

// labelText is the name of a field that is written out.
func labelText(l ast.Label) (string, bool) {
	if a, ok := l.(*ast.Alias); ok {
		inner, ok := a.Expr.(ast.Label)
		if !ok {
			return "", false
		}
		l = inner
	}
	switch x := l.(type) {
	case *ast.Ident:
		return x.Name, true
	case *ast.BasicLit:
		s, err := literal.Unquote(x.Value)
		return s, err == nil
	}
	return "", false
}

// places gives the position of the name and of the value. Of several mentions
// the name is the first's, the value that of the first literal.
func (d *decl) places() (fault.Position, fault.Position) {
	var label, value fault.Position
	if len(d.fields) > 0 {
		label = position(d.fields[0].Label.Pos())
	}
	for _, v := range d.values {
		switch v.(type) {
		case *ast.BasicLit, *ast.Interpolation:
			return label, position(v.Pos())
		}
	}
	if len(d.values) > 0 {
		value = position(d.values[0].Pos())
	}
	return label, value
}

// tag is the name in the field's @tag attribute, "" without one.
func (d *decl) tag() string {
	for _, f := range d.fields {
		for _, a := range f.Attrs {
			if t, ok := parseTag(a); ok {
				return t.name
			}
		}
	}
	return ""
}

// position translates CUE's position; unknown ones stay unknown.
func position(p token.Pos) fault.Position {
	if !p.IsValid() {
		return fault.Position{}
	}
	at := p.Position()
	return fault.Position{File: at.Filename, Line: at.Line, Column: at.Column}
}
