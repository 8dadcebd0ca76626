package query

import "slices"

// Schema is every table a generation knows, immutable.
type Schema struct {
	Tables []*Table // in the manifest's order
	// Queries are the named queries, in the manifest's order.
	Queries []*Named
	byName  map[string]*Table

	relations map[*Table][]Relation
}

// NewSchema indexes the tables by name.
func NewSchema(tables []*Table) *Schema {
	s := &Schema{Tables: tables, byName: make(map[string]*Table, len(tables))}
	for _, t := range tables {
		s.byName[t.Name] = t
	}
	s.relate()
	return s
}

// Table finds a table by its exact name; nil when there is none.
func (s *Schema) Table(name string) *Table { return s.byName[name] }

// Table is one table: its columns in wire order, the key first.
type Table struct {
	Name    string
	Columns []*Column // Columns[0] is the key, "id"
	Indexes []*Index
	// Edge is set where the table's rows join two others'.
	Edge *Edge
	// Quiet keeps the table's rows out of the feed (changes: false); its
	// version still moves with each commit.
	Quiet  bool
	byName map[string]*Column
	refs   []ColumnRef
}

// NewTable numbers the columns and indexes them by name. columns[0] is the key.
func NewTable(name string, columns []*Column, indexes []*Index) *Table {
	t := &Table{Name: name, Columns: columns, Indexes: indexes, byName: make(map[string]*Column, len(columns))}
	t.refs = make([]ColumnRef, len(columns))
	for i, c := range columns {
		c.Index = i
		t.byName[c.Name] = c
		t.refs[i] = ColumnRef{Table: t, Column: c}
	}
	return t
}

// Ref is the table's one node for a column of the row at hand.
func (t *Table) Ref(c *Column) *ColumnRef { return &t.refs[c.Index] }

// Key is the column id.
func (t *Table) Key() *Column { return t.Columns[0] }

// Column finds a column by its exact name; nil when there is none.
func (t *Table) Column(name string) *Column { return t.byName[name] }

// Edge names the two refs of a table whose rows join two others'.
type Edge struct{ From, To *Column }

// Joins reports whether every row has both ends, so that an engine can keep it as
// an edge of a graph.
func (e *Edge) Joins() bool { return e != nil && e.From.Required && e.To.Required }

// Column is one column of a table.
type Column struct {
	Index int // in Table.Columns
	Name  string
	Type  Type
	// Ref is set where the column (a key too) holds another row's key; Type is
	// then the type of that key.
	Ref *Ref
	// Required means never null.
	Required bool
	// Metric is what nearness of a vector column means.
	Metric Metric
}

// Ref says whose key a column holds and what happens when that row goes.
type Ref struct {
	Table    string
	OnDelete OnDelete
}

// OnDelete is what a reference does when the row it points at is deleted.
type OnDelete uint8

// What happens to a row whose reference's target is deleted.
const (
	Restrict OnDelete = iota // the delete is refused
	Cascade                  // the row goes too
	SetNull                  // the reference becomes null
)

// Index is a plain, unique, full-text or vector index; Where, when set, is the
// condition of a partial one (row-local, no caller).
type Index struct {
	Name    string
	Kind    IndexKind
	Columns []*Column
	Unique  bool
	Where   Expr
	// Language is that of the words in a full-text index.
	Language Language
}

// IndexKind is what an index is for.
type IndexKind uint8

// The kinds of indexes.
const (
	Plain    IndexKind = iota // order and equality
	FullText                  // words of texts
	Vector                    // nearest vectors
)

// Index finds an index by its exact name; nil when there is none.
func (t *Table) Index(name string) *Index {
	for _, x := range t.Indexes {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Unique reports whether no two rows share a value in the column: it is the
// key, or has a unique index of its own over all rows.
func (t *Table) Unique(c *Column) bool {
	return c.Index == 0 || t.UniqueIndex([]*Column{c}) != nil
}

// UniqueIndex finds the unique index over exactly these columns, in any order,
// that covers all rows; nil when there is none.
func (t *Table) UniqueIndex(columns []*Column) *Index {
	for _, x := range t.Indexes {
		if !x.Unique || x.Where != nil || len(x.Columns) != len(columns) {
			continue
		}
		same := true
		for _, c := range columns {
			same = same && slices.Contains(x.Columns, c)
		}
		if same {
			return x
		}
	}
	return nil
}

// Kind is the kind of a type.
type Kind uint8

// The kinds. KindNull is the kind of the null value alone.
const (
	KindNull Kind = iota
	KindBool
	KindInt
	KindFloat
	KindDecimal
	KindText
	KindTimestamp // microseconds since the epoch, UTC
	KindDate      // days since the epoch
	KindUUID      // lower-case text
	KindJSON      // JSON text
	KindList      // JSON array text of one scalar kind
	KindVector    // float32s, little-endian, one after the other in Value.S
)

// Type is the type of a column or an expression.
type Type struct {
	Kind  Kind
	Scale uint8 // decimals: places after the point, 0 to 18
	Elem  Kind  // lists: the kind of the elements
	// Dimensions of a vector, 1 to 4096.
	Dimensions uint16
}
