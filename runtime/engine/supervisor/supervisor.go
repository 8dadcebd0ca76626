// Package supervisor tells systemd how the process is, where it asks to be told
// (Type=notify): one datagram to the socket that NOTIFY_SOCKET names, as
// sd_notify(3) has it. Elsewhere nobody is told.
package supervisor

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// Ready says that the process serves, and that it is the one to watch: after an
// upgrade it is another one than systemd has started. The unit needs
// NotifyAccess=all for that.
func Ready() error { return tell(fmt.Sprintf("MAINPID=%d", os.Getpid()), "READY=1") }

// Main says that the process is the one to watch: that which had taken its place has
// died, and was no child that the supervisor hears of. It waits until that is known, for
// a while: the supervisor would not believe it of one that has ended.
func Main() error {
	if err := tell(fmt.Sprintf("MAINPID=%d", os.Getpid())); err != nil {
		return err
	}
	return barrier()
}

// Reloading says that the process reloads, until it is Ready again.
func Reloading() error {
	now, err := monotonic()
	if err != nil {
		return err
	}
	return tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now))
}

// Stopping says that the process stops.
func Stopping() error { return tell("STOPPING=1") }

func tell(lines ...string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer func() { _ = conn.Close() }() // it was sent, or not
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
