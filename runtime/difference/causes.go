package difference

import (
	"regexp"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// move is a rule that is another than before: itself, or by what it names.
type move struct {
	what  string // "update of books"
	grade Grade
	texts []string     // both sides, as they are written
	exprs []query.Expr // both sides, compiled; nil members are none
}

// addMoved adds a change of a rule, and keeps the rule for whoever looks for what
// has changed it.
func (c *comparer) addMoved(path string, change Change, m move) {
	if change.Was == change.Is && change.Was != "" {
		change.Was, change.Is = "", ""
		change.What += byName
	}
	c.moves = append(c.moves, m)
	c.add(path, change)
}

// byName tells that a rule is written as before, and is another all the same.
const byName = ": what its rule names has changed"

// caused ends a change of what rules name with the rules that it changes, and
// gives it the worst of their grades; it reports whether there is any.
func (c *comparer) caused(change *Change, by func(*move) bool) bool {
	var rules []string
	grades := Grades()
	change.Grade = Safe
	for i := range c.moves {
		m := &c.moves[i]
		if !by(m) {
			continue
		}
		if !slices.Contains(rules, m.what) {
			rules = append(rules, m.what)
		}
		if slices.Index(grades, m.grade) > slices.Index(grades, change.Grade) {
			change.Grade = m.grade
		}
	}
	if len(rules) > 0 {
		change.What += ", and with it " + strings.Join(rules, ", ")
	}
	return len(rules) > 0
}

// macros compares the rules that other rules call. One that changes none of them
// is another way to write the same backend, and no change.
func (c *comparer) macros() {
	old, next := macroCalls(c.old.Manifest), macroCalls(c.next.Manifest)
	calls := func(name string) func(*move) bool {
		return func(m *move) bool {
			return slices.ContainsFunc(m.texts, func(text string) bool { return old(text, name) || next(text, name) })
		}
	}
	for i := range c.next.Manifest.Rules {
		rule := &c.next.Manifest.Rules[i]
		before := findMacro(c.old.Manifest, rule.Name)
		change := Change{Area: Access, Sign: Turns, What: "changes rule " + signature(rule), Is: rule.Text}
		switch {
		case before == nil:
			change.Sign, change.What = Comes, "adds rule "+signature(rule)
		case before.Text == rule.Text && slices.Equal(before.Params, rule.Params):
			continue
		case signature(before) != signature(rule):
			change.What = "changes rule " + signature(before) + " to " + signature(rule)
			change.Was = before.Text
		default:
			change.Was = before.Text
		}
		if c.caused(&change, calls(rule.Name)) {
			c.add(rule.Path, change)
		}
	}
	for i := range c.old.Manifest.Rules {
		if rule := &c.old.Manifest.Rules[i]; findMacro(c.next.Manifest, rule.Name) == nil {
			change := Change{Area: Access, Sign: Goes, What: "removes rule " + signature(rule), Was: rule.Text}
			if c.caused(&change, calls(rule.Name)) {
				c.add("rules", change)
			}
		}
	}
}

func findMacro(m *manifest.Manifest, name string) *manifest.Rule {
	if i := slices.IndexFunc(m.Rules, func(r manifest.Rule) bool { return r.Name == name }); i >= 0 {
		return &m.Rules[i]
	}
	return nil
}

func signature(r *manifest.Rule) string { return r.Name + "(" + strings.Join(r.Params, ", ") + ")" }

// macroCalls reports whether a text calls a macro of m, itself or through others.
// It goes by the words: a text in quotes that looks like a call counts too.
func macroCalls(m *manifest.Manifest) func(text, name string) bool {
	word := regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\s*\(`)
	var calls func(text, name string, seen []string) bool
	calls = func(text, name string, seen []string) bool {
		for _, found := range word.FindAllStringSubmatch(text, -1) {
			called := found[1]
			if called == name {
				return true
			}
			if rule := findMacro(m, called); rule != nil && !slices.Contains(seen, called) && calls(rule.Text, name, append(seen, called)) {
				return true
			}
		}
		return false
	}
	return func(text, name string) bool { return calls(text, name, nil) }
}

// claims compares what rules may ask of a caller's token.
func (c *comparer) claims() {
	for i := range c.next.Manifest.Auth.Claims {
		claim := &c.next.Manifest.Auth.Claims[i]
		before := findClaim(c.old.Manifest, claim.Name)
		change := Change{Area: Access, Sign: Comes, What: "declares claim " + claim.Name, Is: sayClaim(claim)}
		if before != nil {
			change.Sign, change.What, change.Was = Turns, "changes claim "+claim.Name, sayClaim(before)
		}
		switch {
		case change.Was == change.Is:
		case before != nil && sayClaimType(before) == sayClaimType(claim):
			// An enum bounds what rules may say, not what they find.
			change.Grade = Safe
			change.What = "rules may compare claim " + claim.Name + " with other texts"
			c.add(claim.Path, change)
		default:
			c.caused(&change, asks(claim.Name))
			c.add(claim.Path, change)
		}
	}
	for i := range c.old.Manifest.Auth.Claims {
		if claim := &c.old.Manifest.Auth.Claims[i]; findClaim(c.next.Manifest, claim.Name) == nil {
			change := Change{Area: Access, Sign: Goes, What: "declares claim " + claim.Name + " no longer", Was: sayClaim(claim)}
			c.caused(&change, asks(claim.Name))
			c.add("auth.claims", change)
		}
	}
}

// asks finds the rules that ask for a claim.
func asks(claim string) func(*move) bool {
	return func(m *move) bool {
		found := false
		for _, e := range m.exprs {
			if e == nil {
				continue
			}
			query.Walk(e, func(e query.Expr) bool {
				found = found || access.ClaimName(e) == "auth.claims."+claim
				return !found
			})
		}
		return found
	}
}

func findClaim(m *manifest.Manifest, name string) *manifest.Column {
	if i := slices.IndexFunc(m.Auth.Claims, func(claim manifest.Column) bool { return claim.Name == name }); i >= 0 {
		return &m.Auth.Claims[i]
	}
	return nil
}

func sayClaim(claim *manifest.Column) string {
	said := sayClaimType(claim)
	if len(claim.Enum) > 0 {
		said += ", one of " + strings.Join(claim.Enum, " ")
	}
	return said
}

func sayClaimType(claim *manifest.Column) string {
	said := sayColumnType(claim)
	if claim.Default != nil {
		said += ", default " + sayDefault(claim.Default)
	}
	return said
}
