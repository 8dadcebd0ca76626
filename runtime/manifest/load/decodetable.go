package load

import (
	"regexp"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func (d *decoder) table(n *node) manifest.Table {
	path := n.path()
	t := manifest.Table{
		Name:  n.name,
		Was:   n.str("was"),
		Key:   manifest.Key{Type: n.str("key", "type"), Table: n.str("key", "table"), OnDelete: n.str("key", "onDelete")},
		Cache: n.str("cache"),
		Rows:  n.num("rows"),
		Seed:  d.path(n.str("seed")),
		Path:  path,
	}
	for _, c := range n.field("columns").list() {
		t.Columns = append(t.Columns, d.column(c))
	}
	for _, i := range n.field("indexes").list() {
		t.Indexes = append(t.Indexes, manifest.Index{Name: i.name, Kind: unlessUsual(i.str("kind"), "plain"), Columns: i.strs("columns"), Unique: i.flag("unique"), Where: i.str("where"), Language: unlessUsual(i.str("language"), "simple"), Path: i.path()})
	}
	for _, c := range n.field("checks").list() {
		t.Checks = append(t.Checks, manifest.Check{Name: c.name, Text: c.text, Path: c.path()})
	}
	t.Access = d.access(n.field("access"), path+".access")
	if e := n.field("edge"); e != nil {
		t.Edge = &manifest.Edge{From: e.str("from"), To: e.str("to"), Unique: e.flag("unique"), Path: e.path()}
	}
	if r := n.field("retention"); r != nil {
		t.Retention = &manifest.Retention{Column: r.str("column"), Keep: r.duration("keep"), Path: r.path()}
	}
	t.Quiet = !n.flag("changes")
	return t
}

// unlessUsual is "" for what is said by leaving it out.
func unlessUsual(word, usual string) string {
	if word == usual {
		return ""
	}
	return word
}

func (d *decoder) column(n *node) manifest.Column {
	path := n.path()
	c := manifest.Column{
		Name:       n.name,
		Was:        n.str("was"),
		Type:       n.str("type"),
		Required:   n.flag("required"),
		BuiltIn:    n.builtIn,
		Min:        n.digits("min"),
		Max:        n.digits("max"),
		Pattern:    n.str("pattern"),
		Enum:       n.strs("enum"),
		Scale:      n.num("scale"),
		Of:         n.str("of"),
		Dimensions: n.num("dimensions"), Metric: n.str("metric"),
		Table:    n.str("table"),
		OnDelete: n.str("onDelete"),
		Default:  defaultOf(n.field("default")),
		Path:     path,
	}
	if auto := n.field("auto"); auto != nil {
		c.Auto = &manifest.Auto{Create: auto.str("create"), Update: auto.str("update")}
	}
	if a := n.field("access"); a != nil {
		c.Access = manifest.ColumnAccess{
			Read:   d.condition(a.field("read"), path+".access.read"),
			Create: d.condition(a.field("create"), path+".access.create"),
			Update: d.condition(a.field("update"), path+".access.update"),
		}
	}
	return c
}

func (n *node) digits(name string) string {
	if f := n.field(name); f != nil {
		return f.text
	}
	return ""
}

// defaultOf tells a literal from {cel: "..."}.
func defaultOf(n *node) *manifest.Default {
	switch {
	case n == nil:
		return nil
	case n.kind == object && len(n.fields) == 1 && n.fields[0].name == "cel" && n.fields[0].kind == text:
		return &manifest.Default{CEL: n.fields[0].text}
	default:
		return &manifest.Default{JSON: string(n.json(nil))}
	}
}

// access decodes who may do what; path is its own, declared or not.
func (d *decoder) access(n *node, path string) manifest.Access {
	a := manifest.Access{
		Read:   d.condition(n.field("read"), path+".read"),
		Create: d.condition(n.field("create"), path+".create"),
		Delete: d.condition(n.field("delete"), path+".delete"),
	}
	if update := n.field("update"); update != nil && update.kind == object {
		a.UpdateBefore = d.condition(update.field("before"), path+".update.before")
		a.UpdateAfter = d.condition(update.field("after"), path+".update.after")
	} else {
		a.UpdateBefore = d.condition(update, path+".update")
		a.UpdateAfter = a.UpdateBefore
	}
	for _, g := range n.field("guards").list() {
		a.Guards = append(a.Guards, manifest.Guard{Name: g.name, Condition: d.condition(g, g.path())})
	}
	return a
}

func (d *decoder) condition(n *node, path string) manifest.Condition {
	c := manifest.Condition{Path: path}
	if n == nil {
		return c
	}
	c.Declared = true
	if n.kind == boolean {
		c.Always = n.text == "true"
		return c
	}
	// What is no text is told about already.
	if c.Text = n.text; n.kind == text && strings.TrimSpace(c.Text) == "" {
		f := fault.New(codeBadValue, "a rule cannot be empty").WithHint("write true for everyone, false for the service role alone, or a rule")
		d.faults = append(d.faults, f.At(path, n.value))
	}
	return c
}

// ruleForm is NAME(ARGUMENT, ...).
var ruleForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]{0,62})\(\s*((?:[A-Za-z][A-Za-z0-9_]{0,62}\s*(?:,\s*[A-Za-z][A-Za-z0-9_]{0,62}\s*)*)?)\)$`)

func (d *decoder) rules(n *node) []manifest.Rule {
	var all []manifest.Rule
	for _, r := range n.list() {
		found := ruleForm.FindStringSubmatch(r.name)
		if found == nil {
			f := fault.Newf(codeBadName, "%q is not the name of a rule", cutText(r.name)).
				WithHint(`a rule is NAME(ARGUMENTS): "` + ruleSuggestion(r.name) + `"`)
			d.faults = append(d.faults, f.At(r.path(), r.label))
			continue
		}
		rule := manifest.Rule{Name: found[1], Text: r.text, Path: r.path()}
		for p := range strings.SplitSeq(found[2], ",") {
			if p = strings.TrimSpace(p); p != "" {
				rule.Params = append(rule.Params, p)
			}
		}
		all = append(all, rule)
	}
	return all
}

// ruleSuggestion makes a rule's name out of what was written.
func ruleSuggestion(name string) string {
	name, _, _ = strings.Cut(name, "(")
	if isIdentifier(name) && plain(name) {
		return name + "()"
	}
	return "staff()"
}
