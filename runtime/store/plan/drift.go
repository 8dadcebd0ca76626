package plan

// Drift is one thing in a database that is otherwise than its recorded schema
// says: somebody changed it by hand.
type Drift struct {
	// What says which object it is, and what is otherwise.
	What string `json:"what"`
	Hint string `json:"hint"`
	// Grave means that the database cannot be served or migrated as it is.
	Grave bool `json:"grave,omitempty"`
}
