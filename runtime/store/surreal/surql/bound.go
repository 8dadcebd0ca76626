package surql

import (
	"slices"
	"strconv"
	"strings"
)

// Bounded is a text that the server ends when its time is over. There is no bound
// of a whole text, but one of each SELECT and each statement that writes, with
// all that is inside: so those that stand in no other get a TIMEOUT, and each
// round of a loop and each call of a closure looks at the clock. Nothing of that touches what the text
// answers. A statement that has a TIMEOUT keeps it. One whose end is for the
// grammar to say, and what a text computes outside of them all, have none.
type Bounded struct {
	parts []string // of the text, between which its bounds stand
	// one says that there is one bound, that of the statement that the text is.
	one bool
}

const (
	until = "$_until"
	clock = "time::nano(time::now())"
	// theRest is a TIMEOUT of the time that is left.
	theRest = " TIMEOUT duration::from_nanos(math::max([1, " + until + " - " + clock + "]))"
	// inTime begins the block of a loop or closure. A closure has of the variables
	// outside those that stand in it, but for its TIMEOUTs.
	inTime = " IF " + clock + " > " + until + " { THROW 'the statement exceeded the timeout' };"
)

// Bound finds the places of a text, which is one statement, where bounds stand.
func Bound(source string) Bounded {
	tokens, bad := lex(source)
	if bad != nil || len(tokens) == 0 {
		return Bounded{parts: []string{source}}
	}
	b := bounder{verifier{tokens: tokens}}
	places := b.places()
	if at, ok := b.whole(); ok && len(places) == 1 {
		return Bounded{parts: []string{source[:at], source[at:]}, one: true}
	}
	var parts []string
	from := 0
	for _, p := range places {
		parts = append(parts, source[from:p.at]+p.text)
		from = p.at
	}
	return Bounded{parts: append(parts, source[from:])}
}

// Text is the text with so many milliseconds. What the statement answers is the
// last of its results.
func (b Bounded) Text(milliseconds int64) string {
	if len(b.parts) == 1 {
		return b.parts[0]
	}
	time := strconv.FormatInt(milliseconds, 10)
	if b.one {
		return b.parts[0] + " TIMEOUT " + time + "ms" + b.parts[1]
	}
	return "LET " + until + " = " + clock + " + " + time + "000000;\n" + strings.Join(b.parts, "")
}

// Statements is how many statements the text is.
func (b Bounded) Statements() int {
	if len(b.parts) > 1 && !b.one {
		return 2
	}
	return 1
}

// place is where a bound stands.
type place struct {
	at   int // byte of the source
	text string
}

type bounder struct{ verifier }

// whole is where the TIMEOUT stands of a text that is one statement which takes one.
func (b *bounder) whole() (at int, ok bool) {
	if !b.tokens[0].is("SELECT") && !isOneOf(b.tokens[0], writing) {
		return 0, false
	}
	end, ok := b.statement(0)
	return b.tokens[end-1].end, ok
}

// places are all of them, in their order.
func (b *bounder) places() []place {
	var list []place
	bounded := 0 // up to there all is within a statement with its bound
	if at, ok := b.whole(); ok {
		list, bounded = append(list, place{at, theRest}), len(b.tokens)
	}
	passed := 0 // up to there nothing has one
	for i := range b.tokens {
		switch {
		case i < passed:
		case b.beginsClosure(i):
			body, found := b.closure(i)
			passed = body
			if found == nil {
				passed = b.end(i)
			}
			list = append(list, found...)
		case i < bounded:
		case b.isWord(i, "FOR"):
			if body, ok := b.loop(i); ok {
				list = append(list, place{b.tokens[body].end, inTime})
			}
		case b.isWord(i, "SELECT") && b.begins(i):
			if end, ok := b.statement(i); ok {
				list = append(list, place{b.tokens[end-1].end, theRest})
				bounded = end
			}
		}
	}
	slices.SortStableFunc(list, func(x, y place) int { return x.at - y.at })
	return list
}

// isWord reports a keyword that is no name of a member.
func (b *bounder) isWord(i int, name string) bool {
	before := b.at(i - 1)
	return b.tokens[i].kind == word && b.tokens[i].is(name) && !before.is(".") && !before.is("?.") && !b.at(i+1).is(":") && !b.at(i+1).is("::")
}

// begins reports a place where a statement begins that reaches to the end of what
// is around it: but in the way of an edge, which has a grammar of its own.
func (b *bounder) begins(i int) bool {
	switch before := b.at(i - 1); {
	case before.is("("):
		return !isWay(b.at(i - 2))
	case before.is("="):
		return b.at(i-2).kind == param && b.at(i-3).is("LET")
	default:
		return before.is("{") || before.is(";") || before.is("RETURN")
	}
}

func isWay(t token) bool { return t.is("->") || t.is("<-") || t.is("<->") }

// end is the token behind the statement that begins at one.
func (b *bounder) end(i int) int {
	depth := 0
	for ; i < len(b.tokens); i++ {
		switch t := b.tokens[i]; {
		case t.is("{") || t.is("(") || t.is("["):
			depth++
		case t.is("}") || t.is(")") || t.is("]"):
			if depth--; depth < 0 {
				return i
			}
		case t.is(";") && depth == 0:
			return i
		}
	}
	return i
}

// statement gives the end of a SELECT, or of a statement that writes, that takes a
// TIMEOUT there.
func (b *bounder) statement(i int) (end int, ok bool) {
	end = b.end(i)
	sure := i == 0 || b.at(i-1).is("(") // else an IF of the old kind may end it
	depth := 0
	for at := i; at < end; at++ {
		switch t := b.tokens[at]; {
		case t.is("{") || t.is("(") || t.is("["):
			depth++
		case t.is("}") || t.is(")") || t.is("]"):
			depth--
		case depth > 0 || t.kind != word:
		case t.is("TEMPFILES"), b.isTimeout(at), !sure && (t.is("THEN") || t.is("ELSE") || t.is("END")):
			return end, false
		}
	}
	return end, true
}

// isTimeout reports the clause of that name, not a column.
func (b *bounder) isTimeout(i int) bool {
	if !b.isWord(i, "TIMEOUT") {
		return false
	}
	after := b.at(i + 1)
	return after.kind == number || after.kind == param || after.is("(") || after.is("{") || after.kind == word && b.at(i+2).is("::")
}

// loop finds the brace that opens the block of a FOR.
func (b *bounder) loop(i int) (body int, ok bool) {
	if after := b.at(i + 1); after.kind != param && !after.is("(") {
		return 0, false
	}
	end := b.end(i)
	if !b.at(end - 1).is("}") {
		return 0, false
	}
	depth := 0
	for at := end - 1; at > i; at-- {
		switch t := b.tokens[at]; {
		case t.is("}") || t.is(")") || t.is("]"):
			depth++
		case t.is("{") || t.is("(") || t.is("["):
			if depth--; depth == 0 {
				return at, true
			}
		}
	}
	return 0, false
}

// beginsClosure reports a | that is neither of a type nor an or.
func (b *bounder) beginsClosure(i int) bool {
	if b.tokens[i].is("|") {
		return b.at(i+1).kind == param
	}
	before := b.at(i - 1)
	return b.tokens[i].is("||") && (before.kind == sign || before.is("RETURN")) && !before.is(")") && !before.is("]") && !before.is("}")
}

// closure gives where the body of a closure without types begins, and the places of
// a block that begins in time; none where it is for the grammar to say what it is.
func (b *bounder) closure(i int) (body int, places []place) {
	body = i + 1
	if b.tokens[i].is("|") {
		for b.at(body).kind == param && b.at(body+1).is(",") {
			body += 2
		}
		if b.at(body).kind != param || !b.at(body+1).is("|") {
			return 0, nil
		}
		body += 2
	}
	first := b.at(body)
	if body >= len(b.tokens) || first.is("|") || first.is("||") || first.is("->") || isOneOf(first, starting) {
		return 0, nil
	}
	after := b.at(body + 1)
	if first.is("{") && !after.is("}") && !b.at(body+2).is(":") {
		return body, []place{{first.end, inTime}}
	}
	end := b.end(body)
	depth := 0
	for at := body; at < end; at++ {
		switch t := b.tokens[at]; {
		case t.is("{") || t.is("(") || t.is("["):
			depth++
		case t.is("}") || t.is(")") || t.is("]"):
			depth--
		case t.is(",") && depth == 0:
			end = at
		}
	}
	if end == body {
		return 0, nil
	}
	// In parentheses, for a block takes $x = 1 for an assignment.
	return body, []place{{first.at, "{" + inTime + " ("}, {b.tokens[end-1].end, ") }"}}
}

// starting are the words of statements that may stand where a value does.
var starting = []string{"SELECT", "RETURN", "IF", "LET", "FOR", "CREATE", "INSERT", "UPDATE", "UPSERT", "DELETE", "RELATE", "THROW", "BREAK", "CONTINUE"}
