package openapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/openapi"
)

func TestSearch(t *testing.T) {
	path := source(t, `
manifest: 1
tables: papers: {
	columns: {
		title: type: "text"
		embedding: {type: "vector", dimensions: 3, access: read: false}
		hidden: {type: "vector", dimensions: 2, access: read: false}
	}
	indexes: {
		words: {columns: ["title"], kind: "fulltext"}
		near: {columns: ["embedding"], kind: "vector"}
	}
	access: read: true
}
tables: plain: {columns: title: type: "text", access: read: true}
`)
	document := valid(t, write(t, path, openapi.Everyone))
	if document.Paths.Value("/api/search/plain") != nil {
		t.Error("a table with nothing to search has a search")
	}
	search := document.Paths.Value("/api/search/papers")
	if search == nil || search.Post == nil {
		t.Fatal("the table has no search")
	}
	raw, err := json.Marshal(search.Post.RequestBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"const":"embedding"`, `"maxItems":3`, `"words"`, `"k"`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("the body has no %s: %s", want, raw)
		}
	}
	if strings.Contains(string(raw), "hidden") {
		t.Errorf("a vector that nobody may search is told of: %s", raw)
	}
	rows, err := json.Marshal(document.Components.Schemas["papers"])
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(rows), "embedding") {
		t.Errorf("a column that nobody reads is shown: %s", rows)
	}
}
