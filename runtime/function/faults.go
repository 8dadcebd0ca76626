package function

// The codes of faults of a call, and of operations.
const (
	CodeUnknown   = "function-unknown"          // no function has this name
	CodeFailed    = "function-failed"           // it crashed, or said that it failed
	CodeTimeout   = "function-timeout"          // it did not end within its time
	CodeMemory    = "function-memory"           // it needed more memory than its limit
	CodeAnswer    = "function-answer-too-large" // it answered more than its limit
	CodeBusy      = "function-busy"             // all instances are at work and enough wait
	CodeDepth     = "function-depth"            // too many functions followed from one another
	CodeBudget    = "function-budget"           // more operations than a call may do
	CodeOperation = "function-operation"        // no such operation, or its head is not as it must be
	CodeModule    = "function-module"           // the module cannot be loaded
)
