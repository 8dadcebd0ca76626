// Package admin is the operator's way into a running backend: HTTP over a Unix
// socket in the data folder, mode 0600, so that no page and no neighbour can
// reach it. engine serves it, the commands call it. It holds the socket and what
// is said over it, and decides nothing.
package admin

import (
	"encoding/json"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The ways of the socket.
const (
	PathReload   = "/reload"   // POST: a ReloadAnswer; ?who= and ?hash= are the caller's
	PathStatus   = "/status"   // GET: a Status
	PathUser     = "/user"     // GET ?email=: a User; 404 when there is none
	PathManifest = "/manifest" // GET: a Running
	PathBackup   = "/backup"   // GET: a backup's bytes
	PathExport   = "/export"   // GET ?table=&form=: a part of a multipart body for each table
	PathImport   = "/import"   // POST ?table=&form=&resolution=&chunk=: rows; the engine's words back
	PathExplain  = "/explain"  // POST: the engine's words, both ways
	PathHistory  = "/history"  // GET: the migrations (plan.Record), the first one first
	PathPprof    = "/debug/pprof/"
)

// Status is what a running backend says of itself.
type Status struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	Uptime     string    `json:"uptime"` // a Go duration, whole seconds
	Generation uint64    `json:"generation"`
	Manifest   Manifest  `json:"manifest"`
	LastReload *Reload   `json:"lastReload,omitempty"`
	// Listeners are what is bound, with the ports in use.
	Listeners []Listener `json:"listeners"`
	Database  Database   `json:"database"`
	Cache     Cache      `json:"cache"`
	// Functions is left out where there are none.
	Functions *Functions `json:"functions,omitempty"`
	// Triggers is left out where none is called besides by requests.
	Triggers *Triggers `json:"triggers,omitempty"`
	// Requests in flight, and the live subscribers' connections.
	Requests int64 `json:"requests"`
	Sockets  int   `json:"sockets"`
	// Draining are the generations that still finish requests.
	Draining int  `json:"draining"`
	Ready    bool `json:"ready"`
}

// Functions is what runs them.
type Functions struct {
	Declared int   `json:"declared"`
	Modules  int   `json:"modules"` // compiled, each once
	Running  int   `json:"running"` // calls
	Waiting  int   `json:"waiting"` // calls that have no instance yet
	Idle     int   `json:"idle"`    // instances that wait for a call
	Memory   int64 `json:"memory"`  // bytes of all instances
	Limit    int64 `json:"limit"`
}

// Triggers are the functions that are called for commits and at times.
type Triggers struct {
	// Leads tells that this node calls them; else another does, and the rest is known
	// there.
	Leads     bool      `json:"leads"`
	Trouble   string    `json:"trouble,omitempty"`
	Functions []Trigger `json:"functions,omitempty"`
}

// Trigger is how one of them stands. Runs, Failures, Skipped and Missed are those
// since the start.
type Trigger struct {
	Name     string  `json:"name"`
	Runs     uint64  `json:"runs"`
	Failures uint64  `json:"failures,omitempty"`
	Skipped  uint64  `json:"skipped,omitempty"` // times that were passed over
	Missed   uint64  `json:"missed,omitempty"`  // how often the feed no longer reached back
	Running  int     `json:"running,omitempty"`
	Commits  int     `json:"commits,omitempty"` // read and not done
	Retries  int     `json:"retries,omitempty"` // changes that wait for another try, or behind one
	Dead     int     `json:"dead,omitempty"`    // dead letters
	Behind   float64 `json:"behind,omitempty"`  // seconds: the age of the oldest commit that is not done
	// Next and Last are when it is due, and was.
	Next    *time.Time `json:"next,omitempty"`
	Last    *time.Time `json:"last,omitempty"`
	Error   string     `json:"error,omitempty"` // of the last call that failed
	ErrorAt *time.Time `json:"errorAt,omitempty"`
	// Removed tells that no manifest asks for it any more.
	Removed bool `json:"removed,omitempty"`
}

// Manifest says which manifest is served.
type Manifest struct {
	Path string   `json:"path"`
	Tags []string `json:"tags,omitempty"`
	Hash string   `json:"hash"`
}

// Reload is one reload and how it ended.
type Reload struct {
	At     time.Time `json:"at"`
	Result string    `json:"result"` // "swapped", "unchanged" or "refused"
	Faults int       `json:"faults,omitempty"`
}

// The results of a reload.
const (
	Swapped   = "swapped"
	Unchanged = "unchanged"
	Refused   = "refused"
)

// Running is what serves, for a comparison with what could.
type Running struct {
	Generation uint64 `json:"generation"`
	Hash       string `json:"hash"`
	// Dev tells that the manifest is served as dev serves it.
	Dev bool `json:"dev,omitempty"`
	// Effective is the whole manifest (manifest.Manifest), which holds no
	// secret's value, and Schema that of the database (plan.Schema).
	Effective json.RawMessage `json:"effective"`
	Schema    json.RawMessage `json:"schema"`
	// Drift is what was changed in the database by hand (plan.Drift).
	Drift json.RawMessage `json:"drift,omitempty"`
	// Filled are the tables that have rows.
	Filled []string `json:"filled,omitempty"`
}

// Listener is one bound address.
type Listener struct {
	Name    string `json:"name"` // "http", "metrics"
	Address string `json:"address"`
}

// Database says where rows live and whether they can be written.
type Database struct {
	Engine  string `json:"engine"`
	Path    string `json:"path"` // the file, or the place on a server
	Healthy bool   `json:"healthy"`
	// Drift is what was changed by hand, a line each.
	Drift []string `json:"drift,omitempty"`
}

// Cache is the memory tier's gauges and counters.
type Cache struct {
	Entries   int    `json:"entries"`
	Bytes     int64  `json:"bytes"`
	MaxBytes  int64  `json:"maxBytes"`
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"`
	Stales    uint64 `json:"stales"`
	Evictions uint64 `json:"evictions"`
}

// ReloadAnswer is what a reload did. Faults is empty unless it was refused.
type ReloadAnswer struct {
	Result     string `json:"result"`
	Generation uint64 `json:"generation"`
	Hash       string `json:"hash"`
	// Steps are what the migration did, a line each.
	Steps []string `json:"steps,omitempty"`
	// Backup is the file that was written before, as the migration loses data.
	Backup string `json:"backup,omitempty"`
	fault.Report
}

// User is a row of the users table, as a token needs it.
type User struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	// App and Meta are JSON objects, null for none.
	App  json.RawMessage `json:"app_metadata"`
	Meta json.RawMessage `json:"user_metadata"`
}
