package plan

import "slices"

// Earlier is the schema that a database had after one of its migrations, 0
// being before the first. Tables and columns that were renamed since have the
// names of now as their former ones. Nothing is found where the history does
// not reach.
//
// Conditions of indexes are not in the history, so indexes with one are left
// out, but where the table is as it was.
func Earlier(records []Record, id int64) (Schema, bool) {
	at := slices.IndexFunc(records, func(r Record) bool { return r.ID == id })
	var then Schema
	switch {
	case at >= 0:
		then = records[at].After
	case id == 0 && len(records) > 0 && records[0].ID == 1:
		then = records[0].Before
	default:
		return Schema{}, false
	}
	then = then.clone()
	now := records[len(records)-1].After
	names := namesOf(&now)
	for i := len(records) - 1; i > at; i-- {
		names.back(records[i].Steps)
	}
	names.mark(&then)
	dropConditions(&now, &then)
	return then, true
}

// Gone are the tables and the columns (table and column) of one schema that
// another, with its former names, does not have.
func Gone(from, to Schema) (tables []string, columns [][2]string) {
	for i := range from.Tables {
		t := &from.Tables[i]
		next := to.successor(t.Name)
		if next == nil {
			tables = append(tables, t.Name)
			continue
		}
		for j := range t.Columns {
			name := t.Columns[j].Name
			if !slices.ContainsFunc(next.Columns, func(c Column) bool { return c.Was == name || c.Was == "" && c.Name == name }) {
				columns = append(columns, [2]string{t.Name, name})
			}
		}
	}
	return tables, columns
}

// Reverse names the tables and columns of a schema as steps that led away from it
// have left them, so that they are found again.
func (s *Schema) Reverse(steps []Step) {
	names := formerNames{}
	for i := range s.Tables {
		t := &s.Tables[i]
		t.Was = ""
		for j := range t.Columns {
			t.Columns[j].Was = ""
		}
		names[t.Name] = &former{table: t.Name, columns: map[string]string{}}
	}
	for _, step := range steps {
		if step.Kind == RenameTable {
			delete(names, step.Was)
			names[step.Table] = &former{table: step.Was, columns: map[string]string{}}
		}
	}
	for _, step := range steps {
		if f := names[step.Table]; step.Kind == RenameColumn && f != nil {
			f.columns[step.Name] = step.Was
		}
	}
	names.mark(s)
}

// successor is the table that another's becomes.
func (s *Schema) successor(name string) *Table {
	for i := range s.Tables {
		if t := &s.Tables[i]; t.Was == name || t.Was == "" && t.Name == name {
			return t
		}
	}
	return nil
}

func (s *Schema) clone() Schema {
	c := Schema{Tables: slices.Clone(s.Tables)}
	for i := range c.Tables {
		c.Tables[i].Columns = slices.Clone(c.Tables[i].Columns)
		c.Tables[i].Indexes = slices.Clone(c.Tables[i].Indexes)
	}
	return c
}

// former is what a table and its columns, by their names of now, were called;
// "" where there were none.
type former struct {
	table   string
	columns map[string]string
}

type formerNames map[string]*former

func namesOf(s *Schema) formerNames {
	names := formerNames{}
	for i := range s.Tables {
		t := &s.Tables[i]
		f := &former{table: t.Name, columns: map[string]string{}}
		for j := range t.Columns {
			f.columns[t.Columns[j].Name] = t.Columns[j].Name
		}
		names[t.Name] = f
	}
	return names
}

// back goes to the names before a migration.
func (n formerNames) back(steps []RecordedStep) {
	tables, columns := map[string]string{}, map[[2]string]string{}
	for _, s := range steps {
		switch s.Kind {
		case CreateTable:
			tables[s.Table] = ""
		case RenameTable:
			tables[s.Table] = s.Was
		case AddColumn:
			columns[[2]string{s.Table, s.Name}] = ""
		case RenameColumn:
			columns[[2]string{s.Table, s.Name}] = s.Was
		}
	}
	for _, f := range n {
		for now, then := range f.columns {
			if before, ok := columns[[2]string{f.table, then}]; ok && then != "" {
				f.columns[now] = before
			}
		}
		if before, ok := tables[f.table]; ok && f.table != "" {
			f.table = before
		}
	}
}

// mark writes the names of now into an earlier schema.
func (n formerNames) mark(s *Schema) {
	for now, f := range n {
		t := s.Table(f.table)
		if t == nil || f.table == "" {
			continue
		}
		if now != f.table {
			t.Was = now
		}
		for nowColumn, then := range f.columns {
			if c := t.Column(then); c != nil && then != "" && nowColumn != then {
				c.Was = nowColumn
			}
		}
	}
}

// dropConditions leaves out the indexes of then that have a condition, unless
// they are there and their table needs no change.
func dropConditions(now, then *Schema) {
	conditional := func(x Index) bool { return x.Where != "" }
	bare, target := now.clone(), then.clone()
	for _, s := range []*Schema{&bare, &target} {
		for i := range s.Tables {
			s.Tables[i].Indexes = nil
		}
	}
	touched := map[string]bool{}
	for _, step := range Diff(bare, target, nil).Steps {
		touched[step.Table] = true
	}
	for i := range then.Tables {
		t := &then.Tables[i]
		there := now.Table(t.Name)
		t.Indexes = slices.DeleteFunc(t.Indexes, func(x Index) bool {
			if !conditional(x) {
				return false
			}
			return touched[t.Name] || there == nil || !slices.ContainsFunc(there.Indexes, func(y Index) bool { return y.Name == x.Name && sameIndex(&y, &x, nil) })
		})
	}
}
