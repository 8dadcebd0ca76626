package query

// Limits bounds what one URL may ask. Whatever is beyond is PGRST100 with the
// bound in its message.
type Limits struct {
	Predicates  int // conditions in all filters together
	Nesting     int // and(...), or(...) inside each other
	InList      int // members of one in.(...)
	Select      int // members of select and of columns
	Order       int // terms of order
	Pattern     int // characters of a LIKE pattern or a regular expression
	Wildcards   int // % and * of a LIKE pattern
	FilterBytes int // all filters' text together, decoded
	Embeds      int // relations in one request
	Depth       int // relations inside each other
	// Sees gives the columns of a table that this caller may name in select,
	// filters and order (nil for every column), and whether there is such a
	// table for him at all: what he does not see is as if it were not there.
	// nil is everything.
	Sees func(*Table) (*ColumnSet, bool)
}

// DefaultLimits are the bounds of the API.
func DefaultLimits() Limits {
	return Limits{
		Predicates: 100, Nesting: 16, InList: 1000, Select: 200, Order: 8,
		Pattern: 256, Wildcards: 8, FilterBytes: 16 << 10,
		Embeds: 10, Depth: 5,
	}
}

// readable are the columns of a table that may be named, nil for all.
func (l *Limits) readable(t *Table) *ColumnSet {
	if l.Sees == nil {
		return nil
	}
	columns, _ := l.Sees(t)
	return columns
}
