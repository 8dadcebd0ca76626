// Package auth knows callers: who a request's token and key say it is, and the
// tokens and keys that this backend issues. web asks it once per request and
// passes the Caller down; it reads no table and decides no access.
package auth

import (
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Role is what class of caller somebody is.
type Role string

// The roles. Any other in a token is refused.
const (
	Anon          Role = "anon"
	Authenticated Role = "authenticated"
	Service       Role = "service_role"
)

// Caller is who a request acts for. It is immutable and may be shared.
type Caller struct {
	Role    Role
	UID     string    // "" for nobody
	Email   string    // "" for none
	Claims  string    // app_metadata, a JSON object; "{}" for none
	Session string    // session id of the token, "" for none
	Expires time.Time // of the token; zero for none
}

// Nobody is the caller without a token.
func Nobody() *Caller { return &Caller{Role: Anon, Claims: "{}"} }

// IsService reports whether access rules do not apply to the caller.
func (c *Caller) IsService() bool { return c.Role == Service }

// Binding is what rules see of the caller at a moment (microseconds).
func (c *Caller) Binding(now int64) query.Binding {
	b := query.Binding{Role: string(c.Role), Claims: c.Claims, Now: now}
	if c.UID != "" {
		b.UID = &c.UID
	}
	if c.Email != "" {
		b.Email = &c.Email
	}
	return b
}
