package plan

import "github.com/edge-hive/edge-hive/runtime/query"

// TypeOf is the column's type as values have it.
func (c *Column) TypeOf() query.Type {
	kind, _ := query.KindOf(c.Type)
	elem, _ := query.KindOf(c.Of)
	return query.Type{Kind: kind, Scale: uint8(c.Scale), Elem: elem, Dimensions: uint16(c.Dimensions)}
}
