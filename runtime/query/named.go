package query

import (
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Named is a named query: text of an engine's own language, with typed
// parameters and a typed result. It is immutable.
type Named struct {
	Name   string
	Text   string // of the declared engine
	Params []Parameter
	// Reads are all tables that the text reads, or writes by itself.
	Reads []*Table
	// Write says that it changes rows; otherwise it only reads.
	Write bool
	// Result has the columns of what the text gives, in the order of returns.
	// It is a table of no database: filters and orders over the rows of an
	// answer speak of it. A query that returns nothing has none of its columns.
	Result *Table
	// Value says that the answer is the one column of the first row, and null
	// where there is no row.
	Value bool
	// UsesUID and UsesRole say that the text may ask who calls.
	UsesUID, UsesRole bool
}

// Parameter is one parameter of a named query.
type Parameter struct {
	Name     string
	Type     Type
	Required bool  // a call gives it, and it is not null
	Default  Value // where a call leaves it out
	// Ref is the table whose key it is, nil for a plain value.
	Ref *Ref
}

// The names by which a text asks who calls it.
const (
	ParamUID  = "auth_uid"
	ParamRole = "auth_role"
)

// Invocation is one call of a named query. Everything in it is bound.
type Invocation struct {
	Query *Named
	Args  []Value // by Query.Params
	UID   Value   // null for nobody
	Role  string
}

// Nothing reports whether the query gives no answer.
func (n *Named) Nothing() bool { return len(n.Result.Columns) == 0 }

// Param finds a parameter by its exact name, -1 when there is none.
func (n *Named) Param(name string) int {
	for i := range n.Params {
		if n.Params[i].Name == name {
			return i
		}
	}
	return -1
}

// Query finds a named query by its exact name; nil when there is none.
func (s *Schema) Query(name string) *Named {
	for _, n := range s.Queries {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// declareQuery gives a named query of a checked manifest.
func declareQuery(m *manifest.Manifest, s *Schema, q *manifest.Query) (*Named, error) {
	text, mark := q.SQL, ":"
	if m.Database.Engine == manifest.SurrealDB {
		text, mark = q.SurQL, "$"
	}
	n := &Named{
		Name: q.Name, Text: text, Write: q.Write, Value: q.Returns == manifest.ReturnsValue,
		UsesUID: strings.Contains(text, mark+ParamUID), UsesRole: strings.Contains(text, mark+ParamRole),
	}
	for i := range q.Params {
		p := &q.Params[i]
		t, ref, err := declareType(m, p.QueryType)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		parameter := Parameter{Name: p.Name, Type: t, Required: p.Required, Ref: ref}
		if p.Default != "" {
			v, f := DecodeJSON(t, []byte(p.Default))
			if f != nil {
				return nil, fmt.Errorf("parameter %q: default: %w", p.Name, f)
			}
			parameter.Default = v
		}
		n.Params = append(n.Params, parameter)
	}
	for _, name := range q.Reads {
		t := s.Table(name)
		if t == nil {
			return nil, fmt.Errorf("no table %q", name)
		}
		n.Reads = append(n.Reads, t)
	}
	columns := make([]*Column, len(q.Columns))
	for i := range q.Columns {
		t, ref, err := declareType(m, q.Columns[i].QueryType)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", q.Columns[i].Name, err)
		}
		columns[i] = &Column{Name: q.Columns[i].Name, Type: t, Ref: ref}
	}
	n.Result = NewTable(q.Name, columns, nil)
	return n, nil
}

// declareType gives the type of a parameter or result; a ref has that of the
// key that it holds.
func declareType(m *manifest.Manifest, q manifest.QueryType) (Type, *Ref, error) {
	c, err := declareColumn(m, &manifest.Column{Type: q.Type, Scale: q.Scale, Of: q.Of, Table: q.Table})
	if err != nil {
		return Type{}, nil, err
	}
	return c.Type, c.Ref, nil
}

// ParseArgument reads an argument of a call as it stands in a URL: a literal,
// a decimal rounded to its scale as in a body.
func ParseArgument(t Type, text string) (Value, *fault.Fault) { return assign(t, text) }

// AppendInvocation appends the canonical text of a call: equal texts, equal
// meaning. Who calls is in it as far as the text asks for it.
func AppendInvocation(dst []byte, i *Invocation) []byte {
	dst = appendText(dst, i.Query.Name)
	dst = appendText(dst, i.Query.Text)
	for j, v := range i.Args {
		dst = appendLiteral(dst, &Literal{Value: v, Of: i.Query.Params[j].Type})
	}
	if i.Query.UsesUID {
		dst = appendLiteral(dst, &Literal{Value: i.UID, Of: Type{Kind: KindText}})
	}
	if i.Query.UsesRole {
		dst = appendText(dst, i.Role)
	}
	for _, c := range i.Query.Result.Columns {
		dst = appendText(dst, c.Name)
		dst = appendType(dst, c.Type)
	}
	return dst
}

// FromStored judges a value that an engine has read for a type, from text that
// nobody typed, and gives it in the form that values have; false for what is
// none of the type.
func FromStored(t Type, v Value) (Value, bool) {
	var f *fault.Fault
	switch t.Kind {
	case KindBool:
		return v, v.N == 0 || v.N == 1
	case KindText:
		v, f = parseText(v.S)
	case KindUUID:
		v, f = parseUUID(t, v.S)
	case KindTimestamp:
		seconds, _ := floorDiv(v.N, microsPerSecond)
		return v, seconds >= firstSecond && seconds <= lastSecond
	case KindDate:
		return v, v.N >= firstSecond/secondsPerDay && v.N <= lastSecond/secondsPerDay
	case KindJSON:
		v, f = decodeJSONColumn(strings.TrimSpace(v.S))
	case KindList:
		if text := strings.TrimSpace(v.S); strings.HasPrefix(text, "[") {
			v, f = decodeNested(t, text)
		} else {
			return v, false
		}
	}
	return v, f == nil
}

// CompareOrder puts two rows in order by one term, nulls as the term has them.
func CompareOrder(o *Order, a, b Row) int {
	left, right := Eval(o.Expr, a, nil), Eval(o.Expr, b, nil)
	switch {
	case left.IsNull() && right.IsNull():
		return 0
	case left.IsNull() || right.IsNull():
		if left.IsNull() == o.NullsFirst {
			return -1
		}
		return 1
	}
	by := CompareValues(left, right)
	if o.Descending {
		return -by
	}
	return by
}
