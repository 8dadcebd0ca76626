package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

const (
	socketName = "admin.sock"
	// longestPath is what every system takes for a Unix socket's path: 104
	// bytes with the terminating zero on the BSDs, 108 on Linux.
	longestPath = 103
)

// SocketPath is where the socket of a data folder is. Systems take only about
// a hundred bytes for it: a longer one moves to a folder of the user's own, mode
// 0700, in the system's temporary folder, named after the data folder.
func SocketPath(dataDir string) string {
	path := filepath.Join(dataDir, socketName)
	if len(path) <= longestPath {
		return path
	}
	sum := sha256.Sum256([]byte(filepath.Clean(dataDir)))
	return filepath.Join(fallbackDir(), hex.EncodeToString(sum[:8])+".sock")
}

// ErrTaken is returned by Listen when another process serves the data folder.
var ErrTaken = errors.New("another edge-hive serves this data folder: stop that one first, or give this one another database.path")

// Listen binds the socket of a data folder, mode 0600. A file that is there
// and that nobody answers was left by a process that died, and is replaced.
func Listen(ctx context.Context, dataDir string) (net.Listener, error) {
	path := SocketPath(dataDir)
	if filepath.Dir(path) != filepath.Clean(dataDir) {
		if err := ownDir(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("admin socket: %w", err)
		}
	}
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%w (%s)", ErrTaken, dataDir), conn.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove stale admin socket: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("admin socket: %w", err), l.Close())
	}
	return l, nil
}
