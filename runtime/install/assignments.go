package install

import "strings"

// assignments are the values that a file of variables gives, as systemd reads it:
// the last one of a name counts; a value may be quoted, in pieces, and goes on in the
// next line after a backslash.
func assignments(text string) map[string]string {
	values := map[string]string{}
	for text != "" {
		text = strings.TrimLeft(text, blank)
		if text == "" {
			break
		}
		if text[0] == '#' || text[0] == ';' {
			end := strings.IndexAny(text, "\n\r")
			if end < 0 {
				break
			}
			text = text[end:]
			continue
		}
		end := strings.IndexAny(text, "=\n\r")
		if end < 0 {
			break // a name alone
		}
		name := strings.TrimRight(text[:end], blank)
		assigned := text[end] == '='
		text = text[end+1:]
		if assigned {
			values[name], text = value(text)
		}
	}
	return values
}

const blank = " \t\n\r"

// value is one that a text begins with, and what comes after it.
func value(text string) (string, string) {
	var b strings.Builder
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" {
			return b.String(), ""
		}
		switch text[0] {
		case '\n', '\r':
			return b.String(), text[1:]
		case '\'':
			within, after, _ := strings.Cut(text[1:], "'")
			b.WriteString(within)
			text = after
		case '"':
			text = doubleQuoted(&b, text[1:])
		default:
			return bare(&b, text)
		}
	}
}

// doubleQuoted writes what is within double quotes, and gives what comes after them.
func doubleQuoted(b *strings.Builder, text string) string {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
			if !strings.ContainsRune("\"\\`$\n", rune(text[i])) {
				b.WriteByte('\\')
			}
			if text[i] != '\n' {
				b.WriteByte(text[i])
			}
		case text[i] != '\\':
			b.WriteByte(text[i])
		}
	}
	return ""
}

// bare writes what stands without quotes until the end of its line, but for blanks
// at the end, and gives what comes after it.
func bare(b *strings.Builder, text string) (string, string) {
	trailing := 0 // blanks that may be the last
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n' || c == '\r':
			return b.String()[:b.Len()-trailing], text[i+1:]
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] != '\n' && text[i] != '\r' {
				b.WriteByte(text[i])
			}
			trailing = 0
		case c == '\\':
		default:
			b.WriteByte(c)
			trailing++
			if c != ' ' && c != '\t' {
				trailing = 0
			}
		}
	}
	return b.String()[:b.Len()-trailing], ""
}
