package main

import (
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

type trustCommand struct {
	manifestArgs
	Uninstall bool `name:"uninstall" xor:"do" help:"Have this machine believe it no longer."`
	Print     bool `name:"print" xor:"do" help:"Print the root in PEM and change nothing, to take it to another machine."`
}

// Help says what is trusted.
func (*trustCommand) Help() string {
	return `With server: tls: kind: "internal", the backend certifies its own names. This command puts the root of its authority into the stores of this machine, so that browsers and programs on it believe the backend. It may ask for your password. The root certifies private names and those of the manifest, and no others.`
}

// Run installs the root of the backend's own authority into this machine's
// stores, or takes it out.
func (c *trustCommand) Run(call *call) error {
	m, err := c.load(call)
	if err != nil {
		return err
	}
	root, file, err := engine.Root(call.ctx, m)
	if err != nil {
		return call.explain(err)
	}
	if c.Print {
		return pem.Encode(call.out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	}
	if file != "" {
		call.tell("the root is %s\n", file)
	}
	stores, err := engine.Trust(root, c.Uninstall)
	names := map[string]string{"machine": "this machine", "browsers": "Firefox and Chromium"}
	said := make([]string, len(stores))
	for i, store := range stores {
		said[i] = names[store]
	}
	switch {
	case len(said) == 0:
	case c.Uninstall:
		call.say("%s: believed no longer by %s\n", root.Subject.CommonName, strings.Join(said, ", "))
	default:
		call.say("%s: believed by %s\n", root.Subject.CommonName, strings.Join(said, ", "))
	}
	if err != nil {
		return hinted(fmt.Errorf("change what this machine trusts: %w", err), "run it as a user who may, or take the root there yourself: edge-hive trust --print")
	}
	return nil
}
