package plan

import (
	"fmt"
	"slices"
	"strings"
)

// table finds the steps from one state of a table to the other.
func (d *differ) table(old, now *Table) {
	renamed := d.matchColumns(old, now)
	d.columnsThatGo(old, now, renamed)
	for i := range now.Columns {
		column := &now.Columns[i]
		if before := oldColumn(old, renamed, column.Name); before != nil {
			d.column(now, before, column)
			continue
		}
		d.addColumn(now, old, column, renamed)
	}
	if d.from.Edges {
		d.nature(old, now, renamed)
	}
	d.indexes(old, now, renamed)
}

// nature finds whether a table begins or ceases to be one of edges.
func (d *differ) nature(old, now *Table, renamed map[string]string) {
	if was, is := edgeText(old.Edge, renamed), edgeText(now.Edge, nil); was != is {
		reason := fmt.Sprintf("makes table %s one of edges, %s", now.Name, is)
		if now.Edge == nil {
			reason = fmt.Sprintf("makes table %s none of edges", now.Name)
		}
		d.add(Step{Kind: ChangeEdge, Grade: Safe, Table: now.Name, Reason: reason})
	}
}

// edgeText is the ends of an edge by their new names, "" where there is none.
func edgeText(e *Edge, renamed map[string]string) string {
	if e == nil {
		return ""
	}
	from, to := e.From, e.To
	if now, ok := renamed[from]; ok {
		from = now
	}
	if now, ok := renamed[to]; ok {
		to = now
	}
	return "from " + from + " to " + to
}

// matchColumns finds the renames: former name to new.
func (d *differ) matchColumns(old, now *Table) map[string]string {
	renamed := map[string]string{}
	for i := range now.Columns {
		column := &now.Columns[i]
		if column.Was == "" || old.Column(column.Was) == nil {
			continue
		}
		path := now.Name + "." + column.Name
		taken, twice := renamed[column.Was]
		switch {
		case old.Column(column.Name) != nil:
			d.refuse(now.Name, column.Name, fmt.Sprintf("remove was; to drop %s, name %s.%s in removed as well", column.Was, now.Name, column.Was),
				"columns %s and %s of table %s are both in the database, so %s cannot be renamed", column.Was, column.Name, now.Name, column.Was)
		case twice:
			d.refuse(now.Name, column.Name, "keep was in one of them", "columns %s and %s of table %s both say that they were %s", taken, column.Name, now.Name, column.Was)
		case now.Column(column.Was) != nil:
			d.refuse(now.Name, column.Name, "remove was, or give the other column another name",
				"column %s was %s, but the manifest still declares a column %s", path, column.Was, column.Was)
		default:
			renamed[column.Was] = column.Name
			d.add(Step{
				Kind: RenameColumn, Grade: Safe, Table: now.Name, Name: column.Name, Was: column.Was, Column: column,
				Reason: fmt.Sprintf("renames column %s.%s to %s", now.Name, column.Was, column.Name),
			})
		}
	}
	return renamed
}

func oldColumn(old *Table, renamed map[string]string, name string) *Column {
	for was, now := range renamed {
		if now == name {
			return old.Column(was)
		}
	}
	if _, moved := renamed[name]; moved {
		return nil
	}
	return old.Column(name)
}

func (d *differ) columnsThatGo(old, now *Table, renamed map[string]string) {
	for i := range old.Columns {
		name := old.Columns[i].Name
		if _, ok := renamed[name]; ok || now.Column(name) != nil {
			continue
		}
		path := now.Name + "." + name
		if d.mayGo(path) || d.mayGo(old.Name+"."+name) {
			d.add(Step{
				Kind: DropColumn, Grade: LosesData, Table: old.Name, Name: name, Column: &old.Columns[i],
				Reason: fmt.Sprintf("drops column %s and its values", path),
			})
			continue
		}
		d.refuse(now.Name, name, fmt.Sprintf("put it back, rename it with was, or write removed: [%q] to drop its values", path),
			"column %s is in the database but no longer in the manifest", path)
	}
}

func (d *differ) addColumn(now, old *Table, column *Column, renamed map[string]string) {
	path := now.Name + "." + column.Name
	for i := range old.Columns {
		name := old.Columns[i].Name
		if _, moved := renamed[name]; !moved && strings.EqualFold(name, column.Name) && !d.mayGo(now.Name+"."+name) {
			d.refuse(now.Name, column.Name, fmt.Sprintf("write was: %q to rename it", name),
				"column %s is in the database as %s", path, name)
			return
		}
	}
	if oldColumn(old, renamed, column.Name) == nil && slices.ContainsFunc(d.steps, func(s Step) bool {
		return s.Kind == Refuse && s.Table == now.Name && s.Name == column.Name
	}) {
		return // said already
	}
	reason := "adds column " + path
	switch {
	case column.Required && column.Fill != "":
		reason += ", filled with its default"
	case column.Required:
		reason += ", never null: the table must be empty"
	}
	d.add(Step{Kind: AddColumn, Grade: Safe, Table: now.Name, Name: column.Name, Column: column, Reason: reason})
}

// column finds what changes in a column that stays: a table is made anew for
// it, once for all its columns.
func (d *differ) column(table *Table, old, now *Column) {
	step := Step{Table: table.Name, Name: now.Name, Before: old, Column: now}
	path := table.Name + "." + now.Name
	if was, is := typeText(old), typeText(now); was != is {
		step.Kind, step.Grade = ConvertColumn, Breaks
		step.Reason = fmt.Sprintf("converts column %s from %s to %s", path, was, is)
		switch Converts(old.TypeOf(), now.TypeOf()) {
		case ConvertsSome:
			step.Reason += ": every value must convert"
		case ConvertsNone:
			step.Reason = fmt.Sprintf("makes column %s %s, which no %s converts to: the table must be empty", path, is, was)
		}
		if widens(old, now) {
			step.Grade = Safe
		}
		d.add(step)
	}
	if before := d.refOf(old); before != now.Ref || old.OnDelete != now.OnDelete {
		step.Kind, step.Grade = ChangeRef, Breaks
		step.Reason = refReason(path, before, old.OnDelete, now)
		if now.Ref == "" || before == now.Ref && now.OnDelete != "restrict" {
			step.Grade = Safe
		}
		d.add(step)
	}
	if old.Required == now.Required {
		return
	}
	step.Kind, step.Grade, step.Reason = AllowNull, Safe, fmt.Sprintf("allows null in column %s", path)
	if now.Required {
		step.Kind, step.Grade = RequireColumn, Breaks
		step.Reason = fmt.Sprintf("makes column %s never null: every row must have a value", path)
		if step.Fills() {
			step.Reason = fmt.Sprintf("makes column %s never null: what is null becomes its default", path)
		}
	}
	d.add(step)
}

// widens reports a type that takes all that the former one took, and whose
// values look the same to clients.
func widens(old, now *Column) bool {
	switch now.Type {
	case "decimal":
		return old.Type == "int" || old.Type == "decimal" && old.Scale <= now.Scale
	case "float":
		return old.Type == "int"
	}
	return false
}

func refReason(path, before, onDelete string, now *Column) string {
	switch {
	case now.Ref == "":
		return fmt.Sprintf("makes column %s no ref: it keeps its values", path)
	case before == "":
		return fmt.Sprintf("makes column %s a ref to %s: every value must be the key of a row there", path, now.Ref)
	case before != now.Ref:
		return fmt.Sprintf("makes column %s a ref to %s, which was one to %s: every value must be the key of a row there", path, now.Ref, before)
	}
	return fmt.Sprintf("changes onDelete of column %s from %s to %s", path, onDelete, now.OnDelete)
}

// refOf is the table that an old column points at, by its new name.
func (d *differ) refOf(old *Column) string {
	if old.Ref == "" {
		return ""
	}
	return d.newName(old.Ref)
}

func typeText(c *Column) string {
	switch {
	case c.Type == "decimal":
		return fmt.Sprintf("decimal of scale %d", c.Scale)
	case c.Of != "":
		return c.Type + " of " + c.Of
	case c.Type == "vector":
		return fmt.Sprintf("vector of %d dimensions", c.Dimensions)
	}
	return c.Type
}

// indexes compares by the new names of columns; a changed index is dropped and
// made again.
func (d *differ) indexes(old, now *Table, renamed map[string]string) {
	find := func(list []Index, name string) *Index {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
		return nil
	}
	drop := func(index *Index) {
		d.add(Step{
			Kind: DropIndex, Grade: Safe, Table: old.Name, Name: index.Name, Index: index,
			Reason: fmt.Sprintf("drops %s %s.%s", index.words(), now.Name, index.Name),
		})
	}
	for i := range old.Indexes {
		if find(now.Indexes, old.Indexes[i].Name) == nil {
			drop(&old.Indexes[i])
		}
	}
	for i := range now.Indexes {
		index := &now.Indexes[i]
		before := find(old.Indexes, index.Name)
		if before != nil && sameIndex(before, index, renamed) {
			continue
		}
		if before != nil {
			drop(before)
		}
		d.createIndex(now, index)
	}
}

func sameIndex(old, now *Index, renamed map[string]string) bool {
	return old.Kind == now.Kind && old.Unique == now.Unique && old.Where == now.Where && old.Language == now.Language &&
		slices.EqualFunc(old.Columns, now.Columns, func(a, b string) bool {
			if moved, ok := renamed[a]; ok {
				a = moved
			}
			return a == b
		})
}
