//go:build unix

package supervisor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// heardTime is how long the supervisor may take to hear what it was told.
const heardTime = 5 * time.Second

// barrier waits until the supervisor has taken in what it was told before: it closes
// the file that it is sent when it comes to it (sd_notify_barrier(3)).
func barrier() (err error) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("wait for systemd: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return errors.Join(fmt.Errorf("wait for systemd: %w", err), w.Close())
	}
	var sent error
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(socket uintptr) {
			sent = unix.Sendmsg(int(socket), []byte("BARRIER=1"), unix.UnixRights(int(w.Fd())), nil, 0)
		})
	}
	if err := errors.Join(err, sent, w.Close(), conn.Close()); err != nil {
		return fmt.Errorf("wait for systemd: %w", err)
	}
	if err := r.SetReadDeadline(time.Now().Add(heardTime)); err != nil {
		return fmt.Errorf("wait for systemd: %w", err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("wait for systemd: %w", err)
	}
	return nil
}
