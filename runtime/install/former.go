package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// former is a file as it was before an install has replaced it: path is what kept
// was, and kept is empty where nothing was there.
type former struct{ path, kept string }

// replaces keeps what is at a path until what runs has taken what replaces it: what
// is refused must not be what the next start finds. Where nothing runs, there is
// nothing to go back to.
func (p *Plan) replaces(path string) error {
	if !p.runs {
		return nil
	}
	kept := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".before-install")
	if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // one that was killed has left it
	}
	err := os.Link(path, kept)
	if errors.Is(err, fs.ErrNotExist) {
		kept, err = "", nil
	}
	if err != nil {
		return fmt.Errorf("keep what is replaced: %w", err)
	}
	p.former = append(p.former, former{path, kept})
	return nil
}

// taken forgets what was replaced: what is new is in force.
func (p *Plan) taken() {
	for _, f := range p.former {
		if f.kept != "" {
			_ = os.Remove(f.kept) // the next install does
		}
	}
	p.former = nil
}

// putBack brings back what was there before, as what is new was refused. It gives
// the error of before, with its own.
func (p *Plan) putBack(ctx context.Context, refused error) error {
	if ctx.Err() != nil || len(p.former) == 0 {
		p.taken() // who was interrupted does not know what runs
		return refused
	}
	var errs []error
	for i := len(p.former) - 1; i >= 0; i-- {
		f := p.former[i]
		if f.kept != "" {
			errs = append(errs, os.Rename(f.kept, f.path))
		} else if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	p.former = nil
	if p.changed.unit {
		errs = append(errs, p.systemctl(ctx, "daemon-reload"))
	}
	if p.systemctl(ctx, "is-active", "--quiet", unitName) != nil {
		errs = append(errs, p.systemctl(ctx, "restart", unitName))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(refused, fmt.Errorf("put back what was there before: %w", err))
	}
	p.o.Say("refused: what was there before was put back, and serves on")
	return refused
}
