package load

import (
	"strings"

	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// maxDepth bounds how deep brackets and signs may nest, and maxChain how long
// one expression may be: CUE's parser and evaluator recurse, and a stack that
// overflows cannot be recovered from.
const (
	maxDepth = 200
	maxChain = 20000
)

// checkDepth refuses a file that nests too deep, before it is parsed.
func checkDepth(name string, src []byte) *fault.Fault {
	file := token.NewFile(name, -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Pos, string, []any) {}, 0)
	var open []token.Token
	chain, prefix := 0, 0
	for {
		pos, tok, _ := s.Scan()
		chain++
		switch tok {
		case token.EOF:
			return nil
		case token.LBRACE, token.LBRACK, token.LPAREN, token.INTERPOLATION:
			open = append(open, tok)
			chain = 0
		case token.RBRACE, token.RBRACK, token.RPAREN:
			open = closeBracket(&s, open, tok)
			chain = 0
		case token.COMMA:
			chain = 0
		}
		switch tok {
		case token.COLON, token.SUB, token.ADD, token.NOT, token.MUL, token.PERIOD:
			prefix++
		case token.COMMA:
			prefix = 0
		}
		if len(open) > maxDepth || chain > maxChain || prefix > maxDepth {
			return fault.New(codeTooDeep, "this nests too deep, or is too long for one expression").
				WithHint("split it: a manifest needs some ten levels").
				At("", position(pos))
		}
	}
}

// closeBracket takes the last bracket off. After the one that ends an
// interpolation, the scanner has to be told that its text goes on.
func closeBracket(s *scanner.Scanner, open []token.Token, tok token.Token) []token.Token {
	if len(open) == 0 {
		return open
	}
	open = open[:len(open)-1]
	if tok != token.RPAREN || len(open) == 0 || open[len(open)-1] != token.INTERPOLATION {
		return open
	}
	if strings.HasSuffix(s.ResumeInterpolation(), "(") {
		return open // and into the next expression
	}
	return open[:len(open)-1]
}
