package openapi_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/openapi"
	"github.com/edge-hive/edge-hive/runtime/query"
)

const walks = `
manifest: 1
tables: people: {key: type: "int", columns: {name: type: "text", boss: {type: "ref", table: "people"}}, access: read: true}
tables: films: {key: type: "int", columns: {name: type: "text", maker: {type: "ref", table: "people"}}, access: read: true}
tables: likes: {
	key: type: "int", edge: {from: "who", to: "what"}
	columns: {who: {type: "ref", table: "people", required: true}, what: {type: "ref", table: "films", required: true}}
	access: read: true
}
tables: follows: {
	key: type: "int", edge: {from: "a", to: "b"}
	columns: {a: {type: "ref", table: "people", required: true}, b: {type: "ref", table: "people", required: true}}
	access: read: true
}
tables: alone: {key: type: "int", columns: name: type: "text", access: read: true}
`

// parameter is a parameter of an operation.
func parameter(o *openapi3.Operation, name string) *openapi3.Parameter {
	for _, p := range o.Parameters {
		if p.Value.Name == name {
			return p.Value
		}
	}
	return nil
}

// TestWalks sends each way that might be one to the parser: the document names
// exactly those that lead to the table.
func TestWalks(t *testing.T) {
	path := source(t, walks)
	m, err := load.Load(t.Context(), load.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	var names []string // of tables and columns
	for _, table := range checked.Schema.Tables {
		names = append(names, table.Name)
		for _, c := range table.Columns {
			names = append(names, c.Name, table.Name+"."+c.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	document := valid(t, write(t, path, openapi.Everyone))
	for _, table := range checked.Schema.Tables {
		if table.Name == "users" {
			continue // the service role's alone
		}
		parses := func(url string) bool {
			return slices.ContainsFunc(checked.Schema.Tables, func(from *query.Table) bool {
				_, f := query.ParseRequest(checked.Schema, table, "_from="+from.Name+"/1&"+url, query.DefaultLimits())
				return f == nil
			})
		}
		get := document.Paths.Value("/api/data/" + table.Name).Get
		if export := document.Paths.Value("/api/export/" + table.Name).Get; (parameter(export, "_via") == nil) != (parameter(get, "_via") == nil) {
			t.Errorf("%s: a read walks and an export does not, or the other way round", table.Name)
		}
		var listed []string
		if via := parameter(get, "_via"); via != nil {
			found := regexp.MustCompile(`leads here: ([^ ]+(?:, [^ ]+)*)\. `).FindStringSubmatch(via.Description)
			if found == nil {
				t.Fatalf("%s names no ways: %s", table.Name, via.Description)
			}
			listed = strings.Split(found[1], ", ")
		}
		for _, name := range names {
			if own := strings.TrimPrefix(name, table.Name+"."); own != name && slices.Contains(listed, own) {
				continue // the same way
			}
			if is := slices.Contains(listed, name); is != parses("_via="+name) {
				t.Errorf("%s: %s is listed: %v; it parses: %v", table.Name, name, is, !is)
			}
		}
		if len(listed) == 0 {
			continue
		}
		hops := regexp.MustCompile(parameter(get, "_hops").Schema.Value.Pattern)
		for _, text := range []string{"1", "5", "0-5", "2-3", "6", "1-6", "-1", "1-", "", "a", "11", "1-2-3"} {
			if is := hops.MatchString(text); is != parses("_via="+listed[0]+"&_hops="+text) {
				t.Errorf("_hops=%s is described: %v; it parses: %v", text, is, !is)
			}
		}
		for _, direction := range parameter(get, "_direction").Schema.Value.Enum {
			if table.Name == "people" && !parses("_via=follows&_direction="+direction.(string)) {
				t.Errorf("_direction=%s does not parse", direction)
			}
		}
	}
}

// TestWalksAreNotToldOf: a way is one for whom may read all of it.
func TestWalksAreNotToldOf(t *testing.T) {
	const end, boss = `b: {type: "ref", table: "people", required: true`, `boss: {type: "ref", table: "people"}}, access: read: `
	for _, test := range []struct{ hides, was, is string }{
		{"nothing", "", ""},
		{"the table", end + "}}\n\taccess: read: true", end + "}}\n\taccess: read: false"},
		{"an end", end, end + ", access: read: false"},
		{"whom it leads to", boss + "true", boss + "false"},
	} {
		if !strings.Contains(walks, test.was) {
			t.Fatalf("%s is not in the manifest", test.was)
		}
		text := strings.Replace(walks, test.was, test.is, 1)
		raw, err := json.Marshal(valid(t, write(t, source(t, text), openapi.Everyone)))
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(string(raw), "likes, follows, boss"); told != (test.hides == "nothing") {
			t.Errorf("with %s hidden: told of the way: %v", test.hides, told)
		}
	}
}
