package main

import (
	"bytes"

	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

type schemaCommand struct {
	Noun string `arg:"" optional:"" help:"One part: tables, columns, access, routes ... Left out: the whole manifest."`
	CUE  string `name:"cue" placeholder:"DIR" help:"Put the definitions into this project, where an editor's CUE language server finds them."`
}

// Run prints the reference, or puts the definitions beside a manifest.
func (c *schemaCommand) Run(call *call) error {
	if c.CUE != "" {
		return c.place(call)
	}
	var text bytes.Buffer
	if err := load.Reference(&text, c.Noun); err != nil {
		return call.publicError(err)
	}
	_, err := call.out.Write(text.Bytes())
	return err
}

// place puts the definitions below a project's cue.mod and says how they are
// used.
func (c *schemaCommand) place(call *call) error {
	dir, err := load.WriteDefinitions(c.CUE)
	if err != nil {
		return err
	}
	call.say(`wrote %s

For an editor to know the manifest's fields, begin the manifest with:

	package edgehive

	import "github.com/edge-hive/edge-hive/schema"

	schema.#Manifest

edge-hive itself always checks against its own definitions.
`, dir)
	return nil
}
