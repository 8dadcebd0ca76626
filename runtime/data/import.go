package data

import (
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// CodeTooLarge is the code of more rows or bytes than one transaction takes.
const CodeTooLarge = "54000"

// The bounds of one transaction: all of it is in memory.
const (
	maxImportRows  = 1_000_000
	maxImportBytes = 256 << 20
)

const hintParts = "send the rows in parts"

// Import is rows to be inserted as they come.
type Import struct {
	Table string
	// Form is CSV, whose header names the columns (an empty field is left out, so
	// it takes the column's default; lists and json are JSON text), or else JSON:
	// an array of objects, or objects one after the other.
	Form   Form
	Source io.Reader
	// Resolution says what becomes of rows whose key is there already.
	Resolution Resolution
	// Chunk is how many rows are committed together; 0 is all of them.
	Chunk int
	// Once, when set, makes a repetition give the first one's answer; of an import
	// in chunks it is not taken.
	Once *Once
	// Rollback does everything but keep it; nor is it of chunks.
	Rollback bool
}

// Imported is what an import did, also when it ended with an error.
type Imported struct {
	// Rows were inserted, or merged into one that was there.
	Rows int `json:"rows"`
	// Inserted are those of Rows that were not there before.
	Inserted int `json:"inserted"`
	// Rest is the line of the first row that is not in; 0 when all are.
	Rest int `json:"rest,omitempty"`
	// Replayed says that the import was done before, under the same Once.
	Replayed bool `json:"-"`
}

// Import inserts rows as Insert does, under the same rules and conditions. The
// details of a fault name the line of the row that it is of. Rows may have
// different columns; what one leaves out takes its default.
func (g *Gate) Import(ctx context.Context, caller *auth.Caller, i Import) (Imported, error) {
	t, err := g.table(i.Table)
	if err != nil {
		return Imported{}, err
	}
	done, err := g.load(ctx, caller, t, &i)
	var at *lineError
	if errors.As(err, &at) {
		err = at.public()
	}
	return done, err
}

// lineError says on which line of its source an error is.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return "line " + strconv.Itoa(e.line) + ": " + e.err.Error() }

// Unwrap gives the error of the line.
func (e *lineError) Unwrap() error { return e.err }

// public is a fault with its line in the details, or else the error as it is.
func (e *lineError) public() error {
	var f *fault.Fault
	if !errors.As(e.err, &f) || f.Code == fault.CodeInternal {
		return e
	}
	details := "line " + strconv.Itoa(e.line)
	if f.Details != "" {
		details += ": " + f.Details
	}
	return f.WithDetails(details)
}

// load is an import, its errors with their lines. Seeds are one too.
func (g *Gate) load(ctx context.Context, caller *auth.Caller, t *table, i *Import) (Imported, error) {
	if !t.takes(caller, i.Resolution) {
		return Imported{}, t.denied
	}
	b := g.binding(caller)
	x := loading{gate: g, table: t, binding: b, sees: t.of(caller, b), fills: t.fills(b), resolution: i.Resolution}
	x.splits = !caller.IsService() || i.Resolution != Refuse
	for _, c := range t.schema.Columns {
		x.tree = x.tree || c.Ref != nil && c.Ref.Table == t.schema.Name
	}
	from := &source{r: i.Source, lines: i.Form != CSV}
	if i.Chunk <= 0 {
		var err error
		if x.batch.Once, err = i.Once.named(caller); err != nil {
			return Imported{}, err
		}
		from.most, x.batch.Rollback = maxImportBytes, i.Rollback
		if i.Rollback {
			x.batch.Once = nil // what is not kept cannot be met again
		}
	}
	rows, err := newRows(t, i.Form, from, &x.sees.visible.set)
	if err != nil {
		return x.done, &lineError{1, err}
	}
	return x.run(ctx, rows, i.Chunk)
}

// loading is an import that runs: the rows of the transaction at hand.
type loading struct {
	gate       *Gate
	table      *table
	binding    query.Binding
	sees       *sight
	fills      []fill
	resolution Resolution
	splits     bool // rows with other columns are another write, for what rules say of columns
	tree       bool // rows point at rows of the same write

	batch  query.Batch
	sent   query.ColumnSet // of the last write
	starts []int           // the place of each write's first row
	lines  []int           // of the rows
	done   Imported
}

// run reads the rows and commits them.
func (x *loading) run(ctx context.Context, rows rowReader, chunk int) (Imported, error) {
	for {
		row, line, err := rows.next()
		switch {
		case errors.Is(err, io.EOF):
			err := x.commit(ctx)
			return x.done, err
		case err == nil && chunk <= 0 && len(x.lines) == maxImportRows:
			err = fault.Newf(CodeTooLarge, "more than %d rows are too many for one transaction", maxImportRows).WithHint(hintParts)
		case err == nil:
			err = x.add(&row, line)
		}
		if err == nil && len(x.lines)%maxRows == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return x.fail(line, err)
		}
		if chunk > 0 && len(x.lines) == chunk {
			if err := x.commit(ctx); err != nil {
				return x.done, err
			}
		}
	}
}

// fail ends the import at a line; the rows of the transaction at hand are not
// in.
func (x *loading) fail(line int, err error) (Imported, error) {
	x.done.Rest = line
	if len(x.lines) > 0 {
		x.done.Rest = x.lines[0]
	}
	return x.done, &lineError{line, err}
}

// add puts a row into the transaction.
func (x *loading) add(row *input, line int) error {
	last := len(x.batch.Writes) - 1
	if last < 0 || !x.tree && len(x.batch.Writes[last].Rows) == maxRows || x.splits && !sameColumns(&x.sent, &row.sent) {
		w, err := x.write(&row.sent)
		if err != nil {
			return err
		}
		x.batch.Writes = append(x.batch.Writes, w)
		x.starts = append(x.starts, len(x.lines))
		x.sent = row.sent
		last++
	}
	if err := x.gate.add(&x.batch.Writes[last], x.table, x.fills, row); err != nil {
		return err
	}
	x.lines = append(x.lines, line)
	return nil
}

// write is a new write of rows in which these columns are sent.
func (x *loading) write(sent *query.ColumnSet) (query.Write, error) {
	conflict, err := x.table.conflict(&Write{Resolution: x.resolution}, sent, &x.sees.visible.set)
	if err != nil {
		return query.Write{}, err
	}
	w, err := x.table.creation(x.sees, x.binding, sent)
	if err != nil {
		return w, err
	}
	if conflict != nil && !conflict.Ignore {
		err = x.table.merging(conflict, sent, x.sees, x.binding, nil)
	}
	w.Conflict = conflict
	return w, err
}

// commit writes the transaction at hand.
func (x *loading) commit(ctx context.Context) error {
	if len(x.lines) == 0 {
		return nil
	}
	result, err := x.gate.view.Apply(ctx, x.batch)
	if err != nil {
		x.done.Rest = x.lines[0]
		return x.placed(err)
	}
	for i := range result.Writes {
		x.done.Rows += result.Writes[i].Affected
		x.done.Inserted += result.Writes[i].Inserted
	}
	x.done.Replayed = result.Replayed
	x.batch.Writes, x.starts, x.lines = nil, x.starts[:0], x.lines[:0]
	return nil
}

// placed finds the line of an error of the store, where it is one row's.
func (x *loading) placed(err error) error {
	var write *store.WriteError
	var row *store.RowError
	at := 0
	if errors.As(err, &write) {
		at = x.starts[write.Write]
	}
	switch {
	case errors.As(err, &row):
		at += row.Row
	case len(x.lines) > 1 && (write == nil || len(x.batch.Writes[write.Write].Rows) > 1):
		return writeFault(err)
	}
	return &lineError{x.lines[at], writeFault(err)}
}
