package manifest

import "time"

// Function is guest code: a WebAssembly module, or JavaScript.
type Function struct {
	Name   string
	Module string // absolute; a .wasm or .js file
	Source string // absolute; the folder that Module is built from, "" for none
	Entry  string // the export that is called, "" for what the module's convention says
	// Service makes it act as the service role; else it acts as its caller.
	Service bool
	Call    Condition // who may call it over HTTP
	Limits  FunctionLimits
	Config  []Setting
	Secrets []NamedSecret
	Grants  Grants
	// On says what else calls it.
	Tables   []TableTrigger
	Schedule *Schedule
	Path     string
}

// FunctionLimits bound a function and each of its calls.
type FunctionLimits struct {
	Memory    int64 // bytes of one instance
	Timeout   time.Duration
	Instances int   // calls at once
	Waiting   int   // calls that wait for an instance; more are refused
	Answer    int64 // bytes
	Log       int64 // bytes a call
}

// Setting is a value that a function may read.
type Setting struct {
	Name, Value string
	Path        string
}

// NamedSecret is a secret that a function may read.
type NamedSecret struct {
	Name   string
	Secret *Secret
	Path   string
}

// Grants are what a function may reach. What is left out it may not.
type Grants struct {
	Tables    []TableGrant
	Queries   []string // named queries
	Functions []string
	Cache     bool
	Fetch     []string // HOST or HOST:PORT
	Publish   []string // broadcast channels
	Headers   bool     // credentials of the request
	Path      string
}

// TableGrant are the operations that a function may do on a table.
type TableGrant struct {
	Table      string
	Operations []string // of read, create, update, delete
	Path       string
}

// TableTrigger calls a function after commits.
type TableTrigger struct {
	Table  string
	Events []string // of create, update, delete; never empty
	When   string   // CEL over the row and old, "" for always
	Path   string
}

// Schedule calls a function at times.
type Schedule struct {
	Cron string
	Zone string // an IANA name
	// Missed says what of runs that were due while nothing ran: MissedOnce, MissedSkip.
	Missed string
	Path   string
}

// What becomes of missed runs.
const (
	MissedOnce = "once" // one run makes up for all
	MissedSkip = "skip"
)

// Function finds a function by its exact name; nil when there is none.
func (m *Manifest) Function(name string) *Function {
	for i := range m.Functions {
		if m.Functions[i].Name == name {
			return &m.Functions[i]
		}
	}
	return nil
}

// CallFunction is a route that calls a function.
type CallFunction struct {
	Name string
}
