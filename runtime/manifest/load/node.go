package load

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// kind is what a node of the manifest is.
type kind uint16

const (
	broken     kind = 1 << iota // CUE could not evaluate it; a fault says so already
	incomplete                  // says which values are allowed, but not which one
	null
	boolean
	integer
	number // one that is not whole
	text
	binary
	list
	object
)

// node is one value of the manifest, read out of CUE: the tree that is checked
// against the schema and decoded. Nothing of CUE hangs on it.
type node struct {
	parent *node
	name   string // the field's name, or the index in a list
	kind   kind
	text   string // of a scalar: "true", plain decimal, the text itself
	fields []*node

	fullPath string         // see path
	label    fault.Position // of the field's name, or the list's item
	value    fault.Position // of what the field is set to
	tag      string         // name of the tag that could fill it, if incomplete

	filled  bool // by a default
	builtIn bool // ours, in the table users
}

// field finds a field of a struct; nil when there is none.
func (n *node) field(name string) *node {
	if n == nil {
		return nil
	}
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// at follows field names; nil when one is missing.
func (n *node) at(names ...string) *node {
	for _, name := range names {
		n = n.field(name)
	}
	return n
}

// add puts a field or item at the end of a struct or list.
func (n *node) add(child *node) {
	child.parent = n
	n.fields = append(n.fields, child)
}

// path is the node's place as CUE writes it: tables.books.columns.title.
func (n *node) path() string {
	if n.fullPath == "" && n.parent != nil {
		n.fullPath = joinPath(n.parent.path(), n.name, n.parent.kind == list)
	}
	return n.fullPath
}

// joinPath extends a path by a field's name or a list's index.
func joinPath(path, name string, index bool) string {
	switch {
	case index:
		return path + "[" + name + "]"
	case !isIdentifier(name):
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// place is where a reader looks for the node: a scalar's value, else the name.
func (n *node) place() fault.Position {
	if n.kind&(object|list) == 0 && n.value.Known() {
		return n.value
	}
	if n.label.Known() {
		return n.label
	}
	return n.value
}

// nearestPlace is place, or that of the nearest ancestor that has one.
func (n *node) nearestPlace() fault.Position {
	for ; n != nil; n = n.parent {
		if p := n.place(); p.Known() {
			return p
		}
	}
	return fault.Position{}
}

// positions collects the place of every node under its path.
func (n *node) positions(into manifest.Positions) {
	if p := n.place(); p.Known() {
		into[n.path()] = p
	}
	for _, f := range n.fields {
		f.positions(into)
	}
}

// firstBroken finds a node that CUE could not evaluate; nil if all are whole.
func (n *node) firstBroken() *node {
	if n.kind == broken {
		return n
	}
	for _, f := range n.fields {
		if b := f.firstBroken(); b != nil {
			return b
		}
	}
	return nil
}

// count is how many nodes there are.
func (n *node) count() int {
	sum := 1
	for _, f := range n.fields {
		sum += f.count()
	}
	return sum
}

// json appends the node as JSON text.
func (n *node) json(b []byte) []byte {
	switch n.kind {
	case boolean, integer, number:
		return append(b, n.text...)
	case text, binary:
		return appendJSONText(b, n.text)
	case list:
		b = append(b, '[')
		for i, f := range n.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = f.json(b)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, f := range n.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONText(b, f.name), ':')
			b = f.json(b)
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

// isIdentifier reports whether CUE would write a name without quotes.
func isIdentifier(name string) bool {
	for i, r := range name {
		letter := r == '_' || r == '$' || r == '#' && i == 0 || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != "" && !strings.HasPrefix(name, "__")
}
