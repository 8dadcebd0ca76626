package web

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// fileRoot is the opened folder of a static route: nothing outside it can be
// reached through it, whatever its links say.
type fileRoot struct {
	*os.Root
	// hidden are slash paths inside it that are ours: the data folder, the
	// manifest's files. Lower case, for file systems that know none.
	hidden []string
}

// static serves the files of a folder.
type static struct {
	root *fileRoot
	spa  bool
}

// newStatic opens the folder. Links in the folder's own path are followed, those
// inside it are not.
func (h *Handler) newStatic(m *manifest.Manifest, t *route) (*static, error) {
	dir := t.declared.Static.Dir
	opened, err := os.OpenRoot(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, t.fault("no-folder", "the folder "+dir+" does not exist")
		}
		return nil, t.fault("no-folder", "the folder "+dir+" cannot be opened").WithCause(err)
	}
	root := &fileRoot{Root: opened}
	h.roots = append(h.roots, root)
	for _, ours := range append([]string{m.DataDir()}, m.Files...) {
		inside, ok := within(dir, ours)
		if !ok {
			continue
		}
		if inside == "." {
			return nil, t.fault("data-folder", "the data folder cannot be served").WithHint("put the files into a folder of their own")
		}
		root.hidden = append(root.hidden, strings.ToLower(filepath.ToSlash(inside)))
	}
	return &static{root: root, spa: t.declared.Static.SPA}, nil
}

// within gives the path of file relative to dir when it lies in it, links of
// both resolved as far as they exist.
func within(dir, file string) (string, bool) {
	if file == "" {
		return "", false
	}
	relative, err := filepath.Rel(resolved(dir), resolved(file))
	return relative, err == nil && filepath.IsLocal(relative)
}

func resolved(name string) string {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		return target
	}
	if absolute, err := filepath.Abs(name); err == nil {
		return absolute
	}
	return name
}

func (s *static) answer(x *exchange, r *http.Request) {
	name := r.PathValue("*")
	if !s.visible(name) {
		x.fail(r, errNoRoute)
		return
	}
	switch found := s.find(strings.TrimSuffix(name, "/"), strings.HasSuffix(name, "/") || name == ""); {
	case found.folder:
		// Relative links in the index need the slash. The path begins with one
		// slash and holds no backslash, so this stays on our host.
		location := escapedPath(r.URL.Path + "/")
		if r.URL.RawQuery != "" {
			location += "?" + r.URL.RawQuery
		}
		x.set("Location", location)
		x.header["Content-Length"] = zero
		x.WriteHeader(http.StatusPermanentRedirect)
	case found.name != "":
		s.send(x, r, found.name)
	case s.spa && s.isFile("index.html"):
		s.send(x, r, "index.html")
	default:
		x.fail(r, errNoRoute)
	}
}

// visible refuses dotfiles, and names that the system's files cannot have.
func (s *static) visible(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(segment, ".") {
			return false
		}
	}
	trimmed := strings.TrimSuffix(name, "/")
	_, err := filepath.Localize(trimmed)
	return trimmed == "" || err == nil
}

// found is the file that answers a name, or that the name is a folder's, which
// wants a slash.
type found struct {
	name   string
	folder bool
}

// find looks a name up; asFolder says that it was written with a slash.
func (s *static) find(name string, asFolder bool) found {
	if asFolder {
		if index := path.Join(name, "index.html"); s.isFile(index) {
			return found{name: index}
		}
		return found{}
	}
	if s.isFile(name) {
		return found{name: name}
	}
	return found{folder: s.isFile(path.Join(name, "index.html"))}
}

// isFile reports whether a name is a regular file that is reached through no
// link and is not ours.
func (s *static) isFile(name string) bool {
	lower := strings.ToLower(name)
	for _, hidden := range s.root.hidden {
		if lower == hidden || strings.HasPrefix(lower, hidden+"/") {
			return false
		}
	}
	for i := 0; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		if info, err := s.root.Lstat(name[:i]); err != nil || !info.IsDir() {
			return false
		}
	}
	info, err := s.root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// encodings are the precompressed siblings that a file may have, best first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// send answers with a file, or with a compressed sibling that the client takes.
func (s *static) send(x *exchange, r *http.Request, name string) {
	x.header["Vary"] = varyEncoding
	chosen, encoding := name, ""
	accepted := r.Header.Get("Accept-Encoding")
	for _, e := range encodings {
		if accepted != "" && accepts(accepted, e.name) && s.isFile(name+e.suffix) {
			chosen, encoding = name+e.suffix, e.name
			break
		}
	}
	file, err := s.root.Open(chosen)
	if err != nil {
		x.fail(r, errNoRoute.WithCause(err))
		return
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		x.fail(r, errNoRoute.WithCause(err))
		return
	}
	if encoding != "" {
		x.set("Content-Encoding", encoding)
	}
	x.set("Content-Type", contentType(name))
	x.set("Cache-Control", fileCaching(name))
	x.set("Etag", fileTag(info, encoding))
	if ranges := r.Header["Range"]; len(ranges) > 1 || (len(ranges) == 1 && strings.Contains(ranges[0], ",")) {
		delete(r.Header, "Range") // one range, or all of it
	}
	http.ServeContent(x, r, name, info.ModTime(), file)
}

// fileTag tells versions of a file apart: by time, size and encoding.
func fileTag(info fs.FileInfo, encoding string) string {
	tag := `"` + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36)
	if encoding != "" {
		tag += "-" + encoding
	}
	return tag + `"`
}

// accepts reports whether an Accept-Encoding header takes an encoding: named,
// and not with a weight of zero.
func accepts(header, encoding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		weight = strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(weight), " ", ""), "q=")
		return weight == "" || strings.Trim(weight, "0.") != ""
	}
	return false
}

var varyEncoding = []string{"Origin, Accept-Encoding"}
