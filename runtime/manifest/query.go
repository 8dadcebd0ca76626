package manifest

// Query is a named query.
type Query struct {
	Name   string
	Params []QueryParam // in the order of the source
	Reads  []string     // tables that it reads or writes
	Write  bool         // it changes rows
	// Returns says what a call gives: ReturnsRows, ReturnsValue, ReturnsNothing.
	Returns string
	// Columns are those of the rows, or the one of the value.
	Columns []QueryColumn
	SQL     string
	SurQL   string
	Call    Condition // who may call it
	Cache   string    // policy name, "" for none
	Path    string
}

// What a query returns.
const (
	ReturnsRows    = "rows"
	ReturnsValue   = "value"
	ReturnsNothing = "nothing"
)

// QueryType is the type of a parameter or of what a query gives. Fields that
// do not fit Type are zero.
type QueryType struct {
	Type  string
	Scale int    // of a decimal
	Of    string // item type of a list
	Table string // of a ref
}

// QueryParam is one parameter of a query.
type QueryParam struct {
	Name string
	QueryType
	Required bool
	Default  string // a JSON literal, "" for none
	Path     string
}

// QueryColumn is one column of what a query gives.
type QueryColumn struct {
	Name string
	QueryType
	Path string
}

// Query finds a named query by its exact name; nil when there is none.
func (m *Manifest) Query(name string) *Query {
	for i := range m.Queries {
		if m.Queries[i].Name == name {
			return &m.Queries[i]
		}
	}
	return nil
}

// CallQuery is a route that calls a named query.
type CallQuery struct {
	Name string
	With []Argument
}

// Argument is a value of a route's call; one of Param, URL and JSON is set.
type Argument struct {
	Name  string // of the query's parameter
	Param string // a {parameter} of the path
	URL   string // a key of the URL's query
	JSON  string // a literal
	Path  string
}
