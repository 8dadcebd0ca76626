package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// What makes this test binary a part of TestAttackSlow: the server that is attacked,
// or those who attack it, "ADDRESS CONNECTIONS". Each is a process of its own, so that
// its memory and its collector are its own.
const (
	serveForAttack = "EDGEHIVE_ATTACK_SERVES"
	holdForAttack  = "EDGEHIVE_ATTACK_HOLDS"
)

// perAddress is the default of limits.connectionsPerAddress.
const perAddress = 256

// TestServeForAttack is the server of TestAttackSlow.
func TestServeForAttack(t *testing.T) {
	if os.Getenv(serveForAttack) == "" {
		t.Skip("it is a part of TestAttackSlow")
	}
	m := compressing()
	m.Rates[0].Requests = 1 << 30
	m.Routes = []manifest.Route{words(manifest.Route{Pattern: "/big", URLPath: "/big"}, strings.Repeat("x", 8<<20))}
	s := newSite(t, m, func(o *web.Options) { o.Log = slog.New(slog.DiscardHandler) })
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := wire.NewListener(inner, wire.Bounds{Total: 10_000, PerAddress: perAddress})
	server := wire.NewServer(s.Handler, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	_, _ = fmt.Fprintln(os.Stdout, "listening", inner.Addr())
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() { // until the test ends
		_, _ = fmt.Fprintln(os.Stdout, "open", l.Open(), l.Refused())
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// TestHoldForAttack is the attackers of TestAttackSlow, until their input ends.
func TestHoldForAttack(t *testing.T) {
	var address string
	var connections int
	if n, _ := fmt.Sscan(os.Getenv(holdForAttack), &address, &connections); n != 2 {
		t.Skip("it is a part of TestAttackSlow")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	defer attackers.Wait()
	defer cancel()
	for i := range connections {
		from := fmt.Sprintf("127.1.%d.%d", i/perAddress/200, 1+i/perAddress%200)
		attackers.Go(func() { holder(ctx, address, from, i%len(slowly)) })
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// part is a process of this test binary. It runs until its input is closed.
type part struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startPart(t *testing.T, test, variable, value string) *part {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-test.run=^"+test+"$", "-test.timeout=30m")
	command.Env = append(os.Environ(), variable+"="+value)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &part{command: command, in: in, out: bufio.NewScanner(out)}
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop ends it and waits for its end. A second one does nothing.
func (p *part) stop(t *testing.T) {
	if p.command.ProcessState != nil {
		return
	}
	_ = p.in.Close()
	for p.out.Scan() { // to the end of what it says
	}
	if err := p.command.Wait(); err != nil && t.Context().Err() == nil {
		t.Error(err)
	}
}

// attacked is the server as a process.
type attacked struct {
	*part
	address string
}

func startAttacked(t *testing.T) *attacked {
	t.Helper()
	a := &attacked{part: startPart(t, "TestServeForAttack", serveForAttack, "1")}
	for a.out.Scan() {
		if address, ok := strings.CutPrefix(a.out.Text(), "listening "); ok {
			a.address = address
			return a
		}
	}
	t.Fatal("the server does not listen")
	return nil
}

// open is how many connections are open, and how many were refused.
func (a *attacked) open(t *testing.T) (open, refused int) {
	t.Helper()
	if _, err := io.WriteString(a.in, "\n"); err != nil || !a.out.Scan() {
		t.Fatal("the server does not answer", err)
	}
	if _, err := fmt.Sscanf(a.out.Text(), "open %d %d", &open, &refused); err != nil {
		t.Fatal(a.out.Text())
	}
	return open, refused
}

// memory is the process's resident memory in bytes, 0 where the system does not say.
func (a *attacked) memory() int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(a.command.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kilobytes << 10
		}
	}
	return 0
}

// slowly are the ways to hold a connection: each is begun, then goes on a byte at a
// time, or not at all.
var slowly = []struct{ begin, more string }{
	{"GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n"}, // headers that do not end
	{"GET /", "x"}, // a line that does not end
	{"POST /api/data/t HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", " "},                         // a body that drips
	{"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x"},                                                                // a body that nobody asked for
	{"POST /api/data/t HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "1\r\n \r\n"}, // chunks that drip
	{"GET /big HTTP/1.1\r\nHost: a\r\n\r\n", ""},                                                                                             // an answer that is not read
	{"GET /big HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n", ""},                                                                    // one that is encoded on its way
	{"", ""}, // nothing
}

// holder keeps a connection open in one of these ways, and opens it again when the
// server ends it.
func holder(ctx context.Context, address, from string, way int) {
	dialer := &net.Dialer{Timeout: 30 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			pause(ctx, 100*time.Millisecond)
			continue
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		hold(ctx, conn, way)
		_ = conn.Close()
		pause(ctx, 20*time.Millisecond)
	}
}

func hold(ctx context.Context, conn net.Conn, way int) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, slowly[way].begin); err != nil {
		return
	}
	if slowly[way].more == "" {
		// It notices its end by a write: nothing is read.
		for pause(ctx, time.Second) {
			if way == len(slowly)-1 {
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					return
				}
			}
		}
		return
	}
	for pause(ctx, time.Second) {
		if _, err := io.WriteString(conn, slowly[way].more); err != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// legal asks as others do, one after the other: half on a kept connection, half on
// new ones. Each must be answered.
func legal(t *testing.T, address string, n int) []time.Duration {
	t.Helper()
	kept := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer kept.CloseIdleConnections()
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	took := make([]time.Duration, 0, n)
	for i := range n {
		client := kept
		if i%2 == 1 {
			client = fresh
		}
		began := time.Now()
		answer, err := client.Get("http://" + address + "/api/data/books")
		if err != nil {
			t.Fatalf("legal request %d: %v", i, err)
		}
		if body := readAll(t, answer); answer.StatusCode != http.StatusOK || body == "" {
			t.Fatalf("legal request %d: %d %s", i, answer.StatusCode, body)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took
}

func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// Thousands who hold connections open by being slow keep nobody from being answered,
// and the server's memory within its bound. Each address has its 256 at most. With
// EDGEHIVE_ATTACK=full there are 5 000 of them, five times in turn with nobody. How
// long the legal requests take is printed, not judged.
func TestAttackSlow(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 to come from")
	}
	connections, requests, rounds := 400, 200, 1
	if os.Getenv("EDGEHIVE_ATTACK") == "full" {
		connections, requests, rounds = 5000, 4000, 5
	}
	server := startAttacked(t)
	legal(t, server.address, 50) // what is made at the first request is made
	memory := server.memory()
	slower := make([]float64, 0, rounds)
	for range rounds {
		calm := legal(t, server.address, requests)
		attackers := startPart(t, "TestHoldForAttack", holdForAttack, fmt.Sprint(server.address, " ", connections))
		most := 0
		long(t, func() bool {
			now, _ := server.open(t)
			most = max(most, now)
			return now >= connections*9/10 // the others are just coming again
		})
		// One address has no more than its share.
		if from := floodFrom(t, server.address, "127.2.0.1", perAddress+20); from > perAddress {
			t.Errorf("%d connections from one address", from)
		}
		flooded := legal(t, server.address, requests)
		now, refused := server.open(t)
		during := server.memory()
		slower = append(slower, float64(percentile(flooded, 99))/float64(percentile(calm, 99)))
		t.Logf("calm:  p50 %v, p99 %v, %d MiB", percentile(calm, 50), percentile(calm, 99), memory>>20)
		t.Logf("flood: p50 %v, p99 %v, %d MiB, %d connections open (%d at most), %d refused",
			percentile(flooded, 50), percentile(flooded, 99), during>>20, now, max(most, now), refused)
		if refused == 0 {
			t.Error("nobody was refused")
		}
		// 64 KiB for each that is slow, and what encoders may hold; the race detector
		// keeps a shadow of all of it.
		if bound := memory + shadow*(connections*(64<<10)+256<<20); during > bound {
			t.Errorf("%d MiB of memory, more than %d", during>>20, bound>>20)
		}
		attackers.stop(t)
		long(t, func() bool { now, _ := server.open(t); return now <= 2 })
	}
	slices.Sort(slower)
	t.Logf("the p99 of legal requests in the flood, over that without: %.2f (median of %d)", slower[len(slower)/2], rounds)
}

// floodFrom opens connections from one address, and gives how many stay.
func floodFrom(t *testing.T, address, from string, n int) int {
	t.Helper()
	dialer := &net.Dialer{Timeout: 30 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	answered := 0
	conns := make([]net.Conn, 0, n)
	for range n {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		conns = append(conns, conn)
		_, _ = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n") // it may be closed
	}
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil && strings.Contains(line, "200") {
			answered++
		}
	}
	return answered
}
