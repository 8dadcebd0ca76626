package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Diff finds the way from what a database holds to what a manifest wants.
// removed are the manifest's names of what may be dropped, "TABLE" or
// "TABLE.COLUMN"; an entry that the database does not have does nothing.
//
// Steps come in the order in which an engine can carry them out: indexes,
// columns and tables go, names change, tables and columns come, columns that
// stay change, indexes come. Steps that drop use the names of from, all others
// those of to.
func Diff(from, to Schema, removed []string) Plan {
	d := differ{from: from, to: to, removed: removed, renamed: map[string]string{}}
	d.matchTables()
	d.tablesThatGo()
	for i := range to.Tables {
		table := &to.Tables[i]
		if old, ok := d.old(table.Name); ok {
			d.table(old, table)
			continue
		}
		if !d.blocked[table.Name] {
			d.create(table)
		}
	}
	return Plan{From: from, To: to, Steps: d.ordered()}
}

// Refused gives the steps that forbid the plan.
func (p Plan) Refused() []Step {
	var refused []Step
	for _, step := range p.Steps {
		if step.Grade == Refused {
			refused = append(refused, step)
		}
	}
	return refused
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// Additive reports whether everything that used the schema before goes on
// working while and after the plan is carried out.
func (p Plan) Additive() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool {
		switch s.Kind {
		case CreateTable, AddColumn, CreateIndex:
			return false
		case DropIndex: // what searches by one finds nothing when it is gone
			return s.Index != nil && s.Index.Kind == FullText
		}
		return true
	})
}

// Table finds a table by its exact name; nil when there is none.
func (s *Schema) Table(name string) *Table {
	for i := range s.Tables {
		if s.Tables[i].Name == name {
			return &s.Tables[i]
		}
	}
	return nil
}

// Column finds a column by its exact name; nil when there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

type differ struct {
	from, to Schema
	removed  []string
	renamed  map[string]string // former table name to new
	blocked  map[string]bool   // tables of to that cannot be made
	steps    []Step
}

func (d *differ) add(s Step) { d.steps = append(d.steps, s) }

func (d *differ) refuse(table, name, hint, reason string, args ...any) {
	d.add(Step{Kind: Refuse, Grade: Refused, Table: table, Name: name, Reason: fmt.Sprintf(reason, args...), Hint: hint})
}

func (d *differ) mayGo(name string) bool { return slices.Contains(d.removed, name) }

// old finds the table of from that becomes the table name of to.
func (d *differ) old(name string) (*Table, bool) {
	for i := range d.from.Tables {
		table := &d.from.Tables[i]
		if now, ok := d.renamed[table.Name]; ok {
			if now == name {
				return table, true
			}
			continue
		}
		if table.Name == name {
			return table, true
		}
	}
	return nil, false
}

// newName is what a table of from is called in to.
func (d *differ) newName(old string) string {
	if now, ok := d.renamed[old]; ok {
		return now
	}
	return old
}

// matchTables finds the renames, and the names that cannot be given.
func (d *differ) matchTables() {
	d.blocked = map[string]bool{}
	for i := range d.to.Tables {
		table := &d.to.Tables[i]
		present := d.from.Table(table.Name) != nil
		if table.Was != "" && d.from.Table(table.Was) != nil {
			taken, twice := d.renamed[table.Was]
			switch {
			case present:
				d.refuse(table.Name, "", fmt.Sprintf("remove was; to drop %s, name it in removed as well", table.Was),
					"tables %s and %s are both in the database, so %s cannot be renamed", table.Was, table.Name, table.Was)
			case twice:
				d.blocked[table.Name] = true
				d.refuse(table.Name, "", "keep was in one of them", "tables %s and %s both say that they were %s", taken, table.Name, table.Was)
			case d.to.Table(table.Was) != nil:
				d.blocked[table.Name] = true
				d.refuse(table.Name, "", "remove was, or give the other table another name",
					"table %s was %s, but the manifest still declares a table %s", table.Name, table.Was, table.Was)
			default:
				d.renamed[table.Was] = table.Name
				d.add(Step{
					Kind: RenameTable, Grade: Safe, Table: table.Name, Was: table.Was,
					Reason: fmt.Sprintf("renames table %s to %s", table.Was, table.Name),
				})
			}
			continue
		}
		if !present {
			d.checkCase(table)
		}
	}
}

// checkCase refuses a table whose name differs from a present one in letter
// case alone: no engine keeps both.
func (d *differ) checkCase(table *Table) {
	for i := range d.from.Tables {
		old := d.from.Tables[i].Name
		if strings.EqualFold(old, table.Name) && !d.mayGo(old) {
			d.blocked[table.Name] = true
			d.refuse(table.Name, "", fmt.Sprintf("write was: %q to rename it", old),
				"table %s is in the database as %s", table.Name, old)
		}
	}
}

func (d *differ) tablesThatGo() {
	for i := range d.from.Tables {
		old := &d.from.Tables[i]
		if _, ok := d.renamed[old.Name]; ok || d.to.Table(old.Name) != nil {
			continue
		}
		if d.mayGo(old.Name) {
			d.add(Step{Kind: DropTable, Grade: LosesData, Table: old.Name, Reason: fmt.Sprintf("drops table %s and its rows", old.Name)})
			continue
		}
		d.refuse(old.Name, "", fmt.Sprintf("put it back, rename it with was, or write removed: [%q] to drop its rows", old.Name),
			"table %s is in the database but no longer in the manifest", old.Name)
	}
}

func (d *differ) create(table *Table) {
	d.add(Step{Kind: CreateTable, Grade: Safe, Table: table.Name, Reason: "creates table " + table.Name})
	for i := range table.Indexes {
		d.createIndex(table, &table.Indexes[i])
	}
}

func (d *differ) createIndex(table *Table, index *Index) {
	d.add(Step{
		Kind: CreateIndex, Grade: Safe, Table: table.Name, Name: index.Name, Index: index,
		Reason: fmt.Sprintf("creates %s %s.%s", index.words(), table.Name, index.Name),
	})
}

// words are what an index is.
func (x *Index) words() string {
	switch {
	case x.Kind == FullText && x.Language != "":
		return x.Language + " full-text index"
	case x.Kind == FullText:
		return "full-text index"
	case x.Kind == Vector:
		return "vector index"
	case x.Unique:
		return "unique index"
	}
	return "index"
}

var stepOrder = []StepKind{Refuse, DropIndex, DropColumn, DropTable, RenameTable, RenameColumn, CreateTable, AddColumn, ConvertColumn, ChangeRef, RequireColumn, AllowNull, ChangeEdge, CreateIndex}

// ordered sorts the steps by kind, the manifest's order within one; tables that
// go do so before those that they point at, and come after them.
func (d *differ) ordered() []Step {
	from, to := depthsOf(&d.from), depthsOf(&d.to)
	slices.SortStableFunc(d.steps, func(a, b Step) int {
		if c := slices.Index(stepOrder, a.Kind) - slices.Index(stepOrder, b.Kind); c != 0 {
			return c
		}
		switch a.Kind {
		case DropTable:
			return from[b.Table] - from[a.Table]
		case CreateTable:
			return to[a.Table] - to[b.Table]
		}
		return 0
	})
	return d.steps
}

// depths are, by table, the longest ways along refs.
type depths map[string]int

// depthsOf looks at each table once, however refs branch; a circle is cut
// where it closes.
func depthsOf(s *Schema) depths {
	d := make(depths, len(s.Tables))
	for i := range s.Tables {
		d.visit(s, s.Tables[i].Name)
	}
	return d
}

func (d depths) visit(s *Schema, name string) int {
	table := s.Table(name)
	if table == nil {
		return 0
	}
	if depth, seen := d[name]; seen {
		return depth
	}
	d[name] = 0 // what a circle finds when it comes back
	depth := 0
	for i := range table.Columns {
		if ref := table.Columns[i].Ref; ref != "" && ref != name {
			depth = max(depth, 1+d.visit(s, ref))
		}
	}
	d[name] = depth
	return depth
}
