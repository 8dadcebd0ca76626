package meter

// frame estimates how many bytes of stack a call of a function takes.
func (m *module) frame(f int) uint32 {
	b := &m.bodies[f]
	return 64 + 8*b.numbered + uint32(b.to-b.from)/8
}
