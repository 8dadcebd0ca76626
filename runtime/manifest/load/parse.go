package load

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/errors"
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

// syntaxFaults has one fault a mistake: the parser's first on each line.
func syntaxFaults(name string, src []byte, err error) fault.List {
	var faults fault.List
	lines := map[int]bool{}
	for _, e := range errors.Errors(err) {
		at := position(e.Position())
		if !at.Known() {
			at = fault.Position{File: name, Line: 1, Column: 1}
		}
		at = inside(at, src)
		if lines[at.Line] || lines[at.Line-1] {
			continue
		}
		lines[at.Line] = true
		faults = append(faults, syntaxFault(e, src).At("", at))
	}
	return faults
}

// inside moves a position that is past the end of the source to its end.
func inside(at fault.Position, src []byte) fault.Position {
	text := strings.TrimRight(string(src), " \t\r\n")
	last := strings.Count(text, "\n") + 1
	end := len(text) - strings.LastIndexByte(text, '\n')
	if at.Line > last || at.Line == last && at.Column > end {
		at.Line, at.Column = last, end
	}
	return at
}

// syntaxFault says in our words what the parser found.
func syntaxFault(e errors.Error, _ []byte) *fault.Fault {
	format, args := e.Msg()
	found, wanted := "", ""
	if len(args) > 1 {
		wanted, found = fmt.Sprint(args[0]), fmt.Sprint(args[1])
	}
	switch {
	case strings.Contains(format, "string literal not terminated") || strings.Contains(format, "newline in string"):
		return fault.New(codeSyntax, "this text has no closing quote").WithHint(`end it with ", or write """ for a text of several lines`)
	case strings.Contains(format, "comment not terminated"):
		return fault.New(codeSyntax, "this comment does not end").WithHint("comments begin with // and end with the line")
	case found == "EOF" && strings.ContainsAny(wanted, "}])"):
		return fault.Newf(codeSyntax, "the file ends, and a %s is missing", strings.Trim(wanted, "'")).WithHint("see which bracket is not closed")
	case found == "EOF":
		return fault.New(codeSyntax, "the file ends in the middle of a field").WithHint("a field is NAME: VALUE")
	case strings.HasPrefix(format, "missing ','"):
		return fault.New(codeSyntax, "a comma or a new line is missing here").WithHint("two values stand side by side")
	case strings.Contains(wanted, "label or ':'"):
		return fault.Newf(codeSyntax, "%s does not belong here", quoteToken(found)).WithHint("a field is NAME: VALUE; see whether a colon is missing before it")
	case strings.HasPrefix(format, "expected") && found != "":
		return fault.Newf(codeSyntax, "%s does not belong here", quoteToken(found)).WithHint("see whether a bracket or value is missing before it, or one too many")
	case strings.Contains(format, "escape sequence"):
		return fault.New(codeSyntax, "this backslash means nothing in a text").WithHint(`write \\ for a backslash, or #"..."# around a text that has many`)
	case strings.Contains(format, "illegal integer"), strings.Contains(format, "illegal number"):
		return fault.New(codeSyntax, "this is not a number").WithHint("a number does not begin with 0; a text stands in quotes")
	case strings.HasPrefix(format, "illegal"):
		return fault.New(codeSyntax, "this character does not belong in CUE").WithHint("take it out, or put the text in quotes")
	default:
		return fault.New(codeSyntax, "CUE cannot be read from here on").WithHint("see whether a comma, colon, quote or bracket is missing")
	}
}

func quoteToken(found string) string {
	switch found {
	case "newline", "\n":
		return "the end of the line"
	case "IDENT":
		return "a name"
	case "STRING":
		return "a text"
	case "INT", "FLOAT":
		return "a number"
	}
	return `"` + found + `"`
}
