package surreal

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// odd is a table with what the generator's has not: lists of all kinds, large
// decimals, numbers near the ends of their types.
func odd() *query.Table {
	column := func(name string, t query.Type) *query.Column { return &query.Column{Name: name, Type: t} }
	list := func(name string, elem query.Kind) *query.Column {
		return column(name, query.Type{Kind: query.KindList, Elem: elem, Scale: 2})
	}
	key := column("id", query.Type{Kind: query.KindText})
	key.Required = true
	return query.NewTable("odd", []*query.Column{
		key,
		column("n", query.Type{Kind: query.KindInt}), column("x", query.Type{Kind: query.KindFloat}),
		column("p", query.Type{Kind: query.KindDecimal, Scale: 2}), column("q", query.Type{Kind: query.KindDecimal, Scale: 9}),
		column("w", query.Type{Kind: query.KindDecimal}), column("b", query.Type{Kind: query.KindBool}),
		column("s", query.Type{Kind: query.KindText}), column("u", query.Type{Kind: query.KindUUID}),
		column("at", query.Type{Kind: query.KindTimestamp}), column("day", query.Type{Kind: query.KindDate}),
		column("j", query.Type{Kind: query.KindJSON}), column("k", query.Type{Kind: query.KindJSON}),
		list("ns", query.KindInt), list("xs", query.KindFloat), list("ps", query.KindDecimal), list("bs", query.KindBool),
		list("ss", query.KindText), list("us", query.KindUUID), list("ats", query.KindTimestamp), list("days", query.KindDate),
	}, nil)
}

var (
	oddInts   = []int64{0, 1, -1, 2, 3, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, 3037000500, -3037000500}
	oddFloats = []float64{0, 0.1, -0.1, 1, 1.5, 2.5, 1e-7, 123456.789, 1e20, 1e21, 1.7976931348623157e308, 5e-324, 1 << 53, 1 << 62, 0.30000000000000004}
	oddTexts  = []string{"", "a", "İ", "Σας", "ΣΑΣ", "ß", "ẞ", "k", "\u212a", "a\"b", "\\", "\x01\x1f", "\n\r\t", "ſ", "ﬀ", "ᾳ", "ǅ", "😀", "0", "-", "`", "$p0", "'; REMOVE TABLE odd; --", "ﬅ", "ά"}
	oddJSON   = []string{
		"null", "true", "0", "1.50", "1e2", "1E-2", "123456789012345678901234567890", "1e-40", "1e25", "2.5e21", `"x"`, `"01"`, `{"a":[1,{"b":"x\u0001\ny"}],"b":null}`,
		`{"a":{"a":{"a":1.5}},"z":[]}`, `[[],[[]],{}]`, `{"a":1e2,"b":0.1,"c":1e30}`, `["a","b",["c"]]`, `[1,2.0,"2"]`, `{"é":"é","e\u0301":1}`, `[true,false,null]`, `{"a":"` + "\\" + `u2028"}`, `"\"\\\/\b\f"`,
	}
	oddPatterns = []string{"%", "_", "a%", "%a%", "%ß", "S%", "ﬀ", `\%`, "σας", "%_%_%", "ẞ", "K", "ǆ", "%\n%", ".*", "[a]", "(", "ά"}
	oddRegulars = []string{`^.$`, `(?s)^.$`, `\bα?`, `\B`, `[^a-z]`, `(?i)σ`, `(?i)[k]`, `\pL+`, `\PL`, `\p{Greek}`, `a*?`, `(a|b|)c?`, `\Qa.b\E`, `(?U)a+`, `x{2,3}`, `[[:word:]]`, `\x{1F600}`, `(?m)^$`, `\z`, `\A\s`, `[^\x00-\x{10FFFF}]`, `(?P<n>a)`, `\S`, `\W`, `&&`, `[a&&b]`, `[~~]`, `#`, ` `}
	oddSteps    = [][]query.Step{
		{{Key: "a", IsKey: true}},
		{{Index: 0}},
		{{Index: -1}},
		{{Index: -2}},
		{{Index: 7}},
		{{Key: "b", IsKey: true}},
		{{Key: "a", IsKey: true}, {Index: 1}, {Key: "b", IsKey: true}},
		{{Key: "a", IsKey: true}, {Key: "a", IsKey: true}, {Key: "a", IsKey: true}},
		{{Index: 1}, {Index: 0}},
		{{Key: "é", IsKey: true}},
		{{Key: "c", IsKey: true}},
		{{Key: "0", IsKey: true}},
	}
)

// maker makes random expressions over the odd table.
type maker struct {
	*rand.Rand
	table *query.Table
}

func oneOf[T any](m *maker, from []T) T { return from[m.IntN(len(from))] }

func (m *maker) valueOf(t query.Type) query.Value {
	switch t.Kind {
	case query.KindBool:
		return query.Bool(m.IntN(2) == 0)
	case query.KindInt:
		return query.Int(oneOf(m, oddInts))
	case query.KindFloat:
		return query.Float(oneOf(m, oddFloats))
	case query.KindDecimal:
		return query.Decimal(oneOf(m, oddInts), t.Scale)
	case query.KindText:
		return query.Text(oneOf(m, oddTexts))
	case query.KindUUID:
		return query.UUID("018f3a5e-0000-7000-8000-00000000000" + strconv.Itoa(m.IntN(3)))
	case query.KindTimestamp:
		return query.Timestamp(int64(m.IntN(3)-1) * 1_500_000)
	case query.KindDate:
		return query.Date(int64(m.IntN(3) - 1))
	case query.KindJSON:
		v := query.JSON(oneOf(m, oddJSON))
		return readValue(wire.NewReader(appendValue(nil, v, t, "")), t)
	}
	out := []byte{'['}
	for i := range m.IntN(3) {
		if i > 0 {
			out = append(out, ',')
		}
		out = query.AppendJSON(out, m.valueOf(query.Type{Kind: t.Elem, Scale: t.Scale}))
	}
	return query.List(string(append(out, ']')))
}

func (m *maker) row(i int) query.Row {
	row := make(query.Row, len(m.table.Columns))
	row[0] = query.Text(oneOf(m, oddTexts) + strconv.Itoa(i))
	for _, c := range m.table.Columns[1:] {
		if m.IntN(6) > 0 {
			row[c.Index] = m.valueOf(c.Type)
		}
	}
	return kept(m.table, row)
}

// column gives a column of one of the kinds.
func (m *maker) column(kinds ...query.Kind) query.Expr {
	for {
		c := oneOf(m, m.table.Columns)
		for _, k := range kinds {
			if c.Type.Kind == k {
				return m.table.Ref(c)
			}
		}
	}
}

// number makes a number, mostly by arithmetic.
func (m *maker) number(depth int) query.Expr {
	if depth == 0 || m.IntN(4) == 0 {
		e := m.column(query.KindInt, query.KindFloat, query.KindDecimal)
		switch m.IntN(5) {
		case 0:
			return &query.Literal{Value: m.valueOf(e.Type()), Of: e.Type()}
		case 1:
			return &query.Call{Func: query.FuncScalar, Args: []query.Expr{m.path(false)}, Of: query.Type{Kind: oneOf(m, []query.Kind{query.KindFloat, query.KindInt})}}
		}
		return e
	}
	if m.IntN(6) == 0 {
		if e, f := query.NewCall(query.FuncNegate, m.number(depth-1)); f == nil {
			return e
		}
	}
	f := oneOf(m, []query.FuncName{query.FuncAdd, query.FuncSubtract, query.FuncMultiply, query.FuncDivide})
	e, wrong := query.NewCall(f, m.number(depth-1), m.number(depth-1))
	if wrong != nil {
		return m.number(0)
	}
	return e
}

func (m *maker) path(text bool) query.Expr {
	e, f := query.NewPath(m.column(query.KindJSON, query.KindList), oneOf(m, oddSteps), text)
	return sure(e, f)
}

func (m *maker) text() query.Expr {
	switch m.IntN(4) {
	case 0:
		return m.path(true)
	case 1:
		return sure(query.NewCall(query.FuncLower, m.column(query.KindText)))
	}
	return m.column(query.KindText)
}

func (m *maker) any() query.Expr {
	switch m.IntN(6) {
	case 0:
		return m.number(2)
	case 1:
		return m.text()
	case 2:
		return m.path(false)
	}
	return m.table.Ref(oneOf(m, m.table.Columns))
}

func (m *maker) condition(depth int) query.Expr {
	if depth > 0 && m.IntN(2) == 0 {
		switch m.IntN(6) {
		case 0:
			return &query.And{Terms: []query.Expr{m.condition(depth - 1), m.condition(depth - 1), m.condition(depth - 1)}}
		case 1:
			return &query.Or{Terms: []query.Expr{m.condition(depth - 1), m.condition(depth - 1)}}
		case 2:
			return &query.Not{Term: m.condition(depth - 1)}
		case 3:
			return &query.Cond{If: m.condition(depth - 1), Then: m.condition(depth - 1), Else: m.condition(depth - 1)}
		case 4:
			return &query.Is{Operand: m.condition(depth - 1), What: query.IsWhat(m.IntN(5))}
		}
		return &query.Compare{Op: query.CompareOp(m.IntN(6)), Left: m.condition(depth - 1), Right: m.condition(depth - 1)}
	}
	for {
		if e, f := m.predicate(); f == nil {
			return e
		}
	}
}

func (m *maker) predicate() (query.Expr, *fault.Fault) {
	switch m.IntN(12) {
	case 0:
		return query.NewLike(m.text(), oneOf(m, oddPatterns), m.IntN(2) == 0)
	case 1:
		return query.NewMatch(m.text(), oneOf(m, oddRegulars), m.IntN(2) == 0)
	case 2:
		return query.NewCall(oneOf(m, []query.FuncName{query.FuncContains, query.FuncStartsWith, query.FuncEndsWith}), m.text(), m.text())
	case 3:
		size, f := query.NewCall(query.FuncSize, oneOf(m, []query.Expr{m.text(), m.path(false), m.column(query.KindList)}))
		if f != nil {
			return nil, f
		}
		return query.NewCompare(query.CompareOp(m.IntN(6)), size, query.NewLiteral(query.Int(int64(m.IntN(4)))))
	case 4:
		list := m.column(query.KindList, query.KindJSON)
		want := m.any()
		if k := want.Type().Kind; list.Type().Kind == query.KindJSON && (k == query.KindTimestamp || k == query.KindDate) {
			want = m.text()
		}
		return query.NewCall(query.FuncHas, list, want)
	case 5:
		return query.NewCall(query.FuncSuperset, m.column(query.KindList, query.KindJSON), m.column(query.KindList, query.KindJSON))
	case 6:
		return query.NewCall(query.FuncOverlap, m.column(query.KindList), m.column(query.KindList))
	case 7:
		return query.NewIs(m.any(), query.IsWhat(m.IntN(5)))
	case 8:
		operand := m.any()
		list := make([]query.Expr, m.IntN(4))
		for i := range list {
			list[i] = m.any()
			if m.IntN(3) > 0 {
				list[i] = &query.Literal{Value: m.valueOf(operand.Type()), Of: operand.Type()}
			}
		}
		return query.NewIn(operand, list)
	}
	left := m.any()
	right := query.Expr(&query.Literal{Value: m.valueOf(left.Type()), Of: left.Type()})
	if m.IntN(2) == 0 {
		right = m.any()
	}
	return query.NewCompare(query.CompareOp(m.IntN(6)), left, right)
}

func sure(e query.Expr, f *fault.Fault) query.Expr {
	if f != nil {
		panic(f)
	}
	return e
}

// TestExpressionsAgree is TestConditionsAgree over the odd table.
func TestExpressionsAgree(t *testing.T) {
	client := dialFunctions(t)
	seed := uint64(fromEnvironment(t, seedVariable, 1))
	m := &maker{rand.New(rand.NewPCG(seed, 2)), odd()}
	rows := make([]query.Row, rowsOfCases)
	for i := range rows {
		rows[i] = m.row(i)
	}
	cases := fromEnvironment(t, casesVariable, fewCases)
	for done := 0; done < cases; done += casesInText {
		var conditions []query.Expr
		for i := range casesInText {
			conditions = append(conditions, m.condition(i%3))
		}
		agree(t, client, m.table, rows, conditions, seed)
		if t.Failed() {
			return
		}
	}
}
