package web

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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
	// keptFilesMost and keptBytesMost bound what a generation keeps of all its
	// folders. At the bound others are forgotten.
	keptFilesMost = 4096
	keptBytesMost = 32 << 20
	// settled is how long a file must have been as it is before it is kept: two
	// writes within one tick of the file system's clock look alike.
	settled = 2 * time.Second
	// siblingsTime is how long it is believed which compressed siblings there are.
	// One that came is used a little later; one that went is noticed at once.
	siblingsTime = 2 * time.Second
)

// servedFile is a regular file as it was at one moment, with the headers that say
// so. It is immutable but for what is known of its siblings.
type servedFile struct {
	name string // in the folder
	full string // on the machine
	info fs.FileInfo
	body []byte // nil where it is read anew each time
	// codings are what body became in content codings, up to as much again by half.
	codings cache.Codings

	contentType, caching, modified, length []string
	tag, encodedTag                        []string // the other is as the sibling of another file

	siblings   atomic.Uint32 // a bit for each of encodings
	lookedLast atomic.Int64  // when siblings were looked for, in Unix nanoseconds
}

// keptFiles are the files of a folder that were asked for, by name.
type keptFiles struct {
	room  *fileRoom
	files sync.Map // of string to *servedFile
}

// fileRoom bounds what the folders of a generation keep.
type fileRoom struct {
	mu    sync.Mutex // held by whoever changes what is kept
	files int
	bytes int
}

// get gives a file that is kept and has not changed since.
func (k *keptFiles) get(name string) *servedFile {
	found, ok := k.files.Load(name)
	if !ok {
		return nil
	}
	file := found.(*servedFile)
	//nolint:gosec // G703: the path is that of a file which was found within the folder
	if info, err := os.Lstat(file.full); err == nil && sameVersion(info, file.info) {
		return file
	}
	k.drop(file)
	return nil
}

// put keeps a file, in the place of others where there is no room.
func (k *keptFiles) put(file *servedFile) {
	k.drop(file)
	k.room.mu.Lock()
	defer k.room.mu.Unlock()
	if k.room.files >= keptFilesMost || k.room.bytes+file.weight() > keptBytesMost {
		k.makeRoom(file.weight())
	}
	if k.room.files >= keptFilesMost || k.room.bytes+file.weight() > keptBytesMost {
		return // other folders have it all
	}
	if _, there := k.files.LoadOrStore(file.name, file); !there {
		k.room.files++
		k.room.bytes += file.weight()
	}
}

// makeRoom forgets files, whichever come first, until there is a tenth more room
// than is needed.
func (k *keptFiles) makeRoom(needed int) {
	k.files.Range(func(name, kept any) bool {
		if k.room.files < keptFilesMost*9/10 && k.room.bytes+needed < keptBytesMost*9/10 {
			return false
		}
		k.files.Delete(name)
		k.room.files--
		k.room.bytes -= kept.(*servedFile).weight()
		return true
	})
}

// drop forgets what is kept under a file's name.
func (k *keptFiles) drop(file *servedFile) {
	k.room.mu.Lock()
	defer k.room.mu.Unlock()
	if was, there := k.files.LoadAndDelete(file.name); there {
		k.room.files--
		k.room.bytes -= was.(*servedFile).weight()
	}
}

// sameVersion reports whether nothing was written to a file, and no other put in its
// place.
func sameVersion(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode() && os.SameFile(a, b)
}

// file gives the file that is to be served under a name, nil where there is none.
func (s *static) file(name string) *servedFile {
	if kept := s.root.kept.get(name); kept != nil {
		return kept
	}
	file, handle := s.open(name)
	if file == nil {
		return nil
	}
	defer func() { _ = handle.Close() }() // it was only read
	now := time.Now()
	if age := now.Sub(file.info.ModTime()); age < settled {
		return file
	}
	if file.info.Size() <= keptSize && !file.read(handle) {
		return file
	}
	// The folder's path may lead elsewhere by now; then its files are found anew
	// each time.
	if info, err := os.Lstat(file.full); err == nil && sameVersion(info, file.info) {
		s.root.kept.put(file)
	}
	return file
}

// open opens a file that may be served. The handle is the caller's to close.
func (s *static) open(name string) (*servedFile, *os.File) {
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
	return newServedFile(name, filepath.Join(s.root.path, filepath.FromSlash(name)), info), handle
}

func newServedFile(name, full string, info fs.FileInfo) *servedFile {
	return &servedFile{
		name: name, full: full, info: info,
		contentType: []string{contentType(name)},
		caching:     []string{fileCaching(name)},
		tag:         []string{fileTag(info, "")},
		encodedTag:  []string{fileTag(info, strings.TrimPrefix(filepath.Ext(name), "."))},
		modified:    []string{info.ModTime().UTC().Format(http.TimeFormat)},
		length:      []string{strconv.FormatInt(info.Size(), 10)},
	}
}

// weight is what the file is charged with, in bytes.
func (f *servedFile) weight() int { return len(f.body) + f.codingsRoom() }

func (f *servedFile) codingsRoom() int { return len(f.body) / 2 }

// tagAs is the file's ETag: its own, or as the sibling of an encoding.
func (f *servedFile) tagAs(encoding int) []string {
	if encoding < 0 {
		return f.tag
	}
	return f.encodedTag
}

// read takes the file's bytes in; false where somebody wrote to it meanwhile.
func (f *servedFile) read(handle *os.File) bool {
	body := make([]byte, f.info.Size())
	if _, err := io.ReadFull(handle, body); err != nil {
		return false
	}
	if info, err := handle.Stat(); err != nil || !sameVersion(info, f.info) {
		return false
	}
	f.body = body
	return true
}

// encodings are the precompressed siblings that a file may have, best first.
var encodings = []struct {
	name, suffix string
	header       []string
}{{"br", ".br", []string{"br"}}, {"zstd", ".zst", []string{"zstd"}}, {"gzip", ".gz", []string{"gzip"}}}

// sibling gives the compressed sibling that a client takes, and which encoding it
// has; nil for none.
func (s *static) sibling(file *servedFile, accepted string) (sibling *servedFile, encoding int) {
	now := time.Now().UnixNano()
	if now-file.lookedLast.Load() > int64(siblingsTime) {
		var there uint32
		for i := range encodings {
			if s.isFile(file.name + encodings[i].suffix) {
				there |= 1 << i
			}
		}
		file.siblings.Store(there)
		file.lookedLast.Store(now)
	}
	there := file.siblings.Load()
	for i := range encodings {
		if there&(1<<i) == 0 || !accepts(accepted, encodings[i].name) {
			continue
		}
		if sibling = s.file(file.name + encodings[i].suffix); sibling != nil {
			return sibling, i
		}
	}
	return nil, 0
}

// send answers with a file, or with a compressed sibling that the client takes.
func (s *static) send(x *exchange, r *http.Request, file *servedFile) {
	sent, encoding := file, -1
	if accepted := r.Header["Accept-Encoding"]; len(accepted) > 0 {
		if sibling, i := s.sibling(file, strings.Join(accepted, ",")); sibling != nil {
			sent, encoding = sibling, i
		}
	}
	if known := r.Header["If-None-Match"]; len(known) == 1 && known[0] == sent.tagAs(encoding)[0] {
		s.describe(x, file, sent, encoding)
		x.header["Last-Modified"] = sent.modified
		delete(x.header, "Content-Type")
		delete(x.header, "Content-Encoding")
		x.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding < 0 && len(file.body) > 0 && x.compress != nil && !particular(r.Header) && s.sendCoded(x, r, file) {
		return
	}
	sent, content, done := s.content(r, sent)
	if content == nil {
		x.fail(r, errNoRoute)
		return
	}
	defer done()
	s.describe(x, file, sent, encoding)
	x.header["Content-Length"] = sent.length // ServeContent leaves it out where there is an encoding
	if !particular(r.Header) {
		x.header["Last-Modified"] = sent.modified
		x.header["Accept-Ranges"] = acceptRanges
		x.sendFile(r, http.StatusOK, sent, content)
		return
	}
	if ranges := r.Header["Range"]; len(ranges) > 1 || (len(ranges) == 1 && strings.Contains(ranges[0], ",")) {
		delete(r.Header, "Range") // one range, or all of it
	}
	http.ServeContent(x, r, file.name, sent.info.ModTime(), content)
}

// sendCoded answers with a file that is in memory, in a coding that the client
// takes. It reports whether there is one.
func (s *static) sendCoded(x *exchange, r *http.Request, file *servedFile) bool {
	s.describe(x, file, file, -1)
	body, length := x.encodeBody(http.StatusOK, file.body, &file.codings, file.codingsRoom())
	if len(x.header["Content-Encoding"]) == 0 {
		return false
	}
	x.header["Last-Modified"] = file.modified
	if length >= 0 {
		x.set("Content-Length", strconv.Itoa(length))
	}
	x.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// A client that is gone is noticed by net/http.
		_, _ = x.Write(body)
	}
	return true
}

// describe sets the headers that say what a file is; sent is the file itself, or
// its sibling of an encoding.
func (s *static) describe(x *exchange, file, sent *servedFile, encoding int) {
	x.header["Vary"] = varyEncoding
	x.header["Content-Type"] = file.contentType
	x.header["Cache-Control"] = file.caching
	x.header["Etag"] = sent.tagAs(encoding)
	if encoding >= 0 {
		x.header["Content-Encoding"] = encodings[encoding].header
	}
}

// sendWhole answers with a file under another status than 200: no part of it, and
// whatever the client has of it already.
func (s *static) sendWhole(x *exchange, r *http.Request, file *servedFile, status int) {
	file, content, done := s.content(r, file)
	if content == nil {
		x.fail(r, errNoRoute)
		return
	}
	defer done()
	x.header["Content-Type"] = file.contentType
	x.header["Cache-Control"] = cacheRevalidate
	x.header["Content-Length"] = file.length
	x.sendFile(r, status, file, content)
}

// content gives a file's bytes: from memory, or from the disk where the kernel can
// send them by itself or there are too many. The file that it gives is the one
// that the bytes are of, for it may have changed since it was found. nil: it is
// gone.
func (s *static) content(r *http.Request, found *servedFile) (file *servedFile, content io.ReadSeeker, done func()) {
	if found.body != nil && (len(found.body) < sentSize || r.TLS != nil) {
		return found, bytes.NewReader(found.body), func() {}
	}
	handle, err := s.root.Open(found.name)
	if err != nil {
		return nil, nil, nil
	}
	done = func() { _ = handle.Close() } // it was only read
	if info, err := handle.Stat(); err == nil && sameVersion(info, found.info) {
		return found, handle, done
	}
	done()
	changed, handle := s.open(found.name)
	if changed == nil {
		return nil, nil, nil
	}
	return changed, handle, func() { _ = handle.Close() }
}

// sendFile writes an answer whose other headers are set.
func (x *exchange) sendFile(r *http.Request, status int, file *servedFile, content io.ReadSeeker) {
	x.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	// A client that is gone is noticed by net/http.
	if handle, ok := content.(*os.File); ok {
		_, _ = io.CopyN(x, handle, file.info.Size())
		return
	}
	_, _ = x.Write(file.body)
}

// particular reports whether an answer depends on what the client has, or wants, of
// the file.
func particular(header http.Header) bool {
	for _, name := range [...]string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if len(header[name]) > 0 {
			return true
		}
	}
	return false
}

var (
	acceptRanges    = []string{"bytes"}
	cacheRevalidate = []string{"no-cache"}
)
