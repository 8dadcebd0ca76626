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
	socketName  = "admin.sock"
	forwardName = "forward.sock"
	// longestPath is what every system takes for a Unix socket's path: 104
	// bytes with the terminating zero on the BSDs, 108 on Linux.
	longestPath = 103
)

// SocketPath is where the socket of a data folder is. Systems take only about
// a hundred bytes for it: a longer one moves to a folder of the user's own, mode
// 0700, in the system's temporary folder, named after the data folder.
func SocketPath(dataDir string) string { return socketPath(dataDir, socketName, "") }

// ForwardPath is where the process that serves a data folder takes requests that
// reach the one before it, after an upgrade.
func ForwardPath(dataDir string) string { return socketPath(dataDir, forwardName, "-forward") }

func socketPath(dataDir, name, suffix string) string {
	path := filepath.Join(dataDir, name)
	if len(path) <= longestPath {
		return path
	}
	sum := sha256.Sum256([]byte(filepath.Clean(dataDir)))
	return filepath.Join(fallbackDir(), hex.EncodeToString(sum[:8])+suffix+".sock")
}

// ErrTaken is returned by Listen when another process serves the data folder.
var ErrTaken = errors.New("another edge-hive serves this data folder: stop that one first, or give this one another database.path")

// Listen binds the socket of a data folder, mode 0600. A file that is there
// and that nobody answers was left by a process that died, and is replaced.
func Listen(ctx context.Context, dataDir string) (net.Listener, error) {
	path := SocketPath(dataDir)
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%w (%s)", ErrTaken, dataDir), conn.Close())
	}
	l, err := listen(ctx, dataDir, path)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return l, nil
}

// ListenForward binds the socket of ForwardPath, in the same way. Who has it is the
// one that serves, whoever else has listened there.
func ListenForward(ctx context.Context, dataDir string) (net.Listener, error) {
	l, err := listen(ctx, dataDir, ForwardPath(dataDir))
	if err != nil {
		return nil, fmt.Errorf("socket for the requests of the process before: %w", err)
	}
	return l, nil
}

func listen(ctx context.Context, dataDir, path string) (net.Listener, error) {
	if filepath.Dir(path) != filepath.Clean(dataDir) {
		if err := ownDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove a stale one: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
