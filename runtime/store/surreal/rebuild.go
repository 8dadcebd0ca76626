package surreal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// separator stands between the parts of what a text throws.
const separator = "\x1f"

// touches reports whether rows of the table are written, none of which is a
// change that the feed has.
func (c *change) touches() bool { return c.was != nil && (c.recreated || c.rewritten) }

// quieten takes the events from tables whose rows are written, and looks whether
// rows that were read are still what they were.
func (m *migration) quieten() error {
	for _, c := range m.changes {
		if c.touches() {
			m.add(c, "REMOVE EVENT IF EXISTS %s ON %s", quote(eventFeed), quote(c.was.Name))
		}
		if c.converted {
			m.add(c, "IF $%s.any(|$r| $r.r.%s != $r.n) OR %s != %d { THROW '%s' }", c.param(), fieldRevision, countText(c.was.Name), c.rows, thrownMoving)
		}
	}
	for _, name := range m.dropped() {
		m.add(nil, "REMOVE EVENT IF EXISTS %s ON %s", quote(eventFeed), quote(name))
	}
	return nil
}

func (m *migration) dropped() []string {
	var names []string
	for _, step := range m.plan.Steps {
		if step.Kind == plan.DropTable {
			names = append(names, step.Table)
		}
	}
	return names
}

// keepMoved keeps the rows that are put in anew.
func (m *migration) keepMoved() error {
	for _, c := range m.changes {
		switch {
		case !c.recreated:
		case c.converted:
			m.add(c, "LET %s = $%s.map(|$r| { LET $o = $r.r.*; RETURN %s })", c.moved(), c.param(), c.whole("$o."))
		default:
			m.add(c, "LET %s = (SELECT VALUE %s FROM %s)", c.moved(), c.whole(""), quote(c.was.Name))
		}
	}
	return nil
}

// whole is the object that a row becomes, with its id.
func (c *change) whole(prefix string) string {
	return "{ id: " + c.newKey(prefix) + ", " + strings.TrimPrefix(c.content(prefix), "{ ")
}

// defineParts defines what belongs to tables that stay where they are.
func (m *migration) defineParts() error {
	for _, c := range m.changes {
		if c.was == nil || c.was.Name != c.now.Name {
			continue
		}
		fields, err := fieldDefinitions(c.now)
		if err != nil {
			return err
		}
		indexes := indexDefinitions(c.now)
		for _, old := range indexDefinitions(c.was) {
			if !slices.Contains(indexes, old) {
				m.add(c, "REMOVE INDEX IF EXISTS %s ON %s", quote(old.name), quote(c.now.Name))
			}
		}
		for _, name := range fieldsThatGo(c.was, fields) {
			m.add(c, "REMOVE FIELD IF EXISTS %s ON %s", quote(name), quote(c.now.Name))
		}
		for _, f := range fields {
			if f.name == fieldRevision && c.touches() {
				f.text = " ON " + quote(c.now.Name) + " TYPE int PERMISSIONS NONE" // rows keep what they have
			}
			m.add(c, "%s", f.define())
		}
		there := indexDefinitions(c.was)
		for _, x := range indexes {
			if !slices.Contains(there, x) {
				m.define(c, x)
			}
		}
	}
	return nil
}

// fieldsThatGo are the fields of a table that are not defined any more.
func fieldsThatGo(was *plan.Table, fields []definition) []string {
	var gone []string
	add := func(name string) {
		if !slices.ContainsFunc(fields, func(d definition) bool { return d.name == name }) {
			gone = append(gone, name)
		}
	}
	for i := range was.Columns {
		add(storedField(was, was.Columns[i].Name))
	}
	for i := range was.Indexes {
		if was.Indexes[i].Where != "" {
			add(whenField(was.Indexes[i].Name))
		}
		if was.Indexes[i].Kind == plan.FullText {
			add(plannedWords(&was.Indexes[i]))
		}
	}
	return gone
}

// removeOld takes out the rows that are put in anew, and tables that go: edges
// before what they join.
func (m *migration) removeOld() error {
	for _, c := range m.changes {
		if c.recreated && c.was.Edge != nil {
			m.add(c, "DELETE %s RETURN NONE", quote(c.was.Name))
		}
	}
	for _, name := range m.dropped() {
		if t := m.plan.From.Table(name); t != nil && t.Edge != nil {
			m.add(nil, "DELETE %s RETURN NONE", quote(name))
		}
	}
	for _, c := range m.changes {
		switch {
		case !c.recreated:
		case c.was.Name != c.now.Name:
			m.add(c, "REMOVE TABLE %s", quote(c.was.Name))
		case c.was.Edge == nil:
			m.add(c, "DELETE %s RETURN NONE", quote(c.was.Name))
		}
	}
	for _, name := range m.dropped() {
		m.add(nil, "REMOVE TABLE %s", quote(name))
	}
	return nil
}

// defineTables defines new tables, and the others as what they are now.
func (m *migration) defineTables() error {
	for _, c := range m.changes {
		if c.was != nil && c.was.Name == c.now.Name {
			if d := tableDefinition(c.now); d != tableDefinition(c.was) {
				m.add(c, "%s", d.define())
			}
			continue
		}
		list, err := definitions(c.now)
		if err != nil {
			return err
		}
		for _, d := range list {
			switch {
			case d.kind == "EVENT": // last
				continue
			case d.name == fieldRevision && c.touches():
				d.text = " ON " + quote(c.now.Name) + " TYPE int PERMISSIONS NONE"
			}
			m.define(c, d)
		}
	}
	return nil
}

// insertMoved puts rows in anew, edges after what they join.
func (m *migration) insertMoved() error {
	for _, edges := range []bool{false, true} {
		for _, c := range m.changes {
			if c.recreated && (c.now.Edge != nil) == edges {
				m.add(c, "%s", c.insert())
			}
		}
	}
	return nil
}

// insert puts the rows of a table in anew. Where they were deleted in the same
// transaction, SurrealDB finds them in the way of INSERT and CREATE, but not of
// UPSERT and RELATE.
func (c *change) insert() string {
	table, rows := quote(c.now.Name), c.moved()
	switch {
	case c.was.Name != c.now.Name && c.now.Edge != nil:
		return "INSERT RELATION INTO " + table + " " + rows + " RETURN NONE"
	case c.was.Name != c.now.Name:
		return "INSERT INTO " + table + " " + rows + " RETURN NONE"
	case c.now.Edge != nil:
		return "FOR $row IN " + rows + " { LET $from = $row.in; LET $to = $row.out; LET $edge = type::record(" + quoteText(c.now.Name) + ", $row.id);" +
			" RELATE $from->$edge->$to CONTENT $row RETURN NONE }"
	}
	return "FOR $row IN " + rows + " { UPSERT type::record(" + quoteText(c.now.Name) + ", $row.id) CONTENT $row RETURN NONE }"
}

// rewriteRows writes the rows that stay where they are.
func (m *migration) rewriteRows() error {
	for _, c := range m.changes {
		switch {
		case !c.rewritten:
		case c.converted:
			m.add(c, "FOR $r IN $%s { UPDATE $r.r CONTENT %s RETURN NONE }", c.param(), c.content(""))
		default:
			m.add(c, "UPDATE %s CONTENT %s RETURN NONE", quote(c.now.Name), c.content(""))
		}
	}
	return nil
}

// lookForLost refuses rows that point at nothing: of refs that are new.
func (m *migration) lookForLost() error {
	first := true
	for i := range m.plan.Steps {
		step := &m.plan.Steps[i]
		c := m.changeOf(step.Table)
		if step.Kind != plan.ChangeRef || step.Column.Ref == "" || c == nil {
			continue
		}
		if first {
			m.add(nil, "LET $lost = []")
			first = false
		}
		field := quote(storedField(c.now, step.Name))
		where := field + " != NONE AND !record::exists(" + field + ")"
		if step.Name == c.now.Columns[0].Name {
			where = "!record::exists(type::record(" + quoteText(step.Column.Ref) + ", record::id(id)))"
		}
		name := fmt.Sprintf("$lost%d", i)
		m.add(c, "LET %s = (SELECT VALUE <string> record::id(id) FROM %s WHERE %s)", name, quote(c.now.Name), where)
		m.add(c, "LET $lost = IF array::is_empty(%[1]s) { $lost } ELSE { array::concat($lost, ['%[2]d', <string> array::len(%[1]s)], array::slice(%[1]s, 0, %[3]d), ['']) }", name, i, namedRows)
	}
	if !first {
		m.add(nil, "IF !array::is_empty($lost) { THROW array::join(array::concat(['%s'], $lost), '\\u{1f}') }", thrownLost)
	}
	return nil
}

// lostFaults reads what lookForLost throws: for each ref its step, how many rows
// there are, the first keys, and an empty text.
func (m *migration) lostFaults(text string) error {
	var faults fault.List
	parts := strings.Split(text, separator)
	for len(parts) >= 2 {
		at, _ := strconv.Atoi(parts[0]) // our own
		rows := bad{}
		rows.count, _ = strconv.ParseInt(parts[1], 10, 64)
		parts = parts[2:]
		for int64(len(rows.keys)) < min(rows.count, namedRows) && len(parts) > 0 {
			rows.keys, parts = append(rows.keys, parts[0]), parts[1:]
		}
		if len(parts) > 0 {
			parts = parts[1:]
		}
		if at < len(m.plan.Steps) {
			step := &m.plan.Steps[at]
			faults = append(faults, fault.Newf(codeDangling, "column %s.%s is a ref to %s, but %s with a value that is no key there: %s", step.Table, step.Name, step.Column.Ref, has(rows.count), &rows).
				WithHint("change those rows first: make the value null, or create the row that it names").
				At("tables."+step.Table+".columns."+step.Name))
		}
	}
	return faults.Err()
}

// finishTables gives rows their revisions and the feed its events again.
func (m *migration) finishTables() error {
	for _, c := range m.changes {
		if c.touches() {
			m.add(c, "%s", revisionDefinition(c.now).define())
		}
		for _, d := range eventDefinitions(c.now) {
			if c.was == nil || c.touches() {
				m.add(c, "%s", d.define())
			}
		}
	}
	return nil
}

// moveKeys takes the counters of int keys along with their tables.
func (m *migration) moveKeys() error {
	counter := func(table string) string { return "type::record('" + tableKeys + "', " + quoteText(table) + ")" }
	for _, name := range m.dropped() {
		m.add(nil, "DELETE %s RETURN NONE", counter(name))
	}
	for _, c := range m.changes {
		if c.was == nil {
			continue
		}
		if c.was.Name != c.now.Name {
			m.add(c, "UPSERT %s SET next = %s.next ?? 1 RETURN NONE", counter(c.now.Name), counter(c.was.Name))
			m.add(c, "DELETE %s RETURN NONE", counter(c.was.Name))
		}
		key := &c.now.Columns[0]
		if key.Type == "int" && key.Ref == "" && (c.was.Columns[0].Type != "int" || c.was.Columns[0].Ref != "") {
			// An UPSERT does not see what its record holds.
			m.add(c, "UPSERT %s SET next = math::max([(SELECT VALUE next FROM ONLY %s) ?? 1, %d]) RETURN NONE", counter(c.now.Name), counter(c.now.Name), max(c.maximum, 0)+1)
		}
	}
	return nil
}
