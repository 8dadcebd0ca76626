package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
)

type routesCommand struct {
	manifestArgs
	JSON bool `name:"json" help:"As JSON."`
}

// Run lists the routes in the order in which they win: no database, no network,
// no secret.
func (c *routesCommand) Run(call *call) error {
	m, err := c.load(call)
	if err != nil {
		return err
	}
	if _, faults := check.Check(m); len(faults) > 0 {
		return call.explain(faults)
	}
	every, routes := web.ListEvery(m), web.List(m)
	if c.JSON {
		return call.sayJSON(struct {
			Every  []web.ListedLink `json:"every"`
			Routes []web.Listed     `json:"routes"`
		}{every, routes})
	}
	if len(every) > 0 {
		call.say("before every request: %s\n\n", sayChain(every))
	}
	table := tabwriter.NewWriter(call.out, 0, 0, 2, ' ', 0)
	row(table, "METHOD", "HOST", "PATH", "HANDLER", "RATE", "LIMITS", "MIDDLEWARE")
	for i := range routes {
		l := &routes[i]
		handler := l.Handler
		if l.BuiltIn {
			handler = "(built in) " + handler
		}
		row(table, cmp.Or(strings.Join(l.Methods, ","), "*"), cmp.Or(l.Host, "*"), l.Path, handler, cmp.Or(l.Rate, "-"), sayLimits(l), sayChain(l.Chain, l.Cache))
	}
	return table.Flush()
}

// sayLimits is the largest body, and the time where it is the route's own.
func sayLimits(l *web.Listed) string {
	said := wholeBytes(l.Body)
	if l.Timeout > 0 {
		said += " " + sayTime(l.Timeout)
	}
	return said
}

// sayChain is what stands before a route, in the order in which it acts. What the
// route keeps by itself stands last.
func sayChain(chain []web.ListedLink, policy ...string) string {
	said := make([]string, 0, len(chain)+1)
	kept := false
	for _, link := range chain {
		kept = kept || link.Kind == manifest.KindCache
		said = append(said, link.Kind+":"+link.Middleware)
	}
	if len(policy) > 0 && policy[0] != "" && !kept {
		said = append(said, manifest.KindCache+"="+policy[0])
	}
	if len(said) == 0 {
		return "-"
	}
	return strings.Join(said, " > ")
}

func wholeBytes(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}

// sayTime is a duration as a manifest has it: 1m, not 1m0s.
func sayTime(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
