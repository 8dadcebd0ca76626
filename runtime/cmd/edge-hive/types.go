package main

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/clienttypes"
	"github.com/edge-hive/edge-hive/runtime/openapi"
)

type typesCommand struct {
	Form string `arg:"" enum:"ts,go,openapi" help:"ts: the Database type of supabase-js. go: structs. openapi: the whole OpenAPI document, as the service role is answered at /api/openapi.json."`
	manifestArgs
	Package string `name:"package" placeholder:"NAME" help:"The package of the Go file (backend)."`
}

// Run prints types of the declared rows: no database, no network, no secret.
func (c *typesCommand) Run(call *call) error {
	if c.Package != "" && c.Form != "go" {
		return hinted(errors.New("--package is for types go alone"), "leave it out")
	}
	m, err := c.load(call)
	if err != nil {
		return err
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return call.explain(err)
	}
	var text []byte
	switch c.Form {
	case "ts":
		text, err = clienttypes.TypeScript(m, checked.Rules)
	case "go":
		name := c.Package
		if name == "" {
			name = "backend"
		}
		text, err = clienttypes.Go(m, checked.Rules, name)
	default:
		text, err = openapi.Write(m, checked.Rules, openapi.Service)
		text = indented(text)
	}
	if err != nil {
		return err
	}
	_, err = call.out.Write(text)
	return err
}

// indented lays JSON out for readers and for comparing versions of it.
func indented(raw []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return raw
	}
	out.WriteByte('\n')
	return out.Bytes()
}
