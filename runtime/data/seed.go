package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// CodeSeed is the code of a seed file that does not fit its table.
const CodeSeed = "bad-seed"

// The bounds of a seed: all of it is one transaction, so all of it is in
// memory.
const (
	maxSeedRows  = 1_000_000
	maxSeedBytes = 256 << 20
)

// rowReader gives the rows of a file one by one, each with its line; io.EOF
// after the last.
type rowReader interface {
	next() (row input, line int, err error)
}

// Seed fills a table from a file as the service role does: a .csv whose header
// names the columns (an empty field is left out, so it takes the column's
// default; lists and json are JSON text), or JSON: an array of objects, or
// objects one after the other. Everything is one transaction under the
// columns' and the table's own conditions. It gives the number of rows; a fault
// names the file and, where it is one row's, its line.
func (g *Gate) Seed(ctx context.Context, name, file string) (int, error) {
	t, err := g.table(name)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, seedUnreadable(file, err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return 0, seedUnreadable(file, err)
	}
	if info.Size() > maxSeedBytes {
		return 0, seedFault(file, 0, fault.Newf(CodeSeed, "the file has more than %d MiB", maxSeedBytes>>20).
			WithHint("seed a part of it, and send the rest to the API"))
	}
	rows, err := openRows(t, file, f)
	if err != nil {
		return 0, err
	}
	batch, n, err := g.seedBatch(ctx, t, file, rows)
	if err != nil || n == 0 {
		return 0, err
	}
	if _, err := g.view.Apply(ctx, batch); err != nil {
		var broken *fault.Fault
		if errors.As(err, &broken) {
			return 0, seedFault(file, 0, broken)
		}
		return 0, fmt.Errorf("seed table %q: %w", name, err)
	}
	return n, nil
}

// seedBatch reads all rows into writes of a bounded size.
func (g *Gate) seedBatch(ctx context.Context, t *table, file string, rows rowReader) (query.Batch, int, error) {
	b := g.binding(t.service.caller)
	fills, checks := t.fills(b), t.appendChecks(nil, b)
	var batch query.Batch
	var write *query.Write
	for n := 0; ; n++ {
		row, line, err := rows.next()
		switch {
		case errors.Is(err, io.EOF):
			return batch, n, nil
		case err != nil:
			return batch, 0, seedFault(file, line, err)
		case n == maxSeedRows:
			return batch, 0, seedFault(file, line, fault.Newf(CodeSeed, "more than %d rows", maxSeedRows))
		}
		if err := g.complete(t, fills, &row); err != nil {
			return batch, 0, seedFault(file, line, err)
		}
		if n%maxRows == 0 {
			if err := ctx.Err(); err != nil {
				return batch, 0, err
			}
			batch.Writes = append(batch.Writes, query.Write{Op: query.Insert, Table: t.schema, Checks: checks})
			write = &batch.Writes[len(batch.Writes)-1]
		}
		write.Rows = append(write.Rows, row.values)
	}
}

// openRows takes the reader that the file's name asks for.
func openRows(t *table, file string, r io.Reader) (rowReader, error) {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv":
		rows, err := newCSVRows(t, r)
		if err != nil {
			return nil, seedFault(file, 1, err)
		}
		return rows, nil
	case ".json", ".ndjson", ".jsonl":
		return newJSONRows(t, r), nil
	}
	return nil, seedFault(file, 0, fault.New(CodeSeed, "the name of a seed ends in .csv, .json, .ndjson or .jsonl"))
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
