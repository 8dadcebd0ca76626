package query

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// TextQuery is what a full-text operator asks of a text: a tree of phrases,
// read from the caller's words once. It is immutable.
type TextQuery struct {
	// Root is nil where the caller's text had no word in it: nothing matches.
	Root *TextNode
	// Language is that of the words: of the texts as of the query.
	Language Language
	// words are those of all phrases, each once, without what they pass.
	words []TextWord
}

// TextNode is one node of a TextQuery.
type TextNode struct {
	Op TextOp
	// Phrase are words that stand one behind the other, of TextPhrase.
	Phrase []TextWord
	Terms  []*TextNode // of the others; one of TextNot
	places []int       // of Phrase, in TextQuery.words
}

// TextWord is a word as AppendWords makes it, or, as Prefix, what words begin
// with.
type TextWord struct {
	Text   string
	Prefix bool
	// Passed is how many words, whichever they are, stand between it and the
	// word before it.
	Passed int
}

// Spaced reports whether words are passed in some phrase of a tree.
func (n *TextNode) Spaced() bool {
	return n != nil && (slices.ContainsFunc(n.Phrase, func(w TextWord) bool { return w.Passed > 0 }) || slices.ContainsFunc(n.Terms, (*TextNode).Spaced))
}

// TextOp is what a node asks.
type TextOp uint8

// The questions about a text.
const (
	TextPhrase TextOp = iota
	TextAnd
	TextOr
	TextNot
)

// newTextQuery numbers the words of a tree.
func newTextQuery(in Language, root *TextNode) *TextQuery {
	q := &TextQuery{Root: root, Language: in}
	q.number(root)
	return q
}

func (q *TextQuery) number(n *TextNode) {
	if n == nil {
		return
	}
	n.places = make([]int, 0, len(n.Phrase))
	for _, word := range n.Phrase {
		word.Passed = 0
		at := slices.Index(q.words, word)
		if at < 0 {
			at = len(q.words)
			q.words = append(q.words, word)
		}
		n.places = append(n.places, at)
	}
	for _, term := range n.Terms {
		q.number(term)
	}
}

// append writes the query's canonical text.
func (n *TextNode) append(dst []byte) []byte {
	if n == nil {
		return append(dst, '-')
	}
	dst = append(dst, "pao!"[n.Op], '(')
	for _, word := range n.Phrase {
		dst = appendText(dst, word.Text)
		if word.Prefix {
			dst = append(dst, '*')
		}
		if word.Passed > 0 {
			dst = strconv.AppendInt(append(dst, '+'), int64(word.Passed), 10)
		}
	}
	for _, term := range n.Terms {
		dst = term.append(dst)
	}
	return append(dst, ')')
}

// found is where the words of a query are in some texts: for each word the
// places at which it stands, rising. Texts are a gap apart, so that no phrase
// goes across.
type found struct {
	at    [][]int32
	words int32 // that count, in all texts
}

// gap is between two texts.
const gap = 1 << 16

// find looks for the words of a query in texts; nulls are passed over, and
// false is that all are null.
func (q *TextQuery) find(operands []Expr, row, old Row) (found, bool) {
	f := found{at: make([][]int32, len(q.words))}
	var room [4 * longestWord]byte
	lexer := newLexer(q.Language)
	known := false
	place := int32(0)
	for _, operand := range operands {
		v := Eval(operand, row, old)
		if v.IsNull() {
			continue
		}
		known = true
		for at := 0; at < len(v.S); {
			word, end, ok := lexer.next(room[:0], v.S, at)
			at = end
			if !ok {
				break
			}
			if len(word) == 0 {
				place++
				continue
			}
			f.words++
			for i := range q.words {
				w := &q.words[i]
				if string(word) == w.Text || w.Prefix && len(word) > len(w.Text) && string(word[:len(w.Text)]) == w.Text {
					f.at[i] = append(f.at[i], place)
				}
			}
			place++
		}
		place += gap
	}
	return f, known
}

func (f *found) holds(n *TextNode) bool {
	switch n.Op {
	case TextAnd:
		for _, term := range n.Terms {
			if !f.holds(term) {
				return false
			}
		}
		return true
	case TextOr:
		return slices.ContainsFunc(n.Terms, f.holds)
	case TextNot:
		return !f.holds(n.Terms[0])
	}
	return f.phrase(n, 1) > 0
}

// phrase counts where the words of a phrase stand one behind the other, up to
// most.
func (f *found) phrase(n *TextNode, most int) int {
	count := 0
	for _, start := range f.at[n.places[0]] {
		whole, next := true, start
		for i, place := range n.places[1:] {
			next += 1 + int32(n.Phrase[i+1].Passed)
			_, here := slices.BinarySearch(f.at[place], next)
			whole = whole && here
		}
		if whole {
			if count++; count == most {
				break
			}
		}
	}
	return count
}

// rank weighs a text: each phrase that is there counts by how often, ever
// less for each more, and less in longer texts. It looks at nothing but the
// row, so that rows that a caller may not see do not move it.
func (f *found) rank(n *TextNode) float64 {
	switch n.Op {
	case TextPhrase:
		times := float64(f.phrase(n, math.MaxInt))
		return float64(len(n.Phrase)) * times / (times + 1)
	case TextNot:
		return 0
	}
	sum := 0.0
	for _, term := range n.Terms {
		sum += f.rank(term)
	}
	return sum
}

// Matches reports whether texts, taken together, are what the query asks for.
func (q *TextQuery) Matches(texts ...string) bool {
	operands := make([]Expr, len(texts))
	for i, text := range texts {
		operands[i] = &Literal{Value: Text(text), Of: Type{Kind: KindText}}
	}
	return holdsSearch(&Search{Operands: operands, Query: q}, nil, nil) == True
}

func holdsSearch(e *Search, row, old Row) Truth {
	f, known := e.Query.find(e.Operands, row, old)
	switch {
	case !known:
		return Unknown
	case e.Query.Root == nil:
		return False
	}
	return truth(f.holds(e.Query.Root))
}

func evalRank(e *Search, row, old Row) Value {
	f, known := e.Query.find(e.Operands, row, old)
	switch {
	case !known:
		return Value{}
	case e.Query.Root == nil || f.words == 0:
		return Float(0)
	}
	weight := f.rank(e.Query.Root) / (1 + math.Log(float64(f.words)))
	// So many places are enough to order by, and every processor agrees on them.
	return Float(math.Round(weight*1e6) / 1e6)
}

// String is the query in the operators of fts, for logs and tests.
func (n *TextNode) String() string {
	if n == nil {
		return ""
	}
	if n.Op == TextPhrase {
		var b strings.Builder
		for i, word := range n.Phrase {
			switch {
			case i > 0 && word.Passed > 0:
				fmt.Fprintf(&b, " <%d> ", word.Passed+1)
			case i > 0:
				b.WriteString(" <-> ")
			}
			b.WriteString(strconv.Quote(word.Text))
			if word.Prefix {
				b.WriteString(":*")
			}
		}
		return b.String()
	}
	if n.Op == TextNot {
		return "!(" + n.Terms[0].String() + ")"
	}
	parts := make([]string, len(n.Terms))
	for i, term := range n.Terms {
		parts[i] = "(" + term.String() + ")"
	}
	return strings.Join(parts, map[TextOp]string{TextAnd: " & ", TextOr: " | "}[n.Op])
}
