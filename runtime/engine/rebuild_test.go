package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// builder stands for a compiler: it makes a module whose bytes are the source's
// length, and fails for a source that is "broken".
type builder struct {
	mu    sync.Mutex
	built []string
}

// empty is a WebAssembly module with one export: edgehive_handle, which answers 0.
var empty = []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x05\x03\x01\x00\x01\x07\x1c\x02\x06memory\x02\x00\x0fedgehive_handle\x00\x00\x0a\x06\x01\x04\x00\x41\x00\x0b")

func (b *builder) build(_ context.Context, f *manifest.Function) {
	source, err := os.ReadFile(filepath.Join(f.Source, "main.txt"))
	b.mu.Lock()
	b.built = append(b.built, f.Name+" "+string(source))
	b.mu.Unlock()
	if err != nil || string(source) == "broken" {
		return
	}
	// A custom section makes each build's bytes its own.
	module := append(append([]byte{}, empty...), 0, byte(len(source)+2), 1, 'v')
	module = append(module, source...)
	err = errors.Join(os.MkdirAll(filepath.Dir(f.Module), 0o755), os.WriteFile(f.Module+".part", module, 0o600), os.Rename(f.Module+".part", f.Module))
	if err != nil {
		panic(err)
	}
}

func (b *builder) last() (string, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.built) == 0 {
		return "", 0
	}
	return b.built[len(b.built)-1], len(b.built)
}

func TestRebuild(t *testing.T) {
	const one = "\nfunctions: one: {source: \"one\", access: call: true}\n"
	b := prepare(t, base+one)
	made := &builder{}
	reloads := make(chan engine.Outcome, 20)
	b.write("one/main.txt", "a")
	b.start(func(o *engine.Options) {
		o.Watch, o.Build = true, made.build
		o.OnReload = func(out engine.Outcome) { reloads <- out }
	})
	if last, _ := made.last(); last != "one a" {
		t.Fatalf("the missing module was not built before the start: %q", last)
	}
	wait := func(what, result string) {
		t.Helper()
		for deadline := time.After(patience); ; {
			select {
			case out := <-reloads:
				if out.Result == result {
					return
				}
			case <-deadline:
				t.Fatalf("%s: no reload %s", what, result)
			}
		}
	}
	built := func(what, want string) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			if last, _ := made.last(); last == want {
				return
			}
			if time.Now().After(deadline) {
				last, _ := made.last()
				t.Fatalf("%s: the last build is %q", what, last)
			}
		}
	}
	b.write("one/main.txt", "bb")
	built("a save", "one bb")
	wait("a save", admin.Swapped)

	b.write("one/main.txt", "broken")
	built("a source that does not build", "one broken")
	b.write("one/main.txt", "cccc")
	built("the mended source", "one cccc")
	wait("the mended source", admin.Swapped)

	// A function that comes is built before the manifest is checked; one whose
	// source does not build refuses the manifest until it does.
	b.write("two/main.txt", "broken")
	b.write("edgehive.cue", base+one+"functions: two: {source: \"two\", access: call: true}\n")
	wait("a function that is not built", admin.Refused)
	wait("to watch its module is a change", admin.Refused)
	b.write("two/main.txt", "d")
	built("the source of a refused manifest", "two d")
	wait("the source of a refused manifest", admin.Swapped)

	// A module that somebody else builds is a change, too.
	_, before := made.last()
	made.build(t.Context(), &manifest.Function{Name: "two", Source: filepath.Join(b.dir, "one"), Module: filepath.Join(b.dir, "two/build/two.wasm")})
	wait("a module that was built by hand", admin.Swapped)
	if _, after := made.last(); after != before+1 {
		t.Errorf("%d builds for nothing", after-before-1)
	}
}
