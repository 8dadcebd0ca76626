package data

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// CodeSeed is the code of a seed file that does not fit its table.
const CodeSeed = "bad-seed"

// Seed fills a table from a file as the service role does: an import whose form
// the file's name says. Everything is one transaction. It gives the number of
// rows; a fault names the file and, where it is one row's, its line.
func (g *Gate) Seed(ctx context.Context, name, file string) (int, error) {
	t, err := g.table(name)
	if err != nil {
		return 0, err
	}
	form, ok := FormOf(file)
	if !ok {
		return 0, seedFault(file, 0, fault.New(CodeSeed, "the name of a seed ends in .csv, .json, .ndjson or .jsonl"))
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, seedUnreadable(file, err)
	}
	defer func() { _ = f.Close() }() // only read
	done, err := g.load(ctx, t.service.caller, t, &Import{Form: form, Source: f})
	var at *lineError
	var broken *fault.Fault
	switch {
	case errors.As(err, &at):
		return 0, seedFault(file, at.line, at.err)
	case errors.As(err, &broken):
		return 0, seedFault(file, 0, broken)
	case err != nil:
		return 0, fmt.Errorf("seed table %q: %w", name, err)
	}
	return done.Rows, nil
}

// FormOf is the form of the rows in a file, by its name; false for none.
func FormOf(file string) (Form, bool) {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv":
		return CSV, true
	case ".json", ".ndjson", ".jsonl":
		return JSON, true
	}
	return JSON, false
}

// seedFault puts the file and the line in front of what is wrong. An error that
// is no fault is the disk's or a parser's; its text is for the operator, who is
// the one who reads this.
func seedFault(file string, line int, err error) error {
	place := file
	if line > 0 {
		place = fmt.Sprintf("%s:%d", file, line)
	}
	out := &fault.Fault{Code: CodeSeed, Positions: []fault.Position{{File: file, Line: line}}}
	var f *fault.Fault
	if errors.As(err, &f) {
		out.Message, out.Details, out.Hint = place+": "+f.Message, f.Details, f.Hint
		return out
	}
	out.Message = place + ": " + err.Error()
	return out
}

func seedUnreadable(file string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return seedFault(file, 0, fault.Newf(CodeSeed, "the seed cannot be read: %v", err))
}
