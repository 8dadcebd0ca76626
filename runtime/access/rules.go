package access

import (
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Rules is everything the manifest says in CEL, compiled: unbound trees, ready
// to be bound to a caller. It is immutable.
type Rules struct {
	Tables    map[string]*TableRules
	Channels  map[string]*ChannelRules
	Queries   map[string]*QueryRules
	Functions map[string]*FunctionRules
	// Middleware has those that declare who may pass.
	Middleware map[string]*MiddlewareRules
}

// TableRules is the compiled access of one table, guards included. A condition
// is never nil: left out is the literal false, `true` the literal true. They
// do not speak of the service role, which the gate lets pass.
type TableRules struct {
	Table        *query.Table
	Read         query.Expr // on the stored row
	Create       query.Expr // on the new row
	UpdateBefore query.Expr // on the stored row
	UpdateAfter  query.Expr // on the resulting row; may speak of old
	Delete       query.Expr // on the stored row
	// Granted tells which operations were declared at all: one that was not is
	// "permission denied", not an empty answer.
	Granted Granted
	// Clauses are what the operations are joined from.
	Clauses Clauses
	Checks  []Check
	Columns []ColumnRules // by query.Column.Index; [0] is the key
}

// Clauses are the conditions of each operation of a table as they stand in the
// manifest: its own, then the guards. All of them must hold.
type Clauses struct{ Read, Create, UpdateBefore, UpdateAfter, Delete []Clause }

// Clause is one condition of the manifest.
type Clause struct {
	Name string // below the table: access.read, access.guards.tenant
	Path string // in the manifest
	Cond query.Expr
}

// Granted tells which of a table's operations the manifest grants to anyone.
type Granted struct{ Read, Create, Update, Delete bool }

// Check is a named condition of a table that no written row may make false.
type Check struct {
	Name string // the constraint: {table}_{check}_check
	Cond query.Expr
}

// ColumnRules is the compiled column: who may name it, and what fills it.
// A nil condition adds nothing to the table's.
type ColumnRules struct {
	Column   *query.Column
	Declared *manifest.Column // nil for the key
	Read     query.Expr       // speaks of auth alone
	Create   query.Expr
	Update   query.Expr
	Default  query.Expr // nil for none; literal, or CEL
	// AutoCreate and AutoUpdate are set by us; nil for none.
	AutoCreate query.Expr
	AutoUpdate query.Expr
}

// ChannelRules is the compiled channel. A broadcast has no table; its rules
// speak of auth alone, and left out they are the literal false.
type ChannelRules struct {
	Channel *manifest.Channel
	Table   *query.Table
	Filter  query.Expr // literal true when left out
	Access  query.Expr // on top of the table's read rule; true when left out
	Send    query.Expr // of a broadcast; nil of a table's
}
