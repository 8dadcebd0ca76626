package openapi_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/openapi"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// samples are values of the types of columns, and of operators that take
// another.
var samples = map[string]string{
	"flag": "true", "whole": "1", "real": "1.5", "money": "1.50", "word": "a", "at": "2026-01-31T12:00:00Z", "day": "2026-01-31",
	"token": "018f3c5e-0000-7000-8000-000000000000", "any": `{"a":1}`, "many": "{a}", "near": "[1,2]",
}

// TestFilters sends each operator that the document names to the parser, and
// finds each query parameter that is none of the filters.
func TestFilters(t *testing.T) {
	path := source(t, `
manifest: 1
tables: t: {
	columns: {
		flag: type: "bool", whole: type: "int", real: type: "float", money: {type: "decimal", scale: 2}, word: type: "text"
		at: type: "timestamp", day: type: "date", token: type: "uuid", any: type: "json", many: {type: "list", of: "text"}
		near: {type: "vector", dimensions: 2}
		select: type: "int", order: type: "int", limit: type: "int", offset: type: "int", columns: type: "int"
		on_conflict: type: "int", and: type: "int", or: type: "int", apikey: type: "int"
	}
	access: read: true
}
`)
	m, err := load.Load(t.Context(), load.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	table := checked.Schema.Table("t")
	parses := func(rawQuery string) bool {
		request, f := query.ParseRequest(checked.Schema, table, rawQuery, query.DefaultLimits())
		return f == nil && request.Where != nil
	}
	document := valid(t, write(t, path, openapi.Everyone))
	for _, c := range table.Columns {
		parameter := document.Components.Parameters["t."+c.Name]
		if filters := parses(c.Name + "=is.null"); filters != (parameter != nil) {
			t.Errorf("%s filters: %v; described as a filter: %v", c.Name, filters, parameter != nil)
		}
		if parameter == nil || samples[c.Name] == "" {
			continue
		}
		found := regexp.MustCompile(`Operators: ([a-z ]+)\.`).FindStringSubmatch(parameter.Value.Description)
		if found == nil {
			t.Fatalf("%s names no operators", c.Name)
		}
		described := strings.Fields(found[1])
		for _, operator := range strings.Fields("eq neq gt gte lt lte like ilike match imatch in is isdistinct cs cd ov fts plfts phfts wfts") {
			value := samples[c.Name]
			if c.Type.Kind == query.KindVector && slices.Contains([]string{"gt", "gte", "lt", "lte"}, operator) {
				continue // they have an order, which says nothing
			}
			switch operator {
			case "is":
				value = "null"
			case "in":
				value = "(" + value + ")"
				if c.Type.Kind == query.KindVector {
					value = `("[1,2]")`
				}
			}
			if named, parsed := slices.Contains(described, operator), parses(c.Name+"="+operator+"."+value); named != parsed {
				t.Errorf("%s=%s.%s is described: %v; it parses: %v", c.Name, operator, value, named, parsed)
			}
		}
		example, err := json.Marshal(parameter.Value.Example)
		if err != nil {
			t.Fatal(err)
		}
		var examples []string
		if err := json.Unmarshal(example, &examples); err != nil || len(examples) != 1 || !parses(c.Name+"="+examples[0]) {
			t.Errorf("the example %s of %s does not parse: %v", example, c.Name, err)
		}
	}
}
