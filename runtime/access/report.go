package access

import "github.com/edge-hive/edge-hive/runtime/fault"

// The codes of this package's faults.
const (
	codeBadRule      = "bad-rule"       // not the rule language, or not allowed in this place
	codeUnknownName  = "unknown-column" // no such column, attribute or name
	codeUnknownRule  = "unknown-rule"   // no such rule or function
	codeUnknownTable = "unknown-table"  // no such table
	codeMismatch     = "type-mismatch"  // operands or values of types that do not meet
	codeConstant     = "constant-rule"  // a text that is always true, false or null
	codeBadDefault   = "bad-default"    // a default that its own column refuses
	codeTooComplex   = "too-complex"
)

// report places a fault at a byte of a text and keeps it, unless one of its
// kind stands at that byte already: a text that CUE, or a macro, shares
// between tables is one mistake.
func (c *compiler) report(s source, offset int, f *fault.Fault) {
	at, exact := c.placer.at(s.path, s.text, offset)
	if !at.Known() {
		c.faults = append(c.faults, f.At(s.path))
		return
	}
	key := at.String() + " " + f.Code
	if !exact {
		key += " " + f.Message
	}
	if c.said[key] {
		return
	}
	c.said[key] = true
	c.faults = append(c.faults, f.At(s.path, at))
}

// reportAt places a fault at a manifest path.
func (c *compiler) reportAt(path string, f *fault.Fault) {
	if at := c.manifest.Positions.At(path); at.Known() {
		f = f.At(path, at)
	} else {
		f = f.At(path)
	}
	c.faults = append(c.faults, f)
}
