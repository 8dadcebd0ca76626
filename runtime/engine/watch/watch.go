// Package watch tells when a manifest's files have changed, the modules of its
// functions among them, and the folders that those are built from. It watches
// folders, not files, for editors save by renaming a new file over the old one, and
// speaks after a moment of quiet when the bytes are really others. engine calls
// it; it reads no manifest, reloads and builds nothing.
package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long a folder must lie still before its files are read: an
// editor's save is several events.
const quiet = 100 * time.Millisecond

// lookAgain is how long to wait for a folder that is gone to be there again, as
// when a checkout or a copy replaces it.
const lookAgain = 500 * time.Millisecond

// mostRead bounds what is read of a file: more than a module may have.
const mostRead = 32 << 20

// Watcher follows the manifest's files until Close.
type Watcher struct {
	notify  *fsnotify.Watcher
	changed chan struct{}
	files   chan []string
	stop    context.CancelFunc
	done    chan struct{}
}

// New follows files, given as absolute paths.
func New(files []string) (*Watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch the manifest: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Watcher{notify: notify, changed: make(chan struct{}, 1), files: make(chan []string, 1), stop: stop, done: make(chan struct{})}
	if err := w.follow(folders(sources(files))); err != nil {
		stop()
		return nil, errors.Join(err, notify.Close())
	}
	hash := contentHash(files) // now: what is saved after New returns is a change
	go w.run(ctx, files, hash)
	return w, nil
}

// Changed gives a wake-up after the files' bytes have changed. Several changes
// may be one wake-up; none is lost.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Follow watches these files from now on, in place of those before.
func (w *Watcher) Follow(files []string) {
	select {
	case <-w.files: // an order that was not begun is replaced
	default:
	}
	select {
	case w.files <- files:
	case <-w.done:
	}
}

// Close ends the watch and waits for it.
func (w *Watcher) Close() error {
	w.stop()
	<-w.done
	return w.notify.Close()
}

func (w *Watcher) run(ctx context.Context, files []string, hash [sha256.Size]byte) {
	defer close(w.done)
	timer := time.NewTimer(quiet)
	timer.Stop()
	defer timer.Stop()
	from := sources(files)
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if concerns(event, from) {
				timer.Reset(quiet)
			}
		case _, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			timer.Reset(quiet) // events may have been lost: look
		case files = <-w.files:
			timer.Reset(0)
		case <-timer.C:
			// A folder may be another by now, and a link lead elsewhere.
			from = sources(files)
			if err := w.follow(folders(from)); err != nil {
				timer.Reset(lookAgain) // the files of the others still are watched
			}
			if now := contentHash(files); now != hash {
				hash = now
				select {
				case w.changed <- struct{}{}:
				default: // the reader has not yet taken the one before
				}
			}
		}
	}
}

// follow makes the watched folders those that are given.
func (w *Watcher) follow(dirs []string) error {
	var errs []error
	watched := w.notify.WatchList()
	for _, dir := range dirs {
		if slices.Contains(watched, dir) {
			continue
		}
		if err := w.notify.Add(dir); err != nil {
			errs = append(errs, fmt.Errorf("watch folder %q: %w", dir, err))
		}
	}
	for _, dir := range watched {
		if !slices.Contains(dirs, dir) {
			_ = w.notify.Remove(dir) // it may be gone with the folder
		}
	}
	return errors.Join(errs...)
}

// concerns reports whether an event may change the manifest: one of its files,
// a CUE file beside them that may now belong to the package, one of the folders
// itself, or the "..data" link that a mounted folder of an orchestrator swaps.
// Anything else, a database beside the manifest for one, would never let the
// folder lie still.
func concerns(event fsnotify.Event, files []string) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	return strings.HasSuffix(event.Name, ".cue") || slices.Contains(files, event.Name) ||
		strings.HasPrefix(filepath.Base(event.Name), "..") || slices.Contains(folders(files), event.Name)
}

// sources are the files and, of those that are links, the files they lead to.
func sources(files []string) []string {
	all := slices.Clone(files)
	for _, file := range files {
		if target, err := filepath.EvalSymlinks(file); err == nil && !slices.Contains(all, target) {
			all = append(all, target)
		}
	}
	return all
}

func folders(files []string) []string {
	var dirs []string
	for _, file := range files {
		if dir := filepath.Dir(file); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// contentHash is over the files and every other CUE file beside them. One that
// cannot be read counts as empty: the reload that follows says why.
func contentHash(files []string) [sha256.Size]byte {
	all := slices.Clone(files)
	for _, dir := range folders(files) {
		beside, _ := filepath.Glob(filepath.Join(escapeGlob(dir), "*.cue")) // its only error is a bad pattern
		all = append(all, beside...)
	}
	slices.Sort(all)
	h := sha256.New()
	for _, file := range slices.Compact(all) {
		_, _ = fmt.Fprintf(h, "%q\n", file) // a hash takes all
		if f, err := os.Open(file); err == nil {
			_, _ = io.Copy(h, io.LimitReader(f, mostRead))
			_ = f.Close()
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path // no escape there; only [ would need one
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
