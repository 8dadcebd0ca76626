package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// finding is one of CUE's errors, taken apart.
type finding struct {
	format string
	args   []any
	path   []string
	places []token.Pos
}

func findings(err error) []finding {
	if err == nil {
		return nil
	}
	var all []finding
	for _, e := range errors.Errors(err) {
		f := finding{path: e.Path()}
		f.format, f.args = e.Msg()
		for _, p := range append([]token.Pos{e.Position()}, e.InputPositions()...) {
			if p.IsValid() && !slices.Contains(f.places, p) {
				f.places = append(f.places, p)
			}
		}
		slices.SortFunc(f.places, comparePos)
		all = append(all, f)
	}
	return all
}

func comparePos(a, b token.Pos) int {
	if c := strings.Compare(a.Filename(), b.Filename()); c != 0 {
		return c
	}
	return a.Offset() - b.Offset()
}

// translate turns CUE's errors about values into faults, one a mistake: those
// of one path are one, and so are those that come from one place.
func (s *sources) translate(found []finding) fault.List {
	type group struct {
		finding
		path string
	}
	var groups []*group
	byPath := map[string]*group{}
	byPlace := map[string]bool{}
	for _, f := range found {
		if slices.ContainsFunc(f.places, s.cuts.has) {
			continue
		}
		path := cuePath(f.path)
		if strings.HasPrefix(f.format, "cycle") {
			// A cycle comes up at each of its members: they are one mistake.
			if g := byPath["cycle"]; g != nil {
				g.places = append(g.places, f.places...)
				continue
			}
			g := &group{f, path}
			byPath["cycle"] = g
			groups = append(groups, g)
			continue
		}
		if g := byPath[path]; g != nil && path != "" {
			for _, p := range f.places {
				if !slices.Contains(g.places, p) {
					g.places = append(g.places, p)
				}
			}
			continue
		}
		key := placeKey(f)
		if key != "" && byPlace[key] {
			continue
		}
		byPlace[key] = true
		g := &group{f, path}
		byPath[path] = g
		groups = append(groups, g)
	}
	root := declare(s.files)
	var faults fault.List
	for _, g := range groups {
		if slices.ContainsFunc(groups, func(o *group) bool { return below(o.path, g.path) && strings.HasPrefix(g.format, "incompatible list") }) {
			continue
		}
		faults = append(faults, g.fault().At(g.path, s.placesOf(g.finding, root)...))
	}
	return faults
}

// below reports whether path a is inside path b.
func below(a, b string) bool {
	return len(a) > len(b) && strings.HasPrefix(a, b) && (a[len(b)] == '.' || a[len(b)] == '[')
}

func placeKey(f finding) string {
	var b strings.Builder
	for _, p := range f.places {
		fmt.Fprintf(&b, "%s:%d ", p.Filename(), p.Offset())
	}
	if b.Len() == 0 {
		return ""
	}
	return f.format + " " + b.String()
}

// placesOf gives a finding's places, or where its path is written.
func (s *sources) placesOf(f finding, root *decl) []fault.Position {
	var at []fault.Position
	for _, p := range f.places {
		if pos := position(p); !slices.Contains(at, pos) {
			at = append(at, pos)
		}
	}
	if len(at) > 0 {
		return at
	}
	d, last := root, (*decl)(nil)
	for _, name := range f.path {
		if d = d.child(unquoteLabel(name)); d == nil {
			break
		}
		last = d
	}
	if last != nil {
		if label, value := last.places(); label.Known() {
			return []fault.Position{label}
		} else if value.Known() {
			return []fault.Position{value}
		}
	}
	if len(s.files) > 0 {
		return []fault.Position{{File: s.files[0].Filename, Line: 1, Column: 1}}
	}
	return nil
}

// cuePath writes CUE's path as ours.
func cuePath(path []string) string {
	out := ""
	for i, p := range path {
		_, err := strconv.Atoi(p)
		out = joinPath(out, unquoteLabel(p), err == nil && i > 0)
	}
	return out
}

func unquoteLabel(name string) string {
	if strings.HasPrefix(name, `"`) {
		if s, err := literal.Unquote(name); err == nil {
			return s
		}
	}
	return name
}
