package install

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/deploy"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// project is a manifest and all that it names, in an empty folder.
var project = map[string]string{
	"edgehive.cue": `
manifest: 1
name: "shop"
server: listen: http: "127.0.0.1:%s"
server: tls: {kind: "files", certificates: [{cert: "tls/cert.pem", key: "tls/key.pem"}]}
server: listen: https: "127.0.0.1:%s"
tables: books: {columns: title: type: "text", seed: "seed/books.csv"}
functions: price: module: "price.js"
auth: secret: env: "SHOP_SECRET"
routes: "GET /site/*": static: dir: "public"
routes: "GET /home": respond: body: "/root"
`,
	"seed/books.csv":       "id,title\n",
	"seed/unnamed.csv":     "id\n",
	"tls/cert.pem":         "certificate",
	"tls/key.pem":          "key",
	"price.js":             "import './deep/module.js'",
	"deep/module.js":       "export {}",
	"public/index.html":    "<p>",
	"public/css/site.css":  "p {}",
	"public/.git/HEAD":     "ref",
	"data/shop.db":         "not to be copied",
	"cue.mod/module.cue":   "module: \"shop.example\"\nlanguage: version: \"v0.9.0\"\n",
	"README.md":            "not named",
	"bin/edge-hive":        "the binary",
	"elsewhere/unnamed.js": "",
}

// world is a machine below a folder, with a systemd that writes down what it is
// told.
type world struct {
	t       *testing.T
	root    string
	project string
	said    []string
	backend *backend
}

// backend stands for the one that the service runs.
type backend struct {
	w         *world
	refuses   error
	addresses []string
	told      []string
}

func (b *backend) Running(context.Context) ([]string, bool, error) {
	if !b.w.active() {
		return nil, false, ErrNotRunning
	}
	return b.addresses, true, nil
}

func (b *backend) Reload(context.Context) (string, error) {
	b.told = append(b.told, "reload")
	return "reloaded", b.refuses
}

func (b *backend) Upgrade(context.Context) error {
	b.told = append(b.told, "upgrade")
	return b.refuses
}

func (w *world) active() bool {
	_, err := os.Stat(filepath.Join(w.root, "active"))
	return err == nil
}

// calls are what systemd was told since the last time.
func (w *world) calls() string {
	path := filepath.Join(w.root, "calls")
	raw, _ := os.ReadFile(path) // none yet
	_ = os.Remove(path)
	return strings.TrimSpace(string(raw))
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("services are installed on Linux alone")
	}
	w := &world{t: t, root: t.TempDir(), project: t.TempDir()}
	w.backend = &backend{w: w}
	for name, text := range project {
		if name == "edgehive.cue" {
			text = fmt.Sprintf(text, freePort(t), freePort(t))
		}
		w.write(filepath.Join(w.project, name), text)
	}
	w.write(filepath.Join(w.root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
	w.write(filepath.Join(w.root, "etc/group"), "root:x:0:\n")
	programs := t.TempDir()
	for name, text := range map[string]string{
		"systemctl": `echo "$*" >>"$ROOT/calls"
case "$1" in
is-active) test -e "$ROOT/active" ;;
is-enabled) test -e "$ROOT/enabled" ;;
enable) touch "$ROOT/enabled" ;;
start) touch "$ROOT/active" ;;
show) case "$*" in
	*MainPID*) echo 77 ;;
	*TriggeredBy*) cat "$ROOT/sockets" 2>/dev/null ;;
	*Listen*) cat "$ROOT/listens" ;;
	esac
	exit 0 ;;
restart) test ! -e "$ROOT/refuses" || { rm -f "$ROOT/refuses" "$ROOT/active"; exit 1; }; touch "$ROOT/active" ;;
disable) rm -f "$ROOT/active" "$ROOT/enabled" ;;
esac`,
		"systemd-sysusers": `echo "sysusers $*" >>"$ROOT/calls"
u=$(id -u) g=$(id -g)
[ $u = 0 ] && u=990 g=991
echo "edge-hive:x:$u:$g::/:/bin/false" >>"$ROOT/etc/passwd"
echo "edge-hive:x:$g:" >>"$ROOT/etc/group"`,
		"userdel":    `echo "userdel $*" >>"$ROOT/calls"; sed -i /^edge-hive:/d "$ROOT/etc/passwd"`,
		"journalctl": `echo "what the log says"`,
	} {
		w.write(filepath.Join(programs, name), "#!/bin/sh\nROOT="+w.root+"\n"+text+"\n")
		if err := os.Chmod(filepath.Join(programs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	return w
}

func (w *world) write(path, text string) {
	w.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(path string) string {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.root, path))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

func (w *world) options() Options {
	w.t.Helper()
	loadIt := func(ctx context.Context, path string) (*manifest.Manifest, error) {
		return load.Load(ctx, load.Options{Path: path})
	}
	m, err := loadIt(w.t.Context(), w.project)
	if err != nil {
		w.t.Fatal(err)
	}
	w.said = nil
	return Options{
		Manifest: m, Name: "edgehive.cue", Imported: []string{filepath.Join(w.project, "deep/module.js")},
		Executable: filepath.Join(w.project, "bin/edge-hive"),
		User:       DefaultUser, Dir: DefaultDir, Binary: DefaultBinary, Root: w.root, pretended: true,
		Load: loadIt, Backend: func(string) Backend { return w.backend }, Say: func(line string) { w.said = append(w.said, line) },
	}
}

// install does it, and gives the plan.
func (w *world) install(o Options) *Plan {
	w.t.Helper()
	p, err := Look(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.Do(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(porttest.Free(t).Number)
}

func TestInstall(t *testing.T) {
	w := newWorld(t)
	// A secret is missing: everything is laid, and nothing started.
	p := w.install(w.options())
	if !slices.Equal(p.Missing(), []string{"SHOP_SECRET"}) || w.active() {
		t.Fatalf("missing %v, started %v", p.Missing(), w.active())
	}
	var got []string
	for path, mode := range map[string]os.FileMode{
		"srv/edge-hive": 0o750, "srv/edge-hive/data": 0o700, "srv/edge-hive/edgehive.cue": 0o640, "srv/edge-hive/tls/key.pem": 0o640,
		"srv/edge-hive/seed/books.csv": 0o640, "srv/edge-hive/deep/module.js": 0o640, "srv/edge-hive/price.js": 0o640,
		"srv/edge-hive/public/css/site.css": 0o640, "srv/edge-hive/public": 0o750, "srv/edge-hive/cue.mod/module.cue": 0o640,
		"usr/local/bin/edge-hive": 0o755, "etc/edge-hive/environment": 0o600, "etc/systemd/system/edge-hive.service": 0o644,
		"etc/edge-hive/installed.json": 0o600,
	} {
		info, err := os.Stat(filepath.Join(w.root, path))
		if err != nil || info.Mode().Perm() != mode {
			got = append(got, fmt.Sprintf("%s: %v, want %o", path, info, mode))
		}
	}
	if got != nil {
		t.Fatalf("%q", got)
	}
	for _, path := range []string{"README.md", "seed/unnamed.csv", "elsewhere", "public/.git", "data/shop.db", "bin"} {
		if _, err := os.Stat(filepath.Join(w.root, DefaultDir, path)); err == nil {
			t.Errorf("%s was copied", path)
		}
	}
	if text := w.read("etc/edge-hive/environment"); !strings.Contains(text, "# auth.secret\nSHOP_SECRET=\n") {
		t.Errorf("%s", text)
	}
	if w.read("etc/systemd/system/edge-hive.service") != deploy.Unit {
		t.Error("the unit of what is taken when nothing is said is not deploy/edge-hive.service")
	}
	if calls := w.calls(); !strings.Contains(calls, "daemon-reload") || !strings.Contains(calls, "enable edge-hive.service") || strings.Contains(calls, "start") {
		t.Errorf("systemd was told %q", calls)
	}

	// With the secret it is started; what is there already is left as it is.
	w.write(filepath.Join(w.root, "etc/edge-hive/environment"), "SHOP_SECRET=0123456789abcdef0123456789abcdef\n")
	if err := os.Chmod(filepath.Join(w.root, "etc/edge-hive/environment"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.install(w.options())
	if want := []string{"started", "ready"}; !slices.Equal(w.said, want) {
		t.Errorf("the second time did %q, want %q", w.said, want)
	}
	if calls := w.calls(); strings.Contains(calls, "daemon-reload") || strings.Contains(calls, "sysusers") {
		t.Errorf("systemd was told %q", calls)
	}

	// Again: nothing but a look whether the manifest is another.
	w.install(w.options())
	if want := []string{"reloaded", "ready"}; !slices.Equal(w.said, want) {
		t.Errorf("the third time did %q, want %q", w.said, want)
	}
	if !slices.Equal(w.backend.told, []string{"reload"}) {
		t.Errorf("the backend was told %q", w.backend.told)
	}

	// A newer binary, and a file that nothing names any more.
	w.write(filepath.Join(w.project, "bin/edge-hive"), "a newer binary")
	if err := os.Remove(filepath.Join(w.project, "public/css/site.css")); err != nil {
		t.Fatal(err)
	}
	w.install(w.options())
	if !slices.Equal(w.backend.told, []string{"reload", "upgrade"}) || w.read("usr/local/bin/edge-hive") != "a newer binary" {
		t.Errorf("the backend was told %q", w.backend.told)
	}
	if _, err := os.Stat(filepath.Join(w.root, DefaultDir, "public/css/site.css")); err == nil {
		t.Error("a file that nothing names any more is served on")
	}
	_ = w.calls()

	// Another unit holds from a restart on.
	o := w.options()
	o.Tags = []string{"env=it's 100%"}
	w.install(o)
	if calls := w.calls(); !strings.Contains(calls, "daemon-reload\n") || !strings.Contains(calls, "restart edge-hive.service") {
		t.Errorf("systemd was told %q", calls)
	}
	if text := w.read("etc/systemd/system/edge-hive.service"); !strings.Contains(text, `serve -t "env=it's 100%%" edgehive.cue`) {
		t.Errorf("%s", text)
	}

	// Away, but for what cannot be made again.
	r := &Removal{Root: w.root, pretended: true, Say: func(string) {}}
	if err := errors.Join(r.Look(), r.Do(t.Context())); err != nil {
		t.Fatal(err)
	}
	for path, there := range map[string]bool{
		"etc/systemd/system/edge-hive.service": false, "usr/local/bin/edge-hive": false,
		"srv/edge-hive/data": true, "srv/edge-hive/edgehive.cue": true, "etc/edge-hive/environment": true,
	} {
		if _, err := os.Stat(filepath.Join(w.root, path)); (err == nil) != there {
			t.Errorf("%s is there: %v, want %v", path, err == nil, there)
		}
	}
	r.Purge = true
	if err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"srv/edge-hive", "etc/edge-hive", "etc/sysusers.d/edge-hive.conf"} {
		if _, err := os.Stat(filepath.Join(w.root, path)); err == nil {
			t.Errorf("%s is there still", path)
		}
	}
	if calls := w.calls(); !strings.Contains(calls, "userdel") {
		t.Errorf("the user stays: %q", calls)
	}
	if err := r.Look(); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("what is gone: %v", err)
	}
}

func TestInTheWay(t *testing.T) {
	w := newWorld(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"root":        {func(o *Options) { o.User = "root" }, `"root" cannot be the service's user`},
		"user":        {func(o *Options) { o.User = "a b" }, `"a b" cannot be`},
		"home":        {func(o *Options) { o.Dir = "/home/ann/shop" }, "/home/ann/shop is hidden from services"},
		"system":      {func(o *Options) { o.Dir = "/etc" }, "/etc is the system's"},
		"unclean":     {func(o *Options) { o.Dir = "/srv/../etc" }, `"/srv/../etc" cannot be used`},
		"words":       {func(o *Options) { o.Dir = "/srv/my shop" }, "cannot be used"},
		"binary":      {func(o *Options) { o.Binary = "/tmp/edge-hive" }, "hidden from services"},
		"data folder": {func(o *Options) { o.Manifest.Database.Dir = "/home/ann/data" }, "the data folder /home/ann/data is the system's, or hidden"},
		"port":        {func(o *Options) { o.Manifest.Server.HTTP = busy.Addr().String() }, "choose another in server.listen.http"},
		"import":      {func(o *Options) { o.Manifest.Files = append(o.Manifest.Files, "/srv/other/shared.cue") }, "not in its folder"},
	} {
		o := w.options()
		c.change(&o)
		_, err := Look(t.Context(), o)
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(w.root, "etc")); err != nil || len(entries) != 2 {
		t.Errorf("something was changed: %v, %v", entries, err)
	}
}

// What a manifest names where services do not see it is found once it is copied.
func TestHiddenFiles(t *testing.T) {
	w := newWorld(t)
	outside := filepath.Join(t.TempDir(), "public")
	w.write(filepath.Join(outside, "index.html"), "<p>")
	manifestText := project["edgehive.cue"] + "routes: \"GET /more/*\": static: dir: \"" + outside + "\"\n"
	w.write(filepath.Join(w.project, "edgehive.cue"), fmt.Sprintf(manifestText, freePort(t), freePort(t)))
	p, err := Look(t.Context(), w.options())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Do(t.Context()); err == nil || !strings.Contains(err.Error(), outside+", which is hidden from services") {
		t.Errorf("%v", err)
	}
	if w.active() {
		t.Error("it was started")
	}
}

// A manifest that is in its place already is not copied onto itself.
func TestInPlace(t *testing.T) {
	w := newWorld(t)
	at := filepath.Join(w.root, DefaultDir)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.project, at); err != nil {
		t.Fatal(err)
	}
	w.project = at
	w.write(filepath.Join(w.root, "etc/edge-hive/environment"), "SHOP_SECRET=\"0123456789abcdef0123456789abcdef\"\n")
	w.install(w.options())
	if !w.active() || w.read("srv/edge-hive/README.md") != "not named" {
		t.Error("it was not started, or what is nobody's was taken away")
	}
	info, err := os.Stat(filepath.Join(at, "tls/key.pem"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info, err)
	}
}
