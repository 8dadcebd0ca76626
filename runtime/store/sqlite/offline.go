package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// ErrNoDatabase is returned for a database that was never made.
var ErrNoDatabase = errors.New("there is no database yet")

// BackupFile is Backup of a database that nobody serves: it holds its lock
// meanwhile and changes nothing in it.
func BackupFile(ctx context.Context, path string, w io.Writer) error {
	return locked(path, func(path string) error {
		dir, err := copyAside(ctx, path)
		return sendAway(ctx, dir, err, w)
	})
}

// InspectFile is Inspect of a database that nobody serves, and names the tables
// that have rows. One that was never made has an empty schema.
func InspectFile(ctx context.Context, path string) (plan.Schema, []string, error) {
	var schema plan.Schema
	var filled []string
	err := locked(path, func(path string) error {
		c, err := openConn(path, false, 0)
		if err != nil {
			return unreadable(path, err)
		}
		c.time.Context = ctx
		if err = checkOurs(c, path); err == nil {
			if schema, err = readSchema(c); err == nil {
				err = verifySchema(c, schema)
			}
		}
		if err == nil {
			filled, err = filledTables(c, schema)
		}
		return errors.Join(err, c.close())
	})
	if errors.Is(err, ErrNoDatabase) {
		return plan.Schema{}, nil, nil
	}
	return schema, filled, err
}

func filledTables(c *conn, schema plan.Schema) ([]string, error) {
	var filled []string
	for i := range schema.Tables {
		rows, err := queryInt(c.db, "SELECT EXISTS (SELECT 1 FROM "+quote(schema.Tables[i].Name)+")")
		if err != nil {
			return nil, err
		}
		if rows != 0 {
			filled = append(filled, schema.Tables[i].Name)
		}
	}
	return filled, nil
}

// locked runs f while no other process can serve the database, which is named
// without symbolic links.
func locked(path string, f func(path string) error) error {
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoDatabase
	}
	if err != nil {
		return fmt.Errorf("open database %q: %w", path, err)
	}
	if info, err := os.Stat(resolved); err != nil || info.Size() == 0 {
		return errors.Join(ErrNoDatabase, err)
	}
	held, err := lock(resolved)
	if err != nil {
		return err
	}
	sweep(resolved)
	return errors.Join(f(resolved), held.Close())
}
