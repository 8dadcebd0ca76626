package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// folderChunk is how many rows of a folder are committed together.
const folderChunk = 5000

// ImportFolder takes the folder of an export back: what is broken is found
// before a row is written, and what was written is compared at the end. Tables
// that have rows are refused, unless the resolution says what to do with them.
// told hears of each table that is in.
func ImportFolder(ctx context.Context, to *Rows, dir string, resolution data.Resolution, told func(ExportedTable, data.Imported)) error {
	from, err := readSummary(dir)
	if err != nil {
		return err
	}
	if err := from.fits(ctx, to, dir, resolution); err != nil {
		return err
	}
	for _, table := range from.Tables {
		done, err := from.load(ctx, to, dir, table, resolution)
		if err != nil {
			return err
		}
		told(table, done)
	}
	if resolution != data.Refuse {
		return nil // what was there already is there too
	}
	return from.compare(ctx, to)
}

func readSummary(dir string) (*Exported, error) {
	raw, err := os.ReadFile(filepath.Join(dir, summaryName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Newf(codeExport, "%s has no %s", dir, summaryName).WithHint("name the folder of an export that came to its end: edge-hive export -o DIR")
	}
	if err != nil {
		return nil, fmt.Errorf("read the export: %w", err)
	}
	out := new(Exported)
	if err := json.Unmarshal(raw, out); err != nil || out.Format != "ndjson" && out.Format != "csv" {
		return nil, fault.Newf(codeExport, "%s is not what an export wrote", filepath.Join(dir, summaryName)).WithCause(err)
	}
	return out, nil
}

// fits finds what stands in the way before a row is written.
func (x *Exported) fits(ctx context.Context, to *Rows, dir string, resolution data.Resolution) error {
	later := map[string]bool{}
	for _, table := range x.Tables {
		later[table.Name] = true
	}
	for _, table := range x.Tables {
		t := to.schema.Table(table.Name)
		if t == nil {
			return fault.Newf(codeExport, "the export has a table %q, the manifest has none", table.Name)
		}
		delete(later, table.Name)
		for _, c := range t.Columns {
			if c.Ref != nil && later[c.Ref.Table] {
				return fault.Newf(codeExport, "tables %q and %q refer to each other, so that no order takes them in", table.Name, c.Ref.Table).
					WithHint("move a database with them by edge-hive backup and restore")
			}
		}
		said, err := table.whole(ctx, dir)
		if err != nil {
			return err
		}
		x.said = append(x.said, said)
	}
	if resolution != data.Refuse {
		return nil
	}
	filled, err := to.filled(ctx)
	if err != nil {
		return err
	}
	for _, table := range x.Tables {
		if slices.Contains(filled, table.Name) {
			return fault.Newf(codeExport, "table %q has rows already", table.Name).
				WithHint("import into an empty database (`edge-hive apply --no-seed` makes one), or say what becomes of rows that are there: --merge or --ignore")
		}
	}
	return nil
}

// whole compares a file with its sum, and gives the sum of what it says.
func (t *ExportedTable) whole(ctx context.Context, dir string) (string, error) {
	if filepath.Base(t.File) != t.File || strings.HasPrefix(t.File, ".") {
		return "", fault.Newf(codeExport, "%s names a file that is not in its folder", summaryName)
	}
	f, err := os.Open(filepath.Join(dir, t.File))
	if err != nil {
		return "", fault.Newf(codeExport, "the file of table %q cannot be read: %v", t.Name, err)
	}
	defer func() { _ = f.Close() }() // only read
	sum, said := &summed{hash: sha256.New()}, newMeaning()
	if _, err := io.Copy(io.MultiWriter(sum, said), &contextReader{ctx, f}); err != nil {
		return "", fmt.Errorf("read %s: %w", t.File, err)
	}
	if sum.text() != t.SHA256 {
		return "", fault.Newf(codeExport, "%s is not as it was written: its SHA-256 is another", t.File).WithHint("nothing was imported")
	}
	return said.text(), nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// load imports one table. Rows that refer to rows of their own table come in
// one transaction, which puts them in order.
func (x *Exported) load(ctx context.Context, to *Rows, dir string, table ExportedTable, resolution data.Resolution) (data.Imported, error) {
	f, err := os.Open(filepath.Join(dir, table.File))
	if err != nil {
		return data.Imported{}, err
	}
	defer func() { _ = f.Close() }() // only read
	ask := ImportAsk{Table: table.Name, Form: formNamed(x.Format), Resolution: resolution, Chunk: folderChunk}
	if refersToItself(to.schema.Table(table.Name)) {
		ask.Chunk = 0
	}
	done, err := to.Import(ctx, ask, f)
	var broken *fault.Fault
	switch {
	case errors.As(err, &broken) && broken.Code != fault.CodeInternal:
		said := *broken
		said.Message = table.File + ": " + broken.Message
		if ask.Chunk > 0 && resolution == data.Refuse {
			said.Hint = strings.TrimPrefix(said.Hint+"; what is before it is in: mend it, then import the rest with --ignore", "; ")
		}
		return done, &said
	case err != nil:
		return done, fmt.Errorf("import %s: %w", table.File, err)
	case resolution == data.Refuse && int64(done.Rows) != table.Rows:
		return done, fault.Newf(codeExport, "%s was to have %d rows, and %d are in", table.File, table.Rows, done.Rows)
	}
	return done, nil
}

func refersToItself(t *query.Table) bool {
	return slices.ContainsFunc(t.Columns, func(c *query.Column) bool { return c.Ref != nil && c.Ref.Table == t.Name })
}

// compare exports again what was imported: it must say the same.
func (x *Exported) compare(ctx context.Context, to *Rows) error {
	names := make([]string, len(x.Tables))
	for i := range x.Tables {
		names[i] = x.Tables[i].Name
	}
	var said []*meaning
	rows, err := to.Export(ctx, formNamed(x.Format), names, func(string) (io.Writer, error) {
		said = append(said, newMeaning())
		return said[len(said)-1], nil
	})
	if err != nil {
		return fmt.Errorf("compare what was imported: %w", err)
	}
	for i, table := range x.Tables {
		// CSV does not tell null from nothing, so its rows are counted alone.
		if rows[i].Rows != table.Rows || x.Format != "csv" && said[i].text() != x.said[i] {
			return fault.Newf(codeExport, "all rows are in, but table %q is not what was exported", table.Name).
				WithHint("its columns differ from those of the export, or somebody wrote to it meanwhile")
		}
	}
	return nil
}
