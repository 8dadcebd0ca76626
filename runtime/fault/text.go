package fault

import (
	"strings"
	"unicode/utf8"
)

// Clip shortens what somebody wrote to what a message can carry: at most so
// many bytes, a code point never cut, and "..." where something is missing.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// Listed writes names for a message, the first few of many.
func Listed(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
