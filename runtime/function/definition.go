package function

import (
	"io/fs"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Definition is a function as it is to be loaded.
type Definition struct {
	Name string
	// Code is a WebAssembly module, or JavaScript where Path ends in .js.
	Code []byte
	Path string // of Code, for messages
	// Entry is the export to call, "" for what the convention says.
	Entry   string
	Service bool
	Limits  Limits
	// Files is where JavaScript imports files from that Path is among; nil is nowhere.
	Files   fs.FS
	Config  map[string]string
	Secrets map[string]manifest.SecretValue
	Grants  *manifest.Grants
	// Operations are what it may ask for, by name. They belong to the generation of
	// its manifest, as the gate behind them does: a host outlives both.
	Operations map[string]Operation
}

// Limits bound a function, and each of its calls. All are above zero.
type Limits struct {
	Memory     int64 // bytes of one instance
	Timeout    time.Duration
	Instances  int   // calls at once
	Waiting    int   // calls that wait for an instance
	Answer     int64 // bytes
	Log        int64 // bytes a call
	Operations int   // a call
	Statements int   // of them, on rows
	Fetches    int   // of them
}
