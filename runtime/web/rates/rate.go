package rates

import (
	"fmt"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Rate is a named rate, ready to be asked.
type Rate struct {
	name      string
	perCaller bool
	requests  int
	window    time.Duration
	service   int // requests of the roles, 0: as everyone
	signedIn  int
	anon      int
}

// New indexes the declared rates; "default" is always there.
func New(declared []manifest.Rate) (map[string]*Rate, error) {
	rates := make(map[string]*Rate, len(declared)+1)
	rates["default"] = &Rate{name: "default", perCaller: true, requests: 300, window: time.Minute}
	for _, d := range declared {
		if d.Requests < 1 || d.Window <= 0 {
			return nil, fmt.Errorf("rate %q allows no request", d.Name)
		}
		rates[d.Name] = &Rate{
			name: d.Name, perCaller: d.Per == "caller", requests: d.Requests, window: d.Window,
			service: d.Roles[string(auth.Service)], signedIn: d.Roles[string(auth.Authenticated)], anon: d.Roles[string(auth.Anon)],
		}
	}
	return rates, nil
}

// Name is what the manifest calls it.
func (t *Rate) Name() string { return t.name }

// budget is how many requests a role has.
func (t *Rate) budget(role auth.Role) int {
	special := t.anon
	switch role {
	case auth.Service:
		special = t.service
	case auth.Authenticated:
		special = t.signedIn
	}
	if special > 0 {
		return special
	}
	return t.requests
}
