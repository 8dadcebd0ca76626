// Package plan is the difference of two database schemas, as graded steps.
// Engines report what they have as a Schema and carry out a Plan; check and
// engine make plans. It knows no engine and reads no database.
package plan

import "github.com/edge-hive/edge-hive/runtime/query"

// Schema is what a database holds, or shall hold, as names and types in the
// manifest's words. It marshals to stable JSON.
type Schema struct {
	Tables []Table `json:"tables"`
	// Edges says that the engine has tables of edges: their Edge is what it is. To
	// other engines they are tables as any other. Schemas of databases only.
	Edges bool `json:"-"`
}

// Table is one table.
type Table struct {
	Name    string   `json:"name"`
	Was     string   `json:"-"`       // desired schemas only
	Columns []Column `json:"columns"` // the key first
	Indexes []Index  `json:"indexes,omitempty"`
	// Edge is set where every row of the table joins two others'.
	Edge *Edge `json:"edge,omitempty"`
	// Quiet keeps the table's rows out of the feed; desired schemas only.
	Quiet bool `json:"-"`
}

// Edge names the two refs of a table whose rows join two others'.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Column is one column. Type is the manifest's word.
type Column struct {
	Name  string `json:"name"`
	Was   string `json:"-"`
	Type  string `json:"type"`
	Scale int    `json:"scale,omitempty"`
	Of    string `json:"of,omitempty"`
	// Dimensions are a vector's.
	Dimensions int    `json:"dimensions,omitempty"`
	Ref        string `json:"ref,omitempty"`
	OnDelete   string `json:"onDelete,omitempty"`
	Required   bool   `json:"required,omitempty"`
	// Fill is the JSON literal that rows already there get when a required
	// column is added (the default), "" for none.
	Fill string `json:"-"`
}

// Index is a plain or unique index; Where is its condition's canonical text,
// "" for all rows.
type Index struct {
	Name string `json:"name"`
	// Kind is "fulltext" or "vector", "" for a plain one.
	Kind    string   `json:"kind,omitempty"`
	Columns []string `json:"columns"`
	Unique  bool     `json:"unique,omitempty"`
	Where   string   `json:"where,omitempty"`
	// Language is that of the words of a full-text index, "" for simple.
	Language string `json:"language,omitempty"`
	// Cond is the condition that Where prints; desired schemas only. An engine
	// makes its index from it.
	Cond query.Expr `json:"-"`
}
