package plan

// Plan is the way from one schema to another.
type Plan struct {
	From, To Schema
	Steps    []Step
	// Who and Hash stand in the history: who asked for it, and the hash of the
	// manifest that wants To.
	Who, Hash string
}

// Step is one change of the database.
type Step struct {
	Kind   StepKind
	Grade  Grade
	Table  string
	Name   string  // column or index
	Was    string  // former name, of a rename
	Before *Column // what a column that changes is now
	Column *Column
	Index  *Index
	// Reason says in one line what the step does, or why it is refused.
	Reason string
	// Hint says how to mend a refused step.
	Hint string
}

// StepKind is what a step does.
type StepKind string

// The kinds of steps.
const (
	CreateTable  StepKind = "create-table"
	RenameTable  StepKind = "rename-table"
	DropTable    StepKind = "drop-table"
	AddColumn    StepKind = "add-column"
	RenameColumn StepKind = "rename-column"
	DropColumn   StepKind = "drop-column"
	CreateIndex  StepKind = "create-index"
	DropIndex    StepKind = "drop-index"
	Refuse       StepKind = "refuse"
	// ChangeEdge makes a table one of edges, or of none, or changes its ends.
	ChangeEdge StepKind = "change-edge"

	// These make a table anew, with its rows.
	ConvertColumn StepKind = "convert-column"
	RequireColumn StepKind = "require-column"
	AllowNull     StepKind = "allow-null"
	ChangeRef     StepKind = "change-ref"
)

// Rebuilds reports whether the step makes its table anew, under the names of
// the wanted schema.
func (k StepKind) Rebuilds() bool {
	return k == ConvertColumn || k == RequireColumn || k == AllowNull || k == ChangeRef
}

// Fills reports whether the step has a value for rows that have none.
func (s Step) Fills() bool { return s.Column.Fill != "" && s.Column.Ref == "" }

// NeedsEmpty reports a step that can only be done while its table has no rows.
func (s Step) NeedsEmpty() bool {
	switch s.Kind {
	case AddColumn:
		return s.Column != nil && s.Column.Required && !s.Fills()
	case ConvertColumn:
		return Converts(s.Before.TypeOf(), s.Column.TypeOf()) == ConvertsNone
	}
	return false
}

// RowsDecide reports whether the rows that are there can forbid the step.
func (s Step) RowsDecide() bool {
	switch s.Kind {
	case ConvertColumn:
		return Converts(s.Before.TypeOf(), s.Column.TypeOf()) != ConvertsAll
	case RequireColumn:
		return !s.Fills()
	case ChangeRef:
		return s.Column.Ref != "" && s.Before.Ref != s.Column.Ref
	case CreateIndex:
		return s.Index != nil && s.Index.Unique
	}
	return s.NeedsEmpty()
}

// Grade is how much a step can hurt.
type Grade string

// The grades.
const (
	Safe      Grade = "safe"
	Breaks    Grade = "breaks-clients"
	LosesData Grade = "loses-data" // named in removed
	Refused   Grade = "refused"
)
