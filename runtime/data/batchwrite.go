package data

import (
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// batchWrite is one write as a batch says it. Its parts are those of a single
// write: where and select as in the URL, rows and set as in the body.
type batchWrite struct {
	Op     string         `json:"op"`
	Table  string         `json:"table"`
	As     string         `json:"as"`
	Rows   jsontext.Value `json:"rows"`
	Set    jsontext.Value `json:"set"`
	Where  string         `json:"where"`
	Key    jsontext.Value `json:"key"`
	Select *string        `json:"select"`
	Return bool           `json:"return"`
	Single bool           `json:"single"`

	OnConflict       string `json:"onConflict"`
	IgnoreDuplicates bool   `json:"ignoreDuplicates"`

	IfMatch string `json:"ifMatch"`
	AtMost  *int   `json:"atMost"`
}

// operation checks that the members belong to the operation, and gives what
// makes it ready.
func (said *batchWrite) operation(g *Gate) (func(*auth.Caller, *Write) (*prepared, error), error) {
	inserts := said.Op == "insert" || said.Op == "upsert"
	switch {
	case !inserts && said.Op != "update" && said.Op != "delete":
		return nil, badBatch("%q is no operation", fault.Clip(said.Op, maxName)).WithHint("insert, upsert, update and delete are")
	case inserts && (said.Where != "" || said.Key != nil || said.Set != nil || said.IfMatch != "" || said.AtMost != nil):
		return nil, badBatch("an %s has no where, key, set, ifMatch or atMost", said.Op)
	case !inserts && (said.Rows != nil || said.As != ""):
		return nil, badBatch("an %s has no rows and no name", said.Op)
	case said.Op != "upsert" && (said.OnConflict != "" || said.IgnoreDuplicates):
		return nil, badBatch("onConflict and ignoreDuplicates are for an upsert")
	case said.Op == "delete" && said.Set != nil:
		return nil, badBatch("a delete sets nothing")
	}
	switch said.Op {
	case "update":
		return g.prepareUpdate, nil
	case "delete":
		return g.prepareDelete, nil
	}
	return g.prepareInsert, nil
}

// url is what of a write stands in the URL of a request.
func (said *batchWrite) url() string {
	parts := make([]string, 0, 3)
	if said.Where != "" {
		parts = append(parts, said.Where)
	}
	if said.Select != nil {
		parts = append(parts, "select="+url.QueryEscape(*said.Select))
	}
	if said.OnConflict != "" {
		parts = append(parts, "on_conflict="+url.QueryEscape(said.OnConflict))
	}
	return strings.Join(parts, "&")
}
