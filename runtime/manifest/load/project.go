package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// maxSource bounds the bytes of a manifest, its imports included.
const maxSource = 1 << 20

// fileName is what a manifest is called in its folder.
const fileName = "edgehive.cue"

// project is a manifest's place on disk: its files, and the folder that
// imports may come from, which is that of cue.mod or else the manifest's own.
type project struct {
	dir     string   // of the manifest, absolute
	root    string   // imports come from here and below, absolute
	files   []string // the manifest's, absolute, in load order
	sources map[string][]byte
}

// locate finds the manifest's files and reads them.
func locate(path string, overlay map[string][]byte) (*project, *fault.Fault) {
	if path == "" {
		path = "."
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.Newf(CodeNoManifest, "%q is no path", path).WithCause(err)
	}
	p := &project{dir: abs, sources: map[string][]byte{}}
	_, overlaid := overlay[abs]
	info, err := os.Stat(abs)
	switch {
	case overlaid || err == nil && !info.IsDir():
		if !strings.HasSuffix(abs, ".cue") {
			return nil, fault.Newf(CodeNoManifest, "%s is not a CUE file", filepath.Base(abs)).WithHint("a manifest is a file that ends in .cue, or a folder that holds " + fileName)
		}
		p.dir, p.files = filepath.Dir(abs), []string{abs}
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Newf(CodeNoManifest, "there is no file or folder %s", path).WithHint("name the manifest, or its folder; `edge-hive init` makes one")
	default:
		return nil, fault.Newf(CodeNoManifest, "%s cannot be read", path).WithHint("see whether you may read it").WithCause(err)
	}
	p.root = projectRoot(p.dir)
	if p.files == nil {
		if f := p.chooseFiles(overlay); f != nil {
			return nil, f
		}
	}
	return p, p.readSources(overlay)
}

// projectRoot is the nearest folder upwards that holds cue.mod, else dir.
func projectRoot(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if info, err := os.Stat(filepath.Join(at, "cue.mod")); err == nil && info.IsDir() {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// chooseFiles picks the manifest's files in its folder: edgehive.cue, with all
// files of its package if it names one; else all files of the only package.
func (p *project) chooseFiles(overlay map[string][]byte) *fault.Fault {
	names, err := cueFiles(p.dir, overlay)
	if err != nil {
		return fault.Newf(CodeNoManifest, "the folder %s cannot be read", p.dir).WithHint("see whether you may read it").WithCause(err)
	}
	packages := map[string][]string{}
	var order []string
	main, hasMain := "", false
	for _, name := range names {
		abs := filepath.Join(p.dir, name)
		pkg := packageName(abs, overlay[abs])
		if _, seen := packages[pkg]; !seen {
			order = append(order, pkg)
		}
		packages[pkg] = append(packages[pkg], abs)
		if name == fileName {
			main, hasMain = pkg, true
		}
	}
	switch {
	case hasMain && main == "":
		p.files = []string{filepath.Join(p.dir, fileName)}
	case hasMain:
		p.files = packages[main]
	case len(order) == 1 && (order[0] != "" || len(names) == 1):
		p.files = packages[order[0]]
	case len(names) == 0:
		return fault.Newf(CodeNoManifest, "there is no manifest in %s", p.dir).WithHint("`edge-hive init` makes one, called " + fileName)
	default:
		return fault.Newf(CodeNoManifest, "there is no %s in %s, and its CUE files are of different packages", fileName, p.dir).
			WithDetails(strings.Join(names, ", ")).
			WithHint("name the manifest's file, or give all its files the same package clause")
	}
	return nil
}

// cueFiles lists the CUE files of a folder by name, tests and tools left out.
func cueFiles(dir string, overlay map[string][]byte) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list folder: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	for abs := range overlay {
		if filepath.Dir(abs) == dir {
			names = append(names, filepath.Base(abs))
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasSuffix(name, ".cue") || strings.HasSuffix(name, "_test.cue") ||
			strings.HasSuffix(name, "_tool.cue") || name[0] == '.' || name[0] == '_'
	})
	slices.Sort(names)
	return slices.Compact(names), nil
}

// packageName is the file's package, "" without a clause. A file that does not
// parse so far is told about when it is loaded.
func packageName(abs string, src []byte) string {
	if src == nil {
		f, err := os.Open(abs)
		if err != nil {
			return ""
		}
		defer func() { _ = f.Close() }() // only read
		src = make([]byte, maxSource)
		n, _ := readFull(f, src)
		src = src[:n]
	}
	file, err := parser.ParseFile(abs, src, parser.PackageClauseOnly)
	if err != nil && file == nil {
		return ""
	}
	return filePackage(file)
}

func filePackage(f *ast.File) string {
	if name := f.PackageName(); name != "_" {
		return name
	}
	return ""
}

// readSources reads the manifest's files, not more than a manifest may hold.
func (p *project) readSources(overlay map[string][]byte) *fault.Fault {
	total := 0
	for _, abs := range p.files {
		src, ok := overlay[abs]
		if !ok {
			f, err := os.Open(abs)
			if err != nil {
				return fault.Newf(CodeNoManifest, "%s cannot be read", filepath.Base(abs)).WithHint("see whether you may read it").WithCause(err)
			}
			buf := make([]byte, maxSource-total+1)
			n, err := readFull(f, buf)
			_ = f.Close()
			if err != nil {
				return fault.Newf(CodeNoManifest, "%s cannot be read", filepath.Base(abs)).WithHint("see whether it is a file").WithCause(err)
			}
			src = buf[:n:n]
		}
		total += len(src)
		if total > maxSource {
			return tooLarge(abs)
		}
		p.sources[abs] = src
	}
	return nil
}

func tooLarge(file string) *fault.Fault {
	return fault.New(codeTooLarge, "the manifest is larger than 1 MiB").
		WithHint("keep data out of it: a table's first rows belong in a seed file").
		At("", fault.Position{File: file, Line: 1, Column: 1})
}
