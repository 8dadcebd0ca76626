package data

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

var errComputedFromMade = fault.New(CodeBatch, "a column that the server computes depends on a key that is not made yet").
	WithHint("write that row in a request of its own")

// madeKeys are the writes of a batch so far whose rows have a name, for later
// writes to refer to: {"$key": "NAME"} is the key of the first row of that
// write, {"$key": "NAME.2"} that of its third.
type madeKeys struct {
	named map[string]madeRows
}

// madeRows is a write whose rows' keys may be referred to.
type madeRows struct {
	write int // in the store's batch
	rows  int
	table *query.Table
}

// madeValue is a value of a row that an earlier write of the batch makes.
type madeValue struct {
	column *query.Column
	value  *query.Made
}

// madeReference is a value that names a key.
type madeReference struct {
	Key string `json:"$key"`
}

// refersToMade reports whether a value is an object, which no key is.
func refersToMade(raw jsontext.Value) bool { return raw.Kind() == '{' }

// find reads {"$key": "NAME"} for a column, which must hold keys of the table
// that was written to.
func (m *madeKeys) find(raw jsontext.Value, c *query.Column) (*query.Made, error) {
	var reference madeReference
	if err := json.Unmarshal(raw, &reference, json.RejectUnknownMembers(true)); err != nil || reference.Key == "" {
		return nil, badBatch(`the value of %q is an object, and not {"$key": "NAME"}`, c.Name)
	}
	name, number, indexed := strings.Cut(reference.Key, ".")
	rows, known := m.named[name]
	if !known {
		return nil, badBatch("no earlier write is called %q", fault.Clip(name, maxName)).
			WithHint(`give it a name with "as"; inserts, and upserts that merge, make keys`)
	}
	row := 0
	if indexed {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return nil, badBatch("%q names no row: write NAME or NAME.INDEX", fault.Clip(reference.Key, maxName))
		}
		row = int(n)
	}
	if row >= rows.rows {
		return nil, badBatch("write %q has %d rows, so there is no %q", name, rows.rows, fault.Clip(reference.Key, maxName))
	}
	key := rows.table.Key()
	if c.Ref != nil && c.Ref.Table != rows.table.Name || c.Type != key.Type {
		return nil, badBatch("column %q does not hold keys of table %q", c.Name, rows.table.Name)
	}
	return &query.Made{Write: rows.write, Row: row, Of: key.Type}, nil
}

// madeFor is the key that an earlier write gives a column of the row; nil for
// none.
func (in *input) madeFor(c *query.Column) *query.Made {
	for _, made := range in.made {
		if made.column == c {
			return made.value
		}
	}
	return nil
}

// dependsOnMade reports whether a value is computed from a key that is not made
// yet.
func (in *input) dependsOnMade(e query.Expr) bool {
	if len(in.made) == 0 {
		return false
	}
	columns := query.Columns(e)
	for _, made := range in.made {
		if columns.Has(made.column) {
			return true
		}
	}
	return false
}
