package query

import "regexp"

// Expr is a node of the typed tree. Trees are immutable and may share nodes.
// A *bound* tree holds no Auth, Now or Param: Bind replaces them by literals.
type Expr interface {
	// Type is the node's type; a condition's is bool.
	Type() Type
	expr()
}

type (
	// Literal is a constant.
	Literal struct {
		Value Value
		Of    Type
	}

	// ColumnRef is a column of the row at hand; Old is the row as it was
	// before the write. Inside Exists, Lookup and Embed the row at hand is that
	// of their table, and Up counts how many of them are left to reach the row
	// that is meant: 1 is the row outside of the innermost one. Old rows are
	// those of the outermost row alone.
	ColumnRef struct {
		Table  *Table
		Column *Column
		Old    bool
		Up     uint8
	}

	// Path walks into a json or list value. Text gives text (->>), else json
	// (->). A step that leads nowhere is null.
	Path struct {
		Base  Expr
		Steps []Step
		Text  bool
	}

	// Auth is an attribute of the caller: AuthUID, AuthRole, AuthEmail,
	// AuthClaims (json).
	Auth struct{ Attribute AuthAttribute }

	// Now is our clock, once per request; Day is its UTC day, a date.
	Now struct{ Day bool }

	// Param is a channel's or query's parameter.
	Param struct {
		Name string
		Of   Type
	}

	// Compare is a comparison of two operands of one type.
	Compare struct {
		Op          CompareOp
		Left, Right Expr
	}

	// And is true when all terms are; no terms are true.
	And struct{ Terms []Expr }

	// Or is false when all terms are; no terms are false.
	Or struct{ Terms []Expr }

	// Not negates; unknown stays unknown.
	Not struct{ Term Expr }

	// Is asks for null or a truth value and is never unknown.
	Is struct {
		Operand Expr
		What    IsWhat
	}

	// In is membership in a list of expressions, three-valued as SQL's IN.
	In struct {
		Operand Expr
		List    []Expr
	}

	// Like is SQL's LIKE with % and _ and \ as the escape. Fold folds case
	// per rune (ilike). The pattern is kept as written. Build it with NewLike,
	// which compiles the pattern once.
	Like struct {
		Operand Expr
		Pattern string
		Fold    bool
		matcher *LikeMatcher
	}

	// Match is an unanchored RE2 match. Build it with NewMatch, which compiles
	// the pattern.
	Match struct {
		Operand Expr
		Pattern string
		Fold    bool
		matcher *regexp.Regexp
	}

	// Call is a function or an arithmetic operator of the fixed set.
	Call struct {
		Func FuncName
		Args []Expr
		Of   Type
	}

	// Cond is If ? Then : Else; an unknown If gives unknown (null).
	Cond struct{ If, Then, Else Expr }
)

// Step is one step of a path: a member, or an index (negative from the end).
type Step struct {
	Key   string
	Index int
	IsKey bool
}

// AuthAttribute names what a rule may ask of its caller.
type AuthAttribute uint8

// The caller's attributes.
const (
	AuthUID AuthAttribute = iota
	AuthRole
	AuthEmail
	AuthClaims
)

// CompareOp is a comparison operator.
type CompareOp uint8

// The comparisons.
const (
	Equal CompareOp = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
)

// IsWhat is what Is asks for.
type IsWhat uint8

// The questions of Is.
const (
	IsNull IsWhat = iota
	IsNotNull
	IsTrue
	IsFalse
	IsUnknown
)

// FuncName names a function of the tree.
type FuncName uint8

// The functions. Text positions and sizes count code points.
const (
	FuncSize       FuncName = iota // text, list, json array or object -> int
	FuncContains                   // text in text
	FuncStartsWith                 // text, text
	FuncEndsWith                   // text, text
	FuncLower                      // text -> text
	FuncHas                        // list has element: list, scalar
	FuncAdd
	FuncSubtract
	FuncMultiply
	FuncDivide
	FuncNegate
	FuncUUID     // a new uuid; in auto alone
	FuncSuperset // list or json contains (@>) list or json of the same kind
	FuncOverlap  // lists of one kind have an element in common
	// FuncScalar reads json as a scalar of Call.Of: null unless it is a JSON
	// value of that type. Text and uuid take a string, bool a boolean; float
	// takes any number (an int where the text has no fraction and no exponent
	// and fits, else a float); int takes a whole number in range. Decimal,
	// timestamp, date and list stand on the caller's claims alone, so engines
	// never meet them.
	FuncScalar
)

func (*Exists) expr()    {}
func (*Lookup) expr()    {}
func (*Embed) expr()     {}
func (*Related) expr()   {}
func (*Aggregate) expr() {}
func (*Cast) expr()      {}
func (*Made) expr()      {}
func (*Literal) expr()   {}
func (*ColumnRef) expr() {}
func (*Path) expr()      {}
func (*Auth) expr()      {}
func (*Now) expr()       {}
func (*Param) expr()     {}
func (*Compare) expr()   {}
func (*And) expr()       {}
func (*Or) expr()        {}
func (*Not) expr()       {}
func (*Is) expr()        {}
func (*In) expr()        {}
func (*Like) expr()      {}
func (*Match) expr()     {}
func (*Call) expr()      {}
func (*Cond) expr()      {}

var boolType = Type{Kind: KindBool}

// Type is the literal's declared type, which a null has too.
func (e *Literal) Type() Type { return e.Of }

// Type is the column's type.
func (e *ColumnRef) Type() Type { return e.Column.Type }

// Type is text for ->> and json for ->.
func (e *Path) Type() Type {
	if e.Text {
		return Type{Kind: KindText}
	}
	return Type{Kind: KindJSON}
}

// Type is json for the claims, else text.
func (e *Auth) Type() Type {
	if e.Attribute == AuthClaims {
		return Type{Kind: KindJSON}
	}
	return Type{Kind: KindText}
}

// Type is timestamp, or date for the day.
func (e *Now) Type() Type {
	if e.Day {
		return Type{Kind: KindDate}
	}
	return Type{Kind: KindTimestamp}
}

// Type is the parameter's declared type.
func (e *Param) Type() Type { return e.Of }

// Type is bool.
func (*Compare) Type() Type { return boolType }

// Type is bool.
func (*And) Type() Type { return boolType }

// Type is bool.
func (*Or) Type() Type { return boolType }

// Type is bool.
func (*Not) Type() Type { return boolType }

// Type is bool.
func (*Is) Type() Type { return boolType }

// Type is bool.
func (*In) Type() Type { return boolType }

// Type is bool.
func (*Like) Type() Type { return boolType }

// Type is bool.
func (*Match) Type() Type { return boolType }

// Type is the type of the result.
func (e *Call) Type() Type { return e.Of }

// Type is the type of both branches.
func (e *Cond) Type() Type { return e.Then.Type() }
