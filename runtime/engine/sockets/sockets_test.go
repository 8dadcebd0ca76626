//go:build unix

package sockets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine/sockets"
)

// child is set for the process that a test starts to be given sockets.
const child = "SOCKETS_TEST_CHILD"

func TestMain(m *testing.M) {
	if asked := os.Getenv(child); asked != "" {
		if err := activated(asked); err != nil {
			fmt.Fprintln(os.Stdout, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// activated listens on what systemd gave, and answers each socket's first
// connection with its name.
func activated(asked string) error {
	// The shell that starts this process has its own id.
	if err := os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()+wrongPID())); err != nil {
		return err
	}
	s, err := sockets.FromSystemd()
	if err != nil {
		return err
	}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "LISTEN_") {
			return fmt.Errorf("%s is still set", variable)
		}
	}
	for name, address := range pairs(asked) {
		l, err := s.Listen(context.Background(), name, address)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, name, l.Addr())
		if err := l.Close(); err != nil {
			return err
		}
	}
	dropped, err := s.Drop()
	fmt.Fprintln(os.Stdout, "dropped", dropped)
	return err
}

func wrongPID() int {
	if os.Getenv("SOCKETS_TEST_OTHER") != "" {
		return 1
	}
	return 0
}

func pairs(text string) map[string]string {
	m := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, address, _ := strings.Cut(part, "=")
		m[name] = address
	}
	return m
}

// activate starts this test as systemd starts a service, and gives what it said.
func activate(t *testing.T, listeners []net.Listener, names, asked string, more ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	for _, l := range listeners {
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Env = append(os.Environ(), child+"="+asked, fmt.Sprintf("LISTEN_FDS=%d", len(listeners)), "LISTEN_FDNAMES="+names)
	cmd.Env = append(cmd.Env, more...)
	out, _ := cmd.CombinedOutput() // what it says tells how it ended
	return string(out)
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestFromSystemd(t *testing.T) {
	one, two := listen(t, "127.0.0.1:0"), listen(t, "[::1]:0")
	both := []net.Listener{one, two}
	everywhere := listen(t, ":0")
	_, port, _ := net.SplitHostPort(everywhere.Addr().String())
	for _, c := range []struct {
		what, names, asked string
		given              []net.Listener
		more               string
		want               []string
	}{
		{"by name", "http:metrics", "http=" + one.Addr().String() + ",metrics=" + two.Addr().String(), both, "", []string{"http " + one.Addr().String(), "metrics " + two.Addr().String(), "dropped []"}},
		{"by address", "edge-hive.socket:edge-hive.socket", "metrics=" + two.Addr().String(), both, "", []string{"metrics " + two.Addr().String(), "dropped [edge-hive.socket on " + one.Addr().String() + "]"}},
		{"without names", "", "http=" + one.Addr().String(), both, "", []string{"http " + one.Addr().String(), "dropped [unknown on " + two.Addr().String() + "]"}},
		{"another name's is not taken", "metrics:x", "http=127.0.0.1:0", both[:1], "", []string{"http 127.0.0.1:", "dropped [metrics on " + one.Addr().String() + "]"}},
		{"another address", "http:metrics", "http=127.0.0.1:1", both, "", []string{`the socket "http" that systemd gives listens on ` + one.Addr().String()}},
		{"every interface", "http", "http=:" + port, []net.Listener{everywhere}, "", []string{"http [::]:" + port}},
		{"another process'", "http", "http=127.0.0.1:0", both, "SOCKETS_TEST_OTHER=1", []string{"dropped []"}},
		{"too many", "http", "http=127.0.0.1:0", both, "LISTEN_FDS=65", []string{"LISTEN_FDS is \"65\""}},
		{"no socket", "http", "http=127.0.0.1:0", nil, "LISTEN_FDS=1", []string{"descriptor"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			said := activate(t, c.given, c.names, c.asked, c.more)
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("it said %q, want %q", said, want)
				}
			}
			if c.more != "" && c.given != nil && strings.Contains(said, one.Addr().String()) {
				t.Errorf("what was meant for another process was taken: %s", said)
			}
		})
	}
}

// TestHand proves that connections which come while nobody accepts are answered
// by the next who does.
func TestHand(t *testing.T) {
	before := sockets.New()
	l, err := before.Listen(t.Context(), sockets.HTTP, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := before.ListenPacket(t.Context(), sockets.HTTP3, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.sock")
	file, err := before.Through("admin", path, func() (net.Listener, error) { return net.Listen("unix", path) })
	if err != nil {
		t.Fatal(err)
	}
	gone, err := before.Listen(t.Context(), sockets.Metrics, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	accepting := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepting <- err
	}()
	handed, files, err := before.Hand()
	if err != nil || len(handed) != 3 || len(files) != 3 {
		t.Fatalf("handed %v, %v", handed, err)
	}
	before.Leave()
	for _, f := range files {
		_ = f.Fd() // as starting a process does; it must not make the socket a blocking one
	}
	address := l.Addr().String()
	for _, c := range []io.Closer{l, udp, file} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-accepting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("an accept that runs ended with %v", err)
	}
	clients := make([]net.Conn, 0, 2)
	for _, way := range [][2]string{{"tcp", address}, {"unix", path}} {
		conn, err := net.Dial(way[0], way[1])
		if err != nil {
			t.Fatalf("refused while nobody accepts: %v", err)
		}
		defer func() { _ = conn.Close() }()
		clients = append(clients, conn)
	}
	next, err := sockets.FromFiles(handed, files)
	if err != nil {
		t.Fatal(err)
	}
	for i, ask := range []sockets.Socket{{Name: sockets.HTTP, Address: "127.0.0.1:0"}, {Name: "admin", Address: path}} {
		l, err := next.Through(ask.Name, ask.Address, func() (net.Listener, error) { return nil, errors.New("bound anew") })
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("hello")); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
		if got, err := io.ReadAll(clients[i]); err != nil || string(got) != "hello" {
			t.Errorf("%s: %q %v", ask.Name, got, err)
		}
	}
	again, err := next.ListenPacket(t.Context(), sockets.HTTP3, "127.0.0.1:0")
	if err != nil || again.LocalAddr().String() != udp.LocalAddr().String() {
		t.Errorf("UDP is at %v (%v), was at %v", again, err, udp.LocalAddr())
	}
	_ = again.Close()
}

// TestFilesRemainOnlyWhereTheyAreLeft: the one who ends for good removes them.
func TestFilesRemainOnlyWhereTheyAreLeft(t *testing.T) {
	for _, left := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "a.sock")
		s := sockets.New()
		l, err := s.Through("admin", path, func() (net.Listener, error) { return net.Listen("unix", path) })
		if err != nil {
			t.Fatal(err)
		}
		if left {
			s.Leave()
		}
		_ = l.Close()
		if _, err := os.Stat(path); (err == nil) != left {
			t.Errorf("left %v: %v", left, err)
		}
	}
}

// TestOtherAddress: what the next process wants elsewhere is bound there.
func TestOtherAddress(t *testing.T) {
	before := sockets.New()
	l, err := before.Listen(t.Context(), sockets.HTTP, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	handed, files, err := before.Hand()
	if err != nil {
		t.Fatal(err)
	}
	next, err := sockets.FromFiles(handed, files)
	if err != nil {
		t.Fatal(err)
	}
	other, err := next.Listen(t.Context(), sockets.HTTP, "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if other.Addr().String() == l.Addr().String() {
		t.Error("the socket of another address was taken")
	}
	if dropped, err := next.Drop(); err != nil || len(dropped) != 1 {
		t.Errorf("dropped %v, %v", dropped, err)
	}
}

// TestNil: an engine that was given no Set binds everything.
func TestNil(t *testing.T) {
	var s *sockets.Set
	l, err := s.Listen(t.Context(), sockets.HTTP, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if handed, files, err := s.Hand(); handed != nil || files != nil || err != nil {
		t.Errorf("%v %v %v", handed, files, err)
	}
}
