package install

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const secretLine = "SHOP_SECRET=0123456789abcdef0123456789abcdef\n"

// running is a world in which the service runs.
func running(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.write(filepath.Join(w.root, "etc/edge-hive/environment"), secretLine)
	w.write(filepath.Join(w.root, "proc/77/environ"), "PATH=/bin\x00"+strings.TrimSpace(secretLine)+"\x00")
	w.install(w.options())
	return w
}

// all are the files below a folder, with what is in them.
func (w *world) all() map[string]string {
	w.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(w.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Dir(path) == w.root {
			return err
		}
		raw, err := os.ReadFile(path)
		files[path] = string(raw)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

// What the running backend refuses is not what the next start finds.
func TestRefusedIsPutBack(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*world, *Options)
		told   []string
	}{
		"manifest": {func(*world, *Options) {}, []string{"reload"}},
		"binary": {func(w *world, _ *Options) {
			w.write(filepath.Join(w.project, "bin/edge-hive"), "a newer binary")
		}, []string{"upgrade"}},
		"unit": {func(w *world, o *Options) {
			o.Tags = []string{"prod"}
			w.write(filepath.Join(w.root, "refuses"), "")
		}, nil},
	} {
		t.Run(what, func(t *testing.T) {
			w := running(t)
			before := w.all()
			w.write(filepath.Join(w.project, "price.js"), "import './deep/module.js' // otherwise")
			w.write(filepath.Join(w.project, "public/more.html"), "<p>")
			if err := os.Remove(filepath.Join(w.project, "public/css/site.css")); err != nil {
				t.Fatal(err)
			}
			o := w.options()
			c.change(w, &o)
			w.backend.refuses = errors.New("column books.year would be lost")
			p, err := Look(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Do(t.Context()); err == nil {
				t.Fatal("it was not refused")
			}
			if !slices.Equal(w.backend.told, c.told) || !w.active() || !slices.ContainsFunc(w.said, func(s string) bool { return strings.HasPrefix(s, "refused: ") }) {
				t.Errorf("told %q, said %q, runs: %v", w.backend.told, w.said, w.active())
			}
			after := w.all()
			for path := range after {
				if _, ok := before[path]; !ok {
					t.Errorf("%s stays", path)
				}
			}
			for path, text := range before {
				if got, ok := after[path]; !ok || got != text {
					t.Errorf("%s is not what it was", path)
				}
			}
			// And again, without what was in its way.
			w.backend.refuses = nil
			o = w.options()
			c.change(w, &o)
			_ = os.Remove(filepath.Join(w.root, "refuses"))
			w.install(o)
			for path := range w.all() {
				if strings.HasSuffix(path, ".before-install") {
					t.Errorf("%s stays", path)
				}
			}
		})
	}
}

// What an install that was killed has written to is cleared by the next one, and
// nothing else.
func TestUnfinishedIsCleared(t *testing.T) {
	w := running(t)
	unfinished := []string{"usr/local/bin/.edge-hive.123456", "srv/edge-hive/.price.js.42"}
	others := []string{"usr/local/bin/.edge-hive.d", "usr/local/bin/.other.123456", "srv/edge-hive/.price.js.mine"}
	for _, path := range slices.Concat(unfinished, others) {
		w.write(filepath.Join(w.root, path), "half")
	}
	w.write(filepath.Join(w.project, "bin/edge-hive"), "a newer binary")
	w.write(filepath.Join(w.project, "price.js"), "import './deep/module.js' // otherwise")
	w.install(w.options())
	for _, path := range unfinished {
		if _, err := os.Stat(filepath.Join(w.root, path)); err == nil {
			t.Errorf("%s stays", path)
		}
	}
	for _, path := range others {
		_ = w.read(path)
	}
}

// Secrets are read at the start: others need another one.
func TestOtherSecrets(t *testing.T) {
	w := running(t)
	_ = w.calls()
	w.write(filepath.Join(w.root, "etc/edge-hive/environment"), "SHOP_SECRET='another secret of 32 bytes or more'\n")
	w.install(w.options())
	if calls := w.calls(); !strings.Contains(calls, "restart edge-hive.service") {
		t.Errorf("systemd was told %q", calls)
	}
	w.write(filepath.Join(w.root, "proc/77/environ"), "SHOP_SECRET=another secret of 32 bytes or more\x00")
	w.install(w.options())
	if calls := w.calls(); strings.Contains(calls, "restart") {
		t.Errorf("systemd was told %q", calls)
	}
}

// Sockets that systemd holds for the service are in nobody's way, and go with it.
func TestHeldSockets(t *testing.T) {
	w := newWorld(t)
	w.write(filepath.Join(w.root, "etc/edge-hive/environment"), secretLine)
	o := w.options()
	l, err := net.Listen("tcp", o.Manifest.Server.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := Look(t.Context(), o); err == nil {
		t.Error("a port that another has is no problem")
	}
	w.write(filepath.Join(w.root, "sockets"), "edge-hive.socket other.path\n")
	w.write(filepath.Join(w.root, "listens"), l.Addr().String()+" (Stream)\n")
	w.install(o)
	_ = w.calls()
	r := &Removal{Root: w.root, pretended: true, Say: func(string) {}}
	if err := errors.Join(r.Look(), r.Do(t.Context())); err != nil {
		t.Fatal(err)
	}
	if calls := w.calls(); !strings.Contains(calls, "disable --now edge-hive.service edge-hive.socket\n") {
		t.Errorf("systemd was told %q", calls)
	}
}

// assigned has every way of systemd.exec(5) to write a value.
const assigned = "# A=1 \\\n;B=2\nC=3\nD = \"4 5\"\nE=''\nF=\nC=6\nno\n" +
	"G=a\\\nb c \t\nH='it''s' \"a\\$b\\n\"x\"y\"\nI=a'b'\\ \nJ=\"two\nlines\"\r\n K =#no comment"

func TestAssignments(t *testing.T) {
	got := assignments(assigned)
	want := map[string]string{
		"C": "6", "D": "4 5", "E": "", "F": "",
		"G": "ab c", "H": "itsa$b\\nx\"y\"", "I": "a'b' ", "J": "two\nlines", "K": "#no comment",
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%q", got)
	}
}

func FuzzAssignments(f *testing.F) {
	f.Add(assigned)
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range assignments(text) {
			if strings.ContainsAny(name, "=\n\r") {
				t.Errorf("a name %q", name)
			}
			if len(name)+len(value) > len(text) {
				t.Errorf("%q is %q of %q", name, value, text)
			}
		}
	})
}
