package query

import (
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The bounds of a full-text query.
const (
	textQueryLength = 256 // code points
	textQueryWords  = 16
	textQueryPrefix = 2  // the least letters of a beginning
	textQueryDepth  = 16 // parentheses inside each other
)

// CodeTextQuery is the code of a text for fts that does not parse, CodeTextConfig
// that of a language which full text does not know.
const (
	CodeTextQuery  = "42601"
	CodeTextConfig = "42704"
)

// ParseTextQuery reads the value of a full-text operator: fts has & | ! ( )
// <-> and beginnings, word:*; plfts all words; phfts words one behind the
// other; wfts "phrases", or, and - for not, and takes any text. Words that
// count for nothing in the language are left out, as if they were not asked for.
func ParseTextQuery(in Language, op, text string) (*TextQuery, *fault.Fault) {
	if utf8.RuneCountInString(text) > textQueryLength {
		return nil, beyond("a full-text query has", textQueryLength, "characters")
	}
	p := textParser{text: text, lexer: newLexer(in)}
	var root *TextNode
	switch op {
	case "plfts":
		root = p.all(wordsOf(text))
	case "phfts":
		root = p.phrase(wordsOf(text), false)
	case "wfts":
		root = p.web()
	default:
		root = p.operators()
	}
	if p.failed != nil {
		return nil, p.failed
	}
	if p.words > textQueryWords {
		return nil, beyond("a full-text query has", textQueryWords, "words")
	}
	return newTextQuery(in, counted(root)), nil
}

type textParser struct {
	text   string
	lexer  lexer
	at     int
	depth  int
	words  int
	failed *fault.Fault // the first
}

func (p *textParser) fail(why, hint string) *TextNode {
	if p.failed == nil {
		p.failed = fault.Newf(CodeTextQuery, "syntax error in tsquery: \"%s\"", clip(p.text)).WithDetails(why).WithHint(hint)
	}
	return nil
}

// phrase is a node of words; no words are none.
func (p *textParser) phrase(words []string, prefix bool) *TextNode {
	if len(words) == 0 {
		return nil
	}
	p.words += len(words)
	last := len(words) - 1
	if prefix && utf8.RuneCountInString(words[last]) < textQueryPrefix {
		return p.fail("a beginning has at least 2 letters", "write more of the word before :*")
	}
	n := &TextNode{Op: TextPhrase, Phrase: make([]TextWord, len(words))}
	for i, word := range words {
		n.Phrase[i].Text = p.lexer.reduce(word)
	}
	n.Phrase[last].Prefix = prefix
	return n
}

// counted is a tree without the words that count for nothing: between others
// they leave their place.
func counted(n *TextNode) *TextNode {
	if n == nil {
		return nil
	}
	if n.Op != TextPhrase {
		terms := make([]*TextNode, len(n.Terms))
		for i, term := range n.Terms {
			terms[i] = counted(term)
		}
		if n.Op == TextNot {
			return negateText(terms[0])
		}
		return joinText(n.Op, terms)
	}
	words, left := make([]TextWord, 0, len(n.Phrase)), 0
	for _, word := range n.Phrase {
		if word.Text == "" {
			left++
			continue
		}
		if len(words) > 0 {
			word.Passed = left
		}
		words, left = append(words, word), 0
	}
	if len(words) == 0 {
		return nil
	}
	return &TextNode{Op: TextPhrase, Phrase: words}
}

func (p *textParser) all(words []string) *TextNode {
	terms := make([]*TextNode, len(words))
	for i, word := range words {
		terms[i] = p.phrase([]string{word}, false)
	}
	return joinText(TextAnd, terms)
}

// joinText leaves out terms without words.
func joinText(op TextOp, terms []*TextNode) *TextNode {
	kept := make([]*TextNode, 0, len(terms))
	for _, term := range terms {
		if term != nil {
			kept = append(kept, term)
		}
	}
	switch len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	}
	return &TextNode{Op: op, Terms: kept}
}

func negateText(n *TextNode) *TextNode {
	switch {
	case n == nil:
		return nil
	case n.Op == TextNot:
		return n.Terms[0]
	}
	return &TextNode{Op: TextNot, Terms: []*TextNode{n}}
}

const textHint = `join words with & | ! <-> and parentheses; plain text is for plfts and wfts`

// operators reads the language of fts: | binds least, then &, <->, !.
func (p *textParser) operators() *TextNode {
	p.blanks()
	if p.at == len(p.text) {
		return nil
	}
	n := p.or()
	if p.at < len(p.text) {
		return p.fail("there is no operator before what is behind "+clip(strings.TrimSpace(p.text[:p.at])), textHint)
	}
	return n
}

func (p *textParser) or() *TextNode {
	terms := []*TextNode{p.and()}
	for p.take("|") {
		terms = append(terms, p.and())
	}
	return joinText(TextOr, terms)
}

func (p *textParser) and() *TextNode {
	terms := []*TextNode{p.follows()}
	for p.take("&") {
		terms = append(terms, p.follows())
	}
	return joinText(TextAnd, terms)
}

// follows reads a <-> b.
func (p *textParser) follows() *TextNode {
	n := p.not()
	for p.take("<->") {
		next := p.not()
		switch {
		case n == nil:
			n = next
		case next == nil:
		case n.Op != TextPhrase || next.Op != TextPhrase:
			return p.fail("<-> stands between words", textHint)
		case n.Phrase[len(n.Phrase)-1].Prefix:
			return p.fail("only the last word of a phrase can be a beginning", "leave :* out of the others")
		default:
			n = &TextNode{Op: TextPhrase, Phrase: append(n.Phrase[:len(n.Phrase):len(n.Phrase)], next.Phrase...)}
		}
	}
	return n
}

func (p *textParser) not() *TextNode {
	negate := false
	for p.take("!") {
		negate = !negate
	}
	n := p.operand()
	if negate {
		return negateText(n)
	}
	return n
}

func (p *textParser) operand() *TextNode {
	if p.take("(") {
		if p.depth++; p.depth > textQueryDepth {
			return p.fail("parentheses nest deeper than 16", textHint)
		}
		n := p.or()
		p.depth--
		if p.failed == nil && !p.take(")") {
			return p.fail(`a ")" is missing`, textHint)
		}
		return n
	}
	var word string
	if p.take("'") {
		end := strings.IndexByte(p.text[p.at:], '\'')
		if end < 0 {
			return p.fail("a ' is missing", textHint)
		}
		word = p.text[p.at : p.at+end]
		p.at += end + 1
	} else {
		end := strings.IndexAny(p.text[p.at:], " \t\r\n&|!():'<")
		if end < 0 {
			end = len(p.text) - p.at
		}
		if end == 0 {
			return p.fail("a word is missing", textHint)
		}
		word = p.text[p.at : p.at+end]
		p.at += end
	}
	prefix := false
	if p.at < len(p.text) && p.text[p.at] == ':' {
		if prefix = strings.HasPrefix(p.text[p.at:], ":*"); !prefix {
			return p.fail("behind : stands *, for words that begin so", textHint)
		}
		p.at += 2
	}
	p.blanks()
	return p.phrase(wordsOf(word), prefix)
}

func (p *textParser) blanks() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take reads an operator, with the blanks around it, unless something failed.
func (p *textParser) take(operator string) bool {
	p.blanks()
	if p.failed != nil || !strings.HasPrefix(p.text[p.at:], operator) {
		return false
	}
	p.at += len(operator)
	if operator != "'" {
		p.blanks()
	}
	return true
}

// web reads what people type into a search box; nothing is an error.
func (p *textParser) web() *TextNode {
	var either, all []*TextNode
	for {
		p.blanks()
		if p.at == len(p.text) {
			return joinText(TextOr, append(either, joinText(TextAnd, all)))
		}
		negate := p.text[p.at] == '-'
		if negate {
			p.at++
		}
		term, word := p.webTerm()
		switch {
		case negate:
			all = append(all, negateText(term))
		case strings.EqualFold(word, "or") && len(all) > 0 && strings.TrimSpace(p.text[p.at:]) != "":
			p.words--
			either, all = append(either, joinText(TextAnd, all)), nil
		default:
			all = append(all, term)
		}
	}
}

// webTerm reads a "phrase" or what stands up to the next blank, which it gives
// too.
func (p *textParser) webTerm() (*TextNode, string) {
	rest := p.text[p.at:]
	if strings.HasPrefix(rest, `"`) {
		inner, _, closed := strings.Cut(rest[1:], `"`)
		if p.at += 1 + len(inner); closed {
			p.at++
		}
		return p.phrase(wordsOf(inner), false), ""
	}
	end := strings.IndexAny(rest, " \t\r\n\"")
	if end < 0 {
		end = len(rest)
	}
	p.at += end
	return p.phrase(wordsOf(rest[:end]), false), rest[:end]
}
