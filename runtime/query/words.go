package query

import (
	"unicode"
	"unicode/utf8"
)

// longestWord is how many runes of a word count: what is longer is cut, in
// texts and in queries alike.
const longestWord = 64

// passed stands for a word that counts for nothing, between others: no word has
// such a sign, so that nothing finds it.
const passed = "\u00b7 "

// AppendWords appends the words of a text to dst, each with a space behind it:
// runs of letters, digits and marks, case folded rune by rune as ilike folds
// it, nothing normalised, then made what they are in a language. A sign of a
// script that sets no spaces is a word by itself; for a word that counts for
// nothing, between others, stands a dot. Engines index what it gives, so that
// their answer and Holds' are one.
func AppendWords(dst []byte, in Language, text string) []byte {
	lexer := newLexer(in)
	begin, end := len(dst), len(dst)
	for at := 0; at < len(text); {
		var ok bool
		start := len(dst)
		if dst, at, ok = lexer.next(dst, text, at); !ok {
			break
		}
		switch {
		case len(dst) > start:
			dst = append(dst, ' ')
			end = len(dst)
		case end > begin:
			dst = append(dst, passed...)
		}
	}
	return dst[:end]
}

// nextWord appends the first word at or behind a byte of the text and gives
// where it ends; false where there is none left.
func nextWord(dst []byte, text string, at int) ([]byte, int, bool) {
	runes := 0
	for at < len(text) {
		r, size := rune(text[at]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[at:])
		}
		if !inWord(r) {
			if runes > 0 {
				return dst, at, true
			}
			at += size
			continue
		}
		alone := r >= firstAlone && standsAlone(r)
		if alone && runes > 0 {
			return dst, at, true
		}
		at += size
		if runes++; runes <= longestWord {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		if alone {
			break
		}
	}
	return dst, at, runes > 0
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M)
}

// firstAlone is below every rune that stands alone.
const firstAlone = 0x0E00

// standsAlone reports a letter of a script that does not part its words.
func standsAlone(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// wordsOf are the words of a text, in no language.
func wordsOf(text string) []string {
	var words []string
	var buf []byte
	for at := 0; at < len(text); {
		var ok bool
		if buf, at, ok = nextWord(buf[:0], text, at); ok {
			words = append(words, string(buf))
		}
	}
	return words
}
