//go:build unix

package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// fallbackDir does not depend on the environment: the server and the command
// that calls it may have different ones.
func fallbackDir() string {
	return filepath.Join("/tmp", "edge-hive-"+strconv.Itoa(os.Getuid()))
}

// ownDir makes the folder, or refuses one that somebody else could have put
// there.
func ownDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("folder %q must be yours alone (mode 0700); remove it, or choose a shorter database.path", dir)
	}
	return nil
}
