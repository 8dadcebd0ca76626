package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Contents is what a database file holds, as it was found by Verify.
type Contents struct {
	Bytes  int64
	Format int
	// Made is when the backup was made; zero for a file that is no backup but
	// a database that was copied or set aside.
	Made time.Time
	// Cursor is that of the last commit in it.
	Cursor string
	Schema plan.Schema
	// Rows are the rows of each table, in the schema's order.
	Rows []int64
}

// The codes of faults of a file. CodeNotOurs is a file of something else.
const (
	CodeNoFile    = "no-file"
	CodeNotOurs   = "not-a-backup"
	CodeNewerFile = "newer-format"
	CodeDamaged   = "damaged"
	CodeInUse     = "in-use"
)

// Verify proves that a backup, or a database that nobody serves, is whole: it
// reads every byte, compares the seal, runs SQLite's own check, and compares
// the recorded schema with the tables. It writes nothing, not even beside the
// file. What is wrong with the file is a fault.
func Verify(ctx context.Context, path string) (Contents, error) { return verify(ctx, path, path) }

// verify is Verify of a file that stands for another, whose name faults say.
func verify(ctx context.Context, path, name string) (Contents, error) {
	size, err := plainFile(path, name)
	if err != nil {
		return Contents{}, err
	}
	c, err := openImmutable(path)
	if err != nil {
		return Contents{}, damaged(ctx, name, err)
	}
	c.time.Context = ctx
	contents := Contents{Bytes: size}
	err = contents.read(ctx, c, path, name)
	if closeErr := c.close(); err == nil {
		err = closeErr
	}
	return contents, err
}

func (t *Contents) read(ctx context.Context, c *conn, path, name string) error {
	marks, err := readMarks(c)
	if err != nil {
		return damaged(ctx, name, err)
	}
	t.Format = int(marks.format)
	switch {
	case marks.application != applicationID:
		return fault.Newf(CodeNotOurs, "%s is an SQLite file, but not one that edge-hive made", name).
			WithHint("name a file that edge-hive backup wrote")
	case marks.format > formatVersion:
		return fault.Newf(CodeNewerFile, "%s was written by a newer edge-hive (format %d, this one reads %d)", name, marks.format, formatVersion).
			WithHint("use that version, or a backup made before it")
	}
	check, err := t.readMade(ctx, c, path)
	if err != nil {
		return damaged(ctx, name, err)
	}
	if err := wholeness(c, check); err != nil {
		return damaged(ctx, name, err)
	}
	if t.Schema, err = readSchema(c); err == nil {
		_, err = verifySchema(c, t.Schema)
	}
	if err != nil {
		return damaged(ctx, name, err)
	}
	for i := range t.Schema.Tables {
		rows, err := queryInt(c.db, "SELECT count(*) FROM "+quote(t.Schema.Tables[i].Name))
		if err != nil {
			return damaged(ctx, name, err)
		}
		t.Rows = append(t.Rows, rows)
	}
	return nil
}

// readMade reads when and where a backup was made and compares its seal; it
// names the check that is left to be run. A file with an epoch is a database
// as it was served, and has no seal.
func (t *Contents) readMade(ctx context.Context, c *conn, path string) (string, error) {
	cursor, err := readCursor(c)
	if err != nil {
		return "", err
	}
	if cursor.Epoch != 0 {
		t.Cursor = cursor.String()
		return "integrity_check", nil
	}
	made, err := readMeta(c, metaMade)
	if err != nil {
		return "", err
	}
	if t.Cursor, err = readMeta(c, metaCursor); err != nil {
		return "", err
	}
	sealed, err := readMeta(c, metaSeal)
	if err != nil {
		return "", err
	}
	if err := checkSeal(ctx, path, sealed); err != nil {
		return "", err
	}
	t.Made, err = time.Parse(time.RFC3339, made)
	return "quick_check", err
}

// plainFile refuses what cannot be a whole database before it is opened.
func plainFile(path, name string) (int64, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fault.Newf(CodeNoFile, "there is no file %s", name)
	case err != nil:
		return 0, fault.Newf(CodeNoFile, "%s cannot be read: %v", name, errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return 0, fault.Newf(CodeNotOurs, "%s is not a file", name)
	}
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		return 0, fault.Newf(CodeInUse, "%s is a database that is served, or was not closed: its last commits are in %s-wal", name, name).
			WithHint("make a backup of it: edge-hive backup")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, fault.Newf(CodeNoFile, "%s cannot be read: %v", name, errors.Unwrap(err))
	}
	defer f.Close()
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	if _, err := f.ReadAt(head, 0); err != nil || string(head) != magic {
		return 0, fault.Newf(CodeNotOurs, "%s is not a backup: it does not begin as one", name).
			WithHint("name a file that edge-hive backup wrote")
	}
	return info.Size(), nil
}

func damaged(ctx context.Context, name string, err error) error {
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	said := strings.TrimPrefix(err.Error(), "sqlite3: ")
	return fault.Newf(CodeDamaged, "%s is damaged: %s", name, said).WithHint("use another backup; nothing was changed").WithCause(err)
}

// openImmutable opens a file that nobody writes, without a lock and without
// files beside it.
func openImmutable(path string) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive
	}
	address := url.URL{Scheme: "file", OmitHost: true, Path: slashed, RawQuery: "immutable=1"}
	return systemFiles.openFile(address.String(), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
}

// openFile opens a file as it is: none of the settings of a served database.
func (f files) openFile(path string, flags sqlite3.OpenFlag) (_ *conn, err error) {
	db, err := f.open(path, flags)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(harden(db), db.Exec("PRAGMA cell_size_check=ON"), registerFunctions(db)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	c := &conn{db: db, files: f, time: newLimiter()}
	c.stmts.init(db, statementsKept)
	db.SetInterrupt(c.time)
	return c, nil
}
