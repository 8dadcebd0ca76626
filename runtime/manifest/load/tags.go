package load

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// tag is one @tag attribute: @tag(env,short=dev|prod).
type tag struct {
	name   string
	shorts []string
}

func parseTag(a *ast.Attribute) (tag, bool) {
	key, body := a.Split()
	if key != "tag" {
		return tag{}, false
	}
	parts := strings.Split(body, ",")
	t := tag{name: strings.TrimSpace(parts[0])}
	for _, p := range parts[1:] {
		if short, ok := strings.CutPrefix(strings.TrimSpace(p), "short="); ok {
			t.shorts = strings.Split(short, "|")
		}
	}
	return t, t.name != ""
}

// declaredTags collects the tags that the files have places for.
func declaredTags(files []*ast.File) []tag {
	var tags []tag
	for _, f := range files {
		ast.Walk(f, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				for _, a := range field.Attrs {
					if t, ok := parseTag(a); ok {
						tags = append(tags, t)
					}
				}
			}
			return true
		}, nil)
	}
	return tags
}

// checkTags gives the tags that some file has a place for, and a fault for
// each of the others.
func checkTags(given []string, files []*ast.File) ([]string, fault.List) {
	if len(given) == 0 {
		return nil, nil
	}
	declared := declaredTags(files)
	var names, shorts []string
	for _, t := range declared {
		names = append(names, t.name)
		shorts = append(shorts, t.shorts...)
	}
	var good []string
	var faults fault.List
	for _, g := range given {
		name, _, keyed := strings.Cut(g, "=")
		known := shorts
		if keyed {
			known = names
		}
		if slices.Contains(known, name) {
			good = append(good, g)
			continue
		}
		faults = append(faults, badTag(g, name, keyed, names, shorts))
	}
	return good, faults
}

func badTag(given, name string, keyed bool, names, shorts []string) *fault.Fault {
	f := fault.Newf(codeTag, "the manifest has no tag %q", given)
	known := shorts
	if keyed {
		known = names
	}
	switch near := fault.Nearest(name, known); {
	case near != "":
		return f.WithHint("did you mean -t " + strings.Replace(given, name, near, 1) + "?")
	case !keyed && slices.Contains(names, name):
		return f.WithHint("give it a value: -t " + name + "=VALUE")
	case len(names) == 0:
		return f.WithHint("a field takes its value from a tag when it says so: _env: *\"dev\" | \"prod\" @tag(env,short=dev|prod)")
	case len(shorts) > 0:
		return f.WithHint("it has: " + strings.Join(shorts, ", "))
	default:
		return f.WithHint("it has: " + strings.Join(names, "=..., ") + "=...")
	}
}
