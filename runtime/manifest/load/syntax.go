package load

import (
	"fmt"
	"regexp"
	"strings"

	"cuelang.org/go/cue/errors"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// syntaxFaults has one fault a mistake: the parser's first on each line.
func syntaxFaults(name string, src []byte, err error) fault.List {
	var faults fault.List
	lines := map[int]bool{}
	for _, e := range errors.Errors(err) {
		at := position(e.Position())
		if !at.Known() {
			at = fault.Position{File: name, Line: 1, Column: 1}
		}
		at = inside(at, src)
		f := syntaxFault(e, lineOf(src, at.Line))
		// After a mistake the parser looks for ends that it has run past.
		if lines[at.Line] || lines[at.Line-1] || len(faults) > 0 && strings.HasPrefix(f.Message, "the file ends") {
			continue
		}
		lines[at.Line] = true
		faults = append(faults, f.At("", at))
	}
	return faults
}

// inside moves a position that is past the end of the source to its end.
func inside(at fault.Position, src []byte) fault.Position {
	text := strings.TrimRight(string(src), " \t\r\n")
	last := strings.Count(text, "\n") + 1
	end := len(text) - strings.LastIndexByte(text, '\n')
	if at.Line > last || at.Line == last && at.Column > end {
		at.Line, at.Column = last, end
	}
	return at
}

// syntaxFault says in our words what the parser found.
func syntaxFault(e errors.Error, line string) *fault.Fault {
	habit := habitHint(line)
	format, args := e.Msg()
	found, wanted := "", ""
	if len(args) > 1 {
		wanted, found = fmt.Sprint(args[0]), fmt.Sprint(args[1])
	}
	switch {
	case strings.Contains(format, "string literal not terminated") || strings.Contains(format, "newline in string"):
		return fault.New(codeSyntax, "this text has no closing quote").WithHint(`end it with ", or write """ for a text of several lines`)
	case strings.Contains(format, "comment not terminated"):
		return fault.New(codeSyntax, "this comment does not end").WithHint("comments begin with // and end with the line")
	case habit != "":
		return fault.New(codeSyntax, "CUE does not read this line").WithHint(habit)
	case found == "EOF" && strings.ContainsAny(wanted, "}])"):
		return fault.Newf(codeSyntax, "the file ends, and a %s is missing", strings.Trim(wanted, "'")).WithHint("see which bracket is not closed")
	case found == "EOF":
		return fault.New(codeSyntax, "the file ends in the middle of a field").WithHint("a field is NAME: VALUE")
	case strings.HasPrefix(format, "missing ','"):
		return fault.New(codeSyntax, "a comma or a new line is missing here").WithHint("two values stand side by side")
	case strings.Contains(wanted, "label or ':'"):
		return fault.Newf(codeSyntax, "%s does not belong here", quoteToken(found)).WithHint("a field is NAME: VALUE; see whether a colon is missing before it")
	case strings.HasPrefix(format, "expected") && found != "":
		return fault.Newf(codeSyntax, "%s does not belong here", quoteToken(found)).WithHint("see whether a bracket or value is missing before it, or one too many")
	case strings.Contains(format, "escape sequence"):
		return fault.New(codeSyntax, "this backslash means nothing in a text").WithHint(`write \\ for a backslash, or #"..."# around a text that has many`)
	case strings.Contains(format, "illegal integer"), strings.Contains(format, "illegal number"):
		return fault.New(codeSyntax, "this is not a number").WithHint("a number does not begin with 0; a text stands in quotes")
	case strings.HasPrefix(format, "illegal"):
		return fault.New(codeSyntax, "this character does not belong in CUE").WithHint("take it out, or put the text in quotes")
	default:
		return fault.New(codeSyntax, "CUE cannot be read from here on").WithHint("see whether a comma, colon, quote or bracket is missing")
	}
}

func quoteToken(found string) string {
	switch found {
	case "newline", "\n":
		return "the end of the line"
	case "IDENT":
		return "a name"
	case "STRING":
		return "a text"
	case "INT", "FLOAT":
		return "a number"
	}
	return `"` + found + `"`
}

var (
	lateImport   = regexp.MustCompile(`^\s*import\s*["(]`)
	otherComment = regexp.MustCompile(`^\s*(?:#\s|#$|--|/\*|\*)`)
	assignment   = regexp.MustCompile(`(?:^|[{,])\s*([A-Za-z_]\w*)\s*=\s*[^=~]`)
	oddName      = regexp.MustCompile(`(?:^|[{,:])\s*(/[\w/.*{}-]*|[A-Za-z_]\w*(?:[-./]\w+)+)\s*:(?:\s|$)`)
)

// habitHint says what to write for what other languages write in a line; "" if
// it has nothing of the kind.
func habitHint(line string) string {
	code := withoutTexts(line)
	switch {
	case otherComment.MatchString(line):
		return "a comment begins with //"
	case lateImport.MatchString(line):
		return "imports stand at the top of the file, after its package clause"
	case strings.ContainsAny(code, "\u201c\u201d\u2018\u2019"):
		return `write straight quotes: "..."`
	case strings.Contains(code, ";"):
		return "fields are parted by a comma or a new line"
	case oddName.MatchString(code):
		return oddNameHint(oddName.FindStringSubmatch(code)[1])
	case assignment.MatchString(code):
		return "a field is NAME: VALUE, with a colon: " + assignment.FindStringSubmatch(code)[1] + ": ..."
	}
	return ""
}

func oddNameHint(name string) string {
	switch {
	case strings.HasPrefix(name, "/"):
		return `a name that is not a plain word stands in quotes: "` + name + `": ...`
	case strings.Contains(name, "."):
		return "a field in a field is written with a colon: " + strings.ReplaceAll(name, ".", ": ") + ": ..."
	default:
		return `a name with - stands in quotes, "` + name + `"; tables and columns take _ instead: ` + strings.NewReplacer("-", "_", "/", "_").Replace(name)
	}
}

var quotedText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|//.*$`)

// withoutTexts empties the texts of a line, and takes its comment off.
func withoutTexts(line string) string {
	return quotedText.ReplaceAllString(line, `""`)
}

// lineOf is a line of the source, counted from 1; "" beyond its end.
func lineOf(src []byte, number int) string {
	for line := range strings.Lines(string(src)) {
		if number--; number == 0 {
			return strings.TrimRight(line, "\r\n")
		}
	}
	return ""
}
