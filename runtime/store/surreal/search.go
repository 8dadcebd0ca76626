package surreal

import (
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// search writes whether a full-text search comes out as is wanted: of the words
// that an index keeps, or, where none has them, as it was judged before.
func (c *compiler) search(e *query.Search, want bool) {
	x := indexOfWords(e)
	if x == nil {
		c.foreseenTruth(e, want)
		return
	}
	if e.Query.Root == nil {
		if want {
			c.truth(false)
			return
		}
		c.knownTexts(e)
		return
	}
	c.group(func() {
		c.knownTexts(e)
		c.text(" AND ")
		if !want {
			c.text("!")
		}
		c.group(func() { c.holdsWords(e.Query.Root, wordsOf(e, x)) })
	})
}

// knownTexts writes whether any of the texts is not null.
func (c *compiler) knownTexts(e *query.Search) {
	c.text("(")
	for i, operand := range e.Operands {
		if i > 0 {
			c.text(" OR ")
		}
		c.raw(operand)
		c.text(" != NONE")
	}
	c.text(")")
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
		has := func(operand query.Expr) bool {
			ref, ok := operand.(*query.ColumnRef)
			return ok && !ref.Old && ref.Up == first.Up && ref.Table == first.Table && slices.Contains(x.Columns, ref.Column)
		}
		if !slices.ContainsFunc(e.Operands, func(operand query.Expr) bool { return !has(operand) }) {
			return x
		}
	}
	return nil
}

// searched are the strings of words that a search is about: those of an index, by
// their places in it, up rows outside.
type searched struct {
	index  *query.Index
	up     uint8
	places []int
}

func wordsOf(e *query.Search, x *query.Index) *searched {
	s := &searched{index: x, places: make([]int, len(e.Operands))}
	for i, operand := range e.Operands {
		ref := operand.(*query.ColumnRef)
		s.up, s.places[i] = ref.Up, slices.Index(x.Columns, ref.Column)
	}
	return s
}

// wordsAt writes one of the strings.
func (c *compiler) wordsAt(s *searched, place int) {
	c.text("(")
	c.fieldNamed(c.scope.rows[len(c.scope.rows)-1-int(s.up)], indexedWords(s.index))
	c.text("[" + strconv.Itoa(place) + "] ?? '')")
}

// holdsWords writes whether words are what a tree asks for.
func (c *compiler) holdsWords(n *query.TextNode, words *searched) {
	switch n.Op {
	case query.TextNot:
		c.text("!")
		c.group(func() { c.holdsWords(n.Terms[0], words) })
	case query.TextAnd, query.TextOr:
		for i, term := range n.Terms {
			switch {
			case i > 0 && n.Op == query.TextAnd:
				c.text(" AND ")
			case i > 0:
				c.text(" OR ")
			}
			c.group(func() { c.holdsWords(term, words) })
		}
	default:
		c.holdsPhrase(n.Phrase, words)
	}
}

func (c *compiler) holdsPhrase(phrase []query.TextWord, words *searched) {
	for i, place := range words.places {
		if i > 0 {
			c.text(" OR ")
		}
		if isPart(phrase) {
			c.wordsAt(words, place)
			c.text(" CONTAINS ")
			c.plain(query.Text(part(phrase)))
			continue
		}
		c.text("string::matches(")
		c.wordsAt(words, place)
		c.text(", ")
		c.plain(query.Text(pattern(phrase)))
		c.text(")")
	}
}

// isPart reports a phrase that is one part of a string of words: nothing is
// passed in it, and only its last word may go on.
func isPart(phrase []query.TextWord) bool {
	for i, word := range phrase {
		if word.Passed > 0 && i > 0 || word.Prefix && i < len(phrase)-1 {
			return false
		}
	}
	return true
}

func part(phrase []query.TextWord) string {
	var b strings.Builder
	for _, word := range phrase {
		b.WriteString(" " + word.Text)
		if !word.Prefix {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// pattern is a phrase as a regular expression: words are letters, digits and
// marks, of which none means anything else there.
func pattern(phrase []query.TextWord) string {
	var b strings.Builder
	for i, word := range phrase {
		if word.Passed > 0 && i > 0 {
			b.WriteString("(?: [^ ]+ ){" + strconv.Itoa(word.Passed) + "}")
		}
		b.WriteString(" " + word.Text)
		if word.Prefix {
			b.WriteString("[^ ]*")
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// candidates writes what the server's index finds of a condition's rows, and
// " AND " behind it: rows that it does not find do not meet the condition. It is
// for a statement's own rows alone, and not behind other writes of its
// transaction, whose rows the server's index gives without their contents.
func (c *compiler) candidates(e query.Expr) {
	if c.written || len(c.scope.rows) != 1 || c.scope.rows[0] != "" {
		return
	}
	terms := []query.Expr{e}
	if and, ok := e.(*query.And); ok {
		terms = and.Terms
	}
	for _, term := range terms {
		search, ok := term.(*query.Search)
		if !ok {
			continue
		}
		x := indexOfWords(search)
		if x == nil || search.Query.Root == nil || search.Operands[0].(*query.ColumnRef).Up > 0 {
			continue
		}
		words, all := neededWords(search.Query.Root)
		if len(words) == 0 {
			continue
		}
		c.name(indexedWords(x))
		if all {
			c.text(" @@ ")
		} else {
			c.text(" @OR@ ")
		}
		c.plain(query.Text(strings.Join(words, " ")))
		c.text(" AND ")
		return
	}
}

// neededWords are whole words that must all be in a text, or of which one must
// be; none where nothing can be said.
func neededWords(n *query.TextNode) (words []string, all bool) {
	switch n.Op {
	case query.TextPhrase:
		for _, word := range n.Phrase {
			if !word.Prefix {
				words = append(words, word.Text)
			}
		}
		return words, true
	case query.TextAnd:
		var one []string
		for _, term := range n.Terms {
			more, whole := neededWords(term)
			if whole {
				words = append(words, more...)
			} else if one == nil {
				one = more
			}
		}
		if len(words) > 0 {
			return words, true
		}
		return one, false
	case query.TextOr:
		for _, term := range n.Terms {
			more, whole := neededWords(term)
			if len(more) == 0 {
				return nil, false
			}
			if whole {
				more = more[:1]
			}
			words = append(words, more...)
		}
	}
	return words, false
}

// rank writes how well texts are what a search asks for, as query.Eval has it:
// each phrase that is there counts by how often, less in longer texts.
func (c *compiler) rank(e *query.Rank) {
	x := indexOfWords(e.Of)
	if x == nil || e.Of.Query.Root != nil && !countsParts(e.Of.Query.Root) {
		c.foreseenValue(e)
		return
	}
	c.group(func() {
		c.text("IF ")
		c.knownTexts(e.Of)
		if e.Of.Query.Root == nil {
			c.text(" { 0f }")
			return
		}
		c.text(" { ")
		c.rankOf(e.Of.Query.Root, wordsOf(e.Of, x))
		c.text(" }")
	})
}

func (c *compiler) rankOf(root *query.TextNode, words *searched) {
	count := c.variable()
	c.text("LET $" + count + " = ")
	for i, place := range words.places {
		if i > 0 {
			c.text(" + ")
		}
		c.group(func() {
			c.text("IF ")
			c.wordsAt(words, place)
			c.text(" = '' { 0 } ELSE { ")
			c.splits(words, place, "'  '")
			c.text(" - ")
			c.splits(words, place, "' \u00b7 '")
			c.text(" + 1 }")
		})
	}
	c.text("; IF $" + count + " = 0 { 0f } ELSE { math::round(")
	c.weight(root, words)
	c.text(" / (1f + math::ln(<float> $" + count + ")) * 1000000f) / 1000000f }")
}

// splits writes how many pieces one of the strings is split into.
func (c *compiler) splits(words *searched, place int, at string) {
	c.text("array::len(string::split(")
	c.wordsAt(words, place)
	c.text(", " + at + "))")
}

// variable is a name that nothing in the text has yet.
func (c *compiler) variable() string {
	c.scope.made++
	return "v" + strconv.Itoa(c.scope.made)
}

// weight writes the weight of a tree.
func (c *compiler) weight(n *query.TextNode, words *searched) {
	switch n.Op {
	case query.TextNot:
		c.text("0f")
	case query.TextPhrase:
		times := c.variable()
		c.text("{ LET $" + times + " = ")
		for i, place := range words.places {
			if i > 0 {
				c.text(" + ")
			}
			c.text("array::len(string::split(")
			c.wordsAt(words, place)
			c.text(", ")
			c.plain(query.Text(part(n.Phrase)))
			c.text(")) - 1")
		}
		c.text("; " + strconv.Itoa(len(n.Phrase)) + "f * $" + times + " / ($" + times + " + 1) }")
	default:
		c.group(func() {
			c.text("0f")
			for _, term := range n.Terms {
				c.text(" + ")
				c.weight(term, words)
			}
		})
	}
}

// countsParts reports a tree of which each phrase is there as often as its part
// is: it is a part, and cannot stand over itself.
func countsParts(n *query.TextNode) bool {
	if n.Op != query.TextPhrase {
		return !slices.ContainsFunc(n.Terms, func(term *query.TextNode) bool { return !countsParts(term) })
	}
	if !isPart(n.Phrase) {
		return false
	}
	for shift := 1; shift < len(n.Phrase); shift++ {
		over := true
		for i := shift; i < len(n.Phrase); i++ {
			over = over && mayBeOne(n.Phrase[i], n.Phrase[i-shift])
		}
		if over {
			return false
		}
	}
	return true
}

// mayBeOne reports that some word is both.
func mayBeOne(a, b query.TextWord) bool {
	return a.Text == b.Text || a.Prefix && strings.HasPrefix(b.Text, a.Text) || b.Prefix && strings.HasPrefix(a.Text, b.Text)
}

// distance writes how far a vector is from another: the sums are made here, so
// that they are the same to the last bit on every engine.
func (c *compiler) distance(e *query.Distance) { c.foreseenValue(e) }

// foreseenTruth writes the outcome of a condition that was judged before.
func (c *compiler) foreseenTruth(e query.Expr, want bool) {
	c.text("(")
	c.foreseenValue(e)
	c.text(" = ")
	c.truth(want)
	c.text(")")
}

// foreseenValue writes a value that was computed before, by the key of its row.
func (c *compiler) foreseenValue(e query.Expr) {
	found := c.foresight.find(e)
	if found == nil {
		c.fault = faultUnforeseen
		return
	}
	if !found.bound {
		found.bound = true
		c.set(found.param, func(dst []byte) []byte { return append(dst, found.values...) })
	}
	ref := found.row
	c.text("$" + found.param + "[<string> record::id(")
	c.fieldNamed(c.scope.rows[len(c.scope.rows)-1-int(ref.Up)], "id")
	c.text(")]")
}

// appendForeseen appends a value as the parameter of a foreseen node has it.
func appendForeseen(dst []byte, v query.Value) []byte {
	switch v.Kind {
	case query.KindNull:
		return wire.AppendNone(dst)
	case query.KindBool:
		return wire.AppendBool(dst, v.Bool())
	}
	return wire.AppendFloat(dst, v.Float())
}
