// Package guest builds the guest programs of the examples for their tests: from source
// where the toolchain is at hand, else it takes the module that was committed.
package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
	"github.com/edge-hive/edge-hive/examples/kits"
)

// Module gives the module of the function in a folder, relative to the repository's.
// committed is the one that was built before, "" for none: it is taken where there is
// no toolchain, unless EDGEHIVE_REQUIRE_ALL is set, and written where EDGEHIVE_COMMIT is.
//
// A module is built once in a process, however many tests ask for it.
func Module(t testing.TB, dir, committed string) []byte {
	t.Helper()
	known, _ := modules.LoadOrStore(dir, &once{})
	one := known.(*once)
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.code == nil {
		one.code = builtOrCommitted(t, dir, committed)
	}
	return slices.Clone(one.code)
}

// modules are those that were built in this process, by their folder.
var modules sync.Map

type once struct {
	mu   sync.Mutex
	code []byte
}

func builtOrCommitted(t testing.TB, dir, committed string) []byte {
	t.Helper()
	module := filepath.Join(t.TempDir(), "function.wasm")
	err := build(t, filepath.Join(backend.Root(t), filepath.FromSlash(dir)), module)
	if committed != "" {
		committed = filepath.Join(backend.Root(t), filepath.FromSlash(committed))
	}
	required := os.Getenv("EDGEHIVE_REQUIRE_ALL") != ""
	if errors.Is(err, kits.ErrToolchain) && !required {
		if committed == "" {
			t.Skip(err)
		}
		t.Logf("%v; the committed module is taken", err)
		module, err = committed, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	if committed != "" && os.Getenv("EDGEHIVE_COMMIT") != "" {
		if err := os.WriteFile(committed, code, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return code
}

// build copies the folder, with nothing of what was built there before, lays the kit
// of today beside it, and builds.
func build(t testing.TB, source, module string) error {
	t.Helper()
	dir := filepath.Join(t.TempDir(), filepath.Base(source))
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{kits.Folder, "node_modules", "target", "function.wasm"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := npm(backend.Root(t), dir); err != nil {
		return err
	}
	var output bytes.Buffer
	if err := kits.Build(context.Background(), dir, module, &output); err != nil {
		t.Log(output.String())
		return err
	}
	return nil
}

// npm lends a function in AssemblyScript the compiler that `make guests` installs, at
// the versions of a lock file.
func npm(root, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "package.json")); err != nil {
		return nil //nolint:nilerr // it is in another language
	}
	installed, err := filepath.Abs(filepath.Join(root, Packages, "node_modules"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(installed); err != nil {
		return fmt.Errorf("%w: run make guests", kits.ErrToolchain)
	}
	return os.Symlink(installed, filepath.Join(dir, "node_modules"))
}

// Packages is the folder, of the repository, that `make guests` installs npm packages into.
const Packages = "examples/internal/guest/npm"

// Run runs a command in a folder, with variables beside those of the process; the test
// fails where it does.
func Run(t testing.TB, dir string, env []string, args ...string) {
	t.Helper()
	command := exec.Command(args[0], args[1:]...)
	command.Dir = dir
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}
