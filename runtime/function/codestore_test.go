package function_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/function"
)

// compiles counts what was compiled, and what was found.
type compiles struct {
	cold, found int
	calls       map[string]int
}

func (c *compiles) Called(_, outcome string, _, _ time.Duration, _ int64) {
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[outcome]++
}

func (c *compiles) Compiled(_ string, _ time.Duration, cached bool) {
	if cached {
		c.found++
	} else {
		c.cold++
	}
}

// start loads a function with a host of its own, as a new process does, and tells
// what had to be compiled.
func start(t *testing.T, dir string) (cold, found int, log string) {
	t.Helper()
	seen := &compiles{}
	h, written := newHost(t, func(o *function.Options) { o.CacheDir, o.Meter = dir, seen })
	f := load(t, h, "echo", "kit", "echo")
	if got := call(t, f, request("body")); got.status != 201 || !strings.HasSuffix(got.body.String(), "\nbody") {
		t.Errorf("got %d %q", got.status, got.body.String())
	}
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return seen.cold, seen.found, written.String()
}

func entry(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.code"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the store has %v, %v", files, err)
	}
	return files[0]
}

func TestCompiledCodeIsFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "compiled")
	if cold, found, _ := start(t, dir); cold != 1 || found != 0 {
		t.Errorf("the first start compiled %d, and found %d", cold, found)
	}
	if cold, found, _ := start(t, dir); cold != 0 || found != 1 {
		t.Errorf("the second start compiled %d, and found %d", cold, found)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("there are %v, %v; only the key and the entry should be", left, err)
	}
	info, err := os.Stat(filepath.Join(dir, "key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %v, %v", info.Mode(), err)
	}
}

// TestForeignCodeIsNeverRun changes what is in the store in every way: it is
// compiled anew, and the next start finds that.
func TestForeignCodeIsNeverRun(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	path := entry(t, dir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoil := map[string]func() error{
		"emptied":   func() error { return os.WriteFile(path, nil, 0o600) },
		"truncated": func() error { return os.WriteFile(path, whole[:len(whole)/2], 0o600) },
		"longer":    func() error { return os.WriteFile(path, append(append([]byte{}, whole...), 0), 0o600) },
		"head alone": func() error {
			return os.WriteFile(path, whole[:min(len(whole), 6+32+64)], 0o600)
		},
		"another key": func() error { return os.WriteFile(filepath.Join(dir, "key"), make([]byte, 32), 0o600) },
		"readable key": func() error {
			return os.Chmod(filepath.Join(dir, "key"), 0o644)
		},
		"linked key": func() error {
			key := filepath.Join(dir, "key")
			if err := os.Rename(key, key+"2"); err != nil {
				return err
			}
			return os.Symlink(key+"2", key)
		},
	}
	for at := 0; at < len(whole); at += len(whole)/24 + 1 {
		spoil["byte "+string(rune('a'+at%26))+strings.Repeat("'", at/26%5)] = func() error {
			changed := append([]byte{}, whole...)
			changed[at] ^= 0x40
			return os.WriteFile(path, changed, 0o600)
		}
	}
	for name, do := range spoil {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		cold, found, log := start(t, dir)
		if cold != 1 || found != 0 {
			t.Errorf("%s: the start compiled %d, and found %d", name, cold, found)
		}
		if !strings.Contains(log, "compiled anew") {
			t.Errorf("%s: log: %s", name, log)
		}
		if cold, found, _ := start(t, dir); cold != 0 || found != 1 {
			t.Errorf("%s: the start after it compiled %d, and found %d", name, cold, found)
		}
		if whole, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	// The entry of one module under the name of another.
	other := filepath.Join(dir, strings.Repeat("ab", 32)+".code")
	if err := os.Rename(path, other); err != nil {
		t.Fatal(err)
	}
	if cold, _, _ := start(t, dir); cold != 1 {
		t.Error("an entry without its name was found")
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := start(t, dir); found != 1 {
		t.Error("an entry with its name again was not found")
	}
}

// TestWithoutRoomForCompiledCode has a store that nothing can be written to.
func TestWithoutRoomForCompiledCode(t *testing.T) {
	dir := t.TempDir()
	h, written := newHost(t, func(o *function.Options) { o.CacheDir = dir })
	work, err := filepath.Glob(filepath.Join(dir, "work-*", "*"))
	if err != nil || len(work) != 1 {
		t.Fatalf("got %v, %v", work, err)
	}
	if err := os.RemoveAll(filepath.Dir(work[0])); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere", "else"), filepath.Dir(work[0])); err != nil {
		t.Fatal(err)
	}
	call(t, load(t, h, "echo", "kit", "echo"), request(""))
	if !strings.Contains(written.String(), "compiled code cannot be kept") {
		t.Errorf("log: %s", written)
	}
}

func TestOneModuleIsCompiledOnce(t *testing.T) {
	seen := &compiles{}
	h, _ := newHost(t, func(o *function.Options) { o.Meter = seen })
	first := load(t, h, "a", "kit", "")
	for _, name := range []string{"b", "c", "d"} {
		// Limits are an instance's, not the module's.
		load(t, h, name, "kit", "echo", func(d *function.Definition) { d.Limits.Memory = 8 << 20 })
	}
	if u := h.Usage(); u.Modules != 1 || u.Functions != 4 || seen.cold != 1 {
		t.Errorf("there are %+v, compiled %d times", u, seen.cold)
	}
	if err := first.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	load(t, h, "e", "kit", "")
	if seen.cold != 1 {
		t.Error("the module did not outlive one of its functions")
	}
}
