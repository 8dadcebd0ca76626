package fault

import (
	"cmp"
	"slices"
	"strings"
)

// List is all that is wrong with a manifest, at once. An empty list is no
// error: return it through Err.
type List []*Fault

// Err gives the list as an error, nil when it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Error has one line a fault.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort orders the faults as a reader meets them: by file, line, column, path,
// then message. Faults without a position come last.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b *Fault) int {
		pa, pb := a.position(), b.position()
		if pa.Known() != pb.Known() {
			if pa.Known() {
				return -1
			}
			return 1
		}
		return cmp.Or(
			strings.Compare(pa.File, pb.File),
			cmp.Compare(pa.Line, pb.Line),
			cmp.Compare(pa.Column, pb.Column),
			strings.Compare(a.Path, b.Path),
			strings.Compare(a.Message, b.Message),
		)
	})
}

func (f *Fault) position() Position {
	if len(f.Positions) == 0 {
		return Position{}
	}
	return f.Positions[0]
}
