package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/durable"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

const (
	// summaryName is the file that says what an export's folder holds. It is
	// written last: a folder without it is no whole export.
	summaryName = "export.json"

	codeExport = "bad-export"
)

// Exported says what the folder of an export holds.
type Exported struct {
	Made   time.Time `json:"made"`
	Format string    `json:"format"` // "ndjson" or "csv"
	// Tables are in an order in which they can be imported.
	Tables []ExportedTable `json:"tables"`
	// said are the sums of what the files say, once they were read.
	said []string
}

// ExportedTable is one table's file.
type ExportedTable struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ExportFolder writes tables into a folder that is new or empty, a file each.
func ExportFolder(ctx context.Context, from *Rows, dir string, form data.Form, names []string) (_ Exported, err error) {
	if err := emptyFolder(dir); err != nil {
		return Exported{}, err
	}
	out := Exported{Made: time.Now().UTC().Truncate(time.Second), Format: formName(form)}
	var sums []*summed
	defer func() {
		for _, s := range sums {
			err = errors.Join(err, s.end())
		}
	}()
	rows, err := from.Export(ctx, form, names, func(table string) (io.Writer, error) {
		if n := len(sums); n > 0 {
			if err := sums[n-1].end(); err != nil {
				return nil, err
			}
		}
		name := table + "." + out.Format
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G703: a table is named by our own server, and a name holds no slash
		if err != nil {
			return nil, targetFault(dir, err)
		}
		sums = append(sums, &summed{f: f, hash: sha256.New()})
		out.Tables = append(out.Tables, ExportedTable{Name: table, File: name})
		return sums[len(sums)-1], nil
	})
	if err != nil {
		return Exported{}, err
	}
	for i := range out.Tables {
		if err := sums[i].end(); err != nil {
			return Exported{}, err
		}
		out.Tables[i].Rows, out.Tables[i].Bytes, out.Tables[i].SHA256 = rows[i].Rows, sums[i].bytes, sums[i].text()
	}
	return out, writeSummary(dir, out)
}

// emptyFolder makes a folder, or finds that it is empty.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return targetFault(dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return targetFault(dir, err)
	}
	if len(entries) > 0 {
		return fault.Newf(codeTarget, "the folder %s is not empty", dir).WithHint("name a new one")
	}
	return nil
}

func writeSummary(dir string, out Exported) error {
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+summaryName+"-*") // 0600
	if err != nil {
		return targetFault(dir, err)
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, summaryName)); err != nil {
		return targetFault(dir, err)
	}
	return durable.SyncFolder(dir)
}

// summed is a file, or nothing, that is written with its sum.
type summed struct {
	f     *os.File
	hash  hash.Hash
	bytes int64
}

func (s *summed) Write(p []byte) (int, error) {
	_, _ = s.hash.Write(p) // a hash takes all
	s.bytes += int64(len(p))
	if s.f == nil {
		return len(p), nil
	}
	return s.f.Write(p)
}

// end makes the file outlast the process, once.
func (s *summed) end() error {
	if s.f == nil {
		return nil
	}
	err := errors.Join(s.f.Sync(), s.f.Close())
	s.f = nil
	return err
}

func (s *summed) text() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// ExportFile writes one table as a file: all of it, or nothing. One that is
// there is replaced only by force.
func ExportFile(ctx context.Context, from *Rows, target string, form data.Form, table string, force bool) (TableRows, error) {
	target, err := filepath.Abs(target)
	if err != nil {
		return TableRows{}, err
	}
	if err := checkTarget(Source{Manifest: from.manifest}, target, force); err != nil {
		return TableRows{}, err
	}
	sweepPartial(target)
	f, err := os.CreateTemp(filepath.Dir(target), partial(target)+"*") // 0600
	if err != nil {
		return TableRows{}, targetFault(target, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	rows, err := from.Export(ctx, form, []string{table}, func(string) (io.Writer, error) { return f, nil })
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return TableRows{}, err
	}
	if err := place(f.Name(), target, force); err != nil {
		return TableRows{}, targetFault(target, err)
	}
	return rows[0], nil
}
