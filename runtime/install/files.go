package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// file is one that is copied: from a path, to one from the backend's folder on.
type file struct{ from, name string }

// named finds the files that the manifest is made of and names: all that are in
// its folder. What is elsewhere stays there.
func (p *Plan) named() ([]file, Problems, error) {
	m := p.o.Manifest
	var problems Problems
	if m.Dir == p.at(p.o.Dir) {
		return nil, nil, nil // it is in its place
	}
	found := map[string]bool{}
	for _, path := range slices.Concat(m.Files, p.o.Imported) {
		if !isBelow(path, m.Dir) {
			problems = append(problems, Problem{"the manifest imports " + path + ", which is not in its folder", "put the manifest where all that it imports is below it, beside cue.mod"})
			continue
		}
		found[path] = true
	}
	if module := filepath.Join(m.Dir, "cue.mod", "module.cue"); isFile(module) {
		found[module] = true
	}
	for _, path := range paths(m) {
		if !isBelow(path, m.Dir) || isBelow(path, m.DataDir()) && m.DataDir() != m.Dir {
			continue
		}
		if err := collect(path, m.DataDir(), found); err != nil {
			return nil, nil, err
		}
	}
	list := make([]file, 0, len(found))
	for path := range found {
		name, err := filepath.Rel(m.Dir, path)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, file{path, name})
	}
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return list, problems, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// collect adds a file, or those of a folder: regular ones, as no other is served,
// nor any whose name begins with a dot.
func collect(path, except string, found map[string]bool) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is checked elsewhere what must be there
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		found[path] = true
		return nil
	}
	return filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case at != path && strings.HasPrefix(entry.Name(), "."), entry.IsDir() && at == except:
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case entry.Type().IsRegular():
			found[at] = true
		}
		return nil
	})
}

// ways are the fields that are paths of requests, not of files.
var ways = []string{"Pattern", "URLPath", "Strip", "Rewrite", "To", "Body"}

// paths are all that a manifest names of the file system. Every path in one is
// absolute; a text that only looks like one names no file.
func paths(m *manifest.Manifest) []string {
	var list []string
	database := m.Database
	database.Dir, database.Path = "", ""
	plain := *m
	plain.Dir, plain.Files, plain.Positions, plain.Database = "", nil, nil, database
	texts(reflect.ValueOf(plain), func(s string) {
		if filepath.IsAbs(s) && !strings.ContainsAny(s, "\n\x00") {
			list = append(list, filepath.Clean(s))
		}
	})
	slices.Sort(list)
	return slices.Compact(list)
}

// texts visits every text in a value.
func texts(v reflect.Value, visit func(string)) {
	switch v.Kind() {
	case reflect.String:
		visit(v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			texts(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !slices.Contains(ways, v.Type().Field(i).Name) {
				texts(v.Field(i), visit)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			texts(v.Index(i), visit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			texts(v.MapIndex(key), visit)
		}
	}
}

// hidden finds files outside of a backend's folder that the service would not
// see.
func hidden(m *manifest.Manifest, dir string) Problems {
	var problems Problems
	for _, path := range paths(m) {
		if isBelow(path, dir) || !isBelow(path, unseen...) || slices.Contains(unseen, path) {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			continue // a text that only looks like one
		}
		problems = append(problems, Problem{"the manifest names " + path + ", which is hidden from services", "put it beside the manifest and name it from there, or into /etc/edge-hive"})
	}
	return problems
}

// copies brings the files into the backend's folder, and takes away those that an
// install before has brought and nothing names any more.
func (p *Plan) copies() ([]step, error) {
	var steps []step
	var fresh, stale int
	var work []func(gid int) error
	unfinished := leftovers{}
	for _, f := range p.files {
		p.record.Files = append(p.record.Files, f.name)
		to := filepath.Join(p.at(p.o.Dir), f.name)
		same, err := sameContent(f.from, to)
		if err != nil {
			return nil, err
		}
		if same {
			continue
		}
		fresh++
		work = append(work, func(gid int) error {
			if err := p.foldersOf(f.name, gid); err != nil {
				return err
			}
			if err := errors.Join(unfinished.clear(to), p.replaces(to)); err != nil {
				return err
			}
			return copyFile(f.from, to, 0o640, 0, gid)
		})
	}
	if len(p.files) > 0 {
		for _, name := range p.before.Files {
			path := filepath.Join(p.at(p.o.Dir), name)
			if p.before.Dir != p.o.Dir || slices.Contains(p.record.Files, name) || !filepath.IsLocal(name) || isBelow(path, p.at(p.data)) {
				continue
			}
			stale++
			work = append(work, func(int) error {
				if err := p.replaces(path); err != nil {
					return err
				}
				if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				return nil
			})
		}
	}
	p.changed.files = len(work) > 0
	what := fmt.Sprintf("%s of the manifest's %d in %s", plural(fresh, "file"), len(p.files), p.o.Dir)
	if stale > 0 {
		what += fmt.Sprintf(", %d taken away that nothing names any more", stale)
	}
	steps = append(steps, step{what: what, done: len(work) == 0, do: func(context.Context) error {
		_, gid, err := p.ids()
		if err != nil {
			return err
		}
		for _, do := range work {
			if err := do(gid); err != nil {
				return err
			}
		}
		return nil
	}})
	if len(p.files) == 0 {
		steps[0].done = true
		steps = append(steps, p.inPlace())
	}
	return steps, nil
}

// inPlace lets the service read a manifest that is in its folder already.
func (p *Plan) inPlace() step {
	return step{what: "the manifest in " + p.o.Dir + ", as it is, for " + p.o.User + " to read", do: func(context.Context) error {
		_, gid, err := p.ids()
		if err != nil {
			return err
		}
		m := p.o.Manifest
		found := map[string]bool{}
		for _, path := range slices.Concat(m.Files, p.o.Imported, paths(m)) {
			if isBelow(path, m.Dir) && !isBelow(path, m.DataDir()) {
				if err := collect(path, m.DataDir(), found); err != nil {
					return err
				}
			}
		}
		for path := range found {
			name, err := filepath.Rel(m.Dir, path)
			if err != nil {
				return err
			}
			if err := p.foldersOf(name, gid); err != nil {
				return err
			}
			if err := errors.Join(os.Chmod(path, 0o640), give(path, 0, gid)); err != nil { //nolint:gosec // G302: the service's group reads it
				return err
			}
		}
		return nil
	}}
}

// foldersOf makes the folders that a file of the backend is in.
func (p *Plan) foldersOf(name string, gid int) error {
	at := p.at(p.o.Dir)
	for _, part := range strings.Split(filepath.Dir(name), string(filepath.Separator)) {
		if part == "." {
			continue
		}
		at = filepath.Join(at, part)
		if err := os.MkdirAll(at, 0o750); err != nil {
			return err
		}
		if at == p.at(p.data) {
			continue
		}
		if err := errors.Join(os.Chmod(at, 0o750), give(at, 0, gid)); err != nil { //nolint:gosec // G302: the service's group reads it
			return err
		}
	}
	return nil
}

// sameContent compares two files; one that is not there is another.
func sameContent(a, b string) (bool, error) {
	first, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer func() { _ = first.Close() }() // it was read
	second, err := os.Open(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = second.Close() }() // it was read
	one, other := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, err := io.ReadFull(first, one)
		m, otherErr := io.ReadFull(second, other)
		if !bytes.Equal(one[:n], other[:m]) {
			return false, nil
		}
		if isEnd(err) && isEnd(otherErr) {
			return true, nil
		}
		if err != nil || otherErr != nil {
			return false, errors.Join(err, otherErr)
		}
	}
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// copyFile puts a copy in the place of a file, whole or not at all. Owners below 0
// stay those of who runs this.
func copyFile(from, to string, mode os.FileMode, uid, gid int) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was read
	return replace(to, mode, uid, gid, func(w io.Writer) error {
		_, err := io.Copy(w, source)
		return err
	})
}

// writeFile puts a text of root's in the place of a file.
func writeFile(to, text string, mode os.FileMode) error {
	return replace(to, mode, 0, 0, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

func replace(to string, mode os.FileMode, uid, gid int, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // it is not there, or stays
		}
	}()
	if err := errors.Join(write(f), f.Chmod(mode), give(f.Name(), uid, gid), f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
