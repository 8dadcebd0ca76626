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
	// Readable are the columns that this caller may name in select, filters
	// and order: all others are as if they were not there. nil is every column.
	Readable *ColumnSet
}

// DefaultLimits are the bounds of the API.
func DefaultLimits() Limits {
	return Limits{
		Predicates: 100, Nesting: 16, InList: 1000, Select: 200, Order: 8,
		Pattern: 256, Wildcards: 8, FilterBytes: 16 << 10,
	}
}
