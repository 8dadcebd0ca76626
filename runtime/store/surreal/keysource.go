package surreal

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// rowsOf writes what is read where a table's rows are asked for under a
// condition: the table, or where the condition names keys or a range of them,
// those alone, for SurrealDB's planner finds by itself but the row of one key. Each
// key is a source of its own: the rows of a list of them are not ordered by their
// keys, whatever the statement says. It gives what is left of the condition, which
// must still be written. byKey says that a page in the order of the keys is wanted,
// or any rows.
func (c *compiler) rowsOf(t *query.Table, where query.Expr, byKey bool) query.Expr {
	var keys keyTerms
	keys.collect(t, where)
	switch {
	case keys.one:
		c.name(t.Name)
	case keys.list != nil:
		for i, key := range keys.list {
			if i > 0 {
				c.text(", ")
			}
			c.value(key.Value, key.Of, t.Name)
		}
	case (keys.low != nil || keys.high != nil) && !keys.indexed:
		if byKey {
			c.keyRange(t, keys.low, keys.high)
		} else {
			c.wholeRange(t, keys.low, keys.high)
		}
		return withoutTerms(where, keys.low, keys.high)
	default:
		c.name(t.Name)
	}
	return where
}

// keyRange writes the rows whose keys are between two bounds, so that a page of
// them is read no further than it goes: the server has the page in front of any
// order but that of the keys.
func (c *compiler) keyRange(t *query.Table, low, high *bound) {
	c.text("type::record('" + t.Name + "', ")
	if low != nil {
		c.value(low.key.Value, low.key.Of, "")
		if !low.included {
			c.text(">")
		}
	}
	c.text("..")
	if high != nil {
		if high.included {
			c.text("=")
		}
		c.value(high.key.Value, high.key.Of, "")
	}
	c.text(")")
}

// wholeRange writes the same rows, so that all are read before they are sorted.
func (c *compiler) wholeRange(t *query.Table, low, high *bound) {
	c.bind(func(dst []byte) []byte {
		dst = wire.AppendArray(wire.AppendTag(dst, tagRecord), 2)
		dst = wire.AppendArray(wire.AppendTag(wire.AppendString(dst, t.Name), tagRange), 2)
		return high.append(low.append(dst))
	})
}

func (b *bound) append(dst []byte) []byte {
	if b == nil {
		return wire.AppendNull(dst)
	}
	tag := uint64(tagExcluded)
	if b.included {
		tag = tagIncluded
	}
	return appendValue(wire.AppendTag(dst, tag), b.key.Value, b.key.Of, "")
}

// The tags of a range of records in SurrealDB's CBOR.
const (
	tagRecord   = wire.TagRecord
	tagRange    = 49
	tagIncluded = 50
	tagExcluded = 51
)

// withoutTerms is a condition without those of its terms that are the bounds.
func withoutTerms(where query.Expr, low, high *bound) query.Expr {
	isBound := func(e query.Expr) bool { return low != nil && e == low.term || high != nil && e == high.term }
	if isBound(where) {
		return nil
	}
	and, ok := where.(*query.And)
	if !ok || !slices.ContainsFunc(and.Terms, isBound) {
		return where
	}
	return &query.And{Terms: slices.DeleteFunc(slices.Clone(and.Terms), isBound)}
}

// keyTerms is what a condition says of the key.
type keyTerms struct {
	one       bool             // it is one
	list      []*query.Literal // it is one of these, each once
	low, high *bound
	indexed   bool // an index serves another term
}

// bound is an end of a range of keys.
type bound struct {
	term     query.Expr
	key      *query.Literal
	included bool
}

func (k *keyTerms) collect(t *query.Table, where query.Expr) {
	if where == nil {
		return
	}
	for _, term := range flatTerms(nil, term{where, true}, true) {
		switch e := term.of.(type) {
		case *query.Compare:
			if term.want {
				k.compare(t, e)
			}
		case *query.In:
			if term.want {
				k.in(t, e)
			}
		}
	}
}

func (k *keyTerms) compare(t *query.Table, e *query.Compare) {
	literal, ok := e.Right.(*query.Literal)
	switch {
	case !ok || literal.Value.IsNull():
		return
	case !namesKey(t, e.Left):
		k.indexed = k.indexed || e.Op == query.Equal && isIndexed(t, e.Left)
		return
	case literal.Value.Kind != t.Key().Type.Kind:
		return
	}
	switch e.Op {
	case query.Equal:
		k.one = true
	case query.Less, query.LessEqual:
		k.high = &bound{e, literal, e.Op == query.LessEqual}
	case query.Greater, query.GreaterEqual:
		k.low = &bound{e, literal, e.Op == query.GreaterEqual}
	}
}

func (k *keyTerms) in(t *query.Table, e *query.In) {
	if !namesKey(t, e.Operand) {
		k.indexed = k.indexed || isIndexed(t, e.Operand)
		return
	}
	seen := make(map[query.Value]bool, len(e.List))
	list := make([]*query.Literal, 0, len(e.List))
	for _, item := range e.List {
		literal, ok := item.(*query.Literal)
		if !ok || literal.Value.Kind != t.Key().Type.Kind {
			return
		}
		if !seen[literal.Value] {
			seen[literal.Value] = true
			list = append(list, literal)
		}
	}
	if len(list) > 0 {
		k.list = list
	}
}

// namesKey reports the key of the row at hand.
func namesKey(t *query.Table, e query.Expr) bool {
	column, ok := e.(*query.ColumnRef)
	return ok && column.Table == t && column.Column.Index == 0 && column.Up == 0 && !column.Old
}

// isIndexed reports a column of the row at hand that an index begins with.
func isIndexed(t *query.Table, e query.Expr) bool {
	column, ok := e.(*query.ColumnRef)
	return ok && column.Table == t && column.Up == 0 && !column.Old &&
		slices.ContainsFunc(t.Indexes, func(x *query.Index) bool {
			return x.Kind == query.Plain && x.Where == nil && x.Columns[0] == column.Column
		})
}
