package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type tokenCommand struct {
	manifestArgs
	User string        `required:"" placeholder:"EMAIL" help:"The user, by e-mail address."`
	TTL  time.Duration `name:"ttl" default:"1h" help:"How long the token holds: 30m, 24h."`
	JSON bool          `name:"json" help:"As JSON."`
}

// longestTTL is the longest life of a token.
const longestTTL = 24 * time.Hour

// Run prints a token for a user of the users table, which the running server
// is asked for, or the database if none runs.
func (c *tokenCommand) Run(call *call) error {
	if c.TTL < time.Minute || c.TTL > longestTTL {
		return fmt.Errorf("--ttl is %s; it must be between 1m and %s", c.TTL, longestTTL)
	}
	m, err := c.load(call)
	if err != nil {
		return err
	}
	keys, err := engine.Keys(m)
	if err != nil {
		return call.explain(err)
	}
	user, err := c.find(call, m)
	if errors.Is(err, admin.ErrNoUser) {
		return hinted(fmt.Errorf("there is no user %s", c.User), "make one: "+c.createUser(c.base(call, m)))
	}
	if err != nil {
		return call.explain(err)
	}
	now := time.Now()
	token, err := keys.Issue(auth.Claims{
		Subject: user.ID, Email: user.Email, AppMetadata: object(user.App), UserMetadata: object(user.Meta),
		Issued: now, Expires: now.Add(c.TTL),
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(call.out).Encode(map[string]any{
			"access_token": token, "token_type": "bearer", "expires_at": now.Add(c.TTL).Unix(), "user": map[string]string{"id": user.ID, "email": user.Email},
		})
	}
	call.say("%s\n", token)
	return nil
}

func (c *tokenCommand) find(call *call, m *manifest.Manifest) (admin.User, error) {
	user, err := admin.NewClient(m.DataDir()).User(call.ctx, c.User)
	if errors.Is(err, admin.ErrNotRunning) {
		return engine.FindUser(call.ctx, m, c.User)
	}
	return user, err
}

// base is where the running server answers, or where it would.
func (c *tokenCommand) base(call *call, m *manifest.Manifest) string {
	address := m.Server.HTTP
	if status, err := admin.NewClient(m.DataDir()).Status(call.ctx); err == nil && len(status.Listeners) > 0 {
		address = status.Listeners[0].Address
	}
	return "http://" + localAddress(address)
}

// object is a stored JSON object; null is none.
func object(raw json.RawMessage) string {
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// createUser is a command that makes the user, as it can be pasted; the key in
// it is asked for then, and stands in no message.
func (c *tokenCommand) createUser(base string) string {
	body, err := json.Marshal(map[string]string{"email": c.User})
	if err != nil {
		body = []byte(`{"email": "EMAIL"}`) // no string fails
	}
	keys := "edge-hive keys --only secret"
	for _, tag := range c.Tags {
		keys += " -t " + shellQuote(tag)
	}
	if c.Path != "." && c.Path != "" {
		keys += " " + shellQuote(c.Path)
	}
	return curl("POST", base+"/api/data/users", "", string(body)) + ` -H "apikey: $(` + keys + `)"`
}
