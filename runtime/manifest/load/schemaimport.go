package load

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// schemaPath is what a manifest imports our definitions as, for its editor.
const schemaPath = "github.com/edge-hive/edge-hive/schema"

// openSchema takes the import of our definitions out of a file, and makes what
// refers to them "anything": the manifest is checked against this binary's own
// definitions all the same, and more cheaply.
func openSchema(f *ast.File) fault.List {
	var spec *ast.ImportSpec
	for _, d := range f.Decls {
		imports, ok := d.(*ast.ImportDecl)
		if !ok {
			continue
		}
		imports.Specs = slices.DeleteFunc(imports.Specs, func(s *ast.ImportSpec) bool {
			path, _, _ := strings.Cut(strings.Trim(s.Path.Value, `"`), ":")
			if path != schemaPath {
				return false
			}
			spec = s
			return true
		})
	}
	if spec == nil {
		return nil
	}
	name := importName(spec)
	var faults fault.List
	astutil.Apply(f, func(c astutil.Cursor) bool {
		x, ok := c.Node().(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := x.X.(*ast.Ident); ok && id.Name == name {
			if g := checkDefinition(x.Sel); g != nil {
				faults = append(faults, g)
			}
			c.Replace(ast.NewIdent("_"))
			return false
		}
		return true
	}, nil)
	return faults
}

// checkDefinition tells of a definition that the schema does not have.
func checkDefinition(sel ast.Label) *fault.Fault {
	name, _ := labelText(sel)
	defs, err := compiled()
	if err != nil {
		return fault.Internal(err)
	}
	if defs.shapes[name] != nil {
		return nil
	}
	f := fault.Newf(codeReference, "the schema has no definition %q", cutText(name)).At("", position(sel.Pos()))
	return f.WithHint(fault.NearestHint(name, defs.order, "see `edge-hive schema`"))
}
