package query

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Texts stands for the columns of a full-text index, as what a filter or a
// search is about; a Search takes its place.
type Texts struct{ Index *Index }

func (*Texts) expr() {}

// Type is none: full text is all that can be asked of it.
func (*Texts) Type() Type { return Type{} }

// indexKey is what a filter's key means where it is the name of a full-text
// index: its texts, whether or not the caller may read them. nil is another
// name.
func (p *requestParser) indexKey(name string) Expr {
	if x := p.table.Index(name); x != nil && x.Kind == FullText {
		return &Texts{Index: x}
	}
	return nil
}

// noWords refuses what full text does not ask of an index.
func noWords(x *Texts, op string) *fault.Fault {
	return fault.Newf(CodeNoOperator, "operator does not exist: %s.%s", clip(x.Index.Name), clip(op)).
		WithHint(fmt.Sprintf("%s is a full-text index: ask it with fts, plfts, phfts or wfts", x.Index.Name))
}

// fullText types fts, plfts, phfts and wfts: of a text, or of the columns of an
// index.
func (p *requestParser) fullText(operand Expr, op, config, value string) (Expr, *fault.Fault) {
	in, f := LanguageNamed(config)
	if f != nil {
		return nil, f
	}
	if config == "" {
		in = languageOf(operand)
	}
	q, f := ParseTextQuery(in, op, value)
	if f != nil {
		return nil, f
	}
	if texts, ok := operand.(*Texts); ok {
		return p.searchOf(texts.Index, q), nil
	}
	if t := operand.Type(); t.Kind != KindText {
		return nil, noOperator("@@", t, Type{Kind: KindText})
	}
	return &Search{Operands: []Expr{operand}, Query: q}, nil
}

// languageOf is the language of a text that a query does not name: the one of
// the full-text indexes over it, where they have one.
func languageOf(operand Expr) Language {
	switch operand := operand.(type) {
	case *Texts:
		return operand.Index.Language
	case *ColumnRef:
		in, known := Simple, false
		for _, x := range operand.Table.Indexes {
			if x.Kind != FullText || !slices.Contains(x.Columns, operand.Column) {
				continue
			}
			if known && x.Language != in {
				return Simple
			}
			in, known = x.Language, true
		}
		return in
	}
	return Simple
}

func (p *requestParser) searchOf(x *Index, q *TextQuery) *Search {
	s := &Search{Operands: make([]Expr, len(x.Columns)), Query: q, Index: x}
	for i, c := range x.Columns {
		s.Operands[i] = p.table.Ref(c)
	}
	return s
}

// NamedColumns is the set of columns of the row at hand that a condition of a
// request names. Those that it only searches, by the name of their index, are
// not in it.
func NamedColumns(e Expr) ColumnSet {
	var s ColumnSet
	walkAt(e, 0, func(e Expr, depth uint8) bool {
		switch e := e.(type) {
		case *ColumnRef:
			if e.Up == depth {
				s.Add(e.Column)
			}
		case *Search:
			return e.Index == nil
		}
		return true
	})
	return s
}
