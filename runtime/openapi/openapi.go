// Package openapi describes a backend's data API, channels and functions as an
// OpenAPI 3.1 document: from the manifest alone, no server needed, the same bytes
// for the same manifest. The engine makes it for each generation, the command prints
// it. It reads no row, knows no request, and tells nobody but the service role
// of what is the service role's.
package openapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Audience is whom a document is for.
type Audience uint8

const (
	// Everyone reads what some caller without the service role may do: tables and
	// operations that the manifest grants, and of their columns those that are
	// hidden from nobody. A column that only some may see is as absent as in the
	// API itself.
	Everyone Audience = iota
	// Service reads everything.
	Service
)

// Write gives the document of a checked manifest, without blanks. info.version
// is a fingerprint of the rest: it changes exactly when what is described does.
func Write(m *manifest.Manifest, rules *access.Rules, audience Audience) ([]byte, error) {
	w := writer{service: audience == Service}
	tables := make([]*table, len(m.Tables))
	for i := range m.Tables {
		t := &m.Tables[i]
		if rules.Tables[t.Name] == nil {
			return nil, fmt.Errorf("describe table %q: it has no rules", t.Name)
		}
		tables[i] = newTable(t, rules, w.service)
	}
	walkable(tables)
	for _, t := range tables {
		w.table(t)
	}
	w.batch()
	for i := range m.Queries {
		q := rules.Queries[m.Queries[i].Name]
		if q == nil {
			return nil, fmt.Errorf("describe query %q: it has no rules", m.Queries[i].Name)
		}
		w.query(&m.Queries[i], q)
	}
	for i := range m.Channels {
		c := rules.Channels[m.Channels[i].Name]
		if c == nil {
			return nil, fmt.Errorf("describe channel %q: it has no rules", m.Channels[i].Name)
		}
		if c.Channel.Broadcast {
			w.broadcast(c)
			continue
		}
		w.channel(c, rules.Tables[c.Table.Name])
	}
	for i := range m.Functions {
		f := rules.Functions[m.Functions[i].Name]
		if f == nil {
			return nil, fmt.Errorf("describe function %q: it has no rules", m.Functions[i].Name)
		}
		w.function(&m.Functions[i], f)
	}
	raw, err := appendValue(nil, w.document(m, ""))
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	sum := sha256.Sum256(raw)
	return appendValue(raw[:0], w.document(m, hex.EncodeToString(sum[:6])))
}

// writer gathers the parts of one document.
type writer struct {
	service    bool
	broadcasts bool // their tag is there

	tags       []any
	paths      object
	schemas    object
	parameters object
	writes     []any // of a batch, by table
}

const (
	about         = "The data API in PostgREST's dialect, the live channels, and the functions. /rest/v1/TABLE is the same as /api/data/TABLE for Supabase's clients."
	aboutEveryone = " What is the service role's alone, and columns that some callers do not see, are not in this document: the service role is answered with the whole."
	aboutService  = " This is the whole, for the service role; x-service-role marks what is its alone."
)

func (w *writer) document(m *manifest.Manifest, version string) object {
	title, description, url := m.Name, about+aboutEveryone, m.Server.URL
	if title == "" {
		title = "backend"
	}
	if w.service {
		description = about + aboutService
	}
	if url == "" {
		url = "/" // where the document came from
	}
	return object{
		{"openapi", "3.1.0"},
		{"info", object{{"title", title}, {"description", description}, {"version", version}}},
		{"servers", []any{object{{"url", url}}}},
		{"security", []any{object{}, object{{"bearer", []any{}}}, object{{"apikey", []any{}}}}},
		{"tags", w.tags},
		{"paths", w.paths},
		{"components", object{
			{"schemas", slices.Concat(w.schemas, sharedSchemas())},
			{"parameters", slices.Concat(sharedParameters(), w.parameters)},
			{"headers", sharedHeaders()},
			{"responses", sharedResponses()},
			{"securitySchemes", object{
				{"bearer", object{{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}, {"description", "Who calls: a user's token, or a key."}}},
				{"apikey", object{{"type", "apiKey"}, {"in", "header"}, {"name", "apikey"}, {"description", "A key of the backend: the publishable one, or the service role's, which belongs on servers."}}},
			}},
		}},
	}
}

// named is security for what nobody without credentials may do.
func named() []any { return []any{object{{"bearer", []any{}}}, object{{"apikey", []any{}}}} }
