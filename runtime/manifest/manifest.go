// Package manifest is a checked manifest as plain structs: every default
// filled, every duration and size a number, everything named in the order of
// the source. manifest/load makes it, check and engine read it; it imports no
// CUE and holds no secret's value.
package manifest

import (
	"time"
)

// Manifest is one backend, whole. It is immutable once loaded.
type Manifest struct {
	// Name stands in logs, status and metrics.
	Name string
	// Dir is the manifest's folder, absolute; relative paths start there.
	Dir string
	// Files are the manifest's source files, absolute, in load order.
	Files []string
	// Hash identifies the effective manifest: equal hashes, equal backends.
	Hash string

	Server         Server
	Limits         Limits
	Rates          []Rate
	CORS           CORS
	TrustedProxies []string // CIDR prefixes
	Database       Database
	Rules          []Rule
	Tables         []Table
	// Removed names what may be dropped: "TABLE" or "TABLE.COLUMN".
	Removed  []string
	Cache    Cache
	Queries  []Query
	Channels []Channel
	// Functions are in the order of the source.
	Functions  []Function
	Middleware []Middleware
	Routes     []Route
	Auth       Auth
	Tests      []Test
	Observe    Observe

	// Positions finds a path's place in the files.
	Positions Positions
}

// Table finds a table by its exact name; nil when there is none.
func (m *Manifest) Table(name string) *Table {
	for i := range m.Tables {
		if m.Tables[i].Name == name {
			return &m.Tables[i]
		}
	}
	return nil
}

// DataDir is the folder that is ours to write: that of database.path, or
// database.data.
func (m *Manifest) DataDir() string { return m.Database.Dir }

// Limits bound every request.
type Limits struct {
	Body                  int64         // bytes
	Timeout               time.Duration // of a handler
	Statement             time.Duration // of one database statement
	Connections           int
	ConnectionsPerAddress int
}

// Rate is a named request rate. "default" applies where no other is named.
type Rate struct {
	Name     string
	Per      string // "caller" or "ip"
	Requests int
	Window   time.Duration
	Roles    map[string]int // requests for a role, instead of Requests
}

// CORS narrows which web origins may call.
type CORS struct {
	Declared bool     // false: any origin
	Origins  []string // scheme://host[:port]
}

// The engines.
const (
	SQLite    = "sqlite"
	SurrealDB = "surrealdb"
)

// Database says where rows live. Fields that are another engine's are zero.
type Database struct {
	Engine string // SQLite or SurrealDB
	Dir    string // absolute; the data folder
	// Path is SQLite's file, absolute.
	Path string
	// URL is SurrealDB's server: ws or wss, host and port.
	URL             string
	Namespace, Name string
	User            string
	Password        *Secret
	Roots           string // absolute; a PEM file for wss, "" for the system's
	// ChangesKeep bounds the feed by age, ChangesMax that of SQLite by bytes.
	ChangesKeep time.Duration
	ChangesMax  int64
}

// Address names the database for a person: its file, or its place on a server.
func (d *Database) Address() string {
	if d.Engine == SurrealDB {
		return d.URL + "/" + d.Namespace + "/" + d.Name
	}
	return d.Path
}

// Rule is a macro: "member(club)" has Name "member" and Params ["club"].
type Rule struct {
	Name   string
	Params []string
	Text   string
	Path   string
}

// Condition is one access rule as it was written: left out (the service role
// alone), a constant, or CEL text.
type Condition struct {
	Declared bool
	Always   bool   // the literal true
	Text     string // CEL; "" where the condition is a constant or left out
	Path     string // in the manifest
}

// Access is who may do what to the rows of a table.
type Access struct {
	Read         Condition
	Create       Condition
	UpdateBefore Condition // on the stored row
	UpdateAfter  Condition // on the row as it would become
	Delete       Condition
	Guards       []Guard // ANDed to every operation, before and after
}

// Guard is one named guard of a table's access.
type Guard struct {
	Name string
	Condition
}

// Table is a declared table; users is always there, with our columns first.
type Table struct {
	Name    string
	Was     string // its former name, renamed once
	Key     Key
	Columns []Column // in the order of the source, without the key
	Indexes []Index
	Checks  []Check
	Access  Access
	Cache   string // policy name, "" for none
	Rows    int    // at most this many an answer
	Seed    string // absolute path of a CSV or JSON file, "" for none
	// Edge is set where rows join two others; Retention where they leave by
	// themselves.
	Edge      *Edge
	Retention *Retention
	// Quiet keeps changes of its rows out of the feed (changes: false).
	Quiet bool
	Path  string
}

// Edge names the two ref columns of an edge table.
type Edge struct {
	From, To string
	Unique   bool
	Path     string
}

// Retention says how old rows become by a column.
type Retention struct {
	Column string
	Keep   time.Duration
	Path   string
}

// Column finds a column by its exact name; nil when there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Key is the type of a table's column id.
type Key struct {
	Type     string // "uuid", "int", "text" or "ref"
	Table    string // of a ref
	OnDelete string // of a ref: "cascade", "restrict"
}

// Column is one declared column. Fields that do not fit its type are zero.
type Column struct {
	Name     string
	Was      string
	Type     string // text int float decimal bool timestamp date uuid json list ref vector
	Required bool
	BuiltIn  bool   // ours, in users: written by the service role alone
	Min, Max string // decimal text, "" for none: characters, items, else the value
	Pattern  string // RE2
	Enum     []string
	Scale    int    // of a decimal
	Of       string // item type of a list
	// Dimensions of a vector, and what nearness means: "cosine", "l2", "dot".
	Dimensions int
	Metric     string
	Table      string // of a ref
	OnDelete   string // of a ref: "restrict", "cascade", "setNull"
	Default    *Default
	Auto       *Auto
	Access     ColumnAccess
	Path       string
}

// Default is the value of a column that a request leaves out: a JSON literal,
// or CEL.
type Default struct {
	JSON string
	CEL  string
}

// Auto is CEL that we evaluate and callers may not send.
type Auto struct {
	Create, Update string
}

// ColumnAccess narrows a table's operations for one column. An operation that
// was left out adds nothing (Declared is false).
type ColumnAccess struct {
	Read, Create, Update Condition
}

// Index is a plain or unique index, one over the words of texts, or one over
// vectors.
type Index struct {
	Name    string
	Kind    string // "fulltext", "vector", "" for a plain one
	Columns []string
	Unique  bool
	Where   string // CEL over the row, "" for all rows
	// Language is that of the words of a full-text index, "" for simple.
	Language string
	Path     string
}

// Check is a named condition that every written row must not make false.
type Check struct {
	Name string
	Text string
	Path string
}

// Cache is the tiers and the policies.
type Cache struct {
	MemorySize int64
	Redis      *Redis // nil: memory alone
	Policies   []Policy
}

// The kinds of what stands at the address of a Redis.
const (
	RedisSingle   = "single"
	RedisSentinel = "sentinel"
	RedisCluster  = "cluster"
)

// Redis is the tier that nodes share.
type Redis struct {
	URL              *Secret
	Kind             string
	Addresses        []string // host:port, beside that of URL
	Master           string   // of sentinels
	SentinelPassword *Secret  // nil: none
	Roots            string   // absolute; a PEM file, "" for the system's
	Prefix           string   // of all keys; never empty
	Timeout          time.Duration
	Path             string
}

// Policy says how long an answer may be served from the cache.
type Policy struct {
	Name  string
	TTL   time.Duration
	Stale time.Duration // past TTL, old answers while one caller refreshes
}

// Channel is a live view of a table, or a broadcast: what is sent to it goes to
// who listens, and is kept nowhere but in its history. Fields of the other kind
// are zero.
type Channel struct {
	Name   string
	Table  string
	Filter string   // CEL over the row, "" for all rows
	Events []string // of create, update, delete; never empty
	// Access is who may listen. On a table it comes on top of the table's read
	// rule, and left out adds nothing; left out of a broadcast it is the service
	// role alone.
	Access Condition
	// Broadcast, and who may send; left out the service role alone.
	Broadcast bool
	Send      Condition
	History   int // messages that who comes later is given
	Path      string
}

// Auth is how callers are known.
type Auth struct {
	Secret *Secret // nil: made on first start
	// Claims are what rules may ask of the user's app_metadata: name, type,
	// bounds and default of each. nil: not declared, rules may ask anything.
	Claims []Column
}

// Observe is what operators see.
type Observe struct {
	MetricsListen string // host:port; "" is off
	LogLevel      string // debug, info, warn, error
	LogFormat     string // json, text
	// LogRequests is the share of requests that went well which are logged, 0 to 1.
	LogRequests float64
	Traces      *Traces // nil: off
}

// Traces says where traces are sent by OTLP over HTTP.
type Traces struct {
	URL     string // what /v1/traces is added to
	Headers []NamedSecret
	Sample  float64 // 0 to 1, of traces that begin here
	Roots   string  // absolute; a PEM file, "" for the system's
	Path    string
}
