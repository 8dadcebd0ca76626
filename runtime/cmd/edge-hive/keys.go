package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

type keysCommand struct {
	manifestArgs
	JSON bool   `name:"json" xor:"form" help:"As JSON."`
	Only string `name:"only" xor:"form" placeholder:"KEY" help:"Just this key: publishable, secret, anon or service_role."`
}

// Run prints the keys; it makes the secret if this is the first time.
func (c *keysCommand) Run(call *call) error {
	m, err := c.load(call)
	if err != nil {
		return err
	}
	keys, err := engine.Keys(m)
	if err != nil {
		return call.explain(err)
	}
	texts := engine.Texts(keys)
	if c.JSON {
		return json.NewEncoder(call.out).Encode(texts) //nolint:gosec // printing the keys is what was asked for
	}
	if c.Only != "" {
		return c.printOnly(call, texts)
	}
	table := tabwriter.NewWriter(call.out, 0, 0, 2, ' ', 0)
	row(table, "publishable", texts.Publishable)
	row(table, "secret", texts.Secret)
	row(table, "anon (JWT)", texts.Anon)
	row(table, "service_role (JWT)", texts.ServiceRole)
	if err := table.Flush(); err != nil {
		return err
	}
	call.tell("%s", "\npublishable and anon are for browsers and apps. secret and service_role pass every access rule: for servers only.\n")
	return nil
}

// printOnly prints one key, for scripts.
func (c *keysCommand) printOnly(call *call, texts engine.KeyTexts) error {
	names := map[string]string{"publishable": texts.Publishable, "secret": texts.Secret, "anon": texts.Anon, "service_role": texts.ServiceRole}
	key, ok := names[c.Only]
	if !ok {
		return hinted(fmt.Errorf("there is no key %q", c.Only), "it is one of publishable, secret, anon, service_role")
	}
	call.say("%s\n", key)
	return nil
}
