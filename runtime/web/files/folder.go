// Package files is folders whose files are served: which file a name leads to, what is
// remembered of it, its type, its tag and its compressed siblings. The routes of static
// files ask it. It never leaves its folder, whatever a name or a link in it says, gives
// no dotfile and nothing of the backend's own, and writes no answer.
package files

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrOurs is that a folder lies in what is the backend's own.
var ErrOurs = errors.New("the folder is the backend's own")

// Folder is an opened folder: nothing outside it can be reached through it, whatever
// its links say. It is safe for concurrent use.
type Folder struct {
	root *os.Root
	// hidden are slash paths inside it that are ours: the data folder, the
	// manifest's files. Lower case, for file systems that know none.
	hidden []string
	path   string // as it was opened, absolute, without links
	kept   kept
}

// Open opens a folder; room bounds what is kept of it and of others. Links in the
// folder's own path are followed, those inside it are not. What of the paths in ours
// lies in it is not there; where the folder itself does, it is ErrOurs.
func Open(dir string, room *Room, ours []string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Folder{root: root, path: resolved(dir), kept: kept{room: room}}
	for _, own := range ours {
		inside, ok := within(dir, own)
		if !ok {
			continue
		}
		if inside == "." {
			return nil, errors.Join(ErrOurs, root.Close())
		}
		s.hidden = append(s.hidden, strings.ToLower(filepath.ToSlash(inside)))
	}
	return s, nil
}

// Close closes the folder; files that are being sent are sent to their end.
func (s *Folder) Close() error { return s.root.Close() }

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

// Visible refuses dotfiles, and names that the system's files cannot have.
func (s *Folder) Visible(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(segment, ".") {
			return false
		}
	}
	trimmed := strings.TrimSuffix(name, "/")
	_, err := filepath.Localize(trimmed)
	return trimmed == "" || err == nil
}

// Find looks a name up, as it was written: the file that answers it, or that it is a
// folder's, which wants a slash. clean has names without .html stand for those with.
func (s *Folder) Find(name string, clean bool) (file *File, folder bool) {
	if name == "" {
		return s.Get("index.html"), false
	}
	if strings.HasSuffix(name, "/") {
		return s.Get(name + "index.html"), false
	}
	if file = s.Get(name); file != nil {
		return file, false
	}
	if clean && path.Ext(name) == "" {
		if file = s.Get(name + ".html"); file != nil {
			return file, false
		}
	}
	return nil, s.isFile(name + "/index.html")
}

// isFile reports whether a name is a regular file that is reached through no
// link and is not ours.
func (s *Folder) isFile(name string) bool { return s.regular(name) != nil }

// regular is what the system says of such a file, nil for any other.
func (s *Folder) regular(name string) fs.FileInfo {
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
func (s *Folder) ours(name string) bool {
	if len(s.hidden) == 0 {
		return false
	}
	lower := strings.ToLower(name)
	for _, hidden := range s.hidden {
		if lower == hidden || strings.HasPrefix(lower, hidden+"/") {
			return true
		}
	}
	return false
}
