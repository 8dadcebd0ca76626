package meter

// constant passes a constant expression and appends it to out, its functions
// renumbered. It tells refer of each function that it names.
func (m *module) constant(r *reader, out []byte, refer func(function uint32)) []byte {
	var in instruction
	from := r.at
	for r.err == nil {
		r.next(&in)
		if r.err != nil {
			return out
		}
		switch in.op {
		case opI32Const, opI64Const, opF32Const, opF64Const, opV128Const, opRefNull,
			opI32Add, opI32Sub, opI32Mul, opI64Add, opI64Sub, opI64Mul, opGlobalGet:
		case opRefFunc:
			out = append(out, r.code[from:in.at]...)
			out = append(out, byte(opRefFunc))
			out = appendU32(out, m.shifted(in.first))
			from = r.at
			refer(in.first)
		case opEnd:
			return append(out, r.code[from:r.at]...)
		default:
			r.fail(malformed(in.at, "opcode %#x cannot stand in a constant expression", int(in.op)))
		}
	}
	return out
}
