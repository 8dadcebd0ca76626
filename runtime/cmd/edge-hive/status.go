package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

type statusCommand struct {
	manifestArgs
	Data string `placeholder:"DIR" help:"The data folder of a running server, when the manifest cannot tell it."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run asks the running server how it is. Exit code 2 means that none runs.
func (c *statusCommand) Run(call *call) error {
	client, err := c.socket(call, c.Data)
	if err != nil {
		return err
	}
	s, err := client.Status(call.ctx)
	if err != nil {
		return notRunning(err)
	}
	if c.JSON {
		return call.sayJSON(s)
	}
	return printStatus(call, s)
}

func printStatus(call *call, s admin.Status) error {
	table := tabwriter.NewWriter(call.out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		row(table, name, fmt.Sprintf(format, args...))
	}
	state := "ready"
	if !s.Ready {
		state = "not ready"
		if s.Why != "" {
			state += " (" + s.Why + ")"
		}
	}
	line(cmp.Or(s.Name, "backend"), "%s, up %s (pid %d, edge-hive %s)", state, s.Uptime, s.PID, s.Version)
	tags := ""
	if len(s.Manifest.Tags) > 0 {
		tags = " -t " + strings.Join(s.Manifest.Tags, " -t ")
	}
	line("manifest", "%s%s (%.12s)", s.Manifest.Path, tags, s.Manifest.Hash)
	printReload(line, s.Generation, s.LastReload)
	for _, l := range s.Listeners {
		line(l.Name, "%s", sayListener(l))
	}
	printCertificates(line, s.TLS)
	health := "healthy"
	if !s.Database.Healthy {
		health = "not healthy: the log says why"
	}
	if s.Database.Bytes > 0 {
		health += ", " + roundBytes(s.Database.Bytes) + " and a log of " + roundBytes(s.Database.Log)
	}
	line("database", "%s %s, %s", s.Database.Engine, s.Database.Path, health)
	for _, drift := range s.Database.Drift {
		line("drift", "%s", drift)
	}
	line("cache", "%d answers, %s of %s, %d hits, %d misses", s.Cache.Entries, roundBytes(s.Cache.Bytes), roundBytes(s.Cache.MaxBytes), s.Cache.Hits, s.Cache.Misses)
	if t := s.Cache.Second; t != nil {
		line("second tier", "%d hits, %d misses, %d errors", t.Hits, t.Misses, t.Errors)
	}
	printRedis(line, s.Redis)
	for _, u := range s.Upstreams {
		line("upstream", "%s", sayUpstream(u))
	}
	if f := s.Functions; f != nil {
		line("functions", "%d, %s running, %d waiting, %d instances idle, %s of %s", f.Declared, count(f.Running, "call"), f.Waiting, f.Idle, roundBytes(f.Memory), roundBytes(f.Limit))
	}
	printTriggers(line, s.Triggers)
	line("now", "%d requests, %d subscriptions, %d generations draining", s.Requests, s.Sockets, s.Draining)
	for _, d := range s.Generations {
		line("draining", "generation %d, %s, since %s", d.Generation, count(int(d.Requests), "request"), d.Since.Local().Format(time.DateTime))
	}
	return table.Flush()
}

// printReload says how the last reload went, and what it has changed.
func printReload(line func(name, format string, args ...any), generation uint64, r *admin.Reload) {
	if r == nil {
		line("generation", "%d, never reloaded", generation)
		return
	}
	last := fmt.Sprintf("last reload %s, %s", r.At.Local().Format(time.DateTime), r.Result)
	if r.Faults > 0 {
		last += " with " + count(r.Faults, "fault")
	}
	line("generation", "%d, %s", generation, last)
	for _, said := range r.Said {
		line("", "  %s", oneLine(said))
	}
	if len(r.Said) > 0 && len(r.Said) < r.Faults {
		line("", "  and %d more", r.Faults-len(r.Said))
	}
	for _, change := range r.Changes {
		line("", "  %s %s (%s)", change.Sign, change.What, change.Grade)
	}
	if r.More > 0 {
		line("", "  and %d more", r.More)
	}
}

func sayListener(l admin.Listener) string {
	said := l.Address
	if l.From != "" && l.From != "bound" {
		said += " (" + l.From + ")"
	}
	if l.Open > 0 || l.Refused > 0 {
		said += ", " + count(l.Open, "connection")
	}
	if l.Refused > 0 {
		said += fmt.Sprintf(", %d refused", l.Refused)
	}
	return said
}

// printCertificates says until when each domain is certified.
func printCertificates(line func(name, format string, args ...any), t *admin.TLS) {
	if t == nil {
		return
	}
	for _, c := range t.Certificates {
		said := c.State
		if c.NotAfter != nil {
			said += fmt.Sprintf(", until %s (%s)", c.NotAfter.Local().Format(time.DateTime), days(time.Until(*c.NotAfter)))
		}
		if c.Issuer != "" {
			said += ", by " + c.Issuer
		}
		if c.Next != nil {
			said += ", looked at again " + c.Next.Local().Format(time.DateTime)
		}
		line("certificate", "%s: %s", c.Domain, said)
		if c.Error != "" {
			line("", "last error: %.200s", oneLine(c.Error))
		}
	}
}

// days says how long something lasts yet, as people count.
func days(left time.Duration) string {
	switch n := int(left.Hours() / 24); {
	case left <= 0:
		return "over"
	case n == 0:
		return left.Round(time.Minute).String()
	default:
		return count(n, "day")
	}
}

func printRedis(line func(name, format string, args ...any), r *admin.Redis) {
	if r == nil {
		return
	}
	said := "up"
	if !r.Up {
		said = "away"
	}
	if r.Breaker {
		said += ", nothing is asked of it until it answers again"
	}
	if r.Since != nil {
		said += ", since " + r.Since.Local().Format(time.DateTime)
	}
	line("redis", "%s, %s", r.Kind, said)
	if r.Error != "" {
		line("", "last error: %.200s", oneLine(r.Error))
	}
}

func sayUpstream(u admin.Upstream) string {
	said := "healthy"
	if !u.Healthy {
		said = "not healthy"
	}
	said = fmt.Sprintf("%s of %s, %s, %s", u.Address, u.Route, said, count(int(u.Running), "request"))
	if u.Error != "" {
		said += ", last error: " + oneLine(u.Error)
	}
	return said
}

// roundBytes is a size for people.
func roundBytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
