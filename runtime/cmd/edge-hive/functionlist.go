package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type functionListCommand struct {
	manifestArgs
	JSON bool `name:"json" help:"As JSON."`
}

// listedFunction is a function as list has it.
type listedFunction struct {
	Name   string   `json:"name"`
	Module string   `json:"module"`
	Acts   string   `json:"as"`
	Call   string   `json:"call"`
	By     []string `json:"on"`
	Grants []string `json:"grants"`
	engine.FunctionModule
}

// Run lists what the manifest declares, offline.
func (c *functionListCommand) Run(call *call) error {
	m, err := c.load(call)
	if err != nil {
		return err
	}
	list := make([]listedFunction, len(m.Functions))
	for i := range m.Functions {
		f := &m.Functions[i]
		list[i] = listedFunction{
			Name: f.Name, Module: shownPath(f.Module), Acts: "caller", Call: sayCondition(f.Call),
			By: calledBy(m, f), Grants: grantsOf(f), FunctionModule: engine.InspectModule(f),
		}
		if f.Service {
			list[i].Acts = "service"
		}
	}
	if c.JSON {
		return call.sayJSON(list)
	}
	if len(list) == 0 {
		call.say("no functions: edge-hive function new NAME --lang rust (or go, ts, js, c) begins one\n")
		return nil
	}
	table := tabwriter.NewWriter(call.out, 0, 0, 2, ' ', 0)
	row(table, "FUNCTION", "MODULE", "SIZE", "AS", "CALLED BY", "MAY REACH")
	for i := range list {
		f := &list[i]
		kind, size := f.Convention, bytesText(f.Size)
		if f.Problem != "" {
			kind = f.Problem
		}
		if f.Size == 0 {
			size = "-"
		}
		by := append([]string{f.Call}, f.By...)
		row(table, f.Name, kind, size, f.Acts, strings.Join(by, "; "), orNothing(f.Grants))
	}
	return table.Flush()
}

func orNothing(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, "; ")
}

// sayCondition says who may call.
func sayCondition(c manifest.Condition) string {
	switch {
	case open(c):
		return "everyone"
	case c.Text != "":
		return c.Text
	}
	return "service role"
}

// calledBy is what calls a function besides HTTP at its own path.
func calledBy(m *manifest.Manifest, f *manifest.Function) []string {
	by := []string{}
	for i := range m.Routes {
		if r := &m.Routes[i]; r.Function != nil && r.Function.Name == f.Name {
			by = append(by, r.Pattern)
		}
	}
	for i := range f.Tables {
		t := &f.Tables[i]
		by = append(by, strings.Join(t.Events, ", ")+" of "+t.Table)
	}
	if f.Schedule != nil {
		by = append(by, fmt.Sprintf("%s (%s)", f.Schedule.Cron, f.Schedule.Zone))
	}
	return by
}

// grantsOf is what a function may reach, a few words each.
func grantsOf(f *manifest.Function) []string {
	g := &f.Grants
	words := []string{}
	for i := range g.Tables {
		words = append(words, g.Tables[i].Table+" ("+strings.Join(g.Tables[i].Operations, ", ")+")")
	}
	named := func(what string, names []string) {
		if len(names) > 0 {
			words = append(words, what+" "+strings.Join(names, ", "))
		}
	}
	named("queries", g.Queries)
	named("functions", g.Functions)
	if g.Cache {
		words = append(words, "cache")
	}
	named("fetch", g.Fetch)
	named("publish", g.Publish)
	if g.Headers {
		words = append(words, "credentials")
	}
	names := make([]string, len(f.Secrets))
	for i := range f.Secrets {
		names[i] = f.Secrets[i].Name
	}
	named("secrets", names)
	return words
}
