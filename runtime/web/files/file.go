package files

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

const (
	// keptSize is how large a file may be whose bytes are kept in memory; sentSize
	// is from where a connection without TLS gets it from the kernel all the same,
	// which copies less.
	keptSize = 256 << 10
	sentSize = 32 << 10
	// settled is how long a file must have been as it is before it is kept: two
	// writes within one tick of the file system's clock look alike.
	settled = 2 * time.Second
)

// File is a regular file as it was at one moment, with the headers that say
// so. It is immutable but for what is known of its siblings.
type File struct {
	Name string // in the folder
	Info fs.FileInfo
	Body []byte // nil where it is read anew each time
	// Codings are what Body became in content codings, up to as much as Spare.
	Codings cache.Codings

	// Values of headers; nobody appends to them in place.
	ContentType, Caching, Modified, Length []string
	Tag, SiblingTag                        []string // the other is as the sibling of another file

	full string // on the machine

	siblings   atomic.Uint32 // a bit for each of encodings
	lookedLast atomic.Int64  // when siblings were looked for, in Unix nanoseconds
}

// sameVersion reports whether nothing was written to a file, and no other put in its
// place.
func sameVersion(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode() && os.SameFile(a, b)
}

// Get gives the file that is to be served under a name, nil where there is none.
func (s *Folder) Get(name string) *File {
	if kept := s.kept.get(name); kept != nil {
		return kept
	}
	file, handle := s.open(name)
	if file == nil {
		return nil
	}
	defer func() { _ = handle.Close() }() // it was only read
	now := time.Now()
	if age := now.Sub(file.Info.ModTime()); age < settled {
		return file
	}
	if file.Info.Size() <= keptSize && !file.read(handle) {
		return file
	}
	// The folder's path may lead elsewhere by now; then its files are found anew
	// each time.
	if info, err := os.Lstat(file.full); err == nil && sameVersion(info, file.Info) {
		s.kept.put(file)
	}
	return file
}

// open opens a file that may be served. The handle is the caller's to close.
func (s *Folder) open(name string) (*File, *os.File) {
	seen := s.regular(name)
	if seen == nil {
		return nil, nil
	}
	handle, err := s.root.Open(name)
	if err != nil {
		return nil, nil
	}
	info, err := handle.Stat()
	if err != nil || !os.SameFile(seen, info) { // a link has taken its place
		_ = handle.Close()
		return nil, nil
	}
	return newFile(name, filepath.Join(s.path, filepath.FromSlash(name)), info), handle
}

func newFile(name, full string, info fs.FileInfo) *File {
	return &File{
		Name: name, full: full, Info: info,
		ContentType: []string{contentType(name)},
		Caching:     []string{fileCaching(name)},
		Tag:         []string{fileTag(info, "")},
		SiblingTag:  []string{fileTag(info, strings.TrimPrefix(filepath.Ext(name), "."))},
		Modified:    []string{info.ModTime().UTC().Format(http.TimeFormat)},
		Length:      []string{strconv.FormatInt(info.Size(), 10)},
	}
}

// weight is what the file is charged with, in bytes.
func (f *File) weight() int { return len(f.Body) + f.Spare() }

// Spare is how many bytes of codings are kept.
func (f *File) Spare() int { return len(f.Body) / 2 }

// read takes the file's bytes in; false where somebody wrote to it meanwhile.
func (f *File) read(handle *os.File) bool {
	body := make([]byte, f.Info.Size())
	if _, err := io.ReadFull(handle, body); err != nil {
		return false
	}
	if info, err := handle.Stat(); err != nil || !sameVersion(info, f.Info) {
		return false
	}
	f.Body = body
	return true
}

// fileTag tells versions of a file apart: by time, size and how they are encoded.
func fileTag(info fs.FileInfo, encoded string) string {
	tag := `"` + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36)
	if encoded != "" {
		tag += "-" + encoded
	}
	return tag + `"`
}

// Content gives a file's bytes: from memory, or from the disk where the kernel can
// send them by itself, which it cannot over TLS, or there are too many. The file that it gives is the one
// that the bytes are of, for it may have changed since it was found. nil: it is
// gone.
func (s *Folder) Content(found *File, overTLS bool) (file *File, content io.ReadSeeker, done func()) {
	if found.Body != nil && (len(found.Body) < sentSize || overTLS) {
		return found, bytes.NewReader(found.Body), func() {}
	}
	handle, err := s.root.Open(found.Name)
	if err != nil {
		return nil, nil, nil
	}
	done = func() { _ = handle.Close() } // it was only read
	if info, err := handle.Stat(); err == nil && sameVersion(info, found.Info) {
		return found, handle, done
	}
	done()
	changed, handle := s.open(found.Name)
	if changed == nil {
		return nil, nil, nil
	}
	return changed, handle, func() { _ = handle.Close() }
}
