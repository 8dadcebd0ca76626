// Package admin is the operator's way into a running backend: HTTP over a Unix
// socket in the data folder, mode 0600, so that no page and no neighbour can
// reach it. engine serves it, the commands call it. It holds the socket and what
// is said over it, and decides nothing.
package admin

import (
	"encoding/json"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The ways of the socket.
const (
	PathReload   = "/reload"   // POST: a ReloadAnswer; ?who= and ?hash= are the caller's
	PathUpgrade  = "/upgrade"  // POST ?program=: an UpgradeAnswer
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
