package sqlite

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/edge-hive/edge-hive/runtime/durable"
)

// disk is what a restore does to whole files, each of which may fail.
type disk interface {
	// Copy copies to a new file, readable by us alone and on the disk when it
	// returns.
	Copy(ctx context.Context, from, to string) error
	Link(from, to string) error
	Rename(from, to string) error
	Remove(path string) error
	// Sync brings a file to the disk, SyncFolder the names in a folder.
	Sync(path string) error
	SyncFolder(path string) error
	// Files is where the driver opens them.
	Files() files
}

// system is the operating system's.
type system struct{}

func (system) Link(from, to string) error   { return os.Link(from, to) }
func (system) Rename(from, to string) error { return os.Rename(from, to) }
func (system) Remove(path string) error     { return os.Remove(path) }
func (system) SyncFolder(path string) error { return durable.SyncFolder(path) }
func (system) Files() files                 { return systemFiles }

func (system) Copy(ctx context.Context, from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, readerContext{ctx, source})
	return errors.Join(err, f.Sync(), f.Close())
}

func (system) Sync(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
