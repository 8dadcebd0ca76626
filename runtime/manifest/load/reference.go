package load

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Reference writes what a manifest may say, out of the schema's comments, as
// Markdown. A noun is one of Nouns; "" is the whole reference. An unknown noun
// is a fault.
func Reference(w io.Writer, noun string) error {
	defs, err := compiled()
	if err != nil {
		return fault.Internal(err)
	}
	names, err := defs.ofNoun(noun)
	if err != nil {
		return err
	}
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('\n')
		}
		defs.describe(&b, name)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write reference: %w", err)
	}
	return nil
}

// Nouns lists what Reference can be asked for, in reading order.
func Nouns() []string {
	defs, err := compiled()
	if err != nil {
		return nil
	}
	var nouns []string
	for _, name := range defs.readingOrder() {
		if file := defs.files[name]; !slices.Contains(nouns, file) {
			nouns = append(nouns, file)
		}
	}
	return nouns
}

// readingOrder has the manifest first, then what it is made of, depth first.
func (d *definitions) readingOrder() []string {
	var order []string
	var visit func(name string)
	visit = func(name string) {
		if d.shapes[name] == nil || slices.Contains(order, name) {
			return
		}
		order = append(order, name)
		o := d.shapes[name].object
		if o == nil {
			return
		}
		for _, f := range o.allFields() {
			for _, ref := range references(f.source) {
				visit(ref)
			}
		}
	}
	visit("#Manifest")
	for _, name := range d.order {
		visit(name)
	}
	// What values look like comes last.
	slices.SortStableFunc(order, func(a, b string) int { return d.last(a) - d.last(b) })
	return order
}

func (d *definitions) last(name string) int {
	if d.files[name] == "values" {
		return 1
	}
	return 0
}

// references are the definitions that a field's type names.
func references(source string) []string {
	var names []string
	for _, word := range strings.FieldsFunc(source, func(r rune) bool {
		return r != '#' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		if strings.HasPrefix(word, "#") {
			names = append(names, word)
		}
	}
	return names
}

// ofNoun gives the definitions of a noun: of a file, or one by its own name.
func (d *definitions) ofNoun(noun string) ([]string, error) {
	order := d.readingOrder()
	if noun == "" {
		return order, nil
	}
	var names, known []string
	for _, name := range order {
		if d.files[name] == noun {
			names = append(names, name)
		}
	}
	for _, name := range order {
		plainName := strings.ToLower(strings.TrimPrefix(name, "#"))
		if len(names) == 0 && strings.ToLower(strings.TrimPrefix(noun, "#")) == plainName {
			return []string{name}, nil
		}
		known = append(known, plainName)
	}
	if len(names) > 0 {
		return names, nil
	}
	f := fault.Newf("unknown-noun", "the manifest has no %q", cutText(noun))
	return nil, f.WithHint(fault.NearestHint(noun, append(Nouns(), known...), "it has "+strings.Join(Nouns(), ", ")))
}

func (o *objectShape) allFields() []*fieldShape {
	all := slices.Clone(o.fields)
	for _, ch := range o.choices {
		all = append(all, ch.fields...)
	}
	return all
}

// describe writes one definition.
func (d *definitions) describe(b *strings.Builder, name string) {
	title := strings.TrimPrefix(name, "#")
	if name == "#Manifest" {
		title = "The manifest"
	}
	fmt.Fprintf(b, "## %s\n\n%s\n", title, codeBlocks(docOf(d.exprs[name])))
	o := d.shapes[name].object
	if o == nil {
		return
	}
	for _, f := range o.fields {
		f.describe(b, "")
	}
	for _, ch := range o.choices {
		for _, f := range ch.fields {
			f.describe(b, " with "+ch.words())
		}
	}
	switch {
	case o.several:
		fmt.Fprintf(b, "\nAt least one of %s.\n", join(o.oneOf, " and "))
	case len(o.oneOf) > 0:
		fmt.Fprintf(b, "\nExactly one of %s.\n", join(o.oneOf, " and "))
	}
}

// words says when the fields of a choice may stand.
func (ch *choice) words() string {
	if len(ch.values) == 1 && (ch.values[0] == "true" || ch.values[0] == "false") {
		return ch.field + ": " + ch.values[0]
	}
	return ch.field + " " + orList(ch.values)
}

func (f *fieldShape) describe(b *strings.Builder, with string) {
	fmt.Fprintf(b, "\n### %s%s\n\n", f.name, with)
	words := []string{f.typeWords()}
	if f.required {
		words = append(words, "required")
	}
	if f.fallback != nil && f.fallback.kind != object {
		words = append(words, "default "+string(f.fallback.json(nil)))
	}
	fmt.Fprintf(b, "%s\n\n%s\n", strings.Join(words, ", "), codeBlocks(f.doc))
	if f.value.object != nil && f.value.object.name == "" && f.value.object.entry == nil {
		for _, inner := range f.value.object.fields {
			fmt.Fprintf(b, "- %s: %s\n", inner.name, strings.ReplaceAll(inner.doc, "\n", " "))
		}
	}
}

// typeWords says what a field takes.
func (f *fieldShape) typeWords() string {
	s := f.value
	if s.object != nil && s.kinds == object {
		switch {
		case s.object.entry != nil && s.object.entry.name != "":
			return "by name: " + strings.TrimPrefix(s.object.entry.name, "#")
		case s.object.entry != nil:
			return "by name: " + s.object.entry.describe()
		case s.object.name != "":
			return strings.TrimPrefix(s.object.name, "#")
		}
		return "a struct"
	}
	if s.kinds == list && s.item != nil {
		return "a list of: " + s.item.describe()
	}
	if s.kinds == 0 {
		return "any value"
	}
	return s.describe()
}

// codeBlocks fences a comment's indented examples.
func codeBlocks(doc string) string {
	var out []string
	inside := false
	for line := range strings.SplitSeq(doc, "\n") {
		code, isCode := strings.CutPrefix(line, "\t")
		if isCode != inside && (isCode || strings.TrimSpace(line) != "") {
			out = append(out, fence(isCode))
			inside = isCode
		}
		if isCode {
			line = code
		}
		out = append(out, line)
	}
	if inside {
		out = append(out, "```")
	}
	return strings.Join(out, "\n")
}

func fence(opening bool) string {
	if opening {
		return "```cue"
	}
	return "```"
}
