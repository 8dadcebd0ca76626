package openapi

import "strings"

// portable tells whether an RE2 pattern means the same in ECMA-262, which JSON
// Schema's patterns are. When in doubt it does not: the pattern is then told in
// words.
func portable(pattern string) bool {
	inClass, brace := false, false
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i+1:]
		switch c := pattern[i]; {
		case c >= 0x80:
			return false
		case c == '\\':
			if !portableEscape(rest, inClass) {
				return false
			}
			i++
		case inClass:
			if c == '[' { // [:alpha:], or a bracket that ECMA-262 may read otherwise
				return false
			}
			inClass = c != ']'
		case c == '[':
			inClass = true
			if strings.HasPrefix(rest, "]") || strings.HasPrefix(rest, "^]") {
				return false
			}
		case c == '(' && strings.HasPrefix(rest, "?") && !strings.HasPrefix(rest, "?:"):
			return false
		case c == '{':
			if brace = counts(rest); !brace {
				return false
			}
		case c == '}':
			if !brace {
				return false
			}
			brace = false
		case c == ']':
			return false
		}
	}
	return true
}

// portableEscape judges what follows a backslash.
func portableEscape(rest string, inClass bool) bool {
	if rest == "" {
		return false
	}
	return strings.IndexByte(`dDwWnrtfv^$\.*+?()[]{}|/`, rest[0]) >= 0 ||
		rest[0] == '-' && inClass || strings.IndexByte("bB", rest[0]) >= 0 && !inClass
}

// counts tells whether a repetition such as 3} or 3,5} follows.
func counts(rest string) bool {
	body, _, closed := strings.Cut(rest, "}")
	low, high, _ := strings.Cut(body, ",")
	return closed && low != "" && strings.Trim(low+high, "0123456789") == ""
}
