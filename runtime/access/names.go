package access

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// selector is one .name or [index] of a chain, with its place.
type selector struct {
	step  query.Step
	frame *frame
	at    int
}

// chain translates a name and what follows it: auth.claims.team, old.status,
// meta.tags[0].
func (t *translation) chain(e ast.Expr, f *frame) query.Expr {
	root, rootFrame, steps, ok := t.flatten(e, f)
	if !ok {
		return nil
	}
	if root.Kind() != ast.IdentKind {
		base := t.expr(root, rootFrame)
		if base == nil {
			return nil
		}
		return t.walkInto(base, steps, root, rootFrame)
	}
	at := rootFrame.body.offset(root.ID())
	if v := rootFrame.variable(root.AsIdent()); v != nil {
		return t.variableMember(v, steps, rootFrame, root)
	}
	switch name := root.AsIdent(); name {
	case "auth":
		return t.auth(steps, rootFrame, at)
	case "row":
		return t.rowMember(steps, rootFrame, root, false)
	case "old":
		if !t.scope.old {
			t.fail(rootFrame, at, fault.Newf(codeBadRule, "old is not known in %s", t.scope.name).
				WithHint("old.x stands in `update: {before, after}`, in after only"))
			return nil
		}
		return t.rowMember(steps, rootFrame, root, true)
	case "param":
		return t.param(steps, rootFrame, at)
	case "tables":
		t.fail(rootFrame, at, fault.New(codeBadRule, "tables alone is not a value").
			WithHint("another table is asked with tables.NAME.exists(m, m.user == auth.uid)"))
		return nil
	default:
		column := t.column(name, rootFrame, at, false)
		if column == nil {
			return nil
		}
		return t.walkInto(column, steps, root, rootFrame)
	}
}

// flatten takes a chain apart. A parameter of a macro is replaced by the
// chain that it stands for.
func (t *translation) flatten(e ast.Expr, f *frame) (ast.Expr, *frame, []selector, bool) {
	var reversed []selector
	for {
		switch {
		case e.Kind() == ast.SelectKind:
			sel := e.AsSelect()
			at := f.body.offset(e.ID()) + 1
			reversed = append(reversed, selector{query.Step{Key: f.body.member(sel.FieldName()), IsKey: true}, f, at})
			e = sel.Operand()
			continue
		case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Index:
			args := e.AsCall().Args()
			step, ok := t.index(args[1], f)
			if !ok {
				return nil, nil, nil, false
			}
			reversed = append(reversed, selector{step, f, f.body.offset(e.ID())})
			e = args[0]
			continue
		case e.Kind() == ast.IdentKind:
			if arg, ok := f.args[e.AsIdent()]; ok {
				if !t.spend() {
					return nil, nil, nil, false
				}
				e, f = arg.expr, arg.frame
				continue
			}
		}
		steps := make([]selector, len(reversed))
		for i, s := range reversed {
			steps[len(reversed)-1-i] = s
		}
		return e, f, steps, true
	}
}

// index reads what stands in [...]: a number or a text that is written out.
func (t *translation) index(e ast.Expr, f *frame) (query.Step, bool) {
	if e.Kind() == ast.LiteralKind {
		switch v := e.AsLiteral().(type) {
		case types.Int:
			if v >= -1<<31 && v < 1<<31 {
				return query.Step{Index: int(v)}, true
			}
		case types.String:
			return query.Step{Key: string(v), IsKey: true}, true
		}
	}
	t.failAt(f, e, fault.New(codeBadRule, "an index must be written out").WithHint("write tags[0] or meta['color']"))
	return query.Step{}, false
}

// rowMember is row.x or old.x.
func (t *translation) rowMember(steps []selector, f *frame, root ast.Expr, old bool) query.Expr {
	name := root.AsIdent()
	if len(steps) == 0 || !steps[0].step.IsKey {
		t.failAt(f, root, fault.Newf(codeBadRule, "%s alone is not a value", name).WithHint("name a column: "+name+".title"))
		return nil
	}
	column := t.column(steps[0].step.Key, steps[0].frame, steps[0].at, old)
	if column == nil {
		return nil
	}
	return t.walkInto(column, steps[1:], root, f)
}

// column resolves a name to a column of the scope's row.
func (t *translation) column(name string, f *frame, at int, old bool) query.Expr {
	if t.scope.table == nil {
		t.fail(f, at, fault.Newf(codeBadRule, "%s knows no row: %s means nothing in it", t.scope.name, quoted(name)).
			WithHint(t.scope.noRowHint()))
		return nil
	}
	if column := t.scope.table.Column(name); column != nil {
		return &query.ColumnRef{Table: t.scope.table, Column: column, Old: old, Up: t.level}
	}
	problem := fault.Newf(codeUnknownName, "table %s has no column %s", t.scope.table.Name, quoted(name))
	if v := f.variableWith(name); v != nil && !old {
		t.fail(f, at, problem.WithHint("did you mean "+v.name+"."+name+"?"))
		return nil
	}
	t.fail(f, at, problem.WithHint(t.c.nameHint(name, columnNames(t.scope.table))))
	return nil
}

// nameHint says what an unknown name was probably meant to be.
func (c *compiler) nameHint(name string, columns []string) string {
	switch name {
	case "uid", "role", "email", "claims":
		return "did you mean auth." + name + "?"
	case "user", "caller", "request":
		return "the caller is auth: auth.uid, auth.role, auth.email, auth.claims"
	case "public", "everyone", "anyone", "all":
		return "for everyone, write true without quotes"
	case "anon", "authenticated", "service_role":
		return "a role is compared: auth.role == '" + name + "'"
	case "current_user", "currentUser", "me":
		return "the caller is auth.uid"
	case "True", "TRUE", "False", "FALSE", "Null", "NULL", "nil", "None":
		return "CEL writes true, false and null in lower case"
	}
	if m := c.macros[name]; m != nil {
		return "did you mean the rule " + m.signature() + "?"
	}
	if near := fault.Nearest(name, append(columns, "auth", "row", "old")); near != "" {
		return "did you mean " + near + "?"
	}
	switch name {
	case "record", "resource", "new", "this", "self", "doc", "document", "item", "data":
		return "a column of the row stands alone, or after row: " + columns[0] + ", row." + columns[0]
	}
	return "its columns are " + fault.Listed(columns) + "; text stands in '...'"
}

// attributes are what auth has.
var attributes = []string{"uid", "role", "email", "claims"}

// auth translates auth.x and what follows it.
func (t *translation) auth(steps []selector, f *frame, at int) query.Expr {
	if !t.scope.auth {
		hint := "it must come out the same for every caller; put the condition into the table's access"
		if t.scope.old { // of what has happened
			hint = `it is about what happened; who did it may be kept in a column: auto: update: "auth.uid"`
		}
		t.fail(f, at, fault.Newf(codeBadRule, "auth is not known in %s", t.scope.name).WithHint(hint))
		return nil
	}
	if len(steps) == 0 || !steps[0].step.IsKey {
		t.fail(f, at, fault.New(codeBadRule, "auth alone is not a value").WithHint("use auth.uid, auth.role, auth.email or auth.claims.x"))
		return nil
	}
	var base query.Expr
	switch name := steps[0].step.Key; name {
	case "uid":
		base = &query.Auth{Attribute: query.AuthUID}
	case "role":
		base = &query.Auth{Attribute: query.AuthRole}
	case "email":
		base = &query.Auth{Attribute: query.AuthEmail}
	case "claims":
		base = &query.Auth{Attribute: query.AuthClaims}
		if len(steps) > 1 && t.c.manifest.Auth.Claims != nil {
			return t.claim(base, steps[1:])
		}
	default:
		hint := fault.NearestHint(name, attributes, "auth has uid, role, email and claims")
		switch name {
		case "id", "user_id", "sub":
			hint = "did you mean auth.uid?"
		case "app_metadata", "metadata":
			hint = "the token's app_metadata is auth.claims"
		}
		t.fail(steps[0].frame, steps[0].at, fault.Newf(codeUnknownName, "auth has no %s", quoted(name)).WithHint(hint))
		return nil
	}
	return t.steps(base, steps[1:], "auth."+steps[0].step.Key)
}

// walkInto follows steps from any base.
func (t *translation) walkInto(base query.Expr, steps []selector, root ast.Expr, f *frame) query.Expr {
	return t.steps(base, steps, f.body.snippet(root))
}

// steps follows .name and [index] through references and into a json or list
// value.
func (t *translation) steps(base query.Expr, steps []selector, name string) query.Expr {
	if len(steps) == 0 {
		return base
	}
	if ref, ok := base.(*query.ColumnRef); ok && ref.Column.Ref != nil {
		return t.through(ref, steps, name)
	}
	return t.inside(base, steps, name)
}

// inside follows steps into a value of type json or list.
func (t *translation) inside(base query.Expr, steps []selector, name string) query.Expr {
	first := steps[0]
	switch base.Type().Kind {
	case query.KindJSON:
	case query.KindList:
		if first.step.IsKey {
			t.fail(first.frame, first.at, fault.Newf(codeMismatch, "%s is %s and has no members", quoted(name), base.Type()).
				WithHint("write "+name+"[0] for its first item, or 'x' in "+name))
			return nil
		}
	default:
		hint := "only json and list values can be looked into"
		if first.step.Key == "length" {
			hint = "write size(" + name + ")"
		}
		t.fail(first.frame, first.at, fault.Newf(codeMismatch, "%s is %s and has nothing inside", quoted(name), base.Type()).WithHint(hint))
		return nil
	}
	if len(steps) > maxNesting {
		t.fail(first.frame, first.at, fault.Newf(codeTooComplex, "a path has at most %d steps", maxNesting))
		return nil
	}
	plain := make([]query.Step, len(steps))
	for i, s := range steps {
		plain[i] = s.step
	}
	path, problem := query.NewPath(base, plain, false)
	if problem != nil {
		t.fail(first.frame, first.at, refused(problem))
		return nil
	}
	return path
}
