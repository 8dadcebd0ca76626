package query

import "math/bits"

// ColumnSet is a set of one table's columns, by their index. The zero set is
// empty. Up to 64 columns it needs no memory of its own; copies of a larger
// set share what Add changes, so add to the original alone.
type ColumnSet struct {
	low  uint64
	more []uint64
}

// Add puts a column into the set.
func (s *ColumnSet) Add(c *Column) {
	if c.Index < 64 {
		s.low |= 1 << c.Index
		return
	}
	word := c.Index/64 - 1
	for len(s.more) <= word {
		s.more = append(s.more, 0)
	}
	s.more[word] |= 1 << (c.Index % 64)
}

// AddAll puts all columns of another set of the same table into the set.
func (s *ColumnSet) AddAll(other ColumnSet) {
	s.low |= other.low
	for i, word := range other.more {
		if i == len(s.more) {
			s.more = append(s.more, 0)
		}
		s.more[i] |= word
	}
}

// Has reports whether the column is in the set.
func (s *ColumnSet) Has(c *Column) bool {
	if c.Index < 64 {
		return s.low&(1<<c.Index) != 0
	}
	word := c.Index/64 - 1
	return word < len(s.more) && s.more[word]&(1<<(c.Index%64)) != 0
}

// Contains reports whether every column of other is in the set.
func (s *ColumnSet) Contains(other ColumnSet) bool {
	if other.low&^s.low != 0 {
		return false
	}
	for i, word := range other.more {
		if i < len(s.more) {
			word &^= s.more[i]
		}
		if word != 0 {
			return false
		}
	}
	return true
}

// Len is the number of columns in the set.
func (s *ColumnSet) Len() int {
	n := bits.OnesCount64(s.low)
	for _, word := range s.more {
		n += bits.OnesCount64(word)
	}
	return n
}
