package load

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// conformer checks a tree of nodes against the schema's shapes and fills in
// defaults. It finds every mistake, each once.
type conformer struct {
	faults fault.List
	told   map[mistake]bool
}

// mistake is what makes two faults the same one: a definition or comprehension
// that is wrong once is told about once, however often it is used.
type mistake struct {
	code, message string
	at            fault.Position
}

func newConformer() *conformer { return &conformer{told: map[mistake]bool{}} }

func (c *conformer) add(n *node, at fault.Position, f *fault.Fault) {
	key := mistake{f.Code, f.Message, at}
	if c.told[key] && at.Known() {
		return
	}
	c.told[key] = true
	c.faults = append(c.faults, f.At(n.path(), at))
}

// value checks n against s.
func (c *conformer) value(n *node, s *shape) {
	switch {
	case n.kind == broken:
	case n.kind == incomplete:
		c.incomplete(n, s)
	case s.kinds == 0:
		c.anything(n)
	case s.name == "#Secret" && n.kind != object:
		c.add(n, n.place(), fault.New(codeSecret, "a secret never stands in a manifest").
			WithHint(`name where it is: {env: "NAME"} or {file: "PATH"}; and change the secret that stood here`))
	case n.kind&s.kinds == 0:
		c.wrongType(n, s)
	case n.kind == object:
		c.object(n, s.object)
	case n.kind == list:
		c.list(n, s)
	default:
		c.scalar(n, s)
	}
}

// incomplete tells that a value is still open.
func (c *conformer) incomplete(n *node, s *shape) {
	f := fault.Newf(codeIncomplete, "%s has no value yet: this says what it may be, not what it is", lastOf(n))
	switch {
	case n.tag != "":
		f = f.WithHint("give the tag a value: -t " + n.tag + "=VALUE; or mark a default with *")
	case s != nil && s.object != nil && s.object.typeNamed("text") != "":
		f = f.WithHint(`write {type: "text"}, or another type`)
	case s != nil && s.kinds != 0:
		f = f.WithHint("write " + s.describe() + ", or mark a default with *")
	default:
		f = f.WithHint("write a value, or mark a default with *")
	}
	c.add(n, n.place(), f)
}

// anything checks only that a value is complete and can be JSON.
func (c *conformer) anything(n *node) {
	switch {
	case n.kind == incomplete:
		c.incomplete(n, nil)
	case n.kind == binary:
		c.add(n, n.place(), fault.New(codeWrongType, "bytes cannot stand here").WithHint("write a text, in double quotes"))
	case n.kind == number && n.text == "":
		c.add(n, n.place(), fault.New(codeBadValue, "this number has too many digits"))
	}
	for _, f := range n.fields {
		c.anything(f)
	}
}

func (c *conformer) list(n *node, s *shape) {
	if s.nonEmpty && len(n.fields) == 0 {
		c.add(n, n.place(), fault.Newf(codeBadValue, "%s is empty", lastOf(n)).WithHint("name at least one, or leave it out"))
	}
	for _, item := range n.fields {
		if s.item == nil {
			c.anything(item)
		} else {
			c.value(item, s.item)
		}
	}
}

func (c *conformer) object(n *node, o *objectShape) {
	if o.entry != nil {
		for _, f := range n.fields {
			c.value(f, o.entry)
		}
		return
	}
	if c.notYet(n, o) {
		return
	}
	chosen := o.choose(n)
	for _, f := range n.fields {
		shape := find(o.fields, chosen, f.name)
		switch {
		case shape != nil:
			c.value(f, shape.value)
		case f.kind == broken, c.later(f, o):
		default:
			// Where the field that decides is wrong itself, nothing more is said.
			if ch, settled := o.otherChoice(n, f.name); settled {
				c.unknown(f, o, chosen, ch)
			}
		}
	}
	c.complete(n, o, o.fields, chosen)
	c.complete(n, o, chosen, chosen)
	c.oneOf(n, o)
}

// complete fills in the defaults of fields that n leaves out, and tells of
// those that it must have.
func (c *conformer) complete(n *node, o *objectShape, fields, chosen []*fieldShape) {
	for _, shape := range fields {
		switch {
		case !shape.required && shape.fallback == nil || n.field(shape.name) != nil:
		case shape.required:
			// A field that is called wrongly is one mistake, not two.
			if !o.meant(n, chosen, shape.name) {
				c.missing(n, o, shape)
			}
		default:
			f := shape.fallback.clone()
			f.label, f.filled = n.place(), true
			n.add(f)
			c.value(f, shape.value)
		}
	}
}

// choose gives the conditional fields that go with n.
func (o *objectShape) choose(n *node) []*fieldShape {
	var chosen []*fieldShape
	for i := range o.choices {
		ch := &o.choices[i]
		if decider := o.decider(n, ch); decider != nil && slices.Contains(ch.values, decider.text) {
			if chosen == nil {
				chosen = ch.fields
			} else {
				chosen = slices.Concat(chosen, ch.fields)
			}
		}
	}
	return chosen
}

// decider is the field that decides a choice, or its default where n leaves it
// out; nil where it has none.
func (o *objectShape) decider(n *node, ch *choice) *node {
	if f := n.field(ch.field); f != nil {
		return f
	}
	return o.byName[ch.field].fallback
}

// otherChoice is the choice that a conditional field belongs to, nil if it is
// none, and whether the field that decides is sound.
func (o *objectShape) otherChoice(n *node, name string) (*choice, bool) {
	for i := range o.choices {
		ch := &o.choices[i]
		for _, f := range ch.fields {
			if f.name == name {
				decider := o.decider(n, ch)
				return ch, decider != nil && o.byName[ch.field].value.allows(decider)
			}
		}
	}
	return nil, true
}

func find(fields, chosen []*fieldShape, name string) *fieldShape {
	for _, f := range fields {
		if f.name == name {
			return f
		}
	}
	for _, f := range chosen {
		if f.name == name {
			return f
		}
	}
	return nil
}

// unknown tells of a field that the schema does not have.
func (c *conformer) unknown(n *node, o *objectShape, chosen []*fieldShape, ch *choice) {
	where := o.noun(n.parent)
	if ch != nil {
		decider := o.decider(n.parent, ch)
		if decider.kind == boolean {
			f := fault.Newf(codeUnknownField, "%q does not go with %s: %s", n.name, ch.field, decider.text)
			c.add(n, n.label, f.WithHint(n.name+" goes with "+ch.words()))
			return
		}
		f := fault.Newf(codeUnknownField, "%q does not go with %s %q", n.name, ch.field, decider.text)
		c.add(n, n.label, f.WithHint(n.name+" goes with "+ch.field+" "+o.valuesWith(n.name)))
		return
	}
	f := fault.Newf(codeUnknownField, "%q is not a field of %s", n.name, where)
	names := fieldNames(o.fields, chosen)
	near := fault.Nearest(n.name, names)
	foreign := foreignField(o.name, n.name)
	switch {
	case foreign != "":
		f = f.WithHint(foreign)
	case near != "":
		f = f.WithHint("did you mean " + near + "?")
	case o.name == "#Table" && n.field("type") != nil:
		f = f.WithHint("columns stand in columns: columns: " + n.name + ": {...}")
	case n.parent.parent == nil:
		f = f.WithHint("fields of your own are hidden: _" + n.name + ", or #" + n.name + "; those of a manifest are " + strings.Join(names, ", "))
	default:
		slices.Sort(names)
		f = f.WithHint("it has " + strings.Join(names, ", "))
	}
	c.add(n, n.label, f)
}

// meant reports whether a field of n that the schema does not have is the one
// that name means, called wrongly: its fault says so.
func (o *objectShape) meant(n *node, chosen []*fieldShape, name string) bool {
	names := fieldNames(o.fields, chosen)
	for _, f := range n.fields {
		if slices.Contains(names, f.name) {
			continue
		}
		hint := foreignField(o.name, f.name)
		word, _, _ := strings.Cut(strings.TrimPrefix(hint, "write "), ":")
		if word == name || hint == "" && fault.Nearest(f.name, names) == name {
			return true
		}
	}
	return false
}

func fieldNames(fields, chosen []*fieldShape) []string {
	var names []string
	for _, x := range slices.Concat(fields, chosen) {
		names = append(names, x.name)
	}
	return names
}

// valuesWith lists the values of the deciding field that a field goes with.
func (o *objectShape) valuesWith(name string) string {
	var values []string
	for _, ch := range o.choices {
		for _, f := range ch.fields {
			if f.name == name {
				values = append(values, ch.values...)
			}
		}
	}
	return orList(values)
}

func (c *conformer) missing(n *node, o *objectShape, shape *fieldShape) {
	f := fault.Newf(codeMissingField, "%s has no %q", o.noun(n), shape.name)
	if n.parent == nil {
		f = fault.New(codeMissingField, "the manifest does not say its version")
	}
	hint := "add " + shape.name + ": " + shape.value.example()
	if o.name == "#Channel" {
		hint += ", or broadcast: true"
	}
	c.add(n, n.nearestPlace(), f.WithHint(hint))
}

func (c *conformer) oneOf(n *node, o *objectShape) {
	if len(o.oneOf) == 0 {
		return
	}
	var set []*node
	for _, name := range o.oneOf {
		if f := n.field(name); f != nil {
			set = append(set, f)
		}
	}
	switch {
	case len(set) == 0:
		for _, f := range n.fields {
			if f.kind == broken || find(o.fields, nil, f.name) == nil {
				return // what was meant is told about already
			}
		}
		c.add(n, n.nearestPlace(), fault.Newf(codeMissingField, "%s has none of %s", o.noun(n), strings.Join(o.oneOf, ", ")).WithHint("add one of them"))
	case len(set) > 1 && !o.several:
		f := fault.Newf(codeBadValue, "%s has both %s and %s", o.noun(n), set[0].name, set[1].name).WithHint("keep one of them")
		c.faults = append(c.faults, f.At(n.path(), set[1].label, set[0].label))
	}
}

// clone copies a default for one use.
func (n *node) clone() *node {
	c := *n
	c.fields = nil
	for _, f := range n.fields {
		c.add(f.clone())
	}
	return &c
}
