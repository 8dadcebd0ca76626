package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// dropColumns makes a table anew without the columns that go: SQLite itself
// cannot drop one that is a reference. The first step of a table does it for
// all its columns.
func (m *migration) dropColumns(name string) error {
	gone := m.drops[name]
	if gone == nil {
		return nil // done already
	}
	delete(m.drops, name)
	from := m.plan.From.Table(name)
	if from == nil {
		return fmt.Errorf("no table %q", name)
	}
	slim := plan.Table{Name: name}
	var columns []string
	for _, c := range from.Columns {
		if !slices.Contains(gone, c.Name) {
			slim.Columns = append(slim.Columns, c)
			columns = append(columns, quote(c.Name))
		}
	}
	db := m.conn.db
	sequence := int64(1) // tables without counted keys have none, and the first makes SQLite's own table of them
	if from.Columns[0].Type == "int" && from.Columns[0].Ref == "" {
		var err error
		if sequence, err = nextKey(m.conn, name); err != nil {
			return err
		}
	}
	text, err := createTable("_rebuilt", &slim)
	if err != nil {
		return err
	}
	list := strings.Join(columns, ", ") + ", _rev"
	for _, sql := range []string{
		text,
		"INSERT INTO _rebuilt (" + list + ") SELECT " + list + " FROM " + quote(name),
		"DROP TABLE " + quote(name),
		"ALTER TABLE _rebuilt RENAME TO " + quote(name),
	} {
		if err := db.Exec(sql); err != nil {
			return err
		}
		if strings.HasPrefix(sql, "INSERT") {
			m.touched[m.newName(name)] += db.Changes()
		}
	}
	if err := m.restoreSequence(name, sequence); err != nil {
		return err
	}
	return m.restoreIndexes(from)
}

// restoreSequence keeps keys from being used twice: the new table only knows
// the rows that were left.
func (m *migration) restoreSequence(table string, next int64) error {
	if next <= 1 {
		return nil
	}
	stmt, err := m.conn.stmts.get([]byte("UPDATE sqlite_sequence SET seq=max(seq, ?2) WHERE name=?1"))
	if err != nil {
		return err
	}
	if err := stmt.BindText(1, table); err != nil {
		return err
	}
	if err := stmt.BindInt64(2, next-1); err != nil {
		return err
	}
	return stmt.Exec()
}

// restoreIndexes makes those that stay anew; their conditions are the wanted
// schema's, which equal the recorded ones.
func (m *migration) restoreIndexes(from *plan.Table) error {
	for i := range from.Indexes {
		if m.has(plan.DropIndex, from.Name, from.Indexes[i].Name) || m.rebuilds(m.newName(from.Name)) {
			continue
		}
		x := from.Indexes[i]
		if x.Where != "" {
			if x.Cond = m.wantedCondition(from.Name, x.Name); x.Cond == nil {
				return fmt.Errorf("index %q: its condition is not known", x.Name)
			}
		}
		text, err := createIndex(from.Name, &x)
		if err != nil {
			return err
		}
		if err := m.conn.db.Exec(text); err != nil {
			return err
		}
	}
	return nil
}

// wantedCondition finds the condition of an index that keeps its text, in the
// wanted schema, where the table may have another name.
func (m *migration) wantedCondition(table, index string) query.Expr {
	t := m.plan.To.Table(m.newName(table))
	if t == nil {
		return nil
	}
	for i := range t.Indexes {
		if t.Indexes[i].Name == index {
			return t.Indexes[i].Cond
		}
	}
	return nil
}

// newName is what a table is called in the wanted schema.
func (m *migration) newName(table string) string {
	for i := range m.plan.Steps {
		if step := &m.plan.Steps[i]; step.Kind == plan.RenameTable && step.Was == table {
			return step.Table
		}
	}
	return table
}

func (m *migration) has(kind plan.StepKind, table, name string) bool {
	return slices.ContainsFunc(m.plan.Steps, func(s plan.Step) bool {
		return s.Kind == kind && s.Table == table && s.Name == name
	})
}

// refIndexes are the references of a schema that no declared index serves.
func refIndexes(schema *plan.Schema) (names, texts []string) {
	for i := range schema.Tables {
		t := &schema.Tables[i]
		for j := range t.Columns {
			c := &t.Columns[j]
			if c.Ref == "" || j == 0 || isLed(t, c.Name) {
				continue
			}
			name := refIndexName(t.Name, c.Name)
			names = append(names, name)
			texts = append(texts, "CREATE INDEX "+name+" ON "+quote(t.Name)+" ("+quote(c.Name)+")")
		}
	}
	return names, texts
}

// isLed reports an index over all rows that begins with the column.
func isLed(t *plan.Table, column string) bool {
	return slices.ContainsFunc(t.Indexes, func(x plan.Index) bool {
		return x.Where == "" && len(x.Columns) > 0 && x.Columns[0] == column
	})
}

// dropRefIndexes and createRefIndexes bring our own indexes from the old schema to
// the new one; those that both have stay, where their table is not touched.
func (m *migration) dropRefIndexes() error {
	names, _ := refIndexes(&m.plan.From)
	wanted, _ := refIndexes(&m.plan.To)
	for _, name := range names {
		if m.plan.Additive() && slices.Contains(wanted, name) {
			continue
		}
		if err := m.conn.db.Exec("DROP INDEX IF EXISTS " + name); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) createRefIndexes() error {
	_, texts := refIndexes(&m.plan.To)
	for _, text := range texts {
		if err := m.conn.db.Exec(strings.Replace(text, "CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1)); err != nil {
			return err
		}
	}
	return nil
}
