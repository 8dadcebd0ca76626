package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Removal is what uninstall takes away.
type Removal struct {
	Root  string
	Purge bool // the data, the manifest, the secrets and the user, too
	Say   func(line string)

	pretended bool
	record    record
}

// ErrNotInstalled is returned where no install has left anything.
var ErrNotInstalled = errors.New("nothing is installed here")

// Look finds what was installed.
func (r *Removal) Look() error {
	if runtime.GOOS != "linux" {
		return Problems{{"install is for Linux with systemd", "there is nothing to be taken away here"}}
	}
	if r.Root == "" && os.Geteuid() != 0 {
		return Problems{{"only root can take a service away", "run it with sudo"}}
	}
	var err error
	if r.record, err = readRecord(r.at(recordFile)); err != nil {
		return err
	}
	if r.record.Dir == "" {
		return ErrNotInstalled
	}
	// The record is root's alone, and what stands in it is removed whole: look at
	// it all the same.
	for _, path := range []string{r.record.Dir, r.record.Data, r.record.Binary} {
		if !plainPath.MatchString(path) || filepath.Clean(path) != path || isBelow(path, unseen...) {
			return fmt.Errorf("%s names %q, which no install has written", recordFile, path)
		}
	}
	return nil
}

// Lines are what would be taken away, a line each.
func (r *Removal) Lines() []string {
	lines := []string{"the service and its unit", "the binary " + r.record.Binary}
	if !r.Purge {
		return lines
	}
	lines = append(lines, "the folder "+r.record.Dir+", with the manifest and all that is in it")
	if !isBelow(r.record.Data, r.record.Dir) {
		lines = append(lines, "the data folder "+r.record.Data)
	}
	lines = append(lines, "the secrets in "+environmentFile)
	if r.record.Made {
		lines = append(lines, "the user "+r.record.User)
	}
	return lines
}

// Kept are what is left, a line each.
func (r *Removal) Kept() []string {
	if r.Purge {
		return nil
	}
	return []string{"the manifest in " + r.record.Dir, "the data in " + r.record.Data, "the secrets in " + environmentFile}
}

func (r *Removal) at(path string) string { return filepath.Join(r.Root, path) }

// Do takes it away. It may be called again where something was in the way.
func (r *Removal) Do(ctx context.Context) error {
	if err := r.stop(ctx); err != nil {
		return err
	}
	if err := errors.Join(r.remove(unitFile), r.remove(r.record.Binary)); err != nil {
		return err
	}
	if r.Root == "" || r.pretended {
		if err := command(ctx, "systemctl", "daemon-reload"); err != nil {
			return err
		}
	}
	if !r.Purge {
		return nil
	}
	if r.record.Made {
		if err := r.removeUser(ctx); err != nil {
			return err
		}
	}
	// The record goes last: while it is there, this can be done again.
	for _, path := range []string{r.record.Data, r.record.Dir, environmentFile, accountFile, recordFile} {
		if err := r.remove(path); err != nil {
			return err
		}
	}
	_ = os.Remove(r.at(filepath.Dir(recordFile))) // with more in it, it stays
	return nil
}

func (r *Removal) stop(ctx context.Context) error {
	if _, err := os.Stat(r.at(unitFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	args := []string{"disable", "--now", unitName}
	if r.Root != "" && !r.pretended {
		args = []string{"--root=" + r.Root, "disable", unitName}
	}
	if r.Root == "" || r.pretended {
		held, err := sockets(ctx)
		if err != nil {
			return err
		}
		args = append(args, held...) // whoever connects would start it again
	}
	if err := command(ctx, "systemctl", args...); err != nil {
		return err
	}
	r.Say("stopped, and it starts no more")
	return nil
}

func (r *Removal) remove(path string) error {
	at := r.at(path)
	if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	r.Say("removed " + path)
	return nil
}

func (r *Removal) removeUser(ctx context.Context) error {
	if _, err := entry(r.at("/etc/passwd"), r.record.User); errors.Is(err, errNoUser) {
		return nil
	}
	args := []string{r.record.User}
	if r.Root != "" {
		args = []string{"--prefix", r.Root, r.record.User}
	}
	if err := command(ctx, "userdel", args...); err != nil {
		return err
	}
	r.Say("removed user " + r.record.User)
	return nil
}
