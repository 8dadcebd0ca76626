package access

import (
	"strconv"
	"strings"
)

// memberWords are names that CEL's grammar does not take even after a dot.
var memberWords = []string{"in", "true", "false", "null"}

// hideWords makes `row.in` and `meta.null` readable for CEL: a member that is
// one of its words is replaced by a name of the same length that the text does
// not use. The map gives the words back.
func hideWords(text string) (string, map[string]string) {
	var hidden map[string]string
	for i := 0; i < len(text); {
		if end, _ := skipQuiet(text, i); end > i {
			i = end
			continue
		}
		i++
		if text[i-1] != '.' {
			continue
		}
		word := leadingWord(text[i:])
		alias := wordAlias(text, word)
		if alias == "" {
			continue
		}
		if hidden == nil {
			hidden = map[string]string{}
		}
		hidden[alias] = word
		text = text[:i] + alias + text[i+len(word):]
		i += len(word)
	}
	return text, hidden
}

// wordAlias is a name for a word, "" where the word needs none.
func wordAlias(text, word string) string {
	for _, w := range memberWords {
		if w != word {
			continue
		}
		for n := range 36 {
			alias := "_" + strings.Repeat("0", len(word)-2) + strconv.FormatInt(int64(n), 36)
			if !strings.Contains(text, alias) {
				return alias
			}
		}
	}
	return ""
}

// member is the name that a selector was written with.
func (p *parsed) member(name string) string {
	if word, ok := p.hidden[name]; ok {
		return word
	}
	return name
}
