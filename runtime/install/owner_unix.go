//go:build unix

package install

import (
	"os"
	"syscall"
)

// isOwned reports whether a file is somebody's already.
func isOwned(path string, uid, gid int) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid && int(stat.Gid) == gid
}
