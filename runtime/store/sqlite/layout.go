package sqlite

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// layout is a generation's tables with the SQL that does not change between
// requests. It is immutable.
type layout struct {
	tables map[*query.Table]*table
	byName map[string]*table
	// deletion has the places of tables in the order of deletion, by name.
	deletion map[string]int
	// inserts are the tables that named queries insert into.
	inserts map[*query.Named]string
}

type table struct {
	*query.Table
	sqlName string // quoted
	columns string // quoted, comma separated
	insert  string
	read    string // SELECT columns, _rev FROM table
	version *version
	refs    []*query.Column // columns that hold another row's key
	// referrers are the columns of tables that hold this table's keys.
	referrers []referrer
	selfRef   bool
}

type referrer struct {
	table  *table
	column *query.Column
	read   string // SELECT of the rows that point at a key
}

func newLayout(schema *query.Schema, versions *versions) *layout {
	l := &layout{
		tables:   make(map[*query.Table]*table, len(schema.Tables)),
		byName:   make(map[string]*table, len(schema.Tables)),
		deletion: query.DeletionRanks(schema),
	}
	for _, t := range schema.Tables {
		entry := newTable(t)
		entry.version = versions.of(t.Name)
		l.tables[t], l.byName[t.Name] = entry, entry
	}
	for _, t := range schema.Tables {
		child := l.byName[t.Name]
		for _, c := range child.refs {
			parent := l.byName[c.Ref.Table]
			if parent == nil {
				continue // check refuses it
			}
			parent.referrers = append(parent.referrers, referrer{
				table: child, column: c,
				read: child.read + " WHERE " + quote(c.Name) + "=?",
			})
			child.selfRef = child.selfRef || parent == child
		}
	}
	return l
}

func newTable(t *query.Table) *table {
	entry := &table{Table: t, sqlName: quote(t.Name)}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quote(c.Name)
		if c.Ref != nil {
			entry.refs = append(entry.refs, c)
		}
	}
	entry.columns = strings.Join(names, ",")
	entry.read = "SELECT " + entry.columns + ",_rev FROM " + entry.sqlName
	entry.insert = "INSERT INTO " + entry.sqlName + " (" + entry.columns + ",_rev) VALUES (" +
		strings.Repeat("?,", len(names)) + "?)"
	return entry
}

// quote writes a name that the manifest declares, or one of ours, as an
// identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
