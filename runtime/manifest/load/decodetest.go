package load

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func decodeTest(n *node) manifest.Test {
	t := manifest.Test{Name: n.name, Path: n.path()}
	for _, c := range n.field("callers").list() {
		claims := "{}"
		if declared := c.field("claims"); declared != nil {
			claims = string(declared.json(nil))
		}
		t.Callers = append(t.Callers, manifest.TestCaller{Label: c.name, Email: c.str("email"), Claims: claims, Path: c.path()})
	}
	for _, table := range n.field("rows").list() {
		for _, row := range table.list() {
			t.Rows = append(t.Rows, manifest.TestRow{Table: table.name, Label: row.name, Values: testValues(row), Path: row.path()})
		}
	}
	for _, e := range n.field("expect").list() {
		t.Expect = append(t.Expect, expectation(e))
	}
	return t
}

func testValues(n *node) []manifest.TestValue {
	values := make([]manifest.TestValue, 0, len(n.list()))
	for _, v := range n.list() {
		values = append(values, manifest.TestValue{Column: v.name, JSON: string(v.json(nil)), Path: v.path()})
	}
	return values
}

func expectation(n *node) manifest.Expectation {
	e := manifest.Expectation{
		As: n.str("as"), Set: testValues(n.field("set")),
		Rows: n.strs("rows"), HasRows: n.field("rows") != nil, Hides: n.strs("hides"),
		Denied: n.flag("denied"), Path: n.path(),
	}
	for _, op := range []string{"read", "create", "update", "delete"} {
		if n.field(op) != nil {
			e.Op = op
			e.Table, e.Row, _ = strings.Cut(n.str(op), "/")
		}
	}
	return e
}
