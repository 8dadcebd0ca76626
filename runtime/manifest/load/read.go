package load

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// maxExponent bounds the decimal places that a number may have written out.
const maxExponent = 400

// reader turns an evaluated manifest into nodes. What CUE could not evaluate
// becomes a broken node, and its errors are kept.
type reader struct {
	found     []finding
	fromValue bool // tests: read plain literals from CUE too
}

// root reads a whole manifest, fields in source order.
func (r *reader) root(v cue.Value, d *decl) *node {
	root := &node{}
	r.readStruct(root, v, d)
	root.kind = object
	return root
}

// broke marks a node as broken, and keeps why.
func (r *reader) broke(n *node, v cue.Value) {
	n.kind, n.fields = broken, nil
	r.found = append(r.found, findings(v.Validate(cue.Concrete(true)))...)
}

func (r *reader) readInto(n *node, v cue.Value, d *decl) {
	switch k := v.IncompleteKind(); k {
	case cue.StructKind:
		r.readStruct(n, v, d)
	case cue.ListKind:
		r.readList(n, v, d)
	case cue.BottomKind:
		// A struct or list with something broken in it is still read.
		r.readStruct(n, v, d)
		if len(n.fields) == 0 {
			r.readList(n, v, d)
		}
		if len(n.fields) == 0 {
			r.broke(n, v)
		}
	default:
		r.readScalar(n, v, d)
	}
}

func (r *reader) readStruct(n *node, v cue.Value, d *decl) {
	it, err := v.Fields()
	if err != nil {
		n.kind = broken
		return
	}
	n.kind = object
	var orders []int
	for it.Next() {
		name := it.Selector().Unquoted()
		kid := d.child(name)
		f := r.newNode(it.Value(), name, kid)
		n.add(f)
		order := int(^uint(0) >> 1)
		if kid != nil {
			order = kid.order
		}
		orders = append(orders, order)
	}
	sortBySource(n.fields, orders)
}

// sortBySource orders fields as they are written; those that are not written
// here (embedded, by reference) come last, in the order of their own source.
func sortBySource(fields []*node, orders []int) {
	type ordered struct {
		f     *node
		order int
	}
	all := make([]ordered, len(fields))
	sorted := true
	for i := range fields {
		all[i] = ordered{fields[i], orders[i]}
		sorted = sorted && (i == 0 || orders[i-1] < orders[i])
	}
	if sorted {
		return
	}
	slices.SortStableFunc(all, func(a, b ordered) int {
		if a.order != b.order {
			if a.order < b.order {
				return -1
			}
			return 1
		}
		pa, pb := a.f.label, b.f.label
		if c := strings.Compare(pa.File, pb.File); c != 0 {
			return c
		}
		if pa.Line != pb.Line {
			return pa.Line - pb.Line
		}
		return pa.Column - pb.Column
	})
	for i := range all {
		fields[i] = all[i].f
	}
}

func (r *reader) newNode(v cue.Value, name string, d *decl) *node {
	n := &node{name: name}
	source := v.Source()
	f, ok := source.(*ast.Field)
	if e := literalOf(source, d); e != nil && !r.fromValue {
		n.value = position(e.Pos())
		n.label = n.value
		if ok {
			n.label = position(f.Label.Pos())
		}
		readPlain(n, e)
		return n
	}
	if d != nil {
		n.label, n.value = d.places()
		n.tag = d.tag()
	} else if ok {
		n.label, n.value = position(f.Label.Pos()), position(f.Value.Pos())
	} else {
		n.label = position(v.Pos())
		n.value = n.label
	}
	if !n.label.Known() {
		n.label = n.value
	}
	r.readInto(n, v, d)
	return n
}

// literalOf is the expression that a value was made of, if that is all there
// is to it and it is plain; nil otherwise.
func literalOf(source ast.Node, d *decl) ast.Expr {
	if d != nil && len(d.values) > 1 {
		return nil
	}
	var e ast.Expr
	switch x := source.(type) {
	case *ast.Field:
		if x.Constraint != token.ILLEGAL {
			return nil
		}
		e = x.Value
	case *ast.BasicLit:
		e = x
	case *ast.StructLit:
		e = x
	case *ast.ListLit:
		e = x
	}
	if e == nil || !isPlain(e) {
		return nil
	}
	return e
}

func (r *reader) readList(n *node, v cue.Value, d *decl) {
	it, err := v.List()
	if err != nil {
		n.kind = broken
		return
	}
	n.kind = list
	for i := 0; it.Next(); i++ {
		name := strconv.Itoa(i)
		n.add(r.newNode(it.Value(), name, d.child(name)))
	}
}

func (r *reader) readScalar(n *node, v cue.Value, d *decl) {
	k := v.Kind()
	if k == cue.BottomKind {
		if def, ok := v.Default(); ok && def.IncompleteKind() != cue.BottomKind && def.Kind() != cue.BottomKind {
			r.readInto(n, def, d)
			return
		}
		n.kind = incomplete
		return
	}
	var err error
	switch k {
	case cue.NullKind:
		n.kind = null
	case cue.BoolKind:
		var b bool
		b, err = v.Bool()
		n.kind, n.text = boolean, strconv.FormatBool(b)
	case cue.StringKind:
		n.kind = text
		n.text, err = v.String()
	case cue.BytesKind:
		n.kind = binary
	case cue.IntKind, cue.FloatKind, cue.NumberKind:
		readNumber(n, v)
	default:
		n.kind = broken
	}
	if err != nil {
		r.broke(n, v)
	}
}

// readNumber keeps a number as plain decimal text, exact.
func readNumber(n *node, v cue.Value) {
	var mantissa big.Int
	exponent, err := v.MantExp(&mantissa)
	if err != nil || exponent > maxExponent || exponent < -maxExponent {
		n.kind = number // without digits: it has too many
		return
	}
	setNumber(n, &mantissa, exponent, v.Kind() == cue.FloatKind)
}

// setNumber keeps mantissa * 10^exponent. 1.0 is a number, and no whole one.
func setNumber(n *node, mantissa *big.Int, exponent int, float bool) {
	n.kind, n.text = plainDecimal(mantissa, exponent)
	if float {
		n.kind = number
	}
}

// plainDecimal writes mantissa * 10^exponent without an exponent.
func plainDecimal(mantissa *big.Int, exponent int) (kind, string) {
	sign := ""
	if mantissa.Sign() < 0 {
		sign = "-"
	}
	digits := new(big.Int).Abs(mantissa).String()
	if exponent >= 0 {
		if digits == "0" {
			return integer, "0"
		}
		return integer, sign + digits + strings.Repeat("0", exponent)
	}
	places := -exponent
	if len(digits) <= places {
		digits = strings.Repeat("0", places-len(digits)+1) + digits
	}
	whole, fraction := digits[:len(digits)-places], strings.TrimRight(digits[len(digits)-places:], "0")
	if fraction == "" {
		if whole == "0" {
			sign = ""
		}
		return integer, sign + whole
	}
	return number, sign + whole + "." + fraction
}
