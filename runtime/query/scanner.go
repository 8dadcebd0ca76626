package query

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// scanner reads a parameter's text from left to right.
type scanner struct {
	what string // what the text is, for faults
	text string
	at   int
}

func (s *scanner) fail(expecting string) *fault.Fault {
	return parseFault(s.what, s.text, s.at, expecting)
}

func (s *scanner) blanks() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\n' || s.text[s.at] == '\r') {
		s.at++
	}
}

func (s *scanner) end() bool { return s.at >= len(s.text) }

// rest is what is not read yet.
func (s *scanner) rest() string { return s.text[s.at:] }

func (s *scanner) sees(prefix string) bool { return strings.HasPrefix(s.rest(), prefix) }

// take reads the byte, where it stands.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) skip(prefix string) bool {
	if !s.sees(prefix) {
		return false
	}
	s.at += len(prefix)
	return true
}

// name reads a bare or "quoted" name with blanks around it.
func (s *scanner) name() (string, *fault.Fault) {
	s.blanks()
	if s.sees(`"`) {
		name, n, ok := unquote(s.rest())
		if !ok {
			s.at = len(s.text)
			return "", s.fail(`a closing "`)
		}
		s.at += n
		s.blanks()
		return name, nil
	}
	start := s.at
	for s.at < len(s.text) {
		n := nameByte(s.rest())
		if n == 0 {
			break
		}
		s.at += n
	}
	name := strings.TrimRight(s.text[start:s.at], " ")
	if name == "" {
		return "", s.fail("a column name")
	}
	return name, nil
}

// nameByte is the size of the name character that rest begins with, or 0: a
// letter, a digit, _, $, a space, or a - that begins no arrow.
func nameByte(rest string) int {
	c := rest[0]
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '$', c == ' ':
		return 1
	case c == '-' && !strings.HasPrefix(rest, "->"):
		return 1
	case c < utf8.RuneSelf:
		return 0
	}
	r, size := utf8.DecodeRuneInString(rest)
	if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
		return size
	}
	return 0
}

// path reads ->a->>b->0 and tells whether the last arrow was ->>.
func (s *scanner) path() ([]Step, bool, *fault.Fault) {
	var steps []Step
	text := false
	for s.sees("->") {
		if text {
			return nil, false, s.fail("the end of the path after ->>")
		}
		s.at += len("->")
		text = s.take('>')
		step, f := s.step()
		if f != nil {
			return nil, false, f
		}
		steps = append(steps, step)
		if len(steps) > maxJSONDepth {
			return nil, false, beyond("a path has", maxJSONDepth, "steps")
		}
	}
	return steps, text, nil
}

// step reads a key, or an index if it is digits alone.
func (s *scanner) step() (Step, *fault.Fault) {
	s.blanks()
	if s.sees(`"`) {
		key, n, ok := unquote(s.rest())
		if !ok {
			s.at = len(s.text)
			return Step{}, s.fail(`a closing "`)
		}
		s.at += n
		s.blanks()
		return Step{Key: key, IsKey: true}, nil
	}
	start := s.at
	for s.at < len(s.text) && !s.sees("->") && !strings.ContainsRune(`.,:()!"`, rune(s.text[s.at])) {
		s.at++
	}
	key := strings.TrimSpace(s.text[start:s.at])
	if key == "" {
		return Step{}, s.fail("a key or an index")
	}
	if index, err := strconv.ParseInt(key, 10, 32); err == nil && key[0] != '+' {
		return Step{Index: int(index)}, nil
	}
	return Step{Key: key, IsKey: true}, nil
}

// field reads a column with its path.
func (p *requestParser) field(s *scanner) (Expr, *Column, *fault.Fault) {
	name, f := s.name()
	if f != nil {
		return nil, nil, f
	}
	return p.fieldNamed(s, name)
}

// fieldNamed reads the path behind a name that is read already.
func (p *requestParser) fieldNamed(s *scanner, name string) (Expr, *Column, *fault.Fault) {
	c, f := p.column(name)
	if f != nil {
		return nil, nil, f
	}
	e, f := p.fieldOf(s, c)
	return e, c, f
}

// fieldOf reads the path behind a column.
func (p *requestParser) fieldOf(s *scanner, c *Column) (Expr, *fault.Fault) {
	ref := p.table.Ref(c)
	if !s.sees("->") {
		return ref, nil
	}
	steps, text, f := s.path()
	if f != nil {
		return nil, f
	}
	return NewPath(ref, steps, text)
}
