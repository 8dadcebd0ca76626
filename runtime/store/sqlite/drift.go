package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Drift implements store.Store.
func (s *Store) Drift(ctx context.Context) ([]plan.Drift, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	if found := s.found.Load(); found != nil {
		return found.drift, nil
	}
	var found []plan.Drift
	err := s.withReader(ctx, func(c *conn) error {
		if err := c.db.Exec("BEGIN"); err != nil {
			return err
		}
		defer c.endRead()
		schema, err := readSchema(c)
		if err != nil {
			return err
		}
		found, err = findDrift(c, schema)
		return err
	})
	return found, err
}

// verifySchema refuses a database that was changed by hand so that it cannot be
// served: that is found at start and not by a request. It gives what may stay.
func verifySchema(c *conn, schema plan.Schema) ([]plan.Drift, error) {
	found, err := findDrift(c, schema)
	if err != nil {
		return nil, err
	}
	for _, d := range found {
		if d.Grave {
			return nil, fmt.Errorf("%s: the database was changed by hand; %s", d.What, d.Hint)
		}
	}
	return found, nil
}

// findDrift compares what is recorded with what is there, object by object.
func findDrift(c *conn, schema plan.Schema) ([]plan.Drift, error) {
	d := drift{conn: c}
	for i := range schema.Tables {
		if err := d.table(&schema.Tables[i]); err != nil {
			return nil, err
		}
	}
	err := d.others(&schema)
	return d.found, err
}

// drift collects the differences.
type drift struct {
	conn  *conn
	found []plan.Drift
}

const (
	hintBackup = "restore a backup"
	hintApart  = "stop the server and run it with sqlite3 on the file"
)

func (d *drift) grave(hint, what string, args ...any) {
	d.found = append(d.found, plan.Drift{What: fmt.Sprintf(what, args...), Hint: hint, Grave: true})
}

func (d *drift) mild(hint, what string, args ...any) {
	d.found = append(d.found, plan.Drift{What: fmt.Sprintf(what, args...), Hint: hint})
}

// mend is a hint that says which statement puts a thing right.
func mend(sql string) string { return sql + " puts it right: " + hintApart }

// rows reads a fixed statement with one name bound, all its columns as texts.
func (d *drift) rows(sql, name string) ([][]string, error) {
	stmt, _, err := d.conn.db.Prepare(sql)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	if stmt.BindCount() > 0 {
		err = stmt.BindText(1, name)
	}
	for err == nil && stmt.Step() {
		row := make([]string, stmt.ColumnCount())
		for i := range row {
			row[i] = stmt.ColumnText(i)
		}
		rows = append(rows, row)
	}
	return rows, errors.Join(err, stmt.Close())
}

func (d *drift) table(t *plan.Table) error {
	there, err := d.rows("SELECT name, type, \"notnull\", pk, dflt_value IS NULL FROM pragma_table_xinfo(?)", t.Name)
	if err != nil {
		return err
	}
	if len(there) == 0 {
		d.grave(hintBackup, "table %s is recorded but not in the database", t.Name)
		return nil
	}
	find := func(name string) []string {
		i := slices.IndexFunc(there, func(row []string) bool { return row[0] == name })
		if i < 0 {
			return nil
		}
		return there[i]
	}
	for i := range t.Columns {
		d.column(t, &t.Columns[i], i == 0, find(t.Columns[i].Name))
	}
	if find("_rev") == nil {
		d.grave(hintBackup, "column _rev of table %s is missing, which has the revisions of its rows", t.Name)
	}
	for _, row := range there {
		if name := row[0]; name != "_rev" && t.Column(name) == nil {
			drop := "ALTER TABLE " + quote(t.Name) + " DROP COLUMN " + quote(name)
			if row[2] == "1" && row[4] == "1" {
				d.grave(mend(drop), "column %s.%s is in the database but not recorded, and no row can be written without it", t.Name, name)
				continue
			}
			d.mild(mend(drop), "column %s.%s is in the database but not recorded: nobody reads it, and a migration of the table drops it", t.Name, name)
		}
	}
	if err := d.references(t); err != nil {
		return err
	}
	return d.indexes(t)
}

func (d *drift) column(t *plan.Table, c *plan.Column, key bool, there []string) {
	kind, known := query.KindOf(c.Type)
	switch {
	case there == nil:
		d.grave(hintBackup, "column %s.%s is recorded but not in the database", t.Name, c.Name)
	case known && there[1] != affinity(kind):
		d.grave(hintBackup, "column %s.%s is recorded as %s (%s) but is %s in the database", t.Name, c.Name, c.Type, affinity(kind), cmp.Or(there[1], "of no type"))
	case key && there[3] != "1":
		d.grave(hintBackup, "column %s.%s is not the table's key in the database", t.Name, c.Name)
	case !key && (there[2] == "1") != c.Required:
		d.grave(hintBackup, "column %s.%s is recorded as %s but is %s in the database", t.Name, c.Name, nullWord(c.Required), nullWord(there[2] == "1"))
	}
}

func nullWord(required bool) string {
	if required {
		return "never null"
	}
	return "nullable"
}

// references compares the foreign keys.
func (d *drift) references(t *plan.Table) error {
	there, err := d.rows(`SELECT "from", "table", on_delete FROM pragma_foreign_key_list(?)`, t.Name)
	if err != nil {
		return err
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		at := slices.IndexFunc(there, func(row []string) bool { return row[0] == c.Name })
		switch {
		case c.Ref == "" && at >= 0:
			d.grave(hintBackup, "column %s.%s refers to table %s in the database, but no ref is recorded", t.Name, c.Name, there[at][1])
		case c.Ref != "" && at < 0:
			d.grave(hintBackup, "column %s.%s is recorded as a ref to %s, but refers to nothing in the database", t.Name, c.Name, c.Ref)
		case c.Ref != "" && there[at][1] != c.Ref:
			d.grave(hintBackup, "column %s.%s is recorded as a ref to %s, but refers to %s in the database", t.Name, c.Name, c.Ref, there[at][1])
		case c.Ref != "" && there[at][2] != onDeleteText(c.OnDelete):
			d.grave(hintBackup, "column %s.%s is recorded with onDelete %s, but has ON DELETE %s in the database", t.Name, c.Name, c.OnDelete, there[at][2])
		}
	}
	return nil
}

func onDeleteText(word string) string {
	switch word {
	case "cascade":
		return "CASCADE"
	case "setNull":
		return "SET NULL"
	}
	return "NO ACTION"
}

// indexes compares those that statements make; SQLite's own are the key's.
func (d *drift) indexes(t *plan.Table) error {
	there, err := d.rows(`SELECT l.name, l."unique", l.partial, (SELECT group_concat(i.name, ', ') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno) i)
		FROM pragma_index_list(?) l WHERE l.origin='c'`, t.Name)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if x.Kind != "" {
			if err := d.words(t, x); err != nil {
				return err
			}
			continue
		}
		name := t.Name + "." + x.Name
		wanted[name] = true
		at := slices.IndexFunc(there, func(row []string) bool { return row[0] == name })
		if at < 0 {
			d.missingIndex(t, x)
			continue
		}
		columns := strings.Join(x.Columns, ", ")
		if row := there[at]; (row[1] == "1") != x.Unique || (row[2] == "1") != (x.Where != "") || row[3] != columns {
			d.grave("drop it, leave it out of the manifest for one start, then put it back: that makes it anew",
				"index %s is in the database otherwise than recorded (over %s; unique: %t)", name, columns, x.Unique)
		}
	}
	names, texts := refIndexes(&plan.Schema{Tables: []plan.Table{*t}})
	for i, quoted := range names {
		name := strings.Trim(quoted, `"`)
		wanted[name] = true
		if !slices.ContainsFunc(there, func(row []string) bool { return row[0] == name }) {
			d.mild(mend(texts[i]), "index %s is missing, which finds the rows that point at another", name)
		}
	}
	for _, row := range there {
		if !wanted[row[0]] && !isOurs(row[0]) {
			d.mild(mend("DROP INDEX "+quote(row[0])), "index %s of table %s is in the database but not recorded: writes pay for it%s", row[0], t.Name, also(row[1] == "1"))
		}
	}
	return nil
}

func also(unique bool) string {
	if unique {
		return ", and are refused over values that are there already"
	}
	return ""
}

func (d *drift) missingIndex(t *plan.Table, x *plan.Index) {
	name := t.Name + "." + x.Name
	text := "" // an index whose condition we do not have is made anew by a migration
	if x.Where == "" {
		text, _ = createIndex(t.Name, x) // without a condition it does not fail
	}
	hint := "leave it out of the manifest for one start, then put it back: that makes it anew"
	if text != "" {
		hint = mend(text)
	}
	if x.Unique {
		d.grave(hint, "unique index %s is recorded but not in the database: equal values would be taken", name)
		return
	}
	d.mild(hint, "index %s is recorded but not in the database: what it serves is slow", name)
}

// others finds what belongs to nothing that is recorded.
func (d *drift) others(schema *plan.Schema) error {
	there, err := d.rows("SELECT type, name, tbl_name FROM sqlite_schema WHERE type != 'index' ORDER BY type, name", "")
	if err != nil {
		return err
	}
	for _, row := range there {
		kind, name := row[0], row[1]
		if isOurs(name) {
			continue
		}
		drop := mend("DROP " + strings.ToUpper(kind) + " " + quote(name))
		switch kind {
		case "trigger":
			d.mild(drop, "trigger %s on table %s is in the database but not recorded: it is never run", name, row[2])
		case "view":
			d.mild(drop, "view %s is in the database but not recorded: nobody reads it", name)
		case "table":
			if schema.Table(name) == nil && !strings.Contains(name, ".") { // those of words have one
				d.mild("declare it under another name and copy its rows, or: "+drop, "table %s is in the database but not recorded: nobody reads it", name)
			}
		}
	}
	return nil
}

// isOurs reports names that no manifest can utter: ours and SQLite's.
func isOurs(name string) bool {
	return strings.HasPrefix(name, "_") || strings.HasPrefix(strings.ToLower(name), "sqlite_")
}
