package load

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// compileFindings picks those of CUE's errors that keep all of a manifest from
// being evaluated.
func compileFindings(err error) []finding {
	return slices.DeleteFunc(findings(err), func(f finding) bool {
		return !strings.HasPrefix(f.format, "reference %q not found") &&
			!strings.Contains(f.format, "imported and not used") &&
			!strings.Contains(f.format, "unreferenced alias") &&
			!strings.HasPrefix(f.format, "import ") &&
			!strings.HasPrefix(f.format, "predeclared name") &&
			!strings.HasPrefix(f.format, "builtin package") &&
			!strings.Contains(f.format, "cannot find package")
	})
}

// hidingFaults says what such errors mean, and cuts their places out. It
// reports whether anything was cut: if not, another round finds nothing new.
func (s *sources) hidingFaults(found []finding) (fault.List, bool) {
	var faults fault.List
	cut := false
	for _, f := range found {
		at := s.placesOf(f, declare(s.files))
		slices.SortStableFunc(at, func(a, b fault.Position) int { return s.ownFirst(b, a) })
		for _, p := range f.places {
			cut = s.cuts.add(p) || cut
		}
		if g := s.hidingFault(f); g != nil {
			faults = append(faults, g.At(cuePath(f.path), at...))
		}
	}
	return faults, cut
}

// ownFirst orders places in the manifest's own files before imported ones.
func (s *sources) ownFirst(a, b fault.Position) int {
	own := func(p fault.Position) int {
		if s.byName[p.File] != nil {
			return 0
		}
		return 1
	}
	return own(a) - own(b)
}

func (s *sources) hidingFault(f finding) *fault.Fault {
	has := func(text string) bool { return strings.Contains(f.format, text) }
	switch {
	case strings.HasPrefix(f.format, "reference %q not found"):
		name := f.arg(0)
		if s.cuts.imports[name] {
			return nil
		}
		return s.unknownReference(name)
	case strings.HasPrefix(f.format, "import %q not found") && len(f.path) > 0:
		return nil // the import itself is told about
	case has("imported and not used"):
		return fault.Newf(codeImport, "the import %s is not used", quoted(f.arg(0))).WithHint("take it out")
	case has("unreferenced alias"):
		return fault.Newf(codeReference, "%s is declared and never used", quoted(f.arg(0))).WithHint("take it out")
	case has("import failed") && slices.ContainsFunc(f.places, func(p token.Pos) bool { return s.byName[p.Filename()] == nil }):
		return fault.New(codeImport, "an imported file is not right, and cannot be imported").WithHint("mend it at the place named")
	case has("standard library"), has("builtin package"):
		return fault.New(codeImport, "CUE has no such standard package").WithHint("its packages are strings, list, math, regexp, struct, time, net, encoding/json and others")
	case has("import"), has("package"), has("module"):
		return fault.New(codeImport, "this import cannot be found").
			WithHint("imports come from the project's own folder, that of cue.mod, or are CUE's standard packages; nothing is fetched from the network")
	case has("expected"), has("string literal"), has("illegal"):
		return fault.New(codeSyntax, "an imported file cannot be read as CUE").WithHint("see the place named")
	default:
		return fault.New(codeEvaluation, "CUE cannot load this manifest").WithHint("see the place named")
	}
}

// unknownReference guesses what an unknown name was meant to be.
func (s *sources) unknownReference(name string) *fault.Fault {
	f := fault.Newf(codeReference, "nothing is called %s here", quoted(name))
	var names []string
	for _, file := range s.files {
		ast.Walk(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.Field:
				if text, ok := labelText(x.Label); ok && isIdentifier(text) {
					names = append(names, text)
				}
			case *ast.ImportSpec:
				names = append(names, importName(x))
			case *ast.LetClause:
				names = append(names, x.Ident.Name)
			}
			return true
		}, nil)
	}
	names = append(names, "string", "int", "number", "bool", "true", "false", "null")
	if standardPackages[name] != "" {
		return f.WithHint("it is a package: import \"" + standardPackages[name] + "\" at the top of the file")
	}
	if near := fault.Nearest(name, names); near != "" && near != name {
		return f.WithHint("did you mean " + near + "?")
	}
	return f.WithHint(`a text stands in quotes: "` + name + `"; a name of your own has to be declared, as _` + strings.TrimLeft(name, "_#") + ": ...")
}

// standardPackages are those of CUE's that manifests use, by their names.
var standardPackages = map[string]string{
	"strings": "strings", "list": "list", "math": "math", "regexp": "regexp", "struct": "struct", "time": "time",
	"net": "net", "json": "encoding/json", "yaml": "encoding/yaml", "strconv": "strconv", "base64": "encoding/base64",
}
