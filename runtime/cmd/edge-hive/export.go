package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// manifestFlags are manifestArgs where a command has other arguments already.
type manifestFlags struct {
	Path string   `name:"manifest" short:"m" default:"." placeholder:"PATH" help:"The manifest: a file, or a folder with edgehive.cue."`
	Tags []string `short:"t" name:"tag" sep:"none" placeholder:"TAG" help:"Set a tag of the manifest: -t prod, -t env=prod."`
}

func (f *manifestFlags) load(call *call) (*manifest.Manifest, error) {
	return (&manifestArgs{Path: f.Path, Tags: f.Tags}).load(call)
}

type exportCommand struct {
	Tables []string `arg:"" optional:"" name:"table" help:"The tables; without any, all of them."`
	manifestFlags
	Output string `short:"o" placeholder:"DIR|FILE|-" help:"A folder to make, or for one table a file or - (the default)."`
	Format string `enum:"ndjson,csv" default:"ndjson" help:"ndjson keeps every value; csv does not tell null from nothing."`
	Force  bool   `help:"Replace the file if it is there."`
	JSON   bool   `name:"json" help:"Say what was written as JSON."`
}

// Run writes the rows of the running server, or of the database when none runs,
// as they are at one moment.
func (c *exportCommand) Run(call *call) error {
	one := len(c.Tables) == 1
	toOut := one && (c.Output == "" || c.Output == "-")
	switch {
	case toOut && c.JSON:
		return errors.New("--json has no place beside the rows on the standard output")
	case !one && (c.Output == "" || c.Output == "-"):
		return hinted(errors.New("several tables need a folder"), "edge-hive export -o DIR")
	}
	restrictFiles()
	return withRows(call, &c.manifestFlags, func(ctx context.Context, rows *engine.Rows) error {
		switch {
		case toOut:
			_, err := rows.Export(ctx, c.form(), c.Tables, func(string) (io.Writer, error) { return call.out, nil })
			return err
		case one && !isFolder(c.Output):
			written, err := engine.ExportFile(ctx, rows, c.Output, c.form(), c.Tables[0], c.Force)
			if err != nil {
				return err
			}
			if c.JSON {
				return call.sayJSON(written)
			}
			call.say("%s: %s\n", c.Output, count(int(written.Rows), "row"))
			return nil
		}
		written, err := engine.ExportFolder(ctx, rows, c.Output, c.form(), c.Tables)
		if err != nil {
			return err
		}
		return c.say(call, written)
	})
}

func (c *exportCommand) form() data.Form {
	if c.Format == "csv" {
		return data.CSV
	}
	return data.JSON
}

func (c *exportCommand) say(call *call, written engine.Exported) error {
	if c.JSON {
		return call.sayJSON(written)
	}
	table := tabwriter.NewWriter(call.out, 0, 0, 2, ' ', 0)
	for _, t := range written.Tables {
		row(table, filepath.Join(c.Output, t.File), count(int(t.Rows), "row"), size(t.Bytes))
	}
	return table.Flush()
}

// isFolder reports a name that is a folder's: by its end, or as it is there.
func isFolder(name string) bool {
	if strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(os.PathSeparator)) {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// withRows opens the rows of a backend for a while, which a signal ends.
func withRows(call *call, args *manifestFlags, do func(context.Context, *engine.Rows) error) error {
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	m, err := args.load(call)
	if err != nil {
		return err
	}
	rows, err := engine.OpenRows(ctx, m)
	if err != nil {
		return call.placedError(ctx, err)
	}
	err = do(ctx, rows)
	if closeErr := rows.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	return call.rowsError(ctx, err)
}
