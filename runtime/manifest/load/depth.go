package load

import (
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
	depth, chain, prefix := 0, 0, 0
	for {
		pos, tok, _ := s.Scan()
		switch tok {
		case token.EOF:
			return nil
		case token.LBRACE, token.LBRACK, token.LPAREN, token.INTERPOLATION:
			depth++
			chain = 0
		case token.RBRACE, token.RBRACK, token.RPAREN:
			depth--
			chain = 0
		case token.COMMA:
			chain = 0
		default:
			chain++
		}
		if tok == token.COLON || tok == token.SUB || tok == token.ADD || tok == token.NOT || tok == token.MUL || tok == token.PERIOD {
			prefix++
		} else if tok == token.COMMA {
			prefix = 0
		}
		if depth > maxDepth || chain > maxChain || prefix > maxDepth {
			return fault.New(codeTooDeep, "this nests too deep, or is too long for one expression").
				WithHint("split it: a manifest needs some ten levels").
				At("", position(pos))
		}
	}
}
