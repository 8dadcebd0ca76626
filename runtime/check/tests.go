package check

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// usersTable holds the rows of callers.
const usersTable = "users"

// tests checks that the tests speak of tables, columns, rows and callers that
// there are; whether they hold is another question.
func (c *checker) tests() {
	for i := range c.m.Tests {
		t := labelled{checker: c, test: &c.m.Tests[i], rows: map[string][]string{}}
		t.check()
	}
}

// labelled is one test with the labels that are known so far.
type labelled struct {
	*checker
	test    *manifest.Test
	callers []string
	rows    map[string][]string // labels by table
}

func (t *labelled) check() {
	for i := range t.test.Callers {
		caller := &t.test.Callers[i]
		t.label(caller.Path, caller.Label)
		t.callers = append(t.callers, caller.Label)
		t.rows[usersTable] = append(t.rows[usersTable], caller.Label)
	}
	for i := range t.test.Rows {
		row := &t.test.Rows[i]
		if t.table(row.Path, row.Table) != nil {
			t.label(row.Path, row.Label)
			t.rows[row.Table] = append(t.rows[row.Table], row.Label)
		}
	}
	for i := range t.test.Rows {
		row := &t.test.Rows[i]
		if table := t.find(row.Table); table != nil {
			t.values(table, row.Values)
			t.key(table, row)
		}
	}
	for i := range t.test.Expect {
		t.expectation(&t.test.Expect[i])
	}
}

func (t *labelled) label(path, label string) {
	if label == "" || strings.Contains(label, "/") {
		t.report(path, fault.Newf(codeTest, "%q cannot be a label", label).WithHint("a label is a word without /"))
	}
}

func (t *labelled) table(path, name string) *manifest.Table {
	table := t.find(name)
	if table == nil {
		t.report(path, t.noTable(name))
	}
	return table
}

// key checks that a row whose key is another row's says which.
func (t *labelled) key(table *manifest.Table, row *manifest.TestRow) {
	if table.Key.Type != "ref" || t.knows(table.Key.Table, row.Label) {
		return
	}
	for _, v := range row.Values {
		if v.Column == "id" {
			return
		}
	}
	t.report(row.Path, fault.Newf(codeTest, "the key of %s is that of a row of %s, and this row does not say which", table.Name, table.Key.Table).
		WithHint("give it the label of that row, or say id"))
}

func (t *labelled) knows(table, label string) bool {
	return slices.Contains(t.rows[table], label)
}

// values checks the columns of a row, and the labels that stand in them.
func (t *labelled) values(table *manifest.Table, values []manifest.TestValue) {
	for _, v := range values {
		target := table.Key.Table
		if v.Column != "id" {
			column := table.Column(v.Column)
			if column == nil {
				t.report(v.Path, fault.Newf(codeColumn, "table %s has no column %q", table.Name, v.Column).
					WithHint(fault.NearestHint(v.Column, columnNames(table), "its columns are "+fault.Listed(columnNames(table)))))
				continue
			}
			target = column.Table
		}
		var label string
		if target == "" || json.Unmarshal([]byte(v.JSON), &label) != nil || t.knows(target, label) {
			continue
		}
		if parent := t.find(target); parent != nil && parent.Key.Type == "text" {
			continue // any text may be a key
		}
		t.report(v.Path, fault.Newf(codeTest, "this test has no row %q of %s", label, target).
			WithHint(fault.NearestHint(label, t.rows[target], t.labelsHint(target))))
	}
}

func (t *labelled) labelsHint(table string) string {
	if table == usersTable {
		return "declare it under callers"
	}
	return "declare it under rows: " + table
}

func columnNames(table *manifest.Table) []string {
	names := []string{"id"}
	for i := range table.Columns {
		names = append(names, table.Columns[i].Name)
	}
	return names
}

func (t *labelled) expectation(e *manifest.Expectation) {
	if e.As != "" && !slices.Contains(t.callers, e.As) {
		t.report(e.Path+".as", fault.Newf(codeTest, "this test has no caller %q", e.As).
			WithHint(fault.NearestHint(e.As, t.callers, "declare it under callers")))
	}
	at := e.Path + "." + e.Op
	table := t.table(at, e.Table)
	if table == nil {
		return
	}
	t.values(table, e.Set)
	switch e.Op {
	case "read":
		t.reading(e, at)
	case "create":
		if e.Row != "" {
			t.label(at, e.Row)
			t.rows[e.Table] = append(t.rows[e.Table], e.Row)
		}
	default:
		t.changing(e, at)
	}
	if e.Op == "read" {
		return
	}
	for _, field := range []struct {
		name string
		set  bool
	}{{"rows", e.HasRows}, {"hides", len(e.Hides) > 0}} {
		if field.set {
			t.report(e.Path+"."+field.name, fault.Newf(codeTest, "%s goes with read", field.name).WithHint("read the table in an expectation of its own"))
		}
	}
}

func (t *labelled) reading(e *manifest.Expectation, at string) {
	if e.Row != "" {
		t.report(at, fault.Newf(codeTest, "a read is of a table, not of a row").WithHint("write read: \""+e.Table+"\", rows: [\""+e.Row+"\"]"))
	}
	if len(e.Set) > 0 {
		t.report(e.Path+".set", fault.New(codeTest, "set goes with create and update").WithHint("leave it out"))
	}
	if !e.HasRows && len(e.Hides) == 0 && !e.Denied {
		t.report(at, fault.New(codeTest, "this read expects nothing").WithHint("say rows, hides or denied"))
	}
	if e.Denied && (len(e.Rows) > 0 || len(e.Hides) > 0) {
		t.report(at, fault.New(codeTest, "a denied read has no rows and no columns").WithHint("leave rows and hides out, or denied"))
	}
	for i, label := range e.Rows {
		t.row(item(e.Path+".rows", i), e.Table, label)
	}
	names := columnNames(t.find(e.Table))
	for i, column := range e.Hides {
		if !slices.Contains(names, column) {
			t.report(item(e.Path+".hides", i), fault.Newf(codeColumn, "table %s has no column %q", e.Table, column).
				WithHint(fault.NearestHint(column, names, "its columns are "+fault.Listed(names))))
		}
	}
}

func (t *labelled) changing(e *manifest.Expectation, at string) {
	if e.Row == "" {
		t.report(at, fault.Newf(codeTest, "which row of %s?", e.Table).WithHint("write "+e.Op+": \""+e.Table+"/LABEL\""))
	} else {
		t.row(at, e.Table, e.Row)
	}
	if e.Op == "delete" && len(e.Set) > 0 {
		t.report(e.Path+".set", fault.New(codeTest, "set goes with create and update").WithHint("leave it out"))
	}
	if e.Op == "update" && len(e.Set) == 0 {
		t.report(at, fault.New(codeTest, "this update changes nothing").WithHint("say what it sets: set: COLUMN: VALUE"))
	}
}

// row checks that a label names a row at this point of the test.
func (t *labelled) row(path, table, label string) {
	if !t.knows(table, label) {
		t.report(path, fault.Newf(codeTest, "this test has no row %q of %s", label, table).
			WithHint(fault.NearestHint(label, t.rows[table], t.labelsHint(table))))
	}
}
