package surreal

import (
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// layout is a generation's tables with what writes ask of them again and again.
// It is immutable.
type layout struct {
	tables map[*query.Table]*table
	byName map[string]*table
	// deletion has the places of tables in the order of deletion, by name.
	deletion map[string]int
	// parentsFirst has every table after those that it points at.
	parentsFirst []*table
	// worded is the value of paramWorded.
	worded []byte
}

type table struct {
	*query.Table
	refs []*query.Column // columns that hold another row's key
	// referrers are the columns of tables that hold this table's keys.
	referrers []referrer
	selfRef   bool
	// insert begins the statement that inserts rows, read the one that reads them.
	insert, read string
	// fields are the columns by the name of the field that they are stored in.
	fields map[string]*query.Column
	// words are the full-text indexes.
	words []*query.Index
}

type referrer struct {
	table  *table
	column *query.Column
}

func newLayout(schema *query.Schema) *layout {
	l := &layout{
		tables:   make(map[*query.Table]*table, len(schema.Tables)),
		byName:   make(map[string]*table, len(schema.Tables)),
		deletion: query.DeletionRanks(schema),
		worded:   worded(schema.Tables),
	}
	l.parentsFirst = make([]*table, len(schema.Tables))
	for _, t := range schema.Tables {
		entry := newTable(t)
		l.parentsFirst[len(schema.Tables)-1-l.deletion[t.Name]] = entry
		l.tables[t], l.byName[t.Name] = entry, entry
	}
	for _, t := range schema.Tables {
		child := l.byName[t.Name]
		for _, c := range child.refs {
			parent := l.byName[c.Ref.Table]
			if parent == nil {
				continue // check refuses it
			}
			parent.referrers = append(parent.referrers, referrer{child, c})
			child.selfRef = child.selfRef || parent == child
		}
	}
	return l
}

// layoutOf is the layout of recorded tables, for what points at rows that go. It
// has no words: those of a row stay when a reference of it is cleared.
func layoutOf(schema *plan.Schema) *layout {
	tables := make([]*query.Table, len(schema.Tables))
	for i := range schema.Tables {
		tables[i] = recordedTable(&schema.Tables[i])
	}
	return newLayout(query.NewSchema(tables))
}

func recordedTable(from *plan.Table) *query.Table {
	columns := make([]*query.Column, len(from.Columns))
	for i := range from.Columns {
		c := &from.Columns[i]
		columns[i] = &query.Column{Name: c.Name, Type: c.TypeOf(), Required: c.Required}
		if c.Ref != "" {
			columns[i].Ref = &query.Ref{Table: c.Ref, OnDelete: onDelete[c.OnDelete]}
		}
	}
	t := query.NewTable(from.Name, columns, nil)
	if from.Edge != nil {
		t.Edge = &query.Edge{From: t.Column(from.Edge.From), To: t.Column(from.Edge.To)}
	}
	for i := range from.Indexes {
		x := &from.Indexes[i]
		if x.Kind != "" {
			continue
		}
		index := &query.Index{Name: x.Name, Unique: x.Unique}
		for _, name := range x.Columns {
			index.Columns = append(index.Columns, t.Column(name))
		}
		t.Indexes = append(t.Indexes, index)
	}
	return t
}

// onDelete are the words of plans; it is only read.
var onDelete = map[string]query.OnDelete{"cascade": query.Cascade, "setNull": query.SetNull, "restrict": query.Restrict}

func newTable(t *query.Table) *table {
	entry := &table{Table: t, fields: make(map[string]*query.Column, len(t.Columns))}
	for _, c := range t.Columns {
		entry.fields[fieldOf(t, c)] = c
		if c.Ref != nil {
			entry.refs = append(entry.refs, c)
		}
	}
	for _, x := range t.Indexes {
		if x.Kind == query.FullText {
			entry.words = append(entry.words, x)
		}
	}
	entry.insert = "INSERT INTO `" + t.Name + "` "
	if t.Edge.Joins() {
		entry.insert = "INSERT RELATION INTO `" + t.Name + "` "
	}
	entry.read = "SELECT * FROM `" + t.Name + "`"
	return entry
}

// makesKeys reports a table whose keys are numbers that the engine may make.
func (t *table) makesKeys() bool {
	return t.Key().Type.Kind == query.KindInt && t.Key().Ref == nil
}
