package engine

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/engine/watch"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// builds remembers from which sources the modules of functions were built, or
// tried to be: one that cannot be built is tried again when its source changes.
type builds struct {
	mu   sync.Mutex // held while one builds: two at once would only be slower
	from map[string][sha256.Size]byte
}

// follow watches the files of a generation that is swapped in. The caller holds
// e.turn.
func (e *Engine) follow(old, next *generation) {
	if w := e.shared.watcher; w != nil && (e.awaits.Swap(false) || !slices.Equal(old.files(), next.files())) {
		w.Follow(next.files())
	}
	if t := e.shared.trees; t != nil {
		t.Follow(builtFrom(next.manifest))
	}
}

// awaitModules watches for the modules that a refused manifest names, too: one of
// them may be what it lacks. The caller holds e.turn, or starts.
func (e *Engine) awaitModules(m *manifest.Manifest) {
	g := e.current.Load()
	if g == nil || e.shared.watcher == nil {
		return
	}
	files := slices.Concat(g.files(), m.Files)
	for i := range m.Functions {
		files = append(files, m.Functions[i].Module)
	}
	slices.Sort(files)
	e.awaits.Store(true)
	e.shared.watcher.Follow(slices.Compact(files))
	if t := e.shared.trees; t != nil {
		t.Follow(append(builtFrom(g.manifest), builtFrom(m)...))
	}
}

// isBuilt reports whether a function's module is made from its source, and is not
// its source itself.
func isBuilt(f *manifest.Function) bool { return f.Source != "" && filepath.Ext(f.Module) == ".wasm" }

// builtFrom are the folders that modules are built from.
func builtFrom(m *manifest.Manifest) []string {
	var dirs []string
	for i := range m.Functions {
		if f := &m.Functions[i]; isBuilt(f) && !slices.Contains(dirs, f.Source) {
			dirs = append(dirs, f.Source)
		}
	}
	return dirs
}

// buildMissing builds the modules that are not there, or older than their sources.
func (e *Engine) buildMissing(ctx context.Context, m *manifest.Manifest) {
	if e.options.Build == nil {
		return
	}
	e.builds.mu.Lock()
	defer e.builds.mu.Unlock()
	for i := range m.Functions {
		f := &m.Functions[i]
		if !isBuilt(f) {
			continue
		}
		sum, newest := watch.Sources(f.Source)
		if sum == ([sha256.Size]byte{}) || e.builds.from[f.Module] == sum {
			continue
		}
		info, err := os.Stat(f.Module)
		if err == nil && !newest.After(info.ModTime()) {
			e.builds.note(f.Module, sum)
			continue
		}
		e.builds.note(f.Module, sum)
		e.options.Build(ctx, f)
	}
}

// buildChanged builds the modules whose sources have changed. Those of a refused
// manifest are the next reload's.
func (e *Engine) buildChanged(ctx context.Context) {
	e.builds.mu.Lock()
	defer e.builds.mu.Unlock()
	m := e.Manifest()
	for i := range m.Functions {
		f := &m.Functions[i]
		sum, _ := watch.Sources(f.Source)
		if !isBuilt(f) || sum == ([sha256.Size]byte{}) || e.builds.from[f.Module] == sum || ctx.Err() != nil {
			continue
		}
		e.builds.note(f.Module, sum)
		e.options.Build(ctx, f)
	}
}

func (b *builds) note(module string, sum [sha256.Size]byte) {
	if b.from == nil {
		b.from = map[string][sha256.Size]byte{}
	}
	b.from[module] = sum
}

// watchSources builds modules when their sources are saved; that a module is
// another is seen as any other file's change.
func (e *Engine) watchSources() error {
	if e.options.Build == nil {
		return nil
	}
	t, err := watch.NewTrees(builtFrom(e.Manifest()))
	if err != nil {
		return err
	}
	e.turn <- struct{}{}
	e.shared.trees = t
	<-e.turn
	e.goes("build of functions", func() {
		for {
			select {
			case <-e.life.Done():
				return
			case <-t.Changed():
				e.buildChanged(e.life)
				if e.awaits.Load() {
					_, _ = e.Reload(e.life) // it builds what the refused manifest lacks, and logs its own error
				}
			}
		}
	})
	return nil
}
