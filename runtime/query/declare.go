package query

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Declare gives the tables of a checked manifest as a Schema: columns in wire
// order with the key first, refs with the type of the key that they hold.
// A column with a default is never null, as one that is required. Index
// conditions stay nil: access parses them. An error means a manifest that
// check would have refused.
func Declare(m *manifest.Manifest) (*Schema, error) {
	tables := make([]*Table, len(m.Tables))
	for i := range m.Tables {
		table, err := declareTable(m, &m.Tables[i])
		if err != nil {
			return nil, fmt.Errorf("declare table %q: %w", m.Tables[i].Name, err)
		}
		tables[i] = table
	}
	schema := NewSchema(tables)
	for i := range m.Queries {
		declared, err := declareQuery(m, schema, &m.Queries[i])
		if err != nil {
			return nil, fmt.Errorf("declare query %q: %w", m.Queries[i].Name, err)
		}
		schema.Queries = append(schema.Queries, declared)
	}
	return schema, nil
}

func declareTable(m *manifest.Manifest, t *manifest.Table) (*Table, error) {
	key, err := declareKey(m, t)
	if err != nil {
		return nil, err
	}
	columns := make([]*Column, 1, len(t.Columns)+1)
	columns[0] = key
	for i := range t.Columns {
		column, err := declareColumn(m, &t.Columns[i])
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", t.Columns[i].Name, err)
		}
		columns = append(columns, column)
	}
	table := NewTable(t.Name, columns, make([]*Index, 0, len(t.Indexes)))
	for i := range t.Indexes {
		index := &Index{Name: t.Indexes[i].Name, Unique: t.Indexes[i].Unique}
		switch t.Indexes[i].Kind {
		case "fulltext":
			index.Kind = FullText
			in, f := LanguageNamed(t.Indexes[i].Language)
			if f != nil {
				return nil, fmt.Errorf("index %q: %w", index.Name, f)
			}
			index.Language = in
		case "vector":
			index.Kind = Vector
		}
		for _, name := range t.Indexes[i].Columns {
			column := table.Column(name)
			if column == nil {
				return nil, fmt.Errorf("index %q: no column %q", index.Name, name)
			}
			index.Columns = append(index.Columns, column)
		}
		table.Indexes = append(table.Indexes, index)
	}
	table.Quiet = t.Quiet
	return table, declareOwn(table, t)
}

// The indexes that we make for what a table declares; no index of the manifest
// begins with _.
const (
	edgeIndex      = "_edge"
	retentionIndex = "_retention"
)

// declareOwn adds a table's edge, and the indexes that edge and retention need.
func declareOwn(table *Table, t *manifest.Table) error {
	if e := t.Edge; e != nil {
		table.Edge = &Edge{From: table.Column(e.From), To: table.Column(e.To)}
		if table.Edge.From == nil || table.Edge.To == nil {
			return fmt.Errorf("edge: no column %q or %q", e.From, e.To)
		}
		pair := []*Column{table.Edge.From, table.Edge.To}
		serves := func(x manifest.Index) bool {
			return x.Unique && x.Where == "" && len(x.Columns) == 2 && slices.Contains(x.Columns, e.From) && slices.Contains(x.Columns, e.To)
		}
		if e.Unique && !slices.ContainsFunc(t.Indexes, serves) {
			table.Indexes = append(table.Indexes, &Index{Name: edgeIndex, Columns: pair, Unique: true})
		}
	}
	if r := t.Retention; r != nil {
		column := table.Column(r.Column)
		if column == nil {
			return fmt.Errorf("retention: no column %q", r.Column)
		}
		serves := func(x manifest.Index) bool {
			return x.Kind == "" && x.Where == "" && len(x.Columns) > 0 && x.Columns[0] == r.Column
		}
		if !slices.ContainsFunc(t.Indexes, serves) {
			table.Indexes = append(table.Indexes, &Index{Name: retentionIndex, Columns: []*Column{column}})
		}
	}
	return nil
}

func declareKey(m *manifest.Manifest, t *manifest.Table) (*Column, error) {
	typ, err := keyType(m, t, 0)
	if err != nil {
		return nil, err
	}
	key := &Column{Name: "id", Type: typ, Required: true}
	if t.Key.Type == "ref" {
		if key.Ref, err = declareRef(t.Key.Table, t.Key.OnDelete); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
	}
	return key, nil
}

func declareColumn(m *manifest.Manifest, c *manifest.Column) (*Column, error) {
	column := &Column{Name: c.Name, Required: c.Required || c.Default != nil}
	if c.Type == "ref" {
		target := m.Table(c.Table)
		if target == nil {
			return nil, fmt.Errorf("no table %q", c.Table)
		}
		var err error
		if column.Type, err = keyType(m, target, 0); err != nil {
			return nil, err
		}
		column.Ref, err = declareRef(c.Table, c.OnDelete)
		return column, err
	}
	kind, ok := KindOf(c.Type)
	if !ok {
		return nil, fmt.Errorf("no type %q", c.Type)
	}
	column.Type = Type{Kind: kind}
	switch kind {
	case KindDecimal:
		column.Type.Scale = uint8(c.Scale)
	case KindList:
		if column.Type.Elem, ok = KindOf(c.Of); !ok {
			return nil, fmt.Errorf("no item type %q", c.Of)
		}
	case KindVector:
		if column.Metric, ok = ParseMetric(c.Metric); !ok || c.Dimensions < 1 || c.Dimensions > MostDimensions {
			return nil, fmt.Errorf("no metric %q of %d dimensions", c.Metric, c.Dimensions)
		}
		column.Type.Dimensions = uint16(c.Dimensions)
	}
	return column, nil
}

// keyType follows keys that are refs; depth ends a circle of them.
func keyType(m *manifest.Manifest, t *manifest.Table, depth int) (Type, error) {
	if t.Key.Type != "ref" {
		kind, ok := KindOf(t.Key.Type)
		if !ok {
			return Type{}, fmt.Errorf("no key type %q", t.Key.Type)
		}
		return Type{Kind: kind}, nil
	}
	target := m.Table(t.Key.Table)
	if target == nil {
		return Type{}, fmt.Errorf("key: no table %q", t.Key.Table)
	}
	if depth > len(m.Tables) {
		return Type{}, fmt.Errorf("the keys of %q lead in a circle", t.Name)
	}
	return keyType(m, target, depth+1)
}

func declareRef(table, onDelete string) (*Ref, error) {
	switch onDelete {
	case "", "restrict":
		return &Ref{Table: table, OnDelete: Restrict}, nil
	case "cascade":
		return &Ref{Table: table, OnDelete: Cascade}, nil
	case "setNull":
		return &Ref{Table: table, OnDelete: SetNull}, nil
	}
	return nil, fmt.Errorf("no onDelete %q", onDelete)
}

// KindOf gives the kind of a manifest's type word; a ref has none of its own.
func KindOf(word string) (Kind, bool) {
	switch word {
	case "bool":
		return KindBool, true
	case "int":
		return KindInt, true
	case "float":
		return KindFloat, true
	case "decimal":
		return KindDecimal, true
	case "text":
		return KindText, true
	case "timestamp":
		return KindTimestamp, true
	case "date":
		return KindDate, true
	case "uuid":
		return KindUUID, true
	case "json":
		return KindJSON, true
	case "list":
		return KindList, true
	case "vector":
		return KindVector, true
	}
	return KindNull, false
}
