package load

import (
	"fmt"
	"io/fs"
	"math/big"
	"regexp"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"github.com/edge-hive/edge-hive/schema"
)

// shape is what a value of the manifest may be: a CUE expression of schema/,
// read once into Go. Checking a manifest against shapes costs a fraction of
// unifying it with the definitions, and every mistake stays one mistake.
type shape struct {
	name     string // of the definition, "#Duration"
	kinds    kind   // what it may be; 0 is anything
	enum     []literalValue
	pattern  *regexp.Regexp
	min, max *big.Rat
	item     *shape // of a list; nil is anything
	nonEmpty bool   // of a list
	object   *objectShape
}

// literalValue is one member of an enumeration.
type literalValue struct {
	kind kind
	text string
}

// objectShape is a struct: closed fields, or a map if entry is set.
type objectShape struct {
	name    string
	doc     string
	file    string
	fields  []*fieldShape
	byName  map[string]*fieldShape
	entry   *shape
	choices []choice
	oneOf   []string // exactly one of these fields is set
	several bool     // of oneOf more may be set
}

// choice holds fields that go with some values of another field.
type choice struct {
	field  string
	values []string
	fields []*fieldShape
}

// fieldShape is one field of a struct.
type fieldShape struct {
	name     string
	doc      string
	required bool
	value    *shape
	source   string // of the value, as the reference shows it
	fallback *node  // the default; nil if there is none
}

// definitions are the compiled schema: all shapes by name.
type definitions struct {
	exprs  map[string]*ast.Field
	files  map[string]string
	order  []string
	shapes map[string]*shape
}

// compiled is the schema of this binary, an immutable table.
var compiled = sync.OnceValues(compileSchema)

// compileSchema reads the embedded definitions.
func compileSchema() (*definitions, error) {
	d := &definitions{exprs: map[string]*ast.Field{}, files: map[string]string{}, shapes: map[string]*shape{}}
	names, err := fs.Glob(schema.Files, "*.cue")
	if err != nil {
		return nil, fmt.Errorf("list schema: %w", err)
	}
	for _, name := range names {
		src, err := schema.Files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		file, err := parser.ParseFile(name, src, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse schema: %w", err)
		}
		for _, decl := range file.Decls {
			field, ok := decl.(*ast.Field)
			if !ok {
				continue
			}
			def, _ := labelText(field.Label)
			d.exprs[def], d.files[def] = field, strings.TrimSuffix(name, ".cue")
			d.order = append(d.order, def)
		}
	}
	for _, def := range d.order {
		if _, err := d.named(def); err != nil {
			return nil, fmt.Errorf("schema %s: %w", def, err)
		}
	}
	return d, nil
}

// named compiles a definition, once. A struct may refer to itself.
func (d *definitions) named(name string) (*shape, error) {
	if s := d.shapes[name]; s != nil {
		return s, nil
	}
	field := d.exprs[name]
	if field == nil {
		return nil, fmt.Errorf("there is no %s", name)
	}
	s := &shape{}
	d.shapes[name] = s
	made, err := d.expr(field.Value)
	if err != nil {
		return nil, err
	}
	*s = *made
	s.name = name
	if s.object != nil && s.object.name == "" {
		s.object.name, s.object.doc, s.object.file = name, docOf(field), d.files[name]
	}
	return s, nil
}

// docOf is the comment above a field, as text.
func docOf(n ast.Node) string {
	var lines []string
	for _, group := range ast.Comments(n) {
		if !group.Doc {
			continue
		}
		for _, c := range group.List {
			lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(c.Text, "//"), " "))
		}
	}
	return strings.Join(lines, "\n")
}
