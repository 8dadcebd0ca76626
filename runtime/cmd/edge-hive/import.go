package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

type importCommand struct {
	From string `arg:"" name:"table" help:"The table; or alone, the folder of an export."`
	File string `arg:"" optional:"" help:"The file with its rows; - is the standard input."`
	manifestFlags
	Format string `enum:",ndjson,json,csv" default:"" placeholder:"FORMAT" help:"ndjson, json or csv; left out, the file's name says it."`
	Merge  bool   `xor:"resolution" help:"A row whose key is there already takes what is imported."`
	Ignore bool   `xor:"resolution" help:"A row whose key is there already stays as it is."`
	Chunk  int    `placeholder:"ROWS" help:"Commit so many rows together; left out, all of them."`
	JSON   bool   `name:"json" help:"As JSON."`
}

// importedTable is what an import did to one table.
type importedTable struct {
	Table string `json:"table"`
	data.Imported
}

// Run inserts rows into the running server, or into the database when none
// runs, under the conditions of the table and its columns.
func (c *importCommand) Run(call *call) error {
	if c.Chunk < 0 {
		return errors.New("--chunk is a number of rows")
	}
	restrictFiles()
	if c.File == "" {
		return c.folder(call)
	}
	ask := engine.ImportAsk{Table: c.From, Resolution: c.resolution(), Chunk: c.Chunk}
	named, ok := data.FormOf(c.File)
	switch {
	case c.Format == "csv":
		ask.Form = data.CSV
	case c.Format == "" && !ok:
		return hinted(fmt.Errorf("the name %s does not say what is in it", c.File), "say --format ndjson, json or csv")
	case c.Format == "":
		ask.Form = named
	}
	from := io.NopCloser(call.in)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		from = f
	}
	defer func() { _ = from.Close() }() // only read
	return withRows(call, &c.manifestFlags, func(ctx context.Context, rows *engine.Rows) error {
		done, err := rows.Import(ctx, ask, from)
		if err != nil {
			if c.Chunk > 0 && done.Rows > 0 {
				call.tell("%s in; line %d is the first that is not\n", count(done.Rows, "row"), done.Rest)
			}
			return err
		}
		return c.say(call, []importedTable{{c.From, done}})
	})
}

// folder takes back what an export wrote.
func (c *importCommand) folder(call *call) error {
	switch {
	case !isFolder(c.From):
		return hinted(fmt.Errorf("%s is no folder of an export", c.From), "edge-hive import TABLE FILE, or edge-hive import DIR")
	case c.Format != "" || c.Chunk != 0:
		return errors.New("--format and --chunk are for the file of one table")
	}
	return withRows(call, &c.manifestFlags, func(ctx context.Context, rows *engine.Rows) error {
		var all []importedTable
		csv := false
		err := engine.ImportFolder(ctx, rows, c.From, c.resolution(), func(t engine.ExportedTable, done data.Imported) {
			csv = csv || strings.HasSuffix(t.File, ".csv")
			all = append(all, importedTable{t.Name, done})
			if !c.JSON {
				sayImported(call, all[len(all)-1])
			}
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return call.sayJSON(all)
		}
		if c.resolution() == data.Refuse {
			call.say("%s\n", comparedWords(all, csv))
		}
		return nil
	})
}

// comparedWords says that what is in was read back. CSV does not tell null from
// nothing, so its rows are counted alone.
func comparedWords(all []importedTable, csv bool) string {
	rows := 0
	for _, t := range all {
		rows += t.Rows
	}
	same := "the same as in the export"
	if csv {
		same = "as many as in the export"
	}
	return fmt.Sprintf("read back: %s in %s, %s", count(rows, "row"), count(len(all), "table"), same)
}

func (c *importCommand) resolution() data.Resolution {
	switch {
	case c.Merge:
		return data.Merge
	case c.Ignore:
		return data.Ignore
	}
	return data.Refuse
}

func (c *importCommand) say(call *call, all []importedTable) error {
	if c.JSON {
		return call.sayJSON(all[0])
	}
	sayImported(call, all[0])
	return nil
}

func sayImported(call *call, t importedTable) {
	merged := ""
	if n := t.Rows - t.Inserted; n > 0 {
		merged = fmt.Sprintf(", %d of them merged", n)
	}
	call.say("%s: %s%s\n", t.Table, count(t.Rows, "row"), merged)
}

// rowsError is an error of an export or import, which begins with its line.
func (t *terminal) rowsError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("stopped; what was not committed is not in")
	}
	var f *fault.Fault
	if errors.As(err, &f) && f.Code != fault.CodeInternal && f.Details != "" {
		said := *f
		said.Message = f.Details + ": " + f.Message
		err = &said
	}
	return t.placedError(ctx, err)
}
