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

// quieten takes the events from tables whose rows are written.
func (m *migration) quieten() error {
	for _, c := range m.changes {
		if c.touches() {
			m.add(c, "REMOVE EVENT IF EXISTS %s ON %s", quote(eventFeed), quote(c.was.Name))
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

// keepMoved keeps the rows that are taken out and put in anew.
func (m *migration) keepMoved() error {
	for _, c := range m.changes {
		if !c.stashed() {
			continue
		}
		m.add(c, "DEFINE TABLE OVERWRITE %s SCHEMALESS PERMISSIONS NONE", quote(c.stash()))
		into := "INSERT INTO " + quote(c.stash())
		if c.converted {
			m.turnPages(c, into+" $rows.map(|$r| { LET $o = $r.r.*; LET $k = record::id($r.r); RETURN { id: [$k], k: $k, v: "+c.whole("$o.")+" } }) RETURN NONE")
			continue
		}
		m.movePages(c, c.was.Name, "record::id(id)", c.whole(""), into+" $page.map(|$row| { RETURN { id: [$row.k], k: $row.k, v: $row.v } }) RETURN NONE")
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
			if !slices.Contains(indexes, old) || c.makesAnew(old) {
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
			if !slices.Contains(there, x) || c.makesAnew(x) {
				m.define(c, x)
			}
		}
	}
	return nil
}

// makesAnew reports a full-text index that stays what it is over rows that all
// change: it is made anew when they are there, which is faster than to follow them.
func (c *change) makesAnew(x definition) bool {
	return c.recreated && isFullText(x)
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
		if hasWhen(was, &was.Indexes[i]) {
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
	var edges []*plan.Table
	for i := range m.plan.From.Tables {
		t := &m.plan.From.Tables[i]
		taken := slices.ContainsFunc(m.changes, func(c *change) bool { return c.was == t && c.recreated })
		if t.Edge != nil && (taken || slices.Contains(m.dropped(), t.Name)) {
			edges = append(edges, t)
		}
	}
	for _, t := range edgesFirst(edges) {
		m.add(nil, "DELETE %s RETURN NONE", quote(t.Name))
	}
	for _, c := range m.changes {
		switch {
		case !c.stashed(): // the others go when their rows have been put in
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
	var edges []*plan.Table
	for _, c := range m.changes {
		switch {
		case !c.recreated:
		case c.now.Edge != nil:
			edges = append(edges, c.now)
		default:
			m.insert(c)
		}
	}
	for _, t := range slices.Backward(edgesFirst(edges)) {
		m.insert(m.changeOf(t.Name))
	}
	return nil
}

// insert puts the rows of a table in anew. Where they were deleted in the same
// transaction, SurrealDB finds them in the way of INSERT and CREATE, but not of
// UPSERT and RELATE.
func (m *migration) insert(c *change) {
	table := quote(c.now.Name)
	switch {
	case !c.stashed() && c.converted:
		m.turnPages(c, "INSERT INTO "+table+" $rows.map(|$r| { LET $o = $r.r.*; RETURN "+c.whole("$o.")+" }) RETURN NONE")
	case !c.stashed():
		m.movePages(c, c.was.Name, "record::id(id)", c.whole(""), "INSERT INTO "+table+" $moved RETURN NONE")
	default:
		m.movePages(c, c.stash(), "[k]", "v", c.insertText())
		m.add(c, "REMOVE TABLE %s", quote(c.stash()))
		return
	}
	m.add(c, "REMOVE TABLE %s", quote(c.was.Name))
}

func (c *change) insertText() string {
	table := quote(c.now.Name)
	switch {
	case c.was.Name != c.now.Name && c.now.Edge != nil:
		return "INSERT RELATION INTO " + table + " $moved RETURN NONE"
	case c.was.Name != c.now.Name:
		return "INSERT INTO " + table + " $moved RETURN NONE"
	case c.now.Edge != nil:
		return "FOR $row IN $moved { LET $from = $row.in; LET $to = $row.out; LET $edge = type::record(" + quoteText(c.now.Name) + ", $row.id);" +
			" RELATE $from->$edge->$to CONTENT $row RETURN NONE }"
	}
	return "FOR $row IN $moved { UPSERT type::record(" + quoteText(c.now.Name) + ", $row.id) CONTENT $row RETURN NONE }"
}

// rewriteRows writes the rows that stay where they are.
func (m *migration) rewriteRows() error {
	for _, c := range m.changes {
		switch {
		case !c.rewritten:
		case c.converted:
			m.turnPages(c, "FOR $r IN $rows { UPDATE $r.r CONTENT "+c.content("")+" RETURN NONE }")
		default:
			m.add(c, "UPDATE %s CONTENT %s RETURN NONE", quote(c.now.Name), c.content(""))
		}
	}
	return nil
}

// refOf is a ref whose rows are looked at.
type refOf struct {
	change *change
	column *plan.Column
}

// lookForLost refuses rows that point at nothing, which may have been so before,
// by hand: of refs that are new, and of those whose values or whose rows at the
// other end were moved.
func (m *migration) lookForLost() error {
	for _, c := range m.changes {
		for i := range c.sources {
			if s := &c.sources[i]; c.was != nil && s.was != nil && m.mayLose(c, s) {
				m.looked = append(m.looked, refOf{c, s.column})
			}
		}
	}
	if len(m.looked) == 0 {
		return nil
	}
	m.add(nil, "LET $lost = []")
	for i, at := range m.looked {
		field := quote(storedField(at.change.now, at.column.Name))
		where := field + " != NONE AND !record::exists(" + field + ")"
		if at.column == &at.change.now.Columns[0] {
			where = "!record::exists(type::record(" + quoteText(at.column.Ref) + ", record::id(id)))"
		}
		name := fmt.Sprintf("$lost%d", i)
		m.add(at.change, "LET %s = (SELECT VALUE <string> record::id(id) FROM %s WHERE %s)", name, quote(at.change.now.Name), where)
		m.add(at.change, "LET $lost = IF array::is_empty(%[1]s) { $lost } ELSE { array::concat($lost, ['%[2]d', <string> array::len(%[1]s)], array::slice(%[1]s, 0, %[3]d), ['']) }", name, i, namedRows)
	}
	m.add(nil, "IF !array::is_empty($lost) { THROW array::join(array::concat(['%s'], $lost), '\\u{1f}') }", thrownLost)
	return nil
}

// mayLose reports a ref that may point at nothing after the migration.
func (m *migration) mayLose(c *change, s *origin) bool {
	if s.column.Ref == "" {
		return false
	}
	to := m.changeOf(s.column.Ref)
	return m.has(plan.ChangeRef, c.now.Name, s.column.Name) || s.converts() || to != nil && to.recreated
}

// lostFaults reads what lookForLost throws: for each ref its number, how many rows
// there are, the first keys, and an empty text.
func (m *migration) lostFaults(text string) error {
	var faults fault.List
	parts := strings.Split(text, separator)
	for len(parts) >= 2 {
		i, _ := strconv.Atoi(parts[0]) // our own
		rows := bad{}
		rows.count, _ = strconv.ParseInt(parts[1], 10, 64)
		parts = parts[2:]
		for int64(len(rows.keys)) < min(rows.count, namedRows) && len(parts) > 0 {
			rows.keys, parts = append(rows.keys, parts[0]), parts[1:]
		}
		if len(parts) > 0 {
			parts = parts[1:]
		}
		if i < len(m.looked) {
			table, column := m.looked[i].change.now.Name, m.looked[i].column
			faults = append(faults, fault.Newf(codeDangling, "column %s.%s is a ref to %s, but %s with a value that is no key there: %s", table, column.Name, column.Ref, has(rows.count), &rows).
				WithHint("change those rows first: make the value null, or create the row that it names").
				At("tables."+table+".columns."+column.Name))
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
func (m *migration) moveKeys() {
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
}
