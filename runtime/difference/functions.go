package difference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// functions compares the functions. What one may reach it may show, or let be
// done, to whoever it is called by: a grant more widens access.
func (c *comparer) functions() {
	for i := range c.next.Manifest.Functions {
		next := &c.next.Manifest.Functions[i]
		if old := c.old.Manifest.Function(next.Name); old != nil {
			c.function(old, next)
			continue
		}
		change := Change{Area: Functions, Sign: Comes, Grade: Safe, What: "adds function " + next.Name, Is: sayFunction(next)}
		if rules := c.next.Rules.Functions[next.Name]; rules != nil && access.ReachOf(rules.Call) > access.ReachService {
			change.Grade = Widens
		}
		c.add(next.Path, change)
	}
	for i := range c.old.Manifest.Functions {
		if old := &c.old.Manifest.Functions[i]; c.next.Manifest.Function(old.Name) == nil {
			c.add("functions", Change{Area: Functions, Sign: Goes, Grade: Breaks, What: "removes function " + old.Name, Was: sayFunction(old)})
		}
	}
}

func (c *comparer) function(old, next *manifest.Function) {
	before, after := c.old.Rules.Functions[old.Name], c.next.Rules.Functions[next.Name]
	if before == nil || after == nil {
		return
	}
	what := "function " + next.Name
	c.condition(next.Path+".access.call", Functions, "who may call "+what, before.Call, after.Call, old.Call, next.Call, sayCall)
	if old.Service != next.Service {
		change := Change{Area: Functions, Sign: Turns, Grade: Breaks, What: what + " acts as its caller from now on"}
		if next.Service {
			change.Grade, change.What = Widens, what+" acts as the service role from now on, whoever calls it"
		}
		c.add(next.Path+".as", change)
	}
	c.turned(next.Path+".module", what+" has another module", old.Module, next.Module)
	c.turned(next.Path+".source", what+" is built from another folder", old.Source, next.Source)
	c.turned(next.Path+".entry", what+" calls another export of its module", old.Entry, next.Entry)
	c.functionGrants(old, next)
	c.functionLimits(old, next)
	c.turned(next.Path+".config", what+" has other settings", saySettings(old.Config), saySettings(next.Config))
	c.triggers(old, next, before, after)
	c.turned(next.Path+".on.schedule", what+" is called at other times", saySchedule(old.Schedule), saySchedule(next.Schedule))
}

// turned compares what nobody outside sees.
func (c *comparer) turned(path, what, was, is string) {
	if was != is {
		c.add(path, Change{Area: Functions, Sign: Turns, Grade: Safe, What: what, Was: was, Is: is})
	}
}

// functionGrants compares what a function may reach. Tables are meant by their
// names of before.
func (c *comparer) functionGrants(old, next *manifest.Function) {
	path := next.Path + ".grants"
	what := "function " + next.Name
	c.reach(path+".tables", what+" may do %s with rows", c.tableGrants(old, false), c.tableGrants(next, true))
	c.reach(path+".queries", what+" may call %s of the queries", old.Grants.Queries, next.Grants.Queries)
	c.reach(path+".functions", what+" may call %s of the functions", old.Grants.Functions, next.Grants.Functions)
	c.reach(path+".fetch", what+" may fetch from %s hosts", old.Grants.Fetch, next.Grants.Fetch)
	c.reach(path+".publish", what+" may publish to %s channels", old.Grants.Publish, next.Grants.Publish)
	c.reach(path+".cache", what+" may keep %s in the cache", yes(old.Grants.Cache), yes(next.Grants.Cache))
	c.reach(path+".headers", what+" sees %s of a request's credentials", yes(old.Grants.Headers), yes(next.Grants.Headers))
	c.reach(next.Path+".secrets", what+" may read %s or other secrets", secretsOf(old), secretsOf(next))
}

func yes(b bool) []string {
	if b {
		return []string{"yes"}
	}
	return nil
}

// reach compares a list of what may be reached; what has a place for "more" or
// "less".
func (c *comparer) reach(path, what string, was, is []string) {
	change := Change{Area: Functions, Sign: Turns, Grade: Widens, What: fmt.Sprintf(what, "more"), Was: listed(was), Is: listed(is)}
	more, fewer := !contains(was, is), !contains(is, was)
	switch {
	case !more && !fewer:
		return
	case !more:
		change.Grade, change.What = Breaks, fmt.Sprintf(what, "less")
	}
	c.add(path, change)
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// tableGrants are the operations, as "read of books".
func (c *comparer) tableGrants(f *manifest.Function, renamed bool) []string {
	var all []string
	for i := range f.Grants.Tables {
		g := &f.Grants.Tables[i]
		name := g.Table
		if table := c.next.Manifest.Table(name); renamed && table != nil {
			if former := c.formerTable(table); former != nil {
				name = former.Name
			}
		}
		for _, operation := range g.Operations {
			all = append(all, operation+" of "+name)
		}
	}
	slices.Sort(all)
	return all
}

// secretsOf are the names of secrets and where they are.
func secretsOf(f *manifest.Function) []string {
	var all []string
	for i := range f.Secrets {
		s := &f.Secrets[i]
		said := s.Name
		switch {
		case s.Secret == nil:
		case s.Secret.Env != "":
			said += " of the environment's " + s.Secret.Env
		default:
			said += " in " + s.Secret.File
		}
		all = append(all, said)
	}
	return all
}

func (c *comparer) functionLimits(old, next *manifest.Function) {
	path, what := next.Path+".limits.", " of function "+next.Name
	was, is := &old.Limits, &next.Limits
	c.bound(path+"memory", Functions, "the memory"+what, was.Memory, is.Memory, bytesText)
	c.bound(path+"timeout", Functions, "the time"+what, int64(was.Timeout), int64(is.Timeout), durationText)
	c.bound(path+"instances", Functions, "the calls at once"+what, int64(was.Instances), int64(is.Instances), plain)
	c.bound(path+"waiting", Functions, "the calls that may wait"+what, int64(was.Waiting), int64(is.Waiting), plain)
	c.bound(path+"answer", Functions, "the largest answer"+what, was.Answer, is.Answer, bytesText)
	c.bound(path+"log", Functions, "the log of a call"+what, was.Log, is.Log, bytesText)
}

// triggers compares which changes of rows call a function.
func (c *comparer) triggers(old, next *manifest.Function, before, after *access.FunctionRules) {
	find := func(f *manifest.Function, table string) int {
		return slices.IndexFunc(f.Tables, func(t manifest.TableTrigger) bool { return t.Table == table })
	}
	for i := range next.Tables {
		t := &next.Tables[i]
		change := Change{Area: Functions, Sign: Comes, Grade: Safe, What: fmt.Sprintf("function %s is called after writes to %s", next.Name, t.Table), Is: sayTrigger(t)}
		if j := find(old, t.Table); j >= 0 {
			was := &old.Tables[j]
			if contains(was.Events, t.Events) && contains(t.Events, was.Events) && relate(before.Triggers[j].When, after.Triggers[i].When) == same {
				continue
			}
			change.Sign, change.Was = Turns, sayTrigger(was)
			change.What = fmt.Sprintf("function %s is called after other writes to %s", next.Name, t.Table)
		}
		c.add(t.Path, change)
	}
	for i := range old.Tables {
		if t := &old.Tables[i]; find(next, t.Table) < 0 {
			c.add(next.Path+".on", Change{Area: Functions, Sign: Goes, Grade: Safe, What: fmt.Sprintf("function %s is not called after writes to %s any more", next.Name, t.Table), Was: sayTrigger(t)})
		}
	}
}

func sayTrigger(t *manifest.TableTrigger) string {
	said := strings.Join(t.Events, ", ")
	if t.When != "" {
		said += " when " + t.When
	}
	return said
}

func saySchedule(s *manifest.Schedule) string {
	if s == nil {
		return ""
	}
	said := s.Cron + " in " + s.Zone
	if s.Missed != manifest.MissedOnce {
		said += ", missed times: " + s.Missed
	}
	return said
}

func saySettings(settings []manifest.Setting) string {
	all := make([]string, len(settings))
	for i, s := range settings {
		all[i] = s.Name + "=" + s.Value
	}
	return strings.Join(all, ", ")
}

// sayFunction says who may call a function, and as whom it acts.
func sayFunction(f *manifest.Function) string {
	said := sayCall(f.Call)
	if f.Service {
		said += ", as the service role"
	}
	for i := range f.Tables {
		said += ", after writes to " + f.Tables[i].Table
	}
	if f.Schedule != nil {
		said += ", at " + saySchedule(f.Schedule)
	}
	return said
}
