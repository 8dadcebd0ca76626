// Package difference says what a manifest would change: against the database
// (the steps of a plan) and against the manifest that runs, each change with its
// place and how much it can hurt. engine hands it both sides and shows the
// result. It reads nothing and changes nothing.
package difference

import (
	"iter"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Grade is how much a change can hurt.
type Grade string

// The grades, from the least. A change has the worst that holds for it.
const (
	Safe      Grade = "safe"
	Restart   Grade = "needs restart"  // a reload refuses it
	Widens    Grade = "widens access"  // somebody may do what he could not before
	Breaks    Grade = "breaks clients" // what clients do now may fail
	LosesData Grade = "loses data"     // and the manifest says so
	Refused   Grade = "refused"
)

// Grades are all grades, the worst last.
func Grades() []Grade { return []Grade{Safe, Restart, Widens, Breaks, LosesData, Refused} }

// Sign is what happens to a thing.
type Sign string

// The signs.
const (
	Comes Sign = "+"
	Turns Sign = "~"
	Goes  Sign = "-"
)

// Area is the part of the backend that a change belongs to.
type Area string

// The areas, in the order in which they are shown.
const (
	Database Area = "database"
	Tables   Area = "tables"
	Columns  Area = "columns"
	Access   Area = "access"
	Queries  Area = "queries"
	Cache    Area = "cache"
	Channels Area = "channels"
	// Functions are code: what may call it, and what it may reach.
	Functions Area = "functions"
	Routes    Area = "routes"
	Limits    Area = "limits"
	Server    Area = "server"
)

// Areas are all areas, in the order in which they are shown.
func Areas() []Area {
	return []Area{Database, Tables, Columns, Access, Queries, Cache, Channels, Functions, Routes, Limits, Server}
}

// Change is one thing that would be otherwise.
type Change struct {
	Area  Area   `json:"area"`
	Sign  Sign   `json:"sign"`
	Grade Grade  `json:"grade"`
	What  string `json:"what"`
	// Was and Is are both sides, where they can be shown.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// Hint says how to mend what is refused.
	Hint string `json:"hint,omitempty"`
	// Path and Position are the place in the manifest that would come.
	Path     string          `json:"path,omitempty"`
	Position *fault.Position `json:"position,omitempty"`
}

// Side is one manifest and its rules, compiled.
type Side struct {
	Manifest *manifest.Manifest
	Rules    *access.Rules
}

// Manifests compares what runs with what would. What the database has to do for
// it is not repeated here: that is Steps.
func Manifests(old, next Side) []Change {
	c := comparer{old: old, next: next}
	for _, part := range []func(*comparer){
		(*comparer).renames, (*comparer).edges, (*comparer).retentions, (*comparer).feeds, (*comparer).seeds, (*comparer).rows,
		(*comparer).columns, (*comparer).checks,
		(*comparer).access,
		(*comparer).queries,
		(*comparer).cache,
		(*comparer).channels,
		(*comparer).functions,
		(*comparer).middleware,
		(*comparer).routes,
		(*comparer).limits, (*comparer).rates,
		(*comparer).server, (*comparer).front, (*comparer).observe,
		// These say what the rules before them have found.
		(*comparer).macros, (*comparer).claims,
	} {
		part(&c)
	}
	return Sorted(c.changes)
}

// Sorted puts changes in the order of the areas; within one they stay as they
// come.
func Sorted(changes []Change) []Change {
	areas := Areas()
	slices.SortStableFunc(changes, func(a, b Change) int {
		return slices.Index(areas, a.Area) - slices.Index(areas, b.Area)
	})
	return changes
}

// Has reports whether any change has a grade.
func Has(changes []Change, grade Grade) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Grade == grade })
}

// comparer collects the changes.
type comparer struct {
	old, next Side
	changes   []Change
	moves     []move
}

// add places a change in the manifest that would come.
func (c *comparer) add(path string, change Change) {
	change.Path, change.Position = place(c.next.Manifest, path)
	c.changes = append(c.changes, change)
}

// place is a path and its position, nil where the source has nothing of it: the
// beginning of the file would lead nowhere.
func place(m *manifest.Manifest, path string) (string, *fault.Position) {
	at := m.Positions.At(path)
	if !at.Known() || at == m.Positions[""] {
		return path, nil
	}
	return path, &at
}

// tables are those that would be there, each after what it is now: nil for a new
// one.
func (c *comparer) tables() iter.Seq2[*manifest.Table, *manifest.Table] {
	return func(yield func(*manifest.Table, *manifest.Table) bool) {
		for i := range c.next.Manifest.Tables {
			next := &c.next.Manifest.Tables[i]
			if !yield(c.formerTable(next), next) {
				return
			}
		}
	}
}

// keptTables are the tables that are there before and after.
func (c *comparer) keptTables() iter.Seq2[*manifest.Table, *manifest.Table] {
	return func(yield func(*manifest.Table, *manifest.Table) bool) {
		for old, next := range c.tables() {
			if old != nil && !yield(old, next) {
				return
			}
		}
	}
}

// formerTable is what a table is now, by the name it had; nil for a new one.
func (c *comparer) formerTable(t *manifest.Table) *manifest.Table {
	if old := c.old.Manifest.Table(t.Name); old != nil {
		return old
	}
	if t.Was == "" {
		return nil
	}
	return c.old.Manifest.Table(t.Was)
}

// formerColumn is the same for a column.
func formerColumn(old *manifest.Table, column *manifest.Column) *manifest.Column {
	if before := old.Column(column.Name); before != nil || column.Was == "" {
		return before
	}
	return old.Column(column.Was)
}
