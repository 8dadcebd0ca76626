// Package check says what is wrong with a loaded manifest beyond what CUE can
// say: names, references, bounds, rules, routes, addresses, files, modules. It works
// offline, touches no database (but an empty one in memory, which named queries
// are prepared on), binds no port, and reports everything at once.
// validate, serve and reload all pass through it; engine builds only what it
// let through. It changes nothing.
package check

import (
	"path/filepath"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Checked is what checking has made of a manifest on the way, for engine to
// build from.
type Checked struct {
	Schema *query.Schema
	Rules  *access.Rules
	// Modules is the code of functions, by name: what was looked at is what runs.
	Modules map[string][]byte
}

// The codes of this package's faults. Those of rules are access's.
const (
	codeName       = "bad-name"
	codeReserved   = "reserved-name"
	codeDuplicate  = "duplicate-name"
	codeReference  = "bad-reference"
	codeColumn     = "unknown-column"
	codeTable      = "unknown-table"
	codePolicy     = "unknown-policy"
	codeRate       = "unknown-rate"
	codeColumnType = "bad-column"
	codeBounds     = "bad-bounds"
	codePattern    = "bad-pattern"
	codeIndex      = "bad-index"
	codeRemoved    = "bad-removed"
	codeWas        = "bad-rename"
	codeSeed       = "bad-seed"
	codeRoute      = "bad-route"
	codeCollision  = "route-collision"
	codeStatic     = "bad-static"
	codeAddress    = "bad-address"
	codeProxy      = "bad-proxy"
	codeRange      = "out-of-range"
	codeChannel    = "bad-channel"
	codeCondition  = "bad-rule"
	codeNotYet     = "not-in-this-version"
	codeTest       = "bad-test"
)

// checker collects faults.
type checker struct {
	m      *manifest.Manifest
	tables map[string]*manifest.Table
	// modules is the code of functions, by name.
	modules map[string][]byte
	faults  fault.List
	slow    map[string]bool // lookups that were warned of
}

// Check finds everything that is wrong with m, in the order of the source.
// With any fault Checked is nil.
func Check(m *manifest.Manifest) (*Checked, fault.List) {
	c := &checker{m: m, tables: make(map[string]*manifest.Table, len(m.Tables))}
	for i := range m.Tables {
		c.tables[m.Tables[i].Name] = &m.Tables[i]
	}
	c.names()
	c.rules()
	for i := range m.Tables {
		c.table(&m.Tables[i])
	}
	for i := range c.m.Auth.Claims {
		c.column(&c.m.Auth.Claims[i])
	}
	c.keyCircles()
	c.removed()
	c.queries()
	c.channels()
	c.functions()
	c.middleware()
	c.routes()
	c.engine()
	c.server()
	c.tls()
	c.traces()
	c.limits()
	c.rates()
	c.cache()
	c.redis()
	c.tests()

	declarable := mend(m)
	schema, err := query.Declare(declarable)
	if err != nil {
		// mend leaves nothing for Declare to refuse; say it rather than go on.
		c.report("tables", fault.Newf(codeColumnType, "the tables do not fit together: %v", err).WithHint("mend the other faults first"))
		c.faults.Sort()
		return nil, c.faults
	}
	if len(c.faults) == 0 {
		c.queryTexts(schema)
	}
	rules, problems := access.Compile(declarable, schema)
	c.faults = append(c.faults, problems...)
	if len(c.faults) > 0 {
		c.faults.Sort()
		return nil, c.faults
	}
	return &Checked{Schema: schema, Rules: rules, Modules: c.modules}, nil
}

// find finds a table by its exact name; nil when there is none.
func (c *checker) find(name string) *manifest.Table { return c.tables[name] }

// report keeps a fault of a manifest path.
func (c *checker) report(path string, f *fault.Fault) {
	c.faults = append(c.faults, place(c.m, path, f))
}

func place(m *manifest.Manifest, path string, f *fault.Fault) *fault.Fault {
	at := m.Positions.At(path)
	if !at.Known() {
		return f.At(path)
	}
	return f.At(path, at)
}

// written tells whether the source has a field, whatever it holds.
func (c *checker) written(path string) bool {
	_, ok := c.m.Positions[path]
	return ok
}

// emptyCondition refuses "" where leaving the field out means every row: it is
// more likely a condition that got lost.
func (c *checker) emptyCondition(path, text string) {
	if text == "" && c.written(path) {
		c.report(path, fault.Newf(codeCondition, "%s is empty", field(path)).WithHint("write a condition, or leave the field out for all rows"))
	}
}

// also adds the place of another path, the other half of a conflict.
func (c *checker) also(f *fault.Fault, other string) *fault.Fault {
	if at := c.m.Positions.At(other); at.Known() {
		return f.WithDetails("the other is " + other + ", " + short(at))
	}
	return f.WithDetails("the other is " + other)
}

// short is a position with the file's name alone.
func short(at fault.Position) string {
	at.File = filepath.Base(at.File)
	return at.String()
}

// member is the manifest path of a field that is named by the user.
func member(parent, name string) string {
	if isIdentifier(name) {
		return parent + "." + name
	}
	return parent + "." + strconv.Quote(name)
}

func isIdentifier(name string) bool {
	for i, r := range name {
		letter := r == '_' || r == '$' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// item is the manifest path of a list's member.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
