package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// CodeCursor is the code of a page's cursor that is none, or of another select.
const CodeCursor = "bad-cursor"

// maxCursor bounds the text of a cursor, which stands in a URL.
const maxCursor = 8 << 10

var (
	errPageOffset = fault.New(query.CodeParse, "_page and offset do not go together").
			WithHint("follow the cursor of the page before, or use offset alone")
	errPageForm   = fault.New(query.CodeParse, "_page is for rows of a table: not for one row, nor for aggregates").WithHint("leave it out")
	errPageCount  = fault.New(query.CodeParse, "only the first page counts").WithHint("ask for the count with _page= alone")
	errLongCursor = fault.New(query.CodeParse, "the cursor of the next page would be too long").
			WithHint("order by shorter values, or page by limit and offset")
	errCursor = fault.New(CodeCursor, "this cursor does not belong to this request").
			WithHint("begin with _page= and follow the cursors with select, filters and order unchanged")
)

// page is one page of a select: the rows after a place in its order.
type page struct {
	terms []query.Order // the order, ended by the key
	shown int           // outputs that are sent; those of terms come after them
	limit int           // rows that are sent; the select asks for one more
	sum   []byte        // tells selects apart
}

// paginate turns a select into the page that a cursor begins, "" for the first.
func (a *asked) paginate(cursor string, r *Read) error {
	switch {
	case a.Offset != 0:
		return errPageOffset
	case r.HasKey || r.Single || query.HasAggregate(a.Columns):
		return errPageForm
	case r.Count && cursor != "":
		return errPageCount
	}
	p := &page{terms: pageTerms(&a.Select), shown: len(a.Columns), limit: a.Limit}
	whole := a.Select
	whole.Limit, whole.Count = -1, false
	sum := sha256.Sum256(query.AppendSelect(nil, &whole))
	p.sum = sum[:9]
	if cursor != "" {
		values, err := p.decode(cursor)
		if err != nil {
			return err
		}
		a.Where = query.Conjunction(a.Where, p.after(values))
	}
	a.Columns = slices.Clip(a.Columns)
	for _, term := range p.terms {
		a.Columns = append(a.Columns, query.Output{Expr: term.Expr})
	}
	a.Limit++
	a.page = p
	return nil
}

// pageTerms are the terms of an order up to the key, which no two rows share.
func pageTerms(s *query.Select) []query.Order {
	key := s.Table.Key()
	terms := make([]query.Order, 0, len(s.Order)+1)
	for _, term := range s.Order {
		terms = append(terms, term)
		if isColumn(term.Expr, key) {
			return terms
		}
	}
	return append(terms, query.Order{Expr: s.Table.Ref(key)})
}

// isColumn reports whether e is just this column of the row at hand.
func isColumn(e query.Expr, c *query.Column) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && ref.Up == 0 && !ref.Old && ref.Column == c
}

// after is the condition of the rows that come after one with these values: for
// some term they are after it, and for all terms before that they are equal.
func (p *page) after(values []query.Value) query.Expr {
	var ways []query.Expr
	var same []query.Expr
	for i, term := range p.terms {
		if later := laterThan(term, values[i]); later != nil {
			ways = append(ways, query.Conjunction(append(slices.Clone(same), later)...))
		}
		same = append(same, sameAs(term.Expr, values[i]))
	}
	if len(ways) == 1 {
		return ways[0]
	}
	either := query.Simplify(&query.Or{Terms: ways})
	if first := p.terms[0]; !values[0].IsNull() && (first.NullsFirst || neverNull(first.Expr)) {
		// What all ways have in common is a range that an index can begin at.
		return query.Conjunction(bound(first, values[0], true), either)
	}
	return either
}

// laterThan is the condition of a term's values that come after one; nil where
// none does.
func laterThan(term query.Order, v query.Value) query.Expr {
	switch {
	case v.IsNull() && term.NullsFirst:
		return &query.Is{Operand: term.Expr, What: query.IsNotNull}
	case v.IsNull():
		return nil
	}
	later := bound(term, v, false)
	if term.NullsFirst || neverNull(term.Expr) {
		return later
	}
	return &query.Or{Terms: []query.Expr{later, &query.Is{Operand: term.Expr, What: query.IsNull}}}
}

// bound compares a term with a value in the direction of its order.
func bound(term query.Order, v query.Value, inclusive bool) query.Expr {
	op := query.Greater
	switch {
	case term.Descending && inclusive:
		op = query.LessEqual
	case term.Descending:
		op = query.Less
	case inclusive:
		op = query.GreaterEqual
	}
	return &query.Compare{Op: op, Left: term.Expr, Right: &query.Literal{Value: v, Of: term.Expr.Type()}}
}

func sameAs(e query.Expr, v query.Value) query.Expr {
	if v.IsNull() {
		return &query.Is{Operand: e, What: query.IsNull}
	}
	return &query.Compare{Op: query.Equal, Left: e, Right: &query.Literal{Value: v, Of: e.Type()}}
}

// neverNull reports whether an expression is a column that no row leaves null.
func neverNull(e query.Expr) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && ref.Up == 0 && (ref.Column.Index == 0 || ref.Column.Required)
}

// encode is the cursor of the rows after one with these values: a sum of the
// select, and each value as text. It holds nothing that its reader may not
// order by, and says nothing that he could not filter by.
func (p *page) encode(values []query.Value) string {
	text, _ := jsontext.AppendQuote([]byte{'['}, base64.RawURLEncoding.EncodeToString(p.sum)) // always UTF-8
	for _, v := range values {
		text = append(text, ',')
		if v.IsNull() {
			text = append(text, "null"...)
			continue
		}
		text, _ = jsontext.AppendQuote(text, query.AppendText(nil, v)) // stored text is UTF-8
	}
	return base64.RawURLEncoding.EncodeToString(append(text, ']'))
}

// decode reads what encode wrote. Anything else is refused, so that a cursor
// never changes what a request means.
func (p *page) decode(cursor string) ([]query.Value, error) {
	if len(cursor) > maxCursor {
		return nil, errCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, errCursor
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, errCursor
	}
	if token, err := d.ReadToken(); err != nil || token.Kind() != '"' || token.String() != base64.RawURLEncoding.EncodeToString(p.sum) {
		return nil, errCursor
	}
	values := make([]query.Value, len(p.terms))
	for i, term := range p.terms {
		token, err := d.ReadToken()
		if err != nil || token.Kind() != '"' && token.Kind() != 'n' {
			return nil, errCursor
		}
		if token.Kind() == 'n' {
			continue
		}
		v, f := query.ParseLiteral(term.Expr.Type(), token.String())
		if f != nil {
			return nil, errCursor
		}
		values[i] = v
	}
	if token, err := d.ReadToken(); err != nil || token.Kind() != ']' || d.InputOffset() != int64(len(raw)) || values[len(values)-1].IsNull() {
		return nil, errCursor
	}
	return values, nil
}
