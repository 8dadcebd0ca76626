package plan

import (
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// FromManifest is the schema that a manifest wants. s is the manifest's own
// (query.Declare), with the index conditions parsed.
func FromManifest(m *manifest.Manifest, s *query.Schema) Schema {
	want := FromQuery(s)
	for i := range want.Tables {
		table := &want.Tables[i]
		source := m.Table(table.Name)
		if source == nil {
			continue
		}
		table.Was = source.Was
		for j := range table.Indexes {
			// A condition that was not parsed keeps its text: an engine refuses
			// the index, where it would else cover every row.
			if x := &table.Indexes[j]; x.Cond == nil {
				x.Where = whereText(source, x.Name)
			}
		}
		for j := range table.Columns {
			column := source.Column(table.Columns[j].Name)
			if column == nil {
				continue
			}
			table.Columns[j].Was = column.Was
			if column.Default != nil {
				table.Columns[j].Fill = column.Default.JSON
			}
		}
	}
	return want
}

func whereText(t *manifest.Table, index string) string {
	for i := range t.Indexes {
		if t.Indexes[i].Name == index {
			return t.Indexes[i].Where
		}
	}
	return ""
}

// FromQuery is the schema that holds exactly the tables of s.
func FromQuery(s *query.Schema) Schema {
	want := Schema{Tables: make([]Table, len(s.Tables))}
	for i, t := range s.Tables {
		table := Table{Name: t.Name, Columns: make([]Column, len(t.Columns)), Quiet: t.Quiet}
		for j, c := range t.Columns {
			table.Columns[j] = fromColumn(c)
		}
		for _, x := range t.Indexes {
			table.Indexes = append(table.Indexes, fromIndex(x))
		}
		if t.Edge.Joins() {
			table.Edge = &Edge{From: t.Edge.From.Name, To: t.Edge.To.Name}
		}
		want.Tables[i] = table
	}
	return want
}

func fromColumn(c *query.Column) Column {
	column := Column{Name: c.Name, Type: c.Type.Kind.String(), Required: c.Required}
	switch c.Type.Kind {
	case query.KindDecimal:
		column.Scale = int(c.Type.Scale)
	case query.KindList:
		column.Of = c.Type.Elem.String()
	case query.KindVector:
		column.Dimensions = int(c.Type.Dimensions)
	}
	if c.Ref != nil {
		column.Ref = c.Ref.Table
		column.OnDelete = onDeleteWord(c.Ref.OnDelete)
	}
	return column
}

func fromIndex(x *query.Index) Index {
	index := Index{Name: x.Name, Unique: x.Unique, Cond: x.Where}
	switch x.Kind {
	case query.FullText:
		index.Kind = FullText
		if x.Language != query.Simple {
			index.Language = x.Language.String()
		}
	case query.Vector:
		index.Kind = Vector
	}
	for _, c := range x.Columns {
		index.Columns = append(index.Columns, c.Name)
	}
	if x.Where != nil {
		index.Where = query.String(x.Where)
	}
	return index
}

func onDeleteWord(o query.OnDelete) string {
	switch o {
	case query.Cascade:
		return "cascade"
	case query.SetNull:
		return "setNull"
	}
	return "restrict"
}
