// Package durable makes what was done to a folder outlast a power cut. Whoever
// puts a file in its place by link or rename calls it afterwards: auth for the
// secret, store/sqlite and engine for databases and backups. It writes no file
// itself.
package durable

import (
	"errors"
	"os"
	"runtime"
)

// SyncFolder makes the names in a folder durable: those made, renamed and
// removed before the call. On Windows, which does so by itself, it does nothing.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
