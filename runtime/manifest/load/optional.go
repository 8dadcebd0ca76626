package load

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// optionalFaults tells of fields that are written with a question mark where
// values stand: to CUE they say what a field may be, and set nothing. Those
// that are set elsewhere, in definitions and in hidden fields are meant so.
func optionalFaults(files []*ast.File, root *node) fault.List {
	var faults fault.List
	for _, f := range files {
		faults = append(faults, optionalIn(f.Decls, root, "")...)
	}
	return faults
}

// optionalIn looks at the fields of the struct n, which is at path.
func optionalIn(decls []ast.Decl, n *node, path string) fault.List {
	var faults fault.List
	for _, d := range decls {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		name, ok := labelText(field.Label)
		if !ok || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") {
			continue
		}
		here := joinPath(path, name, false)
		value := n.field(name)
		if field.Constraint == token.OPTION && value == nil && plain(name) {
			f := fault.Newf(codeUnknownField, "%s? sets nothing: it only says what %s may be", name, name).
				WithHint("write " + name + " without ?; what may be left out needs no mark")
			faults = append(faults, f.At(here, position(field.Label.Pos())))
			continue
		}
		if inner, ok := field.Value.(*ast.StructLit); ok && value != nil {
			faults = append(faults, optionalIn(inner.Elts, value, here)...)
		}
	}
	return faults
}
