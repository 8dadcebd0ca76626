package sqlite

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Plan is how SQLite would run a select.
type Plan struct {
	SQL   string
	Steps []Step
}

// Step is one line of a plan.
type Step struct {
	Depth int    // steps of a subquery stand below it
	Text  string // as SQLite says it
	// Table is the one that is read, "" where the step reads none.
	Table string
	// Search says that an index leads to the rows; otherwise all are read.
	Search bool
	// Index is what the rows are read along, without the table's name: id, an
	// index of the manifest, or COLUMN.ref for that of a reference.
	Index string
	Sort  Sort
}

// Sort says what a step sorts because no index has the order.
type Sort uint8

// The kinds of sorting.
const (
	SortNothing Sort = iota
	SortTies         // rows that are alike in the first terms
	SortAll
)

// String is the plan as people read it.
func (p Plan) String() string {
	var text strings.Builder
	text.WriteString(p.SQL)
	for _, step := range p.Steps {
		text.WriteString("\n" + strings.Repeat("  ", step.Depth) + step.Text)
	}
	return text.String()
}

// explain plans a select, in which everything is bound.
func explain(c *conn, sel *query.Select) (Plan, error) {
	const prefix = "EXPLAIN QUERY PLAN "
	var comp compiler
	comp.text(prefix)
	comp.selectRows(sel)
	found := Plan{SQL: string(comp.buf[len(prefix):])}
	stmt, err := comp.prepare(c)
	if err != nil {
		return found, err
	}
	defer comp.release(stmt)
	depths := map[int64]int{}
	for stmt.Step() {
		step := Step{Text: stmt.ColumnText(3)}
		if above, ok := depths[stmt.ColumnInt64(1)]; ok {
			step.Depth = above + 1
		}
		depths[stmt.ColumnInt64(0)] = step.Depth
		step.read(comp.scope.tables)
		found.Steps = append(found.Steps, step)
	}
	return found, stmt.Err()
}

// read makes sense of SQLite's text, for example
// "SEARCH _1 USING COVERING INDEX books.author.ref (author=?)".
func (s *Step) read(aliases []*query.Table) {
	verb, rest, _ := strings.Cut(s.Text, " ")
	switch {
	case strings.HasPrefix(s.Text, "USE TEMP B-TREE FOR ORDER BY"):
		s.Sort = SortAll
	case strings.HasPrefix(s.Text, "USE TEMP B-TREE FOR"): // the last terms of an order, or groups
		s.Sort = SortTies
		if strings.HasSuffix(s.Text, "GROUP BY") {
			s.Sort = SortAll
		}
	}
	if verb != "SCAN" && verb != "SEARCH" || strings.HasPrefix(rest, "CONSTANT ROW") {
		return
	}
	name, how, _ := strings.Cut(rest, " ")
	if alias, ok := strings.CutPrefix(name, "_"); ok {
		n, err := strconv.Atoi(alias)
		if err != nil || n < 1 || n > len(aliases) || aliases[n-1] == nil {
			return // what a subquery gave
		}
		name = aliases[n-1].Name
	}
	s.Table, s.Search = name, verb == "SEARCH"
	if strings.Contains(how, "PRIMARY KEY") || strings.Contains(how, "INDEX sqlite_autoindex_") {
		s.Index = "id"
	} else if _, index, ok := strings.Cut(how, "INDEX "); ok {
		index, _, _ = strings.Cut(index, " ")
		s.Index = strings.TrimPrefix(index, name+".")
	}
}
