package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cuelang.org/go/mod/modfile"
	"cuelang.org/go/mod/module"
)

// projectFS shows the CUE loader the project's folder and nothing outside:
// neither .. nor a symbolic link leads out of it. It counts what is read.
type projectFS struct {
	root   *os.Root
	left   int64 // bytes that may still be read
	over   string
	counts map[string]bool
	memory map[string][]byte // the manifest's own files, read already
}

// errTooLarge tells the loader to stop; the project says so to the user.
var errTooLarge = errors.New("manifest too large")

// Open implements fs.FS. It is called by one goroutine at a time.
func (f *projectFS) Open(name string) (fs.File, error) {
	if src, ok := f.memory[name]; ok {
		return &memoryFile{name: filepath.Base(name), size: int64(len(src)), Reader: bytes.NewReader(src)}, nil
	}
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err //nolint:wrapcheck // fs.FS: the loader looks for fs.ErrNotExist itself
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, err //nolint:wrapcheck // as above
	}
	if info.IsDir() || f.counts[name] || filepath.Ext(name) != ".cue" {
		return file, nil
	}
	f.counts[name] = true
	if f.left -= info.Size(); f.left < 0 || !info.Mode().IsRegular() {
		_ = file.Close()
		f.over = name
		return nil, &fs.PathError{Op: "open", Path: name, Err: errTooLarge}
	}
	return file, nil
}

// noRegistry is a module registry that has nothing: loading a manifest never
// uses the network.
type noRegistry struct{}

var errNoRegistry = errors.New("modules are not fetched")

func (noRegistry) ModFile(context.Context, module.Version) (*modfile.File, error) {
	return nil, errNoRegistry
}

func (noRegistry) Fetch(context.Context, module.Version) (module.SourceLoc, error) {
	return module.SourceLoc{}, errNoRegistry
}

func (noRegistry) ModuleVersions(context.Context, string) ([]string, error) {
	return nil, nil
}

// memoryFile is a file that was read before, and its own fs.FileInfo.
type memoryFile struct {
	*bytes.Reader
	name string
	size int64
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Name() string               { return f.name }
func (f *memoryFile) Size() int64                { return f.size }
func (f *memoryFile) Mode() fs.FileMode          { return 0o444 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }

// readFull reads until buf is full or the file ends, which is no error.
func readFull(r io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err //nolint:wrapcheck // the caller names the file
}
