package plan

// The kinds of indexes that are for search; "" is a plain one.
const (
	FullText = "fulltext"
	Vector   = "vector"
)
