package web

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/files"
)

// static serves the files of a folder.
type static struct {
	folder   *files.Folder
	spa      bool
	clean    bool
	notFound string // the file that answers where there is none, "" for a fault
}

// newStatic opens the folder.
func (h *Handler) newStatic(m *manifest.Manifest, t *route) (*static, error) {
	declared := t.declared.Static
	folder, err := files.Open(declared.Dir, &h.files, append([]string{m.DataDir()}, m.Files...))
	switch {
	case errors.Is(err, files.ErrOurs):
		return nil, t.fault("data-folder", "the data folder cannot be served").WithHint("put the files into a folder of their own")
	case errors.Is(err, fs.ErrNotExist):
		return nil, t.fault("no-folder", "the folder "+declared.Dir+" does not exist")
	case err != nil:
		return nil, t.fault("no-folder", "the folder "+declared.Dir+" cannot be opened").WithCause(err)
	}
	h.folders = append(h.folders, folder)
	return &static{folder: folder, spa: declared.SPA, clean: declared.CleanURLs, notFound: declared.NotFound}, nil
}

func (s *static) answer(x *exchange, r *http.Request) {
	name := r.PathValue("*")
	if !s.folder.Visible(name) {
		s.missing(x, r, false)
		return
	}
	switch file, folder := s.folder.Find(name, s.clean); {
	case folder:
		// Relative links in the index need the slash. The path begins with one
		// slash and holds no backslash, so this stays on our host.
		location := (&url.URL{Path: r.URL.Path + "/"}).EscapedPath()
		if r.URL.RawQuery != "" {
			location += "?" + r.URL.RawQuery
		}
		x.set("Location", location)
		x.header["Content-Length"] = zero
		x.WriteHeader(http.StatusPermanentRedirect)
	case file != nil:
		s.send(x, r, file)
	default:
		s.missing(x, r, s.spa)
	}
}

// missing answers where there is no file; spa says that the application in the
// browser knows the path.
func (s *static) missing(x *exchange, r *http.Request, spa bool) {
	if spa {
		if index := s.folder.Get("index.html"); index != nil {
			s.send(x, r, index)
			return
		}
	}
	if s.notFound != "" {
		if page := s.folder.Get(s.notFound); page != nil {
			s.sendWhole(x, r, page, http.StatusNotFound)
			return
		}
	}
	x.fail(r, errNoRoute)
}

// send answers with a file, or with a compressed sibling that the client takes.
func (s *static) send(x *exchange, r *http.Request, file *files.File) {
	sent, tag, encoding := file, file.Tag, []string(nil)
	if accepted := r.Header["Accept-Encoding"]; len(accepted) > 0 {
		if sibling, its := s.folder.Sibling(file, accepted); sibling != nil {
			sent, tag, encoding = sibling, sibling.SiblingTag, its
		}
	}
	if known := r.Header["If-None-Match"]; len(known) == 1 && known[0] == tag[0] {
		describe(x, file, tag, encoding)
		x.header["Last-Modified"] = sent.Modified
		delete(x.header, "Content-Type")
		delete(x.header, "Content-Encoding")
		x.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding == nil && len(file.Body) > 0 && x.compress != nil && !particular(r.Header) && sendCoded(x, r, file) {
		return
	}
	sent, content, done := s.folder.Content(sent, r.TLS != nil)
	if content == nil {
		x.fail(r, errNoRoute)
		return
	}
	defer done()
	describe(x, file, tag, encoding)
	x.header["Content-Length"] = sent.Length // ServeContent leaves it out where there is an encoding
	if !particular(r.Header) {
		x.header["Last-Modified"] = sent.Modified
		x.header["Accept-Ranges"] = acceptRanges
		x.sendFile(r, http.StatusOK, sent, content)
		return
	}
	if ranges := r.Header["Range"]; len(ranges) > 1 || (len(ranges) == 1 && strings.Contains(ranges[0], ",")) {
		delete(r.Header, "Range") // one range, or all of it
	}
	http.ServeContent(x, r, file.Name, sent.Info.ModTime(), content)
}

// sendCoded answers with a file that is in memory, in a coding that the client
// takes. It reports whether there is one.
func sendCoded(x *exchange, r *http.Request, file *files.File) bool {
	describe(x, file, file.Tag, nil)
	body, length := x.encodeBody(http.StatusOK, file.Body, &file.Codings, file.Spare())
	if len(x.header["Content-Encoding"]) == 0 {
		return false
	}
	x.header["Last-Modified"] = file.Modified
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

// describe sets the headers that say what a file is; tag and encoding are its own, or
// its sibling's.
func describe(x *exchange, file *files.File, tag, encoding []string) {
	x.header["Vary"] = varyEncoding
	x.header["Content-Type"] = file.ContentType
	x.header["Cache-Control"] = file.Caching
	x.header["Etag"] = tag
	if encoding != nil {
		x.header["Content-Encoding"] = encoding
	}
}

// sendWhole answers with a file under another status than 200: no part of it, and
// whatever the client has of it already.
func (s *static) sendWhole(x *exchange, r *http.Request, file *files.File, status int) {
	file, content, done := s.folder.Content(file, r.TLS != nil)
	if content == nil {
		x.fail(r, errNoRoute)
		return
	}
	defer done()
	x.header["Content-Type"] = file.ContentType
	x.header["Cache-Control"] = cacheRevalidate
	x.header["Content-Length"] = file.Length
	x.sendFile(r, status, file, content)
}

// sendFile writes an answer whose other headers are set.
func (x *exchange) sendFile(r *http.Request, status int, file *files.File, content io.ReadSeeker) {
	x.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	// A client that is gone is noticed by net/http.
	if handle, ok := content.(*os.File); ok {
		_, _ = io.CopyN(x, handle, file.Info.Size())
		return
	}
	_, _ = x.Write(file.Body)
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
	varyEncoding    = []string{"Origin, Accept-Encoding"}
	acceptRanges    = []string{"bytes"}
	cacheRevalidate = []string{"no-cache"}
)
