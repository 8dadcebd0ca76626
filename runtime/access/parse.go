package access

import (
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/parser"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Bounds of one CEL text. They stop a manifest from making its own check, or a
// statement, absurdly large.
const (
	maxTextBytes = 16 << 10
	maxNesting   = 64
	maxNodes     = 2000 // after macros are inlined
)

// source is one CEL text of the manifest and where it stands.
type source struct {
	text string
	path string
}

// parsed is a source with its syntax tree.
type parsed struct {
	source
	*tree
}

// tree is what a text parses to. It is never changed, so that equal texts,
// which manifests are full of, share one.
type tree struct {
	root   ast.Expr
	info   *ast.SourceInfo
	hidden map[string]string // of hideWords
}

// newParser gives the parser for all texts of one compilation. No macro is
// registered: has, exists and their like stay plain calls, which translate
// then accepts or refuses by name.
func newParser() *parser.Parser {
	p, err := parser.NewParser(
		parser.EnablePrattParser(true),
		parser.EnableVariadicOperatorASTs(true),
		parser.EnableIdentEscapeSyntax(false),
		parser.MaxRecursionDepth(maxNesting),
		parser.ErrorReportingLimit(1),
	)
	if err != nil {
		panic("access: parser options: " + err.Error()) // constants above: cannot fail
	}
	return p
}

// parse reads one text. It reports at most one fault, for what follows a
// syntax error is guesswork.
func (c *compiler) parse(s source) *parsed {
	if known := c.trees[s.text]; known != nil {
		return &parsed{s, known}
	}
	if strings.TrimSpace(s.text) == "" {
		c.report(s, 0, fault.New(codeBadRule, "the rule is empty").WithHint("write a condition, true for everyone, or leave the field out"))
		return nil
	}
	if len(s.text) > maxTextBytes {
		c.report(s, 0, fault.Newf(codeTooComplex, "the rule is longer than %d bytes", maxTextBytes).WithHint("move its parts into `rules`"))
		return nil
	}
	if !utf8.ValidString(s.text) {
		c.report(s, 0, fault.New(codeBadRule, "the rule is not valid UTF-8").WithHint("write the text as UTF-8"))
		return nil
	}
	if nesting(s.text) > maxNesting {
		c.report(s, 0, fault.Newf(codeTooComplex, "the rule is nested deeper than %d levels", maxNesting).WithHint("move its parts into `rules`"))
		return nil
	}
	readable, hidden := hideWords(s.text)
	read, errs := c.parser.Parse(common.NewTextSource(readable))
	if list := errs.GetErrors(); len(list) > 0 {
		offset := syntaxOffset(s.text, list[0].Location)
		c.report(s, offset, explainSyntax(s.text, offset))
		return nil
	}
	made := &tree{root: read.Expr(), info: read.SourceInfo(), hidden: hidden}
	c.trees[s.text] = made
	return &parsed{s, made}
}

// nesting is the greatest depth of brackets outside of quotes, as a cheap
// guard in front of the recursive parser.
func nesting(text string) int {
	depth, deepest := 0, 0
	for i := 0; i < len(text); {
		if end, _ := skipQuiet(text, i); end > i {
			i = end
			continue
		}
		switch text[i] {
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth--
		}
		i++
	}
	return deepest
}

// skipQuiet is the end of the literal text or the comment that begins at i, i
// itself where neither does. closed is false for a text whose quote is never
// closed; it then ends with the rule.
func skipQuiet(text string, i int) (end int, closed bool) {
	rest := text[i:]
	if strings.HasPrefix(rest, "//") {
		if cut := strings.IndexByte(rest, '\n'); cut >= 0 {
			return i + cut, true
		}
		return len(text), true
	}
	if rest[0] != '\'' && rest[0] != '"' {
		return i, true
	}
	quote := rest[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(rest, triple) {
		quote = triple
	}
	raw := rawPrefix(lastWord(text[:i]))
	for at := i + len(quote); at < len(text); {
		switch {
		case strings.HasPrefix(text[at:], quote):
			return at + len(quote), true
		case text[at] == '\\' && !raw:
			at += 2
		default:
			at++
		}
	}
	return len(text), false
}

// rawPrefix tells whether a word before a quote makes \ a letter like any.
func rawPrefix(word string) bool {
	switch strings.ToLower(word) {
	case "r", "br", "rb":
		return true
	}
	return false
}

// syntaxOffset is the byte that a parser's location means.
func syntaxOffset(text string, at common.Location) int {
	if at == nil || at.Line() < 1 || at.Column() < 0 {
		return 0
	}
	start := 0
	for range at.Line() - 1 {
		cut := strings.IndexByte(text[start:], '\n')
		if cut < 0 {
			return len(text)
		}
		start += cut + 1
	}
	return start + runeOffset(text[start:], at.Column())
}

// runeOffset is the byte offset of the n-th code point.
func runeOffset(text string, n int) int {
	for i := range text {
		if n == 0 {
			return i
		}
		n--
	}
	return len(text)
}

// offset is where a node begins in its text, in bytes.
func (p *parsed) offset(id int64) int {
	r, ok := p.info.GetOffsetRange(id)
	if !ok {
		return 0
	}
	return runeOffset(p.text, int(r.Start))
}

// explainSyntax says in our words what a syntax error at offset is.
func explainSyntax(text string, offset int) *fault.Fault {
	rest := text[min(offset, len(text)):]
	before := strings.TrimRight(text[:min(offset, len(text))], " \t\r\n")
	say := func(hint, format string, args ...any) *fault.Fault {
		return fault.Newf(codeBadRule, format, args...).WithHint(hint)
	}
	escape := badEscape(rest)
	switch {
	case escape != "":
		return say("for a backslash write two, or r'...' for a text without escapes", "%s means nothing in a text of a rule", quoted(escape))
	case quoteOpen(text):
		return say("close it with the same quote; CEL text stands in '...'", "a quote in the rule is never closed")
	case strings.TrimSpace(rest) == "":
		return say("complete the expression after "+quoted(lastBytes(before)), "the rule ends too early")
	case strings.HasPrefix(rest, "=") || strings.HasSuffix(before, "=") && !strings.HasSuffix(before, "=="):
		return say("write == (or != for: is not)", "= does not compare in a rule")
	case strings.HasPrefix(rest, ">") && strings.HasSuffix(before, "<"):
		return say("write !=", "<> does not compare in a rule")
	case strings.HasPrefix(rest, "&"):
		return say("write &&", "& is not an operator here")
	case strings.HasPrefix(rest, "|"):
		return say("write ||", "| is not an operator here")
	}
	if instead, ok := foreignSigns[firstRune(rest)]; ok {
		return say(instead, "did not expect %s here", quoted(firstRune(rest)))
	}
	word := leadingWord(rest)
	if strings.EqualFold(lastWord(before), "not") {
		word = "not"
	}
	if instead, ok := sqlWords[strings.ToLower(word)]; ok {
		return say(instead, "%s is not an operator here", quoted(word))
	}
	switch {
	case word == "":
		return say("compare with ==, join with && and ||, put text in '...'", "did not expect %s here", quoted(firstRune(rest)))
	case reserved(word):
		return say("if it is a column, write row."+word, "%s is a word of CEL", quoted(word))
	}
	return say("join conditions with && or ||; put text in '...'", "did not expect %s here", quoted(word))
}

// sqlWords are operators that people bring from SQL, and what to write.
var sqlWords = map[string]string{
	"and": "write &&", "or": "write ||", "not": "write !(...)", "is": "write == null or != null",
	"like":  "use contains, startsWith, endsWith or matches: title.contains('x')",
	"ilike": "use lower(title).contains('x')",
	"in":    "write in, in lower case, and a list: status in ['open', 'paid']",
}

// foreignSigns stand in the rules of other tools.
var foreignSigns = map[string]string{
	"@": "the caller is auth: auth.uid, auth.role, auth.email, auth.claims",
	"$": "a column is its name alone; the caller is auth.uid",
	"~": "use contains, startsWith, endsWith or matches: title.contains('x')",
	";": "leave it out",
	",": "a list stands in [...]; conditions are joined with && or ||",
}

// reserved tells whether CEL keeps a name to itself.
func reserved(name string) bool {
	switch name {
	case "as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop",
		"package", "namespace", "return", "var", "void", "while", "true", "false", "null":
		return true
	}
	return false
}

// quoteOpen tells whether a quote is never closed.
func quoteOpen(text string) bool {
	for i := 0; i < len(text); {
		end, closed := skipQuiet(text, i)
		if !closed {
			return true
		}
		i = max(end, i+1)
	}
	return false
}

// badEscape is the first escape that CEL does not know in the text that s
// begins with; "" for none, or no text.
func badEscape(s string) string {
	if s == "" || s[0] != '\'' && s[0] != '"' {
		return ""
	}
	for i := 1; i < len(s)-1 && s[i] != s[0]; i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		if !strings.ContainsRune(`abfnrtv\?"'`+"`xXuU01234567", rune(s[i])) {
			return s[i-1 : i+1]
		}
	}
	return ""
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

func leadingWord(text string) string {
	end := 0
	for end < len(text) && isWord(text[end]) {
		end++
	}
	return text[:end]
}

func lastWord(text string) string {
	start := len(text)
	for start > 0 && isWord(text[start-1]) {
		start--
	}
	return text[start:]
}

// lastBytes is the end of a text, for a message.
func lastBytes(text string) string {
	cut := len(text)
	for cut > 0 && len(text)-cut < 20 {
		_, size := utf8.DecodeLastRuneInString(text[:cut])
		cut -= size
	}
	return text[cut:]
}

func firstRune(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}

// quoted shows a piece of a rule in a message.
func quoted(text string) string { return "`" + text + "`" }
