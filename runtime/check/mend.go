package check

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// mend gives m with everything replaced that could not be declared and has
// been reported, so that the rules of a manifest with other faults are checked
// in the same go. A manifest without faults comes back as it is.
func mend(m *manifest.Manifest) *manifest.Manifest {
	out := *m
	out.Tables = make([]manifest.Table, 0, len(m.Tables))
	changed := false
	seen := map[string]bool{}
	for i := range m.Tables {
		if seen[m.Tables[i].Name] {
			changed = true
			continue
		}
		seen[m.Tables[i].Name] = true
		t := m.Tables[i]
		changed = mendTable(m, &t) || changed
		out.Tables = append(out.Tables, t)
	}
	out.Queries = slices.DeleteFunc(slices.Clone(m.Queries), func(q manifest.Query) bool { return !declarableQuery(m, &q) })
	if !changed && len(out.Queries) == len(m.Queries) {
		return m
	}
	return &out
}

// mendTable tells whether it changed the table.
func mendTable(m *manifest.Manifest, t *manifest.Table) bool {
	changed := false
	if !declarableKey(m, t) {
		t.Key = manifest.Key{Type: "uuid"}
		changed = true
	}
	columns := make([]manifest.Column, 0, len(t.Columns))
	seen := map[string]bool{"id": true}
	for _, column := range t.Columns {
		if seen[column.Name] {
			changed = true
			continue
		}
		seen[column.Name] = true
		changed = mendColumn(m, &column) || changed
		columns = append(columns, column)
	}
	indexes := make([]manifest.Index, 0, len(t.Indexes))
	for _, index := range t.Indexes {
		known := slices.DeleteFunc(slices.Clone(index.Columns), func(name string) bool { return !seen[name] })
		if len(known) != len(index.Columns) {
			changed = true
			index.Columns = known
		}
		indexes = append(indexes, index)
	}
	t.Columns, t.Indexes = columns, indexes
	if t.Edge != nil && (!seen[t.Edge.From] || !seen[t.Edge.To]) {
		t.Edge = nil
		changed = true
	}
	if t.Retention != nil && !seen[t.Retention.Column] {
		t.Retention = nil
		changed = true
	}
	return changed
}

// declarableQuery tells whether a query has types and tables that there are.
func declarableQuery(m *manifest.Manifest, q *manifest.Query) bool {
	known := func(t manifest.QueryType) bool {
		column := manifest.Column{Type: t.Type, Scale: t.Scale, Of: t.Of, Table: t.Table}
		return !mendColumn(m, &column)
	}
	for i := range q.Params {
		if !known(q.Params[i].QueryType) {
			return false
		}
		if q.Params[i].Default != "" {
			t, ok := typeOf(m, q.Params[i].QueryType)
			if _, f := query.DecodeJSON(t, []byte(q.Params[i].Default)); !ok || f != nil {
				return false
			}
		}
	}
	for i := range q.Columns {
		if !known(q.Columns[i].QueryType) {
			return false
		}
	}
	return !slices.ContainsFunc(q.Reads, func(name string) bool { return m.Table(name) == nil })
}

// declarableKey tells whether a key leads to a type.
func declarableKey(m *manifest.Manifest, t *manifest.Table) bool {
	for range len(m.Tables) + 1 {
		if t.Key.Type != "ref" {
			return slices.Contains([]string{"uuid", "int", "text"}, t.Key.Type)
		}
		if !slices.Contains([]string{"", "restrict", "cascade"}, t.Key.OnDelete) {
			return false
		}
		if t = m.Table(t.Key.Table); t == nil {
			return false
		}
	}
	return false
}

// mendColumn tells whether it changed the column.
func mendColumn(m *manifest.Manifest, column *manifest.Column) bool {
	switch {
	case column.Type == "ref":
		target := m.Table(column.Table)
		known := slices.Contains([]string{"", "restrict", "cascade", "setNull"}, column.OnDelete)
		if target != nil && declarableKey(m, target) && known {
			return false
		}
		column.Type, column.Table, column.OnDelete, column.Default = "uuid", "", "", nil
		return true
	case column.Type == "list" && !slices.Contains(itemTypes, column.Of):
		column.Of, column.Default = "text", nil
		return true
	case column.Type == "decimal" && (column.Scale < 0 || column.Scale > 18):
		column.Scale = 2
		return true
	case column.Type == "vector":
		_, known := query.ParseMetric(column.Metric)
		if known && column.Dimensions > 0 && column.Dimensions <= query.MostDimensions {
			return false
		}
		column.Metric, column.Dimensions = "", 1
		return true
	}
	if kind, ok := query.KindOf(column.Type); !ok || kind == query.KindNull || strings.TrimSpace(column.Type) == "" {
		column.Type, column.Default = "text", nil
		return true
	}
	return false
}
