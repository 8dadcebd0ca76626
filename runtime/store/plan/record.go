package plan

import "time"

// Record is one migration as the history has it.
type Record struct {
	ID   int64     `json:"id"`
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	Hash string    `json:"manifest"` // of the manifest that wanted it
	// Steps are what it did, in its order.
	Steps  []RecordedStep `json:"steps"`
	Before Schema         `json:"before"`
	After  Schema         `json:"after"`
}

// RecordedStep is a step as the history keeps it.
type RecordedStep struct {
	Kind   StepKind `json:"kind"`
	Grade  Grade    `json:"grade"`
	Table  string   `json:"table"`
	Name   string   `json:"name,omitempty"`
	Was    string   `json:"was,omitempty"`
	Reason string   `json:"what"`
}

// RecordSteps gives steps as the history keeps them.
func RecordSteps(steps []Step) []RecordedStep {
	recorded := make([]RecordedStep, len(steps))
	for i, s := range steps {
		recorded[i] = RecordedStep{Kind: s.Kind, Grade: s.Grade, Table: s.Table, Name: s.Name, Was: s.Was, Reason: s.Reason}
	}
	return recorded
}
