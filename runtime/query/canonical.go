package query

import "strconv"

// AppendSelect appends the canonical text of a bound select. It is injective:
// two selects with one text give the same answer on the same data, so it is
// the cache's key; it reads well enough for logs, but values stand in it, so
// it goes where rows may go and nowhere else. It allocates nothing but room.
func AppendSelect(dst []byte, s *Select) []byte {
	dst = append(dst, s.Table.Name...)
	dst = append(dst, '?')
	for i := range s.Columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, s.Columns[i].Name)
		dst = append(dst, '=')
		dst = appendExpr(dst, s.Columns[i].Expr, s.Table)
	}
	if s.Where != nil {
		dst = append(dst, " where "...)
		dst = appendExpr(dst, s.Where, s.Table)
	}
	if s.Reach != nil {
		dst = appendReach(dst, s.Reach)
	}
	for i := range s.Order {
		dst = append(dst, " order "...)
		dst = appendExpr(dst, s.Order[i].Expr, s.Table)
		if s.Order[i].Descending {
			dst = append(dst, " desc"...)
		}
		if s.Order[i].NullsFirst {
			dst = append(dst, " nullsfirst"...)
		}
	}
	if s.Limit >= 0 {
		dst = append(dst, " limit "...)
		dst = strconv.AppendInt(dst, int64(s.Limit), 10)
	}
	if s.Offset != 0 {
		dst = append(dst, " offset "...)
		dst = strconv.AppendInt(dst, int64(s.Offset), 10)
	}
	if s.Count {
		dst = append(dst, " count"...)
	}
	if s.Position {
		dst = append(dst, " position"...)
	}
	if s.Revision {
		dst = append(dst, " revision"...)
	}
	return dst
}

// String is the canonical text of an expression, injective as AppendSelect's; nil
// is "". Columns stand by name, those of other tables as well: use AppendSelect
// where more than one table is in play.
func String(e Expr) string {
	if e == nil {
		return ""
	}
	return string(appendExpr(nil, e, nil))
}

var compareTexts = [...]string{Equal: "=", NotEqual: "!=", Less: "<", LessEqual: "<=", Greater: ">", GreaterEqual: ">="}

var isTexts = [...]string{IsNull: "null", IsNotNull: "notnull", IsTrue: "true", IsFalse: "false", IsUnknown: "unknown"}

// appendExpr writes every node as NAME(children), names never being a prefix
// of other nodes' texts, and every free text with its length in front.
func appendExpr(dst []byte, e Expr, t *Table) []byte {
	switch e := e.(type) {
	case *Literal:
		return appendLiteral(dst, e)
	case *ColumnRef:
		return appendColumn(dst, e, t)
	case *Compare:
		dst = append(dst, compareTexts[e.Op]...)
		return appendList(dst, t, e.Left, e.Right)
	case *And:
		return appendList(append(dst, "and"...), t, e.Terms...)
	case *Or:
		return appendList(append(dst, "or"...), t, e.Terms...)
	case *Not:
		return appendList(append(dst, "not"...), t, e.Term)
	case *Is:
		dst = append(append(dst, "is"...), isTexts[e.What]...)
		return appendList(dst, t, e.Operand)
	case *In:
		dst = appendExpr(append(dst, "in("...), e.Operand, t)
		return append(appendList(dst, t, e.List...), ')')
	case *Like:
		return appendPattern(dst, "like", e.Pattern, e.Fold, e.Operand, t)
	case *Match:
		return appendPattern(dst, "match", e.Pattern, e.Fold, e.Operand, t)
	case *Call:
		dst = append(append(dst, "call:"...), e.Func.key()...)
		return appendList(appendType(dst, e.Of), t, e.Args...)
	case *Cond:
		return appendList(append(dst, "if"...), t, e.If, e.Then, e.Else)
	}
	return appendOther(dst, e, t)
}

func appendOther(dst []byte, e Expr, t *Table) []byte {
	switch e := e.(type) {
	case *Path:
		return appendPath(dst, e, t)
	case *Auth:
		return append(append(dst, "@auth."...), "urec"[e.Attribute])
	case *Now:
		if e.Day {
			return append(dst, "@today"...)
		}
		return append(dst, "@now"...)
	case *Param:
		return appendType(appendText(append(dst, '$'), e.Name), e.Of)
	case *Exists:
		dst = append(append(dst, "exists("...), e.Table.Name...)
		return append(appendExpr(append(dst, ' '), e.Where, e.Table), ')')
	case *Lookup:
		dst = append(append(dst, "lookup("...), e.Table.Name...)
		dst = appendExpr(append(dst, ' '), e.Where, e.Table)
		return append(appendExpr(append(dst, ' '), e.Value, e.Table), ')')
	case *Embed:
		return appendEmbed(dst, e, t)
	case *Aggregate:
		dst = append(append(dst, aggregateNames[e.Func]...), "()"...)
		if e.Operand == nil {
			return append(dst, "()"...)
		}
		return appendList(appendType(dst, e.Of), t, e.Operand)
	case *Cast:
		return appendList(appendType(append(dst, "cast"...), e.Of), t, e.Operand)
	case *Made:
		dst = strconv.AppendInt(append(dst, "@made."...), int64(e.Write), 10)
		return strconv.AppendInt(append(dst, '.'), int64(e.Row), 10)
	case *Hops:
		return append(dst, "@hops"...)
	case nil:
		return append(dst, '-')
	}
	return appendSearch(dst, e, t)
}

func appendEmbed(dst []byte, e *Embed, t *Table) []byte {
	if e.Many {
		dst = append(dst, "many("...)
	} else {
		dst = append(dst, "one("...)
	}
	dst = appendExpr(dst, e.On, t)
	if e.Via != nil {
		dst = appendVia(dst, e.Via)
	}
	dst = append(append(append(dst, ' '), e.Child.Name...), ' ')
	return append(AppendSelect(dst, &e.Rows), ')')
}

func appendVia(dst []byte, v *Via) []byte {
	dst = append(append(append(dst, " via "...), v.Table.Name...), '.')
	dst = append(append(append(dst, v.Near.Name...), '.'), v.Far.Name...)
	return appendExpr(append(dst, ' '), v.Where, v.Table)
}

var aggregateNames = [...]string{
	AggregateCount: "count", AggregateSum: "sum", AggregateAvg: "avg", AggregateMin: "min", AggregateMax: "max",
}

// String is the aggregate's name as a request writes it.
func (f AggregateFunc) String() string { return aggregateNames[f] }

func appendList(dst []byte, t *Table, list ...Expr) []byte {
	dst = append(dst, '(')
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendExpr(dst, e, t)
	}
	return append(dst, ')')
}

// appendColumn: no column may be named auth, row or old, so that old.x is
// never a column of the row at hand.
func appendColumn(dst []byte, e *ColumnRef, t *Table) []byte {
	for range e.Up {
		dst = append(dst, '^')
	}
	if t != nil && e.Up == 0 && e.Table != nil && e.Table != t {
		dst = append(append(dst, e.Table.Name...), "::"...)
	}
	if e.Old {
		dst = append(dst, "old."...)
	}
	return append(dst, e.Column.Name...)
}

func appendPath(dst []byte, e *Path, t *Table) []byte {
	dst = append(dst, "path("...)
	dst = appendExpr(dst, e.Base, t)
	for _, step := range e.Steps {
		dst = append(dst, "->"...)
		if step.IsKey {
			dst = appendText(dst, step.Key)
			continue
		}
		dst = append(dst, '#')
		dst = strconv.AppendInt(dst, int64(step.Index), 10)
	}
	if e.Text {
		dst = append(dst, "->>"...)
	}
	return append(dst, ')')
}

func appendPattern(dst []byte, name, pattern string, fold bool, operand Expr, t *Table) []byte {
	if fold {
		dst = append(dst, 'i')
	}
	dst = append(append(dst, name...), '(')
	dst = appendExpr(dst, operand, t)
	dst = append(dst, ',')
	return append(appendText(dst, pattern), ')')
}

// appendLiteral writes the kind's letter and the value: 'i5, 'd12.50, 't3:abc.
func appendLiteral(dst []byte, e *Literal) []byte {
	v := e.Value
	dst = append(dst, '\'') // or a column named i5 would be a literal
	if v.IsNull() {
		return appendType(append(dst, "null"...), e.Of)
	}
	dst = append(dst, kindLetters[v.Kind])
	switch v.Kind {
	case KindText, KindUUID, KindJSON, KindList, KindVector:
		return appendText(dst, v.S)
	case KindFloat:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
	case KindDecimal:
		return appendDecimal(dst, v.N, v.Scale)
	}
	return strconv.AppendInt(dst, v.N, 10)
}

const kindLetters = "nbifdtTDujlv"

func appendType(dst []byte, t Type) []byte {
	dst = append(dst, ':', kindLetters[t.Kind])
	if t.Kind == KindList {
		dst = append(dst, kindLetters[t.Elem])
	}
	if t.Dimensions != 0 {
		dst = strconv.AppendUint(dst, uint64(t.Dimensions), 10)
	}
	if t.Scale != 0 {
		dst = strconv.AppendUint(dst, uint64(t.Scale), 10)
	}
	return dst
}

// appendText writes a free text with its length in front, so that nothing in
// it can be taken for what follows.
func appendText(dst []byte, s string) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, ':')
	return append(dst, s...)
}

// key is the function's name in canonical text, each its own.
func (f FuncName) key() string {
	if f == FuncNegate {
		return "negate"
	}
	return f.String()
}
