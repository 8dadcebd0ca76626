package manifest

// Test is a test of the access rules, with rows and callers of its own. Its
// labels are not looked up yet: check does.
type Test struct {
	Name    string
	Callers []TestCaller
	Rows    []TestRow
	Expect  []Expectation
	Path    string
}

// TestCaller is a caller of a test.
type TestCaller struct {
	Label  string
	Email  string // "" where it is left out
	Claims string // a JSON object
	Path   string
}

// TestRow is a row that is there when a test begins.
type TestRow struct {
	Table, Label string
	Values       []TestValue
	Path         string
}

// TestValue is a column of a row, as JSON.
type TestValue struct {
	Column string
	JSON   string
	Path   string
}

// Expectation is one thing that must hold in a test.
type Expectation struct {
	As    string // the caller's label; "" for nobody
	Op    string // "read", "create", "update" or "delete"
	Table string
	Row   string // label of the row; of a create "" for one without a name
	Set   []TestValue
	// Rows are the labels of all that a read gives; asked where HasRows is true.
	Rows    []string
	HasRows bool
	Hides   []string
	Denied  bool
	Path    string
}
