package openapi_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/openapi"
)

const queriesManifest = `manifest: 1
tables: orders: {columns: {book: type: "text", price: {type: "decimal", scale: 2}}, access: read: true}
queries: {
	top: {
		as: "service", reads: ["orders"], returns: {book: type: "text", total: {type: "decimal", scale: 2}}, access: call: true
		params: {since: {type: "timestamp", required: true}, tags: {type: "list", of: "text"}, limit: {type: "int", default: 5}}
		sql: "SELECT book, sum(price) AS total FROM orders WHERE :since > 0 OR :tags IS NULL GROUP BY book LIMIT :limit"
	}
	number: {as: "service", reads: [], returns: value: type: "int", sql: "SELECT 1 AS value", access: call: "auth.uid != null"}
	silent: {as: "service", reads: [], returns: "nothing", sql: "SELECT 1", access: call: true}
	sweep: {as: "service", reads: ["orders"], write: true, returns: {id: type: "uuid"}, sql: "DELETE FROM orders RETURNING id", access: call: true}
	classified: {as: "service", reads: [], returns: value: type: "int", sql: "SELECT 1 AS value"}
}
`

func TestQueries(t *testing.T) {
	path := source(t, queriesManifest)
	everyone, service := write(t, path, openapi.Everyone), write(t, path, openapi.Service)
	valid(t, service)
	document := valid(t, everyone)
	for name, there := range map[string]bool{"top": true, "number": true, "silent": true, "classified": false} {
		if got := document.Paths.Value("/api/rpc/"+name) != nil; got != there {
			t.Errorf("%s is there: %v", name, got)
		}
	}
	if strings.Contains(string(everyone), "classified") || !strings.Contains(string(service), `"x-service-role":true`) {
		t.Error("the service role's query is told to everyone, or not marked")
	}
	if path := document.Paths.Value("/api/rpc/sweep"); path.Get != nil || path.Head != nil || path.Post == nil || path.Post.Responses.Value("409") == nil {
		t.Error("a query that writes is called otherwise than by POST, or has no conflicts")
	}
	for _, want := range []string{
		`"api.query.top":{"type":"object","description":"A row of what top gives.","properties":{"book":{"type":["string","null"]},"total":{"type":["number","null"],"multipleOf":0.01}}}`,
		`"since":{"type":"string","format":"date-time"}`,
		`"limit":{"type":["integer","null"],"format":"int64","default":5}`,
		`"additionalProperties":false,"required":["since"]`,
		`{"name":"tags","in":"query","required":false,"schema":{"type":"string"}}`,
		`"200":{"description":"The value."`,
		`"204":{"description":"Done."}`,
		`"description":"It changes rows, and is called by POST alone. The arguments are a JSON object."`,
	} {
		if !strings.Contains(string(everyone), want) {
			t.Errorf("no %s", want)
		}
	}
}
