package access

import (
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// readClaims reports the defaults of claims that their own types refuse, used
// or not.
func (c *compiler) readClaims() {
	claims := c.manifest.Auth.Claims
	c.claims = make(map[string]*claim, len(claims))
	for i := range claims {
		declared := &claims[i]
		if c.claims[declared.Name] != nil {
			continue // check names the double
		}
		of, ok := claimType(declared)
		if !ok {
			continue // check names the type
		}
		known := &claim{declared: declared, of: of}
		if declared.Default != nil {
			value, problem := defaultValue(declared, &query.Column{Name: declared.Name, Type: of})
			if problem != nil {
				c.reportAt(declared.Path+".default", problem)
			} else {
				known.fallback = &query.Literal{Value: value, Of: of}
			}
		}
		c.claims[declared.Name] = known
		c.claimNames = append(c.claimNames, declared.Name)
	}
}

// claim is a declared claim of the caller's token.
type claim struct {
	declared *manifest.Column
	of       query.Type
	fallback query.Expr // nil for none
}

func claimType(declared *manifest.Column) (query.Type, bool) {
	kind, ok := query.KindOf(declared.Type)
	of := query.Type{Kind: kind}
	if ok && kind == query.KindList {
		of.Elem, ok = query.KindOf(declared.Of)
	}
	return of, ok
}

// claim translates auth.claims.x where claims are declared: its value if it
// is of its type, its default where a signed-in caller has none, else null.
func (t *translation) claim(claims query.Expr, steps []selector) query.Expr {
	first := steps[0]
	if !first.step.IsKey {
		t.fail(first.frame, first.at, fault.New(codeBadRule, "claims have names").WithHint("declared in auth.claims: "+fault.Listed(t.c.claimNames)))
		return nil
	}
	known := t.c.claims[first.step.Key]
	if known == nil {
		t.fail(first.frame, first.at, fault.Newf(codeUnknownName, "auth.claims has no %s", quoted(first.step.Key)).
			WithHint(fault.NearestHint(first.step.Key, t.c.claimNames, "declared in auth.claims: "+fault.Listed(t.c.claimNames))))
		return nil
	}
	raw, problem := query.NewPath(claims, []query.Step{first.step}, false)
	if problem != nil {
		t.fail(first.frame, first.at, refused(problem))
		return nil
	}
	value, problem := query.NewScalar(raw, known.of)
	if problem != nil {
		t.fail(first.frame, first.at, refused(problem))
		return nil
	}
	if known.fallback != nil {
		missing := query.Conjunction(query.NewNullTest(raw, false), query.NewNullTest(&query.Auth{Attribute: query.AuthUID}, true))
		value = &query.Cond{If: missing, Then: known.fallback, Else: value}
	}
	if len(known.declared.Enum) > 0 {
		if t.enums == nil {
			t.enums = map[query.Expr][]string{}
		}
		t.enums[value] = known.declared.Enum
	}
	return t.insideAny(value, steps[1:], "auth.claims."+first.step.Key)
}

// ClaimName is what the expression of a claim, auth.claims.x, is called in a
// rule; "" for other expressions.
func ClaimName(x query.Expr) string {
	if c, ok := x.(*query.Cond); ok {
		x = c.Else
	}
	if call, ok := x.(*query.Call); ok && call.Func == query.FuncScalar {
		x = call.Args[0]
	}
	path, ok := x.(*query.Path)
	if !ok || len(path.Steps) != 1 {
		return ""
	}
	if caller, ok := path.Base.(*query.Auth); !ok || caller.Attribute != query.AuthClaims {
		return ""
	}
	return "auth.claims." + path.Steps[0].Key
}
