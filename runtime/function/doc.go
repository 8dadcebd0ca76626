// Package function runs guest code: WebAssembly modules and JavaScript, metered,
// within limits, each call with a state of its own. engine loads functions from a
// manifest, web and triggers call them; what a guest may ask for are operations
// that engine hands in. It knows no rows, no HTTP server and no manifest, and a
// guest reaches nothing through it that is not an operation.
//
// The contract with guests is docs/functions-abi.md.
package function
