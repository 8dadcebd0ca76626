package operation

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/function"
)

type nameHead struct {
	Name string `json:"name"`
}

// secret gives the value of a secret that the function was given.
func (c *call) secret(name string) (string, error) {
	value, known := c.Definition.Secrets[name]
	if !known {
		return "", ungranted("secret", name, "give it to the function: secrets names those that it may read")
	}
	return value.Reveal(), nil
}

// secret is secret.get.
func (o *operations) secret(_ context.Context, c *call, head, _ []byte) (function.Reply, error) {
	said, err := readHead[nameHead](head)
	if err == nil {
		err = required("name", said.Name)
	}
	if err != nil {
		return function.Reply{}, err
	}
	value, err := c.secret(said.Name)
	return function.Reply{Body: []byte(value)}, err
}

// config is config.get.
func (o *operations) config(_ context.Context, c *call, head, _ []byte) (function.Reply, error) {
	said, err := readHead[nameHead](head)
	if err == nil {
		err = required("name", said.Name)
	}
	if err != nil {
		return function.Reply{}, err
	}
	value, known := c.Definition.Config[said.Name]
	if !known {
		return function.Reply{}, ungranted("setting", said.Name, "give it to the function: config has what it may read")
	}
	reply, err := replyHead(struct {
		Value string `json:"value"`
	}{value})
	return function.Reply{Head: reply}, err
}
