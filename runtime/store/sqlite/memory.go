package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/vfs/memdb" // registers the file system of memory databases

	"github.com/edge-hive/edge-hive/runtime/query"
)

// memoryPrefix begins the paths of databases in memory; those of files are
// absolute.
const memoryPrefix = "file:/edge-hive-"

// OpenMemory makes an empty database in memory, which ends with Close. It does
// all that one in a file does, but outlive the process: no file, no lock, no
// WAL, so that a reader waits for the writer.
func OpenMemory(ctx context.Context, options Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if options.Path != "" {
		return nil, errors.New("open a database in memory: it has no path")
	}
	options = options.withDefaults()
	options.Path = memoryPath()
	s := &Store{options: options, versions: newVersions(), feed: &feed{}}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// memoryPath is a path that no database in memory had.
func memoryPath() string { return memoryPrefix + query.NewUUID() + "?vfs=memdb" }

func openFlags(path string) sqlite3.OpenFlag {
	if strings.HasPrefix(path, memoryPrefix) {
		return sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE | sqlite3.OPEN_URI
	}
	return sqlite3.OPEN_READWRITE | sqlite3.OPEN_NOFOLLOW
}
