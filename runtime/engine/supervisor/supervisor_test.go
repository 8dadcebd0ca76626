//go:build unix

package supervisor_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine/supervisor"
)

func TestTell(t *testing.T) {
	names := []string{filepath.Join(t.TempDir(), "n")}
	if runtime.GOOS == "linux" {
		names = append(names, fmt.Sprintf("@edge-hive-test-%d", os.Getpid()))
	}
	for _, name := range names {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", name)
		for want, tell := range map[string]func() error{
			fmt.Sprintf("^MAINPID=%d\nREADY=1$", os.Getpid()): supervisor.Ready,
			"^RELOADING=1\nMONOTONIC_USEC=[0-9]+$":            supervisor.Reloading,
			"^STOPPING=1$":                                    supervisor.Stopping,
		} {
			if err := tell(); err != nil {
				t.Fatal(err)
			}
			text := make([]byte, 1000)
			n, err := l.Read(text)
			if err != nil || !regexp.MustCompile(want).Match(text[:n]) {
				t.Errorf("%q %v, want %q", text[:n], err, want)
			}
		}
		_ = l.Close()
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if supervisor.Ready() == nil {
		t.Error("nobody was told, and that is no error")
	}
	t.Setenv("NOTIFY_SOCKET", "")
	if err := supervisor.Ready(); err != nil {
		t.Error(err)
	}
}

// Main returns once what it has said was taken in.
func TestMainWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	told := make(chan error, 1)
	go func() { told <- supervisor.Main() }()
	for _, want := range []string{fmt.Sprintf("MAINPID=%d", os.Getpid()), "BARRIER=1"} {
		if len(told) > 0 {
			t.Fatalf("it has not waited for %q: %v", want, <-told)
		}
		text := make([]byte, 1000)
		n, err := l.Read(text) // and what comes with it is closed
		if err != nil || string(text[:n]) != want {
			t.Errorf("%q %v, want %q", text[:n], err, want)
		}
	}
	if err := <-told; err != nil {
		t.Error(err)
	}
}
