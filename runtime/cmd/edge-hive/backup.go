package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"text/tabwriter"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

type backupCommand struct {
	File string `arg:"" help:"The file to write; - is the standard output."`
	manifestArgs
	Force bool   `help:"Replace the file if it is there."`
	Data  string `placeholder:"DIR" help:"The data folder of a running server, when the manifest cannot tell it."`
	JSON  bool   `name:"json" help:"Say what the backup holds as JSON."`
}

// Run makes a backup of the running server, or of the database when none runs.
func (c *backupCommand) Run(call *call) error {
	if c.JSON && c.File == "-" {
		return errors.New("--json has no place beside the backup on the standard output")
	}
	restrictFiles()
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	from, err := sourceOf(call, &c.manifestArgs, c.Data)
	if err != nil {
		return err
	}
	if c.File == "-" {
		return call.serverError(ctx, engine.StreamBackup(ctx, from, call.out))
	}
	made, err := engine.WriteBackup(ctx, from, c.File, c.Force)
	if err != nil {
		return call.serverError(ctx, err)
	}
	if c.JSON {
		return call.sayJSON(made)
	}
	call.say("%s: %s\n", c.File, holds(made))
	return sayTables(call, made)
}

// errStopped ends a command that a signal has stopped.
var errStopped = errors.New("stopped; nothing was changed")

// serverError is an error of a running server, a database or a file, as the
// command's.
func (t *terminal) serverError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errStopped
	}
	return t.publicError(notRunning(err))
}

// holds is what a backup holds, in a line.
func holds(b engine.Backup) string {
	return fmt.Sprintf("%s, %s, %s, cursor %s", size(b.Bytes), count(len(b.Tables), "table"), count(int(b.Rows), "row"), b.Cursor)
}

func sayTables(call *call, b engine.Backup) error {
	table := tabwriter.NewWriter(call.out, 0, 0, 2, ' ', 0)
	for _, t := range b.Tables {
		row(table, "  "+t.Name, count(int(t.Rows), "row"))
	}
	return table.Flush()
}

// size is a number of bytes for a person.
func size(n int64) string {
	value, unit := float64(n), "B"
	for _, larger := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, larger
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// placedError prints faults of a manifest at their places, and says any other
// error as the command's.
func (t *terminal) placedError(ctx context.Context, err error) error {
	var list fault.List
	if errors.As(err, &list) {
		return t.explain(err)
	}
	return t.serverError(ctx, err)
}
