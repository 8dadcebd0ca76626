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
		g := s.hidingFault(f)
		if g == nil {
			continue
		}
		g = g.At(cuePath(f.path), at...)
		if !slices.ContainsFunc(faults, func(other *fault.Fault) bool { return sameMistake(other, g) }) {
			faults = append(faults, g)
		}
	}
	return faults, cut
}

// sameMistake reports whether two faults are one mistake: the same said of one place,
// or two names of one rule.
func sameMistake(a, b *fault.Fault) bool {
	if a.Code != b.Code || a.Message != b.Message || a.Path != b.Path || len(a.Positions) == 0 || len(b.Positions) == 0 {
		return false
	}
	return a.Positions[0] == b.Positions[0] || a.Message == ruleUnquoted
}

// ruleUnquoted is said once a rule.
const ruleUnquoted = "a rule stands in quotes"

// isRule reports whether CEL stands at a path.
func isRule(path []string) bool {
	at := func(i int) string {
		if i < len(path) {
			return unquoteLabel(path[i])
		}
		return ""
	}
	switch at(0) {
	case "tables":
		return at(2) == "access" || at(2) == "checks" || at(2) == "columns" && (at(4) == "access" || at(4) == "auto")
	case "channels":
		return at(2) == "filter" || at(2) == "access"
	case "rules":
		return true
	}
	return false
}

func unquotedRule(name string) *fault.Fault {
	f := fault.New(codeReference, ruleUnquoted)
	switch strings.ToLower(name) {
	case "yes", "public", "everyone", "anyone", "all":
		return f.WithHint("for everyone, write true")
	case "no", "nobody", "none", "private":
		return f.WithHint("for the service role alone, write false")
	}
	return f.WithHint(`write it as "..."; text inside it stands in '...'`)
}

// celHint says how a call is written into a field.
func celHint(field, call string) string {
	if field == "default" {
		return `write {cel: "` + call + `()"}`
	}
	return `write "` + call + `()"`
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
		switch {
		case s.cuts.imports[name]:
			return nil
		case isRule(f.path):
			return unquotedRule(name)
		case slices.Contains([]string{"now", "uuid"}, name) && len(f.path) > 0:
			return fault.Newf(codeReference, "%s() is CEL, and CEL stands in quotes", name).WithHint(celHint(f.last(), name))
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
	switch name {
	case "yes", "on", "True", "TRUE":
		return f.WithHint("write true")
	case "no", "off", "False", "FALSE":
		return f.WithHint("write false")
	}
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
