package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/trigger"
)

// lettersArgs say which running server is asked.
type lettersArgs struct {
	Manifest string   `name:"manifest" short:"m" default:"." placeholder:"PATH" help:"The manifest: a file, or a folder with edgehive.cue."`
	Tags     []string `short:"t" name:"tag" sep:"none" placeholder:"TAG" help:"Set a tag of the manifest: -t prod, -t env=prod."`
	Data     string   `placeholder:"DIR" help:"The data folder of a running server, when the manifest cannot tell it."`
}

func (a *lettersArgs) server(call *call) (*admin.Client, error) {
	args := manifestArgs{Path: a.Manifest, Tags: a.Tags}
	return args.socket(call, a.Data)
}

type functionDeadCommand struct {
	Name string `arg:"" help:"The function."`
	ID   string `arg:"" optional:"" help:"One dead letter: it is printed with what the function was told."`
	JSON bool   `name:"json" help:"As JSON."`
	lettersArgs
}

// lettersPage is how many dead letters are asked for at once.
const lettersPage = 500

// Run lists dead letters in the order of their changes.
func (c *functionDeadCommand) Run(call *call) error {
	server, err := c.server(call)
	if err != nil {
		return err
	}
	letters := []trigger.Letter{}
	for after := ""; ; {
		page, err := engine.Letters(call.ctx, server, c.Name, c.ID, after, lettersPage)
		if err != nil {
			return notRunning(call.publicError(err))
		}
		letters = append(letters, page...)
		if len(page) < lettersPage || c.ID != "" {
			break
		}
		after = page[len(page)-1].ID
	}
	if c.JSON {
		return call.sayJSON(letters)
	}
	if len(letters) == 0 {
		call.say("%s has no dead letters\n", c.Name)
	}
	for i := range letters {
		sayLetter(call, &letters[i])
	}
	return nil
}

func sayLetter(call *call, l *trigger.Letter) {
	died := l.Died.Local().Format(time.DateTime)
	if l.Missed {
		call.say("%s  %s  changes may have been missed since %s\n", l.ID, died, l.At.Local().Format(time.DateTime))
	} else {
		call.say("%s  %s  %s of %s %s, tried %s\n", l.ID, died, l.Op, l.Table, l.Key, times(l.Attempts))
	}
	call.say("      %s\n", strings.ReplaceAll(l.Error, "\n", "\n      "))
	if len(l.Event) > 0 {
		text, err := json.MarshalIndent(l.Event, "      ", "  ")
		if err != nil {
			text = l.Event
		}
		call.say("      %s\n", text)
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// whichLetters says which dead letters something is done with.
type whichLetters struct {
	Name string   `arg:"" help:"The function."`
	IDs  []string `arg:"" optional:"" name:"id" help:"Its dead letters, as function dead lists them."`
	All  bool     `help:"All of them."`
	lettersArgs
}

func (c *whichLetters) move(call *call, path, done string) error {
	if c.All == (len(c.IDs) > 0) {
		return hinted(errors.New("it is not said which dead letters"), "name some of them, or all with --all; edge-hive function dead "+c.Name+" lists them")
	}
	server, err := c.server(call)
	if err != nil {
		return err
	}
	n, now, err := engine.MoveLetters(call.ctx, server, path, c.Name, c.IDs)
	if err != nil {
		return notRunning(call.publicError(err))
	}
	if now {
		call.say("%s %s\n", count(n, "dead letter"), done)
	} else {
		call.say("another node of the database does this: %s will be %s in a moment\n", count(n, "dead letter"), done)
	}
	return nil
}

type functionRetryCommand struct{ whichLetters }

// Run has dead letters tried again.
func (c *functionRetryCommand) Run(call *call) error {
	return c.move(call, admin.PathRetry, "tried again")
}

type functionDiscardCommand struct{ whichLetters }

// Run throws dead letters away.
func (c *functionDiscardCommand) Run(call *call) error {
	return c.move(call, admin.PathDiscard, "thrown away")
}

// printTriggers says how functions stand that are called for commits and at times.
func printTriggers(line func(name, format string, args ...any), t *admin.Triggers) {
	if t == nil {
		return
	}
	if !t.Leads {
		line("triggers", "another node of the database calls them")
		return
	}
	if t.Trouble != "" {
		line("triggers", "%s", t.Trouble)
	}
	for i := range t.Functions {
		f := &t.Functions[i]
		parts := []string{count(int(f.Runs), "run"), count(int(f.Failures), "failure")}
		add := func(n int, format string) {
			if n > 0 {
				parts = append(parts, fmt.Sprintf(format, n))
			}
		}
		add(f.Running, "%d running")
		add(f.Commits, "%d commits behind")
		if f.Behind >= 1 {
			parts = append(parts, "for "+(time.Duration(f.Behind)*time.Second).String())
		}
		add(f.Retries, "%d changes to be tried again")
		add(f.Dead, "%d dead letters")
		add(int(f.Missed), "changes missed %d times")
		add(int(f.Skipped), "%d times passed over")
		if f.Next != nil {
			parts = append(parts, "next "+f.Next.Local().Format(time.DateTime))
		}
		if f.Removed {
			parts = append(parts, "no longer declared")
		}
		line("trigger "+f.Name, "%s", strings.Join(parts, ", "))
		if f.Error != "" {
			line("", "last error: %.200s", strings.ReplaceAll(f.Error, "\n", " "))
		}
	}
}
