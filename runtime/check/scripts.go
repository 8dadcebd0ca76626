package check

import (
	"context"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function/javascript"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Scripts loads the functions that are written in JavaScript, as serving does, and
// reports those that cannot be. Serving itself finds out when it loads them, so
// Check leaves it out: the engine takes a while to get ready.
func Scripts(ctx context.Context, m *manifest.Manifest, checked *Checked) (fault.List, error) {
	return scripts(ctx, m, checked, javascript.Folder(m.Dir))
}

// Imported loads them in the same way, and gives the files that they import,
// absolute.
func Imported(ctx context.Context, m *manifest.Manifest, checked *Checked) ([]string, fault.List, error) {
	files := &noting{FS: javascript.Folder(m.Dir)}
	faults, err := scripts(ctx, m, checked, files)
	paths := make([]string, 0, len(files.opened))
	for _, name := range files.opened {
		paths = append(paths, filepath.Join(m.Dir, filepath.FromSlash(name)))
	}
	return paths, faults, err
}

// noting notes which files are opened.
type noting struct {
	fs.FS

	mu     sync.Mutex
	opened []string
}

// Open notes the file, if it is there.
func (n *noting) Open(name string) (fs.File, error) {
	f, err := n.FS.Open(name)
	if err == nil {
		n.mu.Lock()
		n.opened = append(n.opened, name)
		n.mu.Unlock()
	}
	return f, err
}

func scripts(ctx context.Context, m *manifest.Manifest, checked *Checked, files fs.FS) (fault.List, error) {
	var scripts []*javascript.Script
	var paths []string // in the manifest
	seen := map[string]bool{}
	for i := range m.Functions {
		f := &m.Functions[i]
		code, ok := checked.Modules[f.Name]
		if !ok || filepath.Ext(f.Module) != ".js" || seen[f.Module] {
			continue
		}
		seen[f.Module] = true
		name, err := filepath.Rel(m.Dir, f.Module)
		if err != nil {
			name = f.Module
		}
		scripts = append(scripts, &javascript.Script{
			Path: filepath.ToSlash(name), Code: code, Files: files, MemoryLimit: f.Limits.Memory,
		})
		paths = append(paths, f.Path+".module")
	}
	if len(scripts) == 0 {
		return nil, nil
	}
	wrong, err := javascript.Check(ctx, scripts...)
	if err != nil {
		return nil, err
	}
	var faults fault.List
	for i, w := range wrong {
		if w != nil {
			faults = append(faults, fault.New(codeModule, w.Error()).
				WithHint("mend the script; what it may use stands in docs/functions-javascript.md").At(paths[i], m.Positions.At(paths[i])))
		}
	}
	return faults, nil
}
