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
	}
	line(cmp.Or(s.Name, "backend"), "%s, up %s (pid %d, edge-hive %s)", state, s.Uptime, s.PID, s.Version)
	tags := ""
	if len(s.Manifest.Tags) > 0 {
		tags = " -t " + strings.Join(s.Manifest.Tags, " -t ")
	}
	line("manifest", "%s%s (%.12s)", s.Manifest.Path, tags, s.Manifest.Hash)
	last := "never reloaded"
	if s.LastReload != nil {
		last = fmt.Sprintf("last reload %s, %s", s.LastReload.At.Local().Format(time.DateTime), s.LastReload.Result)
		if s.LastReload.Faults > 0 {
			last += " with " + count(s.LastReload.Faults, "fault")
		}
	}
	line("generation", "%d, %s", s.Generation, last)
	for _, l := range s.Listeners {
		line(l.Name, "%s", l.Address)
	}
	health := "healthy"
	if !s.Database.Healthy {
		health = "not healthy: the log says why"
	}
	line("database", "%s %s, %s", s.Database.Engine, s.Database.Path, health)
	for _, drift := range s.Database.Drift {
		line("drift", "%s", drift)
	}
	line("cache", "%d answers, %d of %d MiB, %d hits, %d misses", s.Cache.Entries, s.Cache.Bytes>>20, s.Cache.MaxBytes>>20, s.Cache.Hits, s.Cache.Misses)
	if f := s.Functions; f != nil {
		line("functions", "%d, %s running, %d waiting, %d instances idle, %d of %d MiB", f.Declared, count(f.Running, "call"), f.Waiting, f.Idle, f.Memory>>20, f.Limit>>20)
	}
	printTriggers(line, s.Triggers)
	line("now", "%d requests, %d subscriptions, %d generations draining", s.Requests, s.Sockets, s.Draining)
	return table.Flush()
}
