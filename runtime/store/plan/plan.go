package plan

// Plan is the way from one schema to another.
type Plan struct {
	From, To Schema
	Steps    []Step
}

// Step is one change of the database.
type Step struct {
	Kind   StepKind
	Grade  Grade
	Table  string
	Name   string // column or index
	Was    string // former name, of a rename
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
)

// Grade is how much a step can hurt.
type Grade string

// The grades.
const (
	Safe      Grade = "safe"
	LosesData Grade = "loses-data" // named in removed
	Refused   Grade = "refused"
)
