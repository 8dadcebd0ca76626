package meter

// FrameForTest is the greatest frame.
func FrameForTest(code []byte, _ int) uint32 {
	m, err := read(code)
	if err != nil {
		return 0
	}
	most := uint32(0)
	for _, p := range m.plan() {
		most = max(most, p.stack)
	}
	return most
}

func FrameList(code []byte) []uint32 {
	m, err := read(code)
	if err != nil {
		return nil
	}
	var l []uint32
	for _, p := range m.plan() {
		l = append(l, p.stack)
	}
	return l
}
