package javascript

import (
	"context"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// What a script may bring along, in all.
const (
	maxFiles = 1000
	maxBytes = 8 << 20
)

// internal begins the names of the prelude's modules. No file has such a name.
const internal = "edgehive:"

// kit is what scripts import the kit as; it is a module of the prelude.
const kit = "edgehive"

//go:embed prelude/*.js
var prelude embed.FS

// Script is a function's source. It must not be copied.
type Script struct {
	// Path is the main file, as messages name it, and within Files.
	Path string
	Code []byte
	// Files is where relative imports are read from, while the script is loaded for
	// the first time; nil for nowhere.
	Files fs.FS
	// MemoryLimit is how many bytes the engine may use; 0 leaves it to the instance.
	MemoryLimit int64
	// Log takes what the script writes while it is loaded; nil for nothing.
	Log func(level int, text string)

	mu     sync.Mutex
	files  map[string][]byte // that were imported
	bytes  int
	loaded bool
}

// Imported are the files that the script imported, by their names in Files.
func (s *Script) Imported() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.files))
	for name := range s.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// resolve gives the name of a module that another imports.
func resolve(base, specifier string) (string, error) {
	relative := strings.HasPrefix(specifier, "./") || strings.HasPrefix(specifier, "../")
	if rest, ok := strings.CutPrefix(base, internal); ok || base == kit {
		if !relative {
			return specifier, nil
		}
		return internal + path.Join(path.Dir(rest), specifier), nil
	}
	if specifier == kit {
		return kit, nil
	}
	say := func(what string) error {
		return fmt.Errorf("%s imports %q: %s", base, specifier, what)
	}
	switch {
	case strings.HasPrefix(specifier, "node:"):
		return "", say("there is no Node.js here; see the functions' documentation for what there is")
	case strings.Contains(specifier, ":"):
		return "", say("modules are files beside the script: addresses are not loaded")
	case strings.HasPrefix(specifier, "/"):
		return "", say("paths are relative, and begin with ./ or ../")
	case !relative:
		return "", say("packages are not looked up: bundle them into one file first, with " +
			"`esbuild --bundle --format=esm --external:edgehive` for one")
	}
	name := path.Join(path.Dir(base), specifier)
	switch {
	case !fs.ValidPath(name):
		return "", say("it is outside of the project's folder")
	case strings.HasPrefix(name, internal) || path.Ext(name) == "":
		// Beside a script in the top folder this would be the prelude's.
		return "", say("only .js, .mjs and .json files can be imported, by their whole names")
	}
	return name, nil
}

// source gives the code of a module.
func (s *Script) source(name string) ([]byte, error) {
	if name == kit {
		return prelude.ReadFile("prelude/kit.js")
	}
	if rest, ok := strings.CutPrefix(name, internal); ok {
		return prelude.ReadFile("prelude/" + rest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	code, ok := s.files[name]
	if !ok {
		var err error
		if code, err = s.read(name); err != nil {
			return nil, err
		}
		if s.files == nil {
			s.files = map[string][]byte{}
		}
		s.files[name] = code
		s.bytes += len(code)
	}
	if path.Ext(name) != ".json" {
		return code, nil
	}
	if !json.Valid(code) {
		return nil, fmt.Errorf("%s is no JSON", name)
	}
	text, err := json.Marshal(string(code))
	if err != nil {
		return nil, fmt.Errorf("quote %s: %w", name, err)
	}
	return slices.Concat([]byte("export default JSON.parse("), text, []byte(")")), nil
}

// read reads a file for the first time.
func (s *Script) read(name string) ([]byte, error) {
	switch path.Ext(name) {
	case ".js", ".mjs", ".json":
	case ".ts", ".mts", ".tsx", ".jsx":
		return nil, fmt.Errorf("%s: TypeScript and JSX are not run as they are: build them to JavaScript first, "+
			"with `esbuild --bundle --format=esm --external:edgehive` for one", name)
	default:
		return nil, fmt.Errorf("%s: only .js, .mjs and .json files can be imported", name)
	}
	if s.loaded {
		// All instances run the same code, whatever becomes of the files.
		return nil, fmt.Errorf("%s was not imported when the function was loaded: import it at the top of a file", name)
	}
	if s.Files == nil {
		return nil, fmt.Errorf("%s: this function has no folder to import from", name)
	}
	if len(s.files) == maxFiles {
		return nil, fmt.Errorf("%s: a function imports at most %d files; bundle them", name, maxFiles)
	}
	info, err := fs.Stat(s.Files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", name)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", name)
	case info.Size() > int64(maxBytes-s.bytes):
		return nil, fmt.Errorf("%s: a function and what it imports have at most %d bytes", name, maxBytes)
	}
	code, err := fs.ReadFile(s.Files, name)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read", name)
	}
	if !utf8.Valid(code) {
		return nil, fmt.Errorf("%s is no UTF-8", name)
	}
	return code, nil
}

// hostNormalize resolves an import. It gives a text that the engine frees, or 0
// where an exception is pending.
func hostNormalize(ctx context.Context, s *session, stack []uint64) {
	base, specifier := s.guest.zeroed(uint32(stack[0])), s.guest.zeroed(uint32(stack[1]))
	name, err := resolve(base, specifier)
	if err != nil {
		s.guest.throw(ctx, err.Error())
		stack[0] = 0
		return
	}
	stack[0] = uint64(s.guest.newZeroed(ctx, []byte(name)))
}

// hostLoad gives the code of a module, likewise.
func hostLoad(ctx context.Context, s *session, stack []uint64) {
	size := uint32(stack[1])
	code, err := s.script.source(s.guest.zeroed(uint32(stack[0])))
	if err != nil {
		s.guest.throw(ctx, err.Error())
		stack[0] = 0
		return
	}
	stack[0] = uint64(s.guest.newZeroed(ctx, code))
	binary.LittleEndian.PutUint32(s.guest.view(size, 4), uint32(len(code)))
}

// maxName bounds the names of modules.
const maxName = 4096

// zeroed reads a text that ends with a zero.
func (g *guest) zeroed(address uint32) string {
	b := g.view(address, min(maxName, g.memory.Size()-min(address, g.memory.Size())))
	end := slices.Index(b, 0)
	if end < 0 {
		fail("the name of a module is longer than %d bytes", maxName)
	}
	return string(b[:end])
}

// newZeroed allocates such a text.
func (g *guest) newZeroed(ctx context.Context, s []byte) uint32 {
	address := g.pointer(ctx, exportAllocate, uint64(len(s)+1))
	to := g.view(address, uint32(len(s)+1))
	copy(to, s)
	to[len(s)] = 0
	return address
}
