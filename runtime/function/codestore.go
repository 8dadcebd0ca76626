package function

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/edge-hive/edge-hive/runtime/durable"
)

// codeStore keeps compiled code on disk. wazero runs what it finds in its folder
// as machine code, so that folder is our own, new for each process and empty but
// while a module is compiled: what is put there was sealed by the key beside the
// store, for this module and this compiler, and anything else is compiled anew.
type codeStore struct {
	dir  string
	work string // what wazero is given
	// folder is what it makes of that, with its version in the name.
	folder string
	key    []byte
	about  string // the compiler
	log    *slog.Logger
	mu     sync.Mutex // one module at a time is in the work folder
}

const (
	keyFile    = "key"
	keySize    = 32
	entryEnd   = ".code"
	workPrefix = "work-"
	// entryAge is for how long an entry may be of no use.
	entryAge = 30 * 24 * time.Hour
	// storeSize is what the store may hold when a process begins.
	storeSize = 2 << 30
	// workAge is when the folder of a process is left behind.
	workAge = 7 * 24 * time.Hour
)

var magic = []byte("EHWC1\n")

// cache makes wazero's cache in the work folder.
func (s *codeStore) cache() (wazero.CompilationCache, error) {
	cache, err := wazero.NewCompilationCacheWithDir(s.work)
	if err != nil {
		return nil, fmt.Errorf("make a folder for compiled functions: %w", err)
	}
	entries, err := os.ReadDir(s.work)
	if err != nil || len(entries) != 1 {
		return nil, fmt.Errorf("the compiler has not made its one folder in %s: %w", s.work, err)
	}
	s.folder = filepath.Join(s.work, entries[0].Name())
	return cache, nil
}

func openCodeStore(dir string, log *slog.Logger) (*codeStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for compiled functions: %w", err)
	}
	key, err := storeKey(dir)
	if err != nil {
		return nil, err
	}
	s := &codeStore{dir: dir, key: key, about: compiler(), log: log}
	s.prune()
	if s.work, err = os.MkdirTemp(dir, workPrefix); err != nil {
		return nil, fmt.Errorf("make a folder for compiled functions: %w", err)
	}
	return s, nil
}

// compiler says what made the code: another one's is not for us.
func compiler() string {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/tetratelabs/wazero" {
				version = d.Version + d.Sum
			}
		}
	}
	return strings.Join([]string{version, runtime.GOOS, runtime.GOARCH, runtime.Version()}, " ")
}

// storeKey reads the key that seals entries. One that others can read, or that is
// no key, is replaced: then all entries are compiled anew.
func storeKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, keyFile)
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0 && info.Size() == keySize {
		key, err := os.ReadFile(path)
		if err == nil && len(key) == keySize {
			return key, nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for the key of compiled functions: %w", err)
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // ends the process rather than give anything else
	if err := writeWhole(path, key); err != nil {
		return nil, fmt.Errorf("write the key of compiled functions: %w", err)
	}
	return key, nil
}

// writeWhole writes a file that is there as a whole or not at all.
func writeWhole(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// with runs compile with what is known of a module in wazero's folder, and keeps
// what it makes. found says that nothing had to be compiled.
func (s *codeStore) with(key moduleKey, compile func() error) (found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, content, found := s.read(key)
	s.clear()
	if err := os.MkdirAll(s.folder, 0o700); err != nil { // somebody tidied up
		s.log.Warn("compiled code cannot be kept", "cause", err)
	}
	if found {
		if err := s.place(name, content); err != nil {
			s.log.Warn("compiled code cannot be used", "cause", err)
			found = false
		}
	}
	if err := compile(); err != nil {
		// wazero fails where it cannot write its file, with the module compiled: it
		// is found in memory then.
		s.clear()
		if compile() != nil {
			return false, err
		}
	}
	if made := s.made(name); made != "" {
		found = false
		s.keep(key, made)
	}
	s.clear()
	return found, nil
}

var entryName = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (s *codeStore) path(key moduleKey) string {
	return filepath.Join(s.dir, hex.EncodeToString(key[:])+entryEnd)
}

// seal is the HMAC of an entry: for which module and compiler it is, wazero's name
// of it, the code.
func (s *codeStore) seal(key moduleKey, name string, content []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	_, _ = fmt.Fprintf(h, "%s%s\n%x\n%s\n", magic, s.about, key, name) // hashes take everything
	_, _ = h.Write(content)
	return h.Sum(nil)
}

// read gives an entry, where there is one that this key has sealed.
func (s *codeStore) read(key moduleKey) (name string, content []byte, ok bool) {
	path := s.path(key)
	raw, err := os.ReadFile(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("compiled code cannot be read", "cause", err)
		}
		return "", nil, false
	}
	rest, whole := bytes.CutPrefix(raw, magic)
	if whole = whole && len(rest) > sha256.Size+2*sha256.Size; whole {
		seal := rest[:sha256.Size]
		name, content = string(rest[sha256.Size:3*sha256.Size]), rest[3*sha256.Size:]
		whole = entryName.MatchString(name) && hmac.Equal(seal, s.seal(key, name, content))
	}
	if !whole {
		s.log.Warn("compiled code is not what was written, or for another version: it is compiled anew", "file", path)
		return "", nil, false
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		s.log.Debug("cannot mark compiled code as used", "cause", err)
	}
	return name, content, true
}

func (s *codeStore) place(name string, content []byte) error {
	return os.WriteFile(filepath.Join(s.folder, name), content, 0o600)
}

// made gives the file that was written beside the one that was placed.
func (s *codeStore) made(placed string) string {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if e.Name() != placed && entryName.MatchString(e.Name()) {
			return filepath.Join(s.folder, e.Name())
		}
	}
	return ""
}

// keep seals what was made. That it cannot be kept makes the next start slower,
// nothing else.
func (s *codeStore) keep(key moduleKey, path string) {
	content, err := os.ReadFile(path)
	if err == nil {
		name := filepath.Base(path)
		err = writeWhole(s.path(key), slices.Concat(magic, s.seal(key, name, content), []byte(name), content))
	}
	if err != nil {
		s.log.Warn("compiled code cannot be kept", "cause", err)
	}
}

// clear empties wazero's folder.
func (s *codeStore) clear() {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(s.folder, e.Name())); err != nil {
			s.log.Warn("cannot empty the compiler's folder", "cause", err)
		}
	}
}

// prune removes what nobody has used for long, and what is beyond the size of the
// store, the oldest first.
func (s *codeStore) prune() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	type entry struct {
		path string
		size int64
		used time.Time
	}
	var found []entry
	remove := func(path string) {
		if err := os.RemoveAll(path); err != nil {
			s.log.Warn("cannot remove compiled code", "cause", err)
		}
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		path, age := filepath.Join(s.dir, e.Name()), time.Since(info.ModTime())
		switch {
		case strings.HasPrefix(e.Name(), workPrefix) && age > workAge, strings.HasPrefix(e.Name(), ".") && age > workAge:
			remove(path)
		case filepath.Ext(e.Name()) != entryEnd:
		case age > entryAge:
			remove(path)
		default:
			found = append(found, entry{path, info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(found, func(a, b entry) int { return b.used.Compare(a.used) })
	var total int64
	for _, e := range found {
		if total += e.size; total > storeSize {
			remove(e.path)
		}
	}
}

func (s *codeStore) close() error {
	if err := os.RemoveAll(s.work); err != nil {
		return fmt.Errorf("remove the compiler's folder: %w", err)
	}
	return nil
}
