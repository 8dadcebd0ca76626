// Package redistest starts Redis servers for tests: one, with TLS, a cluster, or
// some that sentinels watch over. They end with the test.
package redistest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/porttest"
)

const (
	program = "redis-server"
	client  = "redis-cli"
	// patience is for slow machines.
	patience = 60 * time.Second
)

// Server is a redis-server.
type Server struct {
	Address string // HOST:PORT
	Roots   string // the file of certificates that its own is made with, "" without TLS

	t       testing.TB
	dir     string
	args    []string
	process *exec.Cmd
	ended   chan struct{}
}

// Need skips a test where there is no Redis, or fails it where everything is
// required.
func Need(t testing.TB) {
	t.Helper()
	for _, name := range []string{program, client} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
				t.Fatalf("no %s on this machine", name)
			}
			t.Skipf("no %s on this machine", name)
		}
	}
}

// Start starts a server with more arguments of its own.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	Need(t)
	s := &Server{t: t, dir: t.TempDir(), Address: free(t)}
	_, port, _ := net.SplitHostPort(s.Address) // it is one
	s.args = append([]string{"--port", port}, s.common()...)
	s.args = append(s.args, args...)
	s.Run()
	t.Cleanup(s.Kill)
	return s
}

func (s *Server) common() []string {
	return []string{"--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--daemonize", "no", "--loglevel", "warning", "--logfile", "log"}
}

// StartTLS starts a server that speaks TLS alone, with a certificate of an
// authority of its own.
func StartTLS(t testing.TB, args ...string) *Server {
	t.Helper()
	Need(t)
	s := &Server{t: t, dir: t.TempDir(), Address: free(t)}
	_, port, _ := net.SplitHostPort(s.Address) // it is one
	s.Roots = s.certify()
	s.args = append([]string{
		"--port", "0", "--tls-port", port, "--tls-auth-clients", "no", "--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.pem",
	}, s.common()...)
	s.args = append(s.args, args...)
	s.Run()
	t.Cleanup(s.Kill)
	return s
}

// URL is where clients find the server.
func (s *Server) URL() string {
	if s.Roots != "" {
		return "rediss://" + s.Address
	}
	return "redis://" + s.Address
}

// Run starts the server again, on the same port and folder, and waits until it
// answers.
func (s *Server) Run() {
	s.t.Helper()
	s.begin()
	s.await()
}

func (s *Server) begin() {
	s.t.Helper()
	s.process = exec.CommandContext(context.Background(), program, s.args...) //nolint:gosec // it is the test's own
	s.process.Dir = s.dir
	s.process.SysProcAttr = endsWithUs()
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func(process *exec.Cmd) { _ = process.Wait(); close(ended) }(s.process)
}

func (s *Server) await() {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		out, _ := s.command("PING").CombinedOutput()
		if said := string(out); strings.Contains(said, "PONG") || strings.Contains(said, "NOAUTH") {
			return
		}
		select {
		case <-s.ended:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("redis-server %v has ended:\n%s", s.args, log)
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("redis-server does not answer: %s", out)
		}
	}
}

func (s *Server) command(args ...string) *exec.Cmd {
	host, port, _ := net.SplitHostPort(s.Address) // it is one
	all := []string{"-h", host, "-p", port, "--no-auth-warning"}
	if s.Roots != "" {
		all = append(all, "--tls", "--cacert", s.Roots)
	}
	return exec.CommandContext(context.Background(), client, append(all, args...)...) //nolint:gosec // it is the test's own
}

// Do gives what redis-cli says to a command.
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("redis-cli %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Kill ends the server as a power cut does.
func (s *Server) Kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		<-s.ended
	}
}

// Cluster starts a cluster of three.
func Cluster(t testing.TB) []*Server {
	t.Helper()
	var nodes []*Server
	args := []string{"--cluster", "create"}
	for range 3 {
		bus := free(t)
		_, port, _ := net.SplitHostPort(bus) // it is one
		s := Start(t, "--cluster-enabled", "yes", "--cluster-port", port, "--cluster-node-timeout", "30000", "--cluster-require-full-coverage", "yes")
		nodes = append(nodes, s)
		args = append(args, s.Address)
	}
	out, err := exec.CommandContext(context.Background(), client, append(args, "--cluster-yes")...).CombinedOutput() //nolint:gosec // it is the test's own
	if err != nil {
		t.Fatalf("make a cluster: %v: %s", err, out)
	}
	for _, s := range nodes {
		s.until("cluster_state:ok", "CLUSTER", "INFO")
	}
	return nodes
}

// until asks until an answer has something in it.
func (s *Server) until(want string, args ...string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, _ := s.command(args...).CombinedOutput()
		if strings.Contains(string(out), want) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%v does not say %s: %s", args, want, out)
		}
	}
}

// Watched is a master and its replica, and the sentinels that watch over them.
type Watched struct {
	Master, Replica *Server
	Sentinels       []*Server
}

// Sentinels starts a master with a replica, and three sentinels, which call the
// master by a name, and put the replica in its place when it was silent for down.
func Sentinels(t testing.TB, name string, down time.Duration) *Watched {
	t.Helper()
	w := &Watched{Master: Start(t)}
	host, port, _ := net.SplitHostPort(w.Master.Address) // it is one
	w.Replica = Start(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	w.Replica.until("master_link_status:up", "INFO", "replication")
	for range 3 {
		s := &Server{t: t, dir: t.TempDir(), Address: free(t)}
		_, own, _ := net.SplitHostPort(s.Address) // it is one
		config := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nlogfile log\nsentinel monitor %s %s %s 2\n"+
			"sentinel down-after-milliseconds %s %d\nsentinel failover-timeout %s 5000\n", own, s.dir, name, host, port, name, down.Milliseconds(), name)
		file := filepath.Join(s.dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{file, "--sentinel"}
		s.Run()
		t.Cleanup(s.Kill)
		w.Sentinels = append(w.Sentinels, s)
	}
	for _, s := range w.Sentinels {
		s.until("slaves=1,sentinels=3", "INFO", "sentinel")
	}
	return w
}

// free is an address that nobody has now.
func free(t testing.TB) string {
	t.Helper()
	return porttest.Free(t).Address()
}

// certify makes an authority and the server's certificate, and gives the
// authority's file.
func (s *Server) certify() string {
	s.t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	own := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signing, key := s.key(), s.key()
	s.certificate("ca.pem", authority, authority, &signing.PublicKey, signing)
	s.certificate("server.pem", own, authority, &key.PublicKey, signing)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pem("server.key", "PRIVATE KEY", raw)
	return filepath.Join(s.dir, "ca.pem")
}

func (s *Server) key() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return key
}

func (s *Server) certificate(file string, of, by *x509.Certificate, public *ecdsa.PublicKey, signing *ecdsa.PrivateKey) {
	raw, err := x509.CreateCertificate(rand.Reader, of, by, public, signing)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pem(file, "CERTIFICATE", raw)
}

func (s *Server) pem(file, kind string, raw []byte) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
	if err := os.WriteFile(filepath.Join(s.dir, file), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}
