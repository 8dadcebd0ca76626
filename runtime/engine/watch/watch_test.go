package watch_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/watch"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// still is how long nothing must come: several times the watcher's own quiet.
const (
	patience = time.Minute
	still    = 400 * time.Millisecond
)

type watched struct {
	*watch.Watcher
	t   *testing.T
	dir string
}

func start(t *testing.T, files ...string) *watched {
	t.Helper()
	dir := t.TempDir()
	w := &watched{t: t, dir: dir}
	for i, file := range files {
		w.write(file, "one")
		files[i] = filepath.Join(dir, file)
	}
	inner, err := watch.New(files)
	if err != nil {
		t.Fatal(err)
	}
	w.Watcher = inner
	t.Cleanup(func() {
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) write(file, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// overwrite writes in place, with no moment in which the file is shorter; the text is
// as long as the one before.
func (w *watched) overwrite(file, text string) {
	w.t.Helper()
	f, err := os.OpenFile(filepath.Join(w.dir, file), os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) wants(what string) {
	w.t.Helper()
	select {
	case <-w.Changed():
	case <-time.After(patience):
		w.t.Fatalf("%s: not seen", what)
	}
}

func (w *watched) wantsNothing(what string) {
	w.t.Helper()
	select {
	case <-w.Changed():
		w.t.Fatalf("%s: seen", what)
	case <-time.After(still):
	}
}

func TestSaves(t *testing.T) {
	w := start(t, "a.cue", "sub/b.cue")
	w.write("a.cue", "two")
	w.wants("a save in place")

	w.write("a.cue.tmp", "three")
	if err := os.Rename(filepath.Join(w.dir, "a.cue.tmp"), filepath.Join(w.dir, "a.cue")); err != nil {
		t.Fatal(err)
	}
	w.wants("a save by rename")
	w.write("a.cue", "four")
	w.wants("a save in place after one by rename")

	if err := os.Rename(filepath.Join(w.dir, "a.cue"), filepath.Join(w.dir, "a.cue~")); err != nil {
		t.Fatal(err)
	}
	w.write("a.cue", "five")
	w.wants("a save that moves the old file away")

	w.write("sub/b.cue", "two")
	w.wants("another folder")
	w.write("c.cue", "new")
	w.wants("a new file of the package")
	if err := os.Remove(filepath.Join(w.dir, "c.cue")); err != nil {
		t.Fatal(err)
	}
	w.wants("a file that is gone")
}

func TestWhatIsNoChange(t *testing.T) {
	w := start(t, "a.cue")
	w.overwrite("a.cue", "one")
	w.write("shop.db-wal", "noise")
	if err := os.Chmod(filepath.Join(w.dir, "a.cue"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.wantsNothing("the same bytes, another file, another mode")
}

func TestManyWritesAreOneChange(t *testing.T) {
	w := start(t, "a.cue")
	for last := 'b'; ; last++ { // again where the machine has let too much time pass between them
		began := time.Now()
		for _, text := range []string{"two", "tow", "tw" + string(last)} {
			w.overwrite("a.cue", text)
		}
		took := time.Since(began)
		w.wants("the writes")
		if took < watch.Quiet || last == 'z' {
			break
		}
		for settled := false; !settled; {
			select {
			case <-w.Changed():
			case <-time.After(still):
				settled = true
			}
		}
	}
	w.wantsNothing("the same writes again")
}

func TestMountedFolder(t *testing.T) {
	// As an orchestrator mounts configuration: the file is a link through a
	// link that is swapped.
	dir := t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("no links here")
		}
	}
	for _, v := range []string{"..one", "..two"} {
		if err := os.Mkdir(filepath.Join(dir, v), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, v, "a.cue"), []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link("..one", "..data")
	link("..data/a.cue", "a.cue")
	inner, err := watch.New([]string{filepath.Join(dir, "a.cue")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inner.Close() }()
	link("..two", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	(&watched{Watcher: inner, t: t, dir: dir}).wants("the swapped link")
}

func TestLinkedFile(t *testing.T) {
	// The manifest is a link into another folder, as of a team's checkout.
	dir, shared := t.TempDir(), t.TempDir()
	for _, name := range []string{"one.txt", "two.txt"} {
		if err := os.WriteFile(filepath.Join(shared, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "a.cue")
	if err := os.Symlink(filepath.Join(shared, "one.txt"), file); err != nil {
		t.Skip("no links here")
	}
	inner, err := watch.New([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inner.Close() }()
	w := &watched{Watcher: inner, t: t, dir: shared}
	w.write("one.txt", "saved")
	w.wants("a save where the link leads")
	if err := errors.Join(os.Remove(file), os.Symlink(filepath.Join(shared, "two.txt"), file)); err != nil {
		t.Fatal(err)
	}
	w.wants("the link to another file")
	w.write("two.txt", "saved")
	w.wants("a save where it leads now")
}

func TestFolderIsReplaced(t *testing.T) {
	for _, c := range []struct {
		name string
		gone func(dir string) error
	}{
		{"deleted", os.RemoveAll},
		{"moved", func(dir string) error { return os.Rename(dir, dir+".old") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, "p/a.cue")
			if err := c.gone(filepath.Join(w.dir, "p")); err != nil {
				t.Fatal(err)
			}
			w.wants("the folder that is gone")
			w.write("p/a.cue", "two")
			w.wants("the folder that is there again")
			w.write("p/a.cue", "three")
			w.wants("a save in it")
		})
	}
}

func TestFollow(t *testing.T) {
	w := start(t, "a/one.cue")
	w.write("b/two.cue", "one")
	w.Follow([]string{filepath.Join(w.dir, "b/two.cue")})
	w.wants("other files")
	w.overwrite("b/two.cue", "two")
	w.wants("a save of the followed")
	w.write("a/one.cue", "two")
	w.wantsNothing("a save of what is followed no more")
}

func TestFolderThatIsNotThere(t *testing.T) {
	if _, err := watch.New([]string{filepath.Join(t.TempDir(), "absent", "a.cue")}); err == nil {
		t.Error("watched a folder that is not there")
	}
}
