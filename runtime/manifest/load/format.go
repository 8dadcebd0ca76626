package load

import (
	"bytes"

	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Format gives src in CUE's standard form, comments kept. Mistakes of syntax
// are a fault.List at places in file, which is not read.
func Format(src []byte, file string) ([]byte, error) {
	if len(src) > maxSource {
		return nil, fault.List{tooLarge(file)}
	}
	if f := checkDepth(file, src); f != nil {
		return nil, fault.List{f}
	}
	f, err := parser.ParseFile(file, src, parser.ParseComments)
	if err != nil {
		return nil, finish(syntaxFaults(file, src, err))
	}
	out, err := format.Node(f)
	if err != nil {
		return nil, fault.List{fault.New(codeSyntax, "this file cannot be formatted").
			WithHint("see `edge-hive validate` for what is wrong with it").WithCause(err).
			At("", fault.Position{File: file, Line: 1, Column: 1})}
	}
	return bytes.TrimLeft(out, "\n"), nil
}
