package surreal

import (
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// compiler writes bound trees as SurrealQL: text in buf, values as parameters
// $p0, $p1, ... in params. Names in the text are those of the manifest, quoted;
// a value of a request is never in it.
type compiler struct {
	schema *query.Schema
	buf    []byte
	// params are the pairs of name and value so far, as wire has a map's.
	params []byte
	count  int
	scope  scope
	// front are the parts of the statement at hand that stand in front of it, inner
	// the one that is being written; nested is how deep the text is.
	front  [][]byte
	inner  *apart
	nested nesting
	// inline writes values as literals, where a definition takes no parameters.
	inline bool
	// written says that the text's transaction may have written rows before.
	written bool
	// time is how many milliseconds the server gives each of the selects that a
	// condition or value without a row asks; 0 is no bound.
	time int64
	// within says that the text is one of several of a transaction (see unpushed).
	within bool
	// foresight is what was computed for the text (see foresee).
	foresight *foresight
	// byKey and after are those of a reading.
	byKey bool
	after *query.Value
	// fault is why the tree has no SurrealQL.
	fault *fault.Fault
}

func (c *compiler) text(s string) { c.buf = append(c.buf, s...) }

func (c *compiler) number(n int) { c.buf = strconv.AppendInt(c.buf, int64(n), 10) }

// name writes a name of the manifest or of ours: [A-Za-z_0-9], so none holds
// the quote.
func (c *compiler) name(s string) {
	c.buf = append(c.buf, '`')
	c.buf = append(c.buf, s...)
	c.buf = append(c.buf, '`')
}

// bind writes a parameter with the value that value appends.
func (c *compiler) bind(value func(dst []byte) []byte) {
	if c.inline {
		c.text(literal(value(nil)))
		return
	}
	name := "p" + strconv.Itoa(c.count)
	c.count++
	c.text("$" + name)
	c.params = value(wire.AppendString(c.params, name))
}

// set gives a parameter that the text names itself.
func (c *compiler) set(name string, value func(dst []byte) []byte) {
	c.count++
	c.params = value(wire.AppendString(c.params, name))
}

// value writes a value as a parameter. ref is the table whose key it is, "" for
// none; null is written as NONE.
func (c *compiler) value(v query.Value, t query.Type, ref string) {
	if v.IsNull() {
		c.text("NONE")
		return
	}
	c.bind(func(dst []byte) []byte { return appendValue(dst, v, t, ref) })
}

// vars are the parameters as rpc sends them.
func (c *compiler) vars() []byte {
	return append(wire.AppendMap(nil, c.count), c.params...)
}

// scope says how the rows that a column may belong to are called at the place
// that is being written.
type scope struct {
	// rows are prefixes of the rows at hand, the innermost last: "" where the
	// statement's own row is at hand and fields stand bare, "$row." for a row in a
	// variable, "$r1_" for one whose fields a block has bound to a variable each.
	// ColumnRef.Up counts from the end.
	rows []string
	// old is the prefix of the row before the write.
	old string
	// made counts the variables that were bound, so that each has its own name.
	made int
}

// field writes the field of a column as it is stored: a key or a ref is a
// record's id there.
func (c *compiler) field(e *query.ColumnRef) {
	prefix := c.scope.old
	if !e.Old {
		prefix = c.scope.rows[len(c.scope.rows)-1-int(e.Up)]
	}
	c.fieldNamed(prefix, fieldOf(e.Table, e.Column))
}

// fieldNamed writes a field of the row of a prefix.
func (c *compiler) fieldNamed(prefix, name string) {
	c.text(prefix)
	if isVariable(prefix) {
		c.inner.reads(prefix, name)
		c.text(name)
		return
	}
	c.name(name)
}
