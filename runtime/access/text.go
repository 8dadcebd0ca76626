package access

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Text writes a rule's tree as a rule, its macros put in place: what explains
// a decision shows it. Rows of other tables get names of our own.
func Text(e query.Expr) string {
	p := &printer{rows: []string{""}}
	p.expr(e)
	return p.out.String()
}

// printer writes a tree. rows are the names of the rows around, the outermost
// first: "" is the row of the rule, whose columns stand alone.
type printer struct {
	out  strings.Builder
	rows []string
}

func (p *printer) put(parts ...string) {
	for _, part := range parts {
		p.out.WriteString(part)
	}
}

var signs = [...]string{
	query.Equal: " == ", query.NotEqual: " != ", query.Less: " < ", query.LessEqual: " <= ", query.Greater: " > ", query.GreaterEqual: " >= ",
}

func (p *printer) expr(e query.Expr) {
	switch e := e.(type) {
	case *query.Compare:
		p.inner(e.Left)
		p.put(signs[e.Op])
		p.inner(e.Right)
	case *query.And:
		p.joined(" && ", e.Terms)
	case *query.Or:
		p.joined(" || ", e.Terms)
	case *query.Not:
		p.put("!")
		p.inner(e.Term)
	case *query.Is:
		p.inner(e.Operand)
		p.put(map[bool]string{true: " == null", false: " != null"}[e.What == query.IsNull])
	case *query.In:
		p.inner(e.Operand)
		p.put(" in [")
		p.listed(e.List)
		p.put("]")
	case *query.Match:
		p.inner(e.Operand)
		p.put(".matches(", quotedText(e.Pattern), ")")
	case *query.Cond:
		if name := ClaimName(e); name != "" {
			p.put(name)
			return
		}
		p.inner(e.If)
		p.put(" ? ")
		p.inner(e.Then)
		p.put(" : ")
		p.inner(e.Else)
	default:
		p.value(e)
	}
}

// inner writes an operand, in brackets where it is made of operands itself.
func (p *printer) inner(e query.Expr) {
	bracket := false
	switch e := e.(type) {
	case *query.And, *query.Or, *query.Compare, *query.Is, *query.In:
		bracket = true
	case *query.Cond:
		bracket = ClaimName(e) == ""
	case *query.Call:
		bracket = e.Func >= query.FuncHas && e.Func <= query.FuncDivide
	}
	if !bracket {
		p.expr(e)
		return
	}
	p.put("(")
	p.expr(e)
	p.put(")")
}

func (p *printer) joined(sign string, terms []query.Expr) {
	for i, term := range terms {
		if i > 0 {
			p.put(sign)
		}
		switch term.(type) {
		case *query.And, *query.Or, *query.Cond:
			p.inner(term)
		default:
			p.expr(term)
		}
	}
}

func (p *printer) listed(list []query.Expr) {
	for i, e := range list {
		if i > 0 {
			p.put(", ")
		}
		p.expr(e)
	}
}

func (p *printer) value(e query.Expr) {
	switch e := e.(type) {
	case *query.Literal:
		p.put(literalText(e.Value))
	case *query.ColumnRef:
		p.column(e)
	case *query.Path:
		p.inner(e.Base)
		for _, step := range e.Steps {
			p.step(step)
		}
	case *query.Auth:
		p.put(authName(e.Attribute))
	case *query.Now:
		p.put("now()")
	case *query.Param:
		p.put("param.", e.Name)
	case *query.Call:
		p.call(e)
	case *query.Exists:
		name := p.name(e.Table.Name)
		p.put("tables.", e.Table.Name, ".exists(", name, ", ")
		p.rows = append(p.rows, name)
		p.expr(e.Where)
		p.rows = p.rows[:len(p.rows)-1]
		p.put(")")
	case *query.Lookup:
		p.lookup(e)
	}
}

// lookup is a reference that is looked through: its row is called by the
// reference.
func (p *printer) lookup(e *query.Lookup) {
	p.rows = append(p.rows, "")
	if where, ok := e.Where.(*query.Compare); ok {
		from := &printer{rows: p.rows}
		from.expr(where.Right)
		p.rows[len(p.rows)-1] = from.out.String()
	}
	p.expr(e.Value)
	p.rows = p.rows[:len(p.rows)-1]
}

// name is a name for a row of a table that no row around has.
func (p *printer) name(table string) string {
	name := strings.ToLower(table[:1])
	for _, row := range p.rows {
		if row == name {
			return name + strconv.Itoa(len(p.rows))
		}
	}
	return name
}

func (p *printer) column(e *query.ColumnRef) {
	row := ""
	if at := len(p.rows) - 1 - int(e.Up); at >= 0 {
		row = p.rows[at]
	}
	switch {
	case e.Old:
		p.put("old.")
	case row != "":
		p.put(row, ".")
	case reserved(e.Column.Name):
		p.put("row.")
	}
	p.put(e.Column.Name)
}

func (p *printer) step(step query.Step) {
	switch {
	case !step.IsKey:
		p.put("[", strconv.Itoa(step.Index), "]")
	case step.Key != "" && strings.Trim(step.Key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "":
		p.put(".", step.Key)
	default:
		p.put("[", quotedText(step.Key), "]")
	}
}

func (p *printer) call(e *query.Call) {
	switch e.Func {
	case query.FuncScalar:
		p.expr(e.Args[0])
	case query.FuncHas:
		p.inner(e.Args[1])
		p.put(" in ")
		p.inner(e.Args[0])
	case query.FuncNegate:
		p.put("-")
		p.inner(e.Args[0])
	case query.FuncAdd, query.FuncSubtract, query.FuncMultiply, query.FuncDivide:
		p.inner(e.Args[0])
		p.put(" ", e.Func.String(), " ")
		p.inner(e.Args[1])
	case query.FuncContains, query.FuncStartsWith, query.FuncEndsWith:
		p.inner(e.Args[0])
		p.put(".", e.Func.String(), "(")
		p.expr(e.Args[1])
		p.put(")")
	default:
		p.put(e.Func.String(), "(")
		p.listed(e.Args)
		p.put(")")
	}
}

// literalText is a value as a rule writes it.
func literalText(v query.Value) string {
	switch v.Kind {
	case query.KindNull:
		return "null"
	case query.KindBool, query.KindInt, query.KindFloat, query.KindDecimal:
		return string(query.AppendText(nil, v))
	}
	return quotedText(string(query.AppendText(nil, v)))
}

func quotedText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(text) + "'"
}
