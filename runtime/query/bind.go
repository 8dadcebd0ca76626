package query

// Binding is what a tree is bound to: a caller, a moment and parameters.
type Binding struct {
	UID    *string // nil for nobody
	Email  *string
	Role   string
	Claims string // a JSON object; "" is {}
	Now    int64  // microseconds since the epoch
	Params map[string]Value
}

// Bind replaces Auth, Now and Param by literals and simplifies what that
// changes; a parameter that is not given is null. A tree with nothing to bind
// comes back as it is, so that bound trees are shared between callers. Rules
// are simplified once at build, as Bind looks only at what it changes.
func Bind(e Expr, b Binding) Expr {
	if e == nil || IsBound(e) {
		return e
	}
	return Rewrite(e, func(e Expr) Expr {
		switch e := e.(type) {
		case *Auth:
			return &Literal{Value: b.attribute(e.Attribute), Of: e.Type()}
		case *Now:
			return &Literal{Value: b.now(e.Day), Of: e.Type()}
		case *Param:
			return &Literal{Value: b.Params[e.Name], Of: e.Of}
		}
		return simplifyNode(e)
	})
}

func (b Binding) attribute(a AuthAttribute) Value {
	switch a {
	case AuthUID:
		return optionalText(b.UID)
	case AuthEmail:
		return optionalText(b.Email)
	case AuthRole:
		return Text(b.Role)
	}
	if b.Claims == "" {
		return JSON("{}")
	}
	return JSON(b.Claims)
}

func (b Binding) now(day bool) Value {
	if day {
		days, _ := floorDiv(b.Now, microsPerDay)
		return Date(days)
	}
	return Timestamp(b.Now)
}

func optionalText(s *string) Value {
	if s == nil {
		return Value{}
	}
	return Text(*s)
}
