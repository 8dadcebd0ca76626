package query

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/arabic"
	"github.com/blevesearch/snowballstem/danish"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/finnish"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/german"
	"github.com/blevesearch/snowballstem/hungarian"
	"github.com/blevesearch/snowballstem/irish"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/blevesearch/snowballstem/norwegian"
	"github.com/blevesearch/snowballstem/portuguese"
	"github.com/blevesearch/snowballstem/romanian"
	"github.com/blevesearch/snowballstem/russian"
	"github.com/blevesearch/snowballstem/spanish"
	"github.com/blevesearch/snowballstem/swedish"
	"github.com/blevesearch/snowballstem/tamil"
	"github.com/blevesearch/snowballstem/turkish"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Language is what the words of a text are in: it says which of them count for
// nothing, and which are forms of one. The zero value is Simple.
type Language uint8

// Simple is every language: words count as they are written.
const Simple Language = 0

// language is how the words of one are made. Full-text indexes keep what it
// makes, so another stemmer or other stop words are another language.
type language struct {
	name string
	stem func(*snowballstem.Env) bool // nil: words stay as they are
	// stops are the words that count for nothing.
	stops func() map[string]bool
	// latin is the language of words in plain Latin letters, where they are not
	// of this one's script.
	latin *language
}

var (
	latinEnglish = newLanguage("english", english.Stem)

	// languages are in the order of their names, behind Simple.
	languages = [...]*language{
		{name: "simple"},
		newLanguage("arabic", arabic.Stem), newLanguage("danish", danish.Stem), newLanguage("dutch", dutch.Stem), latinEnglish,
		newLanguage("finnish", finnish.Stem), newLanguage("french", french.Stem), newLanguage("german", german.Stem),
		newLanguage("hungarian", hungarian.Stem), newLanguage("irish", irish.Stem), newLanguage("italian", italian.Stem),
		newLanguage("norwegian", norwegian.Stem), newLanguage("portuguese", portuguese.Stem), newLanguage("romanian", romanian.Stem),
		newLanguage("russian", russian.Stem).with(latinEnglish), newLanguage("spanish", spanish.Stem), newLanguage("swedish", swedish.Stem),
		newLanguage("tamil", tamil.Stem), newLanguage("turkish", turkish.Stem),
	}
)

func newLanguage(name string, stem func(*snowballstem.Env) bool) *language {
	return &language{name: name, stem: stem, stops: sync.OnceValue(func() map[string]bool {
		stops := map[string]bool{}
		for _, word := range wordsOf(stopWords[name]) {
			stops[strings.ToLower(word)] = true
		}
		return stops
	})}
}

func (l *language) with(latin *language) *language {
	l.latin = latin
	return l
}

// String is the language's name.
func (l Language) String() string { return languages[l].name }

// Languages are the names of all languages.
func Languages() []string {
	names := make([]string, len(languages))
	for i, l := range languages {
		names[i] = l.name
	}
	return names
}

// LanguageNamed finds a language by its name, in any case; "" is Simple.
func LanguageNamed(name string) (Language, *fault.Fault) {
	if name == "" {
		return Simple, nil
	}
	for i, l := range languages {
		if strings.EqualFold(l.name, name) {
			return Language(i), nil
		}
	}
	return Simple, fault.Newf(CodeTextConfig, "text search configuration %q does not exist", clip(name)).
		WithHint(fault.NearestHint(name, Languages(), "there are "+fault.Listed(Languages())))
}

// lexer makes the words of texts in a language. One goroutine at a time.
type lexer struct {
	in  *language
	env snowballstem.Env
}

func newLexer(in Language) lexer { return lexer{in: languages[in]} }

// next is nextWord in the lexer's language: a word that counts for nothing is
// passed, and adds nothing to dst.
func (l *lexer) next(dst []byte, text string, at int) ([]byte, int, bool) {
	begin := len(dst)
	dst, at, ok := nextWord(dst, text, at)
	if ok && l.in.stem != nil {
		dst = append(dst[:begin], l.reduce(string(dst[begin:]))...)
	}
	return dst, at, ok
}

// reduce is what stands for a word that nextWord has made, "" where it counts
// for nothing.
func (l *lexer) reduce(word string) string {
	in := l.in
	if in.stem == nil {
		return word
	}
	word = strings.ToLower(word)
	if in.latin != nil && isASCII(word) {
		in = in.latin
	}
	if in.stops()[word] {
		return ""
	}
	l.env.SetCurrent(word)
	in.stem(&l.env)
	if stem := l.env.Current(); stem != "" {
		return stem
	}
	return word
}

func isASCII(word string) bool {
	for i := range len(word) {
		if word[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
