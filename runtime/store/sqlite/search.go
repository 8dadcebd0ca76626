package sqlite

import (
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// search writes the nodes of search that an index or a function of their own
// serves; false leaves them to query.Eval.
func (c *compiler) search(e query.Expr) bool {
	switch e := e.(type) {
	case *query.Search:
		x := indexOfWords(e)
		if x == nil || e.Query.Root.Spaced() {
			return false
		}
		c.text("CASE WHEN ")
		for i, operand := range e.Operands {
			if i > 0 {
				c.text(" OR ")
			}
			c.expr(operand)
			c.text(" IS NOT NULL")
		}
		c.text(" THEN ")
		c.matches(e, x)
		c.text(" END")
	case *query.Distance:
		if _, ok := e.Operand.(*query.ColumnRef); !ok {
			return false
		}
		c.text(functionDistance + "(")
		c.argument(argument{pointer: e})
		c.text(",")
		c.expr(e.Operand)
		c.text(")")
	default:
		return false
	}
	return true
}

// passes writes a condition of which it only counts whether it is true. It
// leaves out what tells false from unknown in full-text searches, so that
// their index finds the rows.
func (c *compiler) passes(e query.Expr) {
	switch e := e.(type) {
	case *query.Search:
		// Texts that are null have no words: what asks for none would find them.
		x := indexOfWords(e)
		switch {
		case x == nil || new(matchText).node(e.Query.Root) || !finds(e.Query.Root):
		case e.Query.Root.Spaced():
			c.text("(")
			c.matches(e, x)
			c.text(" AND ")
			c.expr(e)
			c.text(")")
			return
		default:
			c.matches(e, x)
			return
		}
	case *query.And:
		if slices.ContainsFunc(e.Terms, isSearch) {
			c.passesAll(e.Terms, " AND ")
			return
		}
	case *query.Or:
		if slices.ContainsFunc(e.Terms, isSearch) {
			c.passesAll(e.Terms, " OR ")
			return
		}
	}
	c.expr(e)
}

func (c *compiler) passesAll(terms []query.Expr, operator string) {
	if len(terms) == 1 {
		c.passes(terms[0])
		return
	}
	half := len(terms) / 2
	c.text("(")
	c.passesAll(terms[:half], operator)
	c.text(operator)
	c.passesAll(terms[half:], operator)
	c.text(")")
}

// isSearch reports a search that stands alone or under and and or.
func isSearch(e query.Expr) bool {
	switch e := e.(type) {
	case *query.Search:
		return true
	case *query.And:
		return slices.ContainsFunc(e.Terms, isSearch)
	case *query.Or:
		return slices.ContainsFunc(e.Terms, isSearch)
	}
	return false
}

// finds reports whether matchText finds all that a tree asks for. Of a phrase
// that passes words it asks for the words alone, which is too much: so it must
// not be what is excluded.
func finds(n *query.TextNode) bool {
	switch {
	case n == nil:
		return true
	case n.Op == query.TextNot:
		return !n.Spaced()
	}
	return !slices.ContainsFunc(n.Terms, func(term *query.TextNode) bool { return !finds(term) })
}

// languageName is the language of an index as its plan has it.
func languageName(x *query.Index) string {
	if x.Language == query.Simple {
		return ""
	}
	return x.Language.String()
}

// indexOfWords finds the full-text index that has all the texts of a search, in
// the words of its language.
func indexOfWords(e *query.Search) *query.Index {
	if len(e.Operands) == 0 {
		return nil
	}
	first, ok := e.Operands[0].(*query.ColumnRef)
	if !ok {
		return nil
	}
	for _, x := range first.Table.Indexes {
		if x.Kind != query.FullText || x.Language != e.Query.Language {
			continue
		}
		all := true
		for _, operand := range e.Operands {
			ref, ok := operand.(*query.ColumnRef)
			all = all && ok && !ref.Old && ref.Up == first.Up && ref.Table == first.Table && slices.Contains(x.Columns, ref.Column)
		}
		if all {
			return x
		}
	}
	return nil
}

// matches writes whether the index has the row among those that it finds.
func (c *compiler) matches(e *query.Search, x *query.Index) {
	if e.Query.Root == nil {
		c.text("0")
		return
	}
	ref := e.Operands[0].(*query.ColumnRef)
	var m matchText
	negated := m.node(e.Query.Root)
	if len(e.Operands) < len(x.Columns) {
		m.narrow(e, x)
	}
	c.row(int(ref.Up), ref.Table)
	c.name(ref.Table.Key().Name)
	if negated {
		c.text(" NOT")
	}
	if ref.Table.Key().Type.Kind == query.KindInt {
		c.text(" IN (SELECT rowid FROM ")
		c.text(wordTable(ref.Table.Name, x.Name, languageName(x)))
		c.text("(")
		c.value(query.Text(m.String()))
		c.text("))")
		return
	}
	c.text(" IN (SELECT k.key FROM ")
	c.text(wordTable(ref.Table.Name, x.Name, languageName(x)))
	c.text("(")
	c.value(query.Text(m.String()))
	c.text(") AS f CROSS JOIN ")
	c.text(wordKeys(ref.Table.Name, x.Name))
	c.text(" AS k ON k.docid=f.rowid)")
}

// matchText writes a full-text query in the language of FTS5.
type matchText struct{ strings.Builder }

// node writes a node, or what it negates: FTS5 has no not of one side.
func (m *matchText) node(n *query.TextNode) (negated bool) {
	if n == nil {
		return false
	}
	switch n.Op {
	case query.TextPhrase:
		m.phrase(n.Phrase)
		return false
	case query.TextNot:
		return !m.node(n.Terms[0])
	}
	return m.terms(n.Terms, n.Op == query.TextAnd)
}

// terms joins the terms of an and, or of an or. Those that are negated are
// gathered: a and not b and not c is a NOT (b OR c).
func (m *matchText) terms(terms []*query.TextNode, and bool) (negated bool) {
	var plain, not []string
	for _, term := range terms {
		var part matchText
		if part.node(term) {
			not = append(not, part.String())
		} else {
			plain = append(plain, part.String())
		}
	}
	inner, outer := " AND ", " OR "
	if !and {
		inner, outer = outer, inner
	}
	switch {
	case len(not) == 0:
		m.WriteString("(" + strings.Join(plain, inner) + ")")
	case len(plain) == 0:
		m.WriteString("(" + strings.Join(not, outer) + ")")
		return true
	case and:
		m.WriteString("((" + strings.Join(plain, inner) + ") NOT (" + strings.Join(not, outer) + "))")
	default: // a or not b is not (b and not a)
		m.WriteString("((" + strings.Join(not, outer) + ") NOT (" + strings.Join(plain, inner) + "))")
		return true
	}
	return false
}

// phrase writes words; they hold no quote, for they are letters and digits.
// Where words are passed it writes phrases, each of which must be there.
func (m *matchText) phrase(words []query.TextWord) {
	m.WriteString(`("`)
	for i, word := range words {
		switch {
		case i > 0 && word.Passed > 0:
			m.WriteString(`" AND "`)
		case i > 0:
			m.WriteByte(' ')
		}
		m.WriteString(word.Text)
	}
	m.WriteByte('"')
	if words[len(words)-1].Prefix {
		m.WriteByte('*')
	}
	m.WriteByte(')')
}

// narrow looks into some columns of the index alone.
func (m *matchText) narrow(e *query.Search, x *query.Index) {
	names := wordColumnsOf(len(x.Columns))
	var columns []string
	for _, operand := range e.Operands {
		columns = append(columns, names[slices.Index(x.Columns, operand.(*query.ColumnRef).Column)])
	}
	inner := m.String()
	m.Reset()
	m.WriteString("{" + strings.Join(columns, " ") + "} : (" + inner + ")")
}

// distanceFunction is a Distance for SQLite: its first argument is the node,
// the second the stored vector, which is not copied.
func distanceFunction(ctx sqlite3.Context, args ...sqlite3.Value) {
	e, ok := args[0].Pointer().(*query.Distance)
	if !ok {
		ctx.ResultError(errNode)
		return
	}
	defer recovered(ctx, functionDistance)
	if interrupted(ctx) {
		return
	}
	if args[1].Type() == sqlite3.NULL {
		ctx.ResultNull()
		return
	}
	result(ctx, e.Of(args[1].RawBlob()))
}
