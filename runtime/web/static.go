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
	path   string // as it was opened, absolute, without links
	kept   keptFiles
}

// static serves the files of a folder.
type static struct {
	root     *fileRoot
	spa      bool
	clean    bool
	notFound string // the file that answers where there is none, "" for a fault
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
	root := &fileRoot{Root: opened, path: resolved(dir), kept: keptFiles{room: &h.files}}
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
	declared := t.declared.Static
	return &static{root: root, spa: declared.SPA, clean: declared.CleanURLs, notFound: declared.NotFound}, nil
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
		s.missing(x, r, false)
		return
	}
	switch file, folder := s.find(name); {
	case folder:
		// Relative links in the index need the slash. The path begins with one
		// slash and holds no backslash, so this stays on our host.
		location := escapedPath(r.URL.Path + "/")
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
		if index := s.file("index.html"); index != nil {
			s.send(x, r, index)
			return
		}
	}
	if s.notFound != "" {
		if page := s.file(s.notFound); page != nil {
			s.sendWhole(x, r, page, http.StatusNotFound)
			return
		}
	}
	x.fail(r, errNoRoute)
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

// find looks a name up, as it was written: the file that answers it, or that it
// is a folder's, which wants a slash.
func (s *static) find(name string) (file *servedFile, folder bool) {
	if name == "" {
		return s.file("index.html"), false
	}
	if strings.HasSuffix(name, "/") {
		return s.file(name + "index.html"), false
	}
	if file = s.file(name); file != nil {
		return file, false
	}
	if s.clean && path.Ext(name) == "" {
		if file = s.file(name + ".html"); file != nil {
			return file, false
		}
	}
	return nil, s.isFile(name + "/index.html")
}

// isFile reports whether a name is a regular file that is reached through no
// link and is not ours.
func (s *static) isFile(name string) bool { return s.regular(name) != nil }

// regular is what the system says of such a file, nil for any other.
func (s *static) regular(name string) fs.FileInfo {
	if s.ours(name) {
		return nil
	}
	for i := 0; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		if info, err := s.root.Lstat(name[:i]); err != nil || !info.IsDir() {
			return nil
		}
	}
	info, err := s.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}

// ours reports whether a name is the data folder's, or the manifest's.
func (s *static) ours(name string) bool {
	if len(s.root.hidden) == 0 {
		return false
	}
	lower := strings.ToLower(name)
	for _, hidden := range s.root.hidden {
		if lower == hidden || strings.HasPrefix(lower, hidden+"/") {
			return true
		}
	}
	return false
}

// fileTag tells versions of a file apart: by time, size and how they are encoded.
func fileTag(info fs.FileInfo, encoded string) string {
	tag := `"` + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36)
	if encoded != "" {
		tag += "-" + encoded
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
