package load

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// sources are the manifest's files, parsed. Mistakes that would keep CUE from
// evaluating anything (an unknown name, an import that is not there) are cut
// out, so that everything else is still checked in the same go.
type sources struct {
	files  []*ast.File
	byName map[string]*ast.File
	cuts   cuts

	schemaFaults fault.List
}

// cuts are the places to cut out, by file and offset, and the names of imports
// that were: what refers to them is no second mistake.
type cuts struct {
	at      map[string]map[int]bool
	imports map[string]bool
}

func (c *cuts) add(p token.Pos) bool {
	if !p.IsValid() {
		return false
	}
	file, offset := p.Filename(), p.Offset()
	if c.at == nil {
		c.at, c.imports = map[string]map[int]bool{}, map[string]bool{}
	}
	if c.at[file] == nil {
		c.at[file] = map[int]bool{}
	}
	if c.at[file][offset] {
		return false
	}
	c.at[file][offset] = true
	return true
}

func (c *cuts) has(p token.Pos) bool {
	return p.IsValid() && c.at[p.Filename()][p.Offset()]
}

// parseAll parses the manifest's files. Only mistakes of syntax are faults.
func parseAll(p *project, c cuts) (*sources, fault.List) {
	s := &sources{byName: map[string]*ast.File{}, cuts: c}
	var faults fault.List
	for _, name := range p.files {
		src := p.sources[name]
		if f := checkDepth(name, src); f != nil {
			faults = append(faults, f)
			continue
		}
		f, err := parser.ParseFile(name, src, parser.ParseComments)
		if err != nil {
			faults = append(faults, syntaxFaults(name, src, err)...)
			continue
		}
		s.prepare(f)
		s.files = append(s.files, f)
		s.byName[name] = f
	}
	return s, faults
}

// prepare makes a parsed file ready for CUE. What it says wrongly about our
// definitions is kept in schemaFaults.
func (s *sources) prepare(f *ast.File) {
	s.schemaFaults = append(s.schemaFaults, openSchema(f)...)
	if s.cuts.at[f.Filename] != nil {
		s.cut(f)
	}
}

// cut replaces what stands at the cut places: an expression by an error, an
// import by nothing.
func (s *sources) cut(f *ast.File) {
	for _, d := range f.Decls {
		imports, ok := d.(*ast.ImportDecl)
		if !ok {
			continue
		}
		kept := imports.Specs[:0]
		for _, spec := range imports.Specs {
			if s.cuts.has(spec.Pos()) || s.cuts.has(spec.Path.Pos()) {
				s.cuts.imports[importName(spec)] = true
				continue
			}
			kept = append(kept, spec)
		}
		imports.Specs = kept
	}
	astutil.Apply(f, func(c astutil.Cursor) bool {
		if id, ok := c.Node().(*ast.Ident); ok && s.cuts.has(id.Pos()) {
			if _, isLabel := c.Parent().Node().(*ast.Field); !isLabel || c.Parent().Node().(*ast.Field).Label != ast.Label(id) {
				c.Replace(&ast.BottomLit{Bottom: id.Pos()})
			}
		}
		return true
	}, nil)
}

// importName is what a file calls an import.
func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	path := strings.Trim(spec.Path.Value, `"`)
	if _, name, ok := strings.Cut(path, ":"); ok {
		return name
	}
	path, _, _ = strings.Cut(path, "@")
	return path[strings.LastIndexByte(path, '/')+1:]
}
