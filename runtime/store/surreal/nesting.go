package surreal

// nesting says how deep a text is nested at its end, as the server's parser counts:
// a level for each bracket, and for what stands in a statement.
type nesting struct {
	at    int // how much of the text was read
	level int
	// base is the level that the statement at hand begins at.
	base int
	// around are level and base behind the brackets that are open.
	around [][2]int
	// operand says that one came last: what a brace opens behind it is what an IF
	// does, no part of its condition.
	operand bool
}

// bodyLevel is the level of a function's body that a LET defines.
const bodyLevel = 2

// in reads the text on, and gives the level of its end.
func (n *nesting) in(text []byte) int {
	for n.at < len(text) {
		b := text[n.at]
		n.at++
		switch b {
		case '(', '[', '{':
			if b == '{' && n.operand {
				n.level = n.base
			}
			n.operand = false
			n.around = append(n.around, [2]int{n.level, n.base})
			n.level++
			n.base = n.level
		case ')', ']', '}':
			if last := len(n.around) - 1; last >= 0 {
				n.level, n.base = n.around[last][0], n.around[last][1]
				n.around = n.around[:last]
			}
			n.operand = true
		case ';':
			n.level, n.operand = n.base, false
		case '`', '\'', '"':
			n.pass(text, b)
			n.operand = true
		case ' ', '\n':
		default:
			n.operand = false
			if isWordByte(b) {
				n.word(text)
			}
		}
	}
	return n.level
}

// pass reads on behind the end of what is quoted.
func (n *nesting) pass(text []byte, quote byte) {
	for n.at < len(text) {
		b := text[n.at]
		n.at++
		switch b {
		case '\\':
			n.at++
		case quote:
			return
		}
	}
}

// word reads on behind the end of a word.
func (n *nesting) word(text []byte) {
	start := n.at - 1
	for n.at < len(text) && isWordByte(text[n.at]) {
		n.at++
	}
	switch string(text[start:n.at]) {
	case "SELECT", "LET", "IF", "RETURN", "THROW", "UPDATE", "DELETE", "INSERT":
		n.level++
	case "ELSE":
		n.level = n.base
	case "NONE":
		n.operand = true
	default: // no other word in capitals is one
		n.operand = text[start] < 'A' || text[start] > 'Z'
	}
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '$'
}
