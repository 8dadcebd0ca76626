package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// mostFolders bounds how many folders are watched: systems bound it too, and a
// source of so many is none.
const mostFolders = 2000

// Trees follows folders with all that is in them, until Close.
type Trees struct {
	notify  *fsnotify.Watcher
	changed chan struct{}
	roots   chan []string
	stop    context.CancelFunc
	done    chan struct{}
}

// NewTrees follows folders, given as absolute paths. One that is not there is
// waited for.
func NewTrees(roots []string) (*Trees, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch sources: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &Trees{notify: notify, changed: make(chan struct{}, 1), roots: make(chan []string, 1), stop: stop, done: make(chan struct{})}
	whole := t.follow(roots)
	go t.run(ctx, roots, whole)
	return t, nil
}

// Changed gives a wake-up after something in the folders may have changed: Sources
// tells whether it has.
func (t *Trees) Changed() <-chan struct{} { return t.changed }

// Follow watches these folders from now on, in place of those before.
func (t *Trees) Follow(roots []string) {
	select {
	case <-t.roots: // an order that was not begun is replaced
	default:
	}
	select {
	case t.roots <- roots:
	case <-t.done:
	}
}

// Close ends the watch and waits for it.
func (t *Trees) Close() error {
	t.stop()
	<-t.done
	return t.notify.Close()
}

func (t *Trees) run(ctx context.Context, roots []string, whole bool) {
	defer close(t.done)
	timer := time.NewTimer(lookAgain)
	if whole {
		timer.Stop()
	}
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-t.notify.Events:
			if !ok {
				return
			}
			if event.Op != fsnotify.Chmod && isSource(filepath.Base(event.Name)) {
				timer.Reset(quiet)
			}
		case _, ok := <-t.notify.Errors:
			if !ok {
				return
			}
			timer.Reset(quiet) // events may have been lost: look
		case roots = <-t.roots:
			timer.Reset(0)
		case <-timer.C:
			if !t.follow(roots) { // folders may have come and gone
				timer.Reset(lookAgain)
			}
			select {
			case t.changed <- struct{}{}:
			default: // the reader has not yet taken the one before
			}
		}
	}
}

// follow makes the watched folders those of the trees. It reports whether all of
// them could be watched.
func (t *Trees) follow(roots []string) bool {
	whole := true
	var dirs []string
	for _, root := range roots {
		err := walk(root, func(path string, entry fs.DirEntry) error {
			if entry.IsDir() && !slices.Contains(dirs, path) {
				if dirs = append(dirs, path); len(dirs) > mostFolders {
					return errTooMany
				}
			}
			return nil
		})
		whole = whole && (err == nil || errors.Is(err, errTooMany)) // what is too much stays so
	}
	watched := t.notify.WatchList()
	for _, dir := range dirs {
		if !slices.Contains(watched, dir) && t.notify.Add(dir) != nil {
			whole = false
		}
	}
	for _, dir := range watched {
		if !slices.Contains(dirs, dir) {
			_ = t.notify.Remove(dir) // it may be gone with the folder
		}
	}
	return whole
}

var errTooMany = errors.New("too many folders")

// made are folders and files that building makes, or that are no source: what
// happens to them is no change.
var made = []string{"build", "target", "node_modules", "Cargo.lock", "package-lock.json", "go.sum"}

// isSource reports whether a file or folder of this name counts.
func isSource(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") && !slices.Contains(made, name) &&
		!slices.Contains([]string{".wasm", ".part", ".tmp", ".swp"}, filepath.Ext(name))
}

// walk visits what counts of a folder, itself among it.
func walk(root string, visit func(path string, entry fs.DirEntry) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil:
			return nil //nolint:nilerr // it went while we looked
		case path != root && !isSource(entry.Name()) && entry.IsDir():
			return filepath.SkipDir
		case path != root && !isSource(entry.Name()):
			return nil
		}
		return visit(path, entry)
	})
}

// Sources is a sum over what is in a folder, by names, sizes and times, and when
// its newest file was written. Of a folder that is not there it is the zero sum.
func Sources(root string) (sum [sha256.Size]byte, newest time.Time) {
	h := sha256.New()
	err := walk(root, func(path string, entry fs.DirEntry) error {
		info, err := entry.Info()
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // it went while we looked
		}
		_, _ = fmt.Fprintf(h, "%q %d %d\n", path, info.Size(), info.ModTime().UnixNano()) // a hash takes all
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return nil
	})
	if err != nil {
		return sum, newest
	}
	return [sha256.Size]byte(h.Sum(nil)), newest
}
