package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// errNotHere says that a peer is not on this machine.
var errNotHere = errors.New("it is not on this machine")

// frontHost is the name that the certificate is for.
const frontHost = "localhost"

// frontSite is what all servers at the front door serve.
type frontSite struct {
	dir      string
	threads  int
	upstream string // the address of the server behind
	files    string // the folder
	cert     string
	key      string
}

// newFrontSite writes the files and makes a certificate.
func newFrontSite(dir string, threads int) (*frontSite, error) {
	s := &frontSite{dir: dir, threads: threads, files: filepath.Join(dir, "site")}
	noise := make([]byte, largeSize)
	if _, err := rand.Read(noise); err != nil {
		return nil, err
	}
	certificate, key, err := selfSigned()
	if err != nil {
		return nil, err
	}
	for name, content := range map[string]string{
		"site/" + smallFile: string(noise[:smallSize]), "site/" + largeFile: string(noise), "tls/cert.pem": certificate,
	} {
		path, err := s.write(name, content)
		if err != nil {
			return nil, err
		}
		// As files of a site are: not of this very moment.
		before := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, before, before); err != nil {
			return nil, err
		}
	}
	s.cert, s.key = filepath.Join(dir, "tls", "cert.pem"), filepath.Join(dir, "tls", "key.pem")
	return s, os.WriteFile(s.key, []byte(key), 0o600)
}

func selfSigned() (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: frontHost}, DNSNames: []string{frontHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey})), nil
}

// frontManifest takes the name, what of the server and where the files are, and
// the server behind.
const frontManifest = `manifest: 1
name: %q
server: {
	compress: false
	%s
}
limits: {connections: 100000, connectionsPerAddress: 100000}
rates: default: {per: "ip", requests: 1000000000, window: "1m"}
routes: {
	"/*": static: dir: %q
	"/proxy/*": proxy: to: ["http://%s"]
}
observe: log: level: "warn"
`

// hive starts edge-hive twice, for with TLS its plain listener only redirects.
func (s *frontSite) hive(ctx context.Context, binary string) (*front, error) {
	start := func(name, listen string, address string) (*server, error) {
		manifest, err := s.write(name+"/edgehive.cue", fmt.Sprintf(frontManifest, name, listen, s.files, s.upstream))
		if err != nil {
			return nil, err
		}
		started := &server{program: []string{binary, "serve", manifest}, env: s.goThreads(), address: address, probe: "/health"}
		return started, started.start(ctx)
	}
	addresses, err := freeAddresses(3)
	if err != nil {
		return nil, err
	}
	plain, err := start("plain", fmt.Sprintf("listen: http: %q", addresses[0]), addresses[0])
	if err != nil {
		return nil, err
	}
	tls := fmt.Sprintf("listen: {http: %q, https: %q}\n\ttls: {kind: \"files\", hsts: \"0s\", certificates: [{cert: %q, key: %q}]}", addresses[1], addresses[2], s.cert, s.key)
	secure, err := start("secure", tls, addresses[1])
	if err != nil {
		return nil, errors.Join(err, plain.stop())
	}
	return &front{name: "edge-hive", plain: plain, secure: secure.at(addresses[2])}, nil
}

// goThreads bounds the threads of a Go program, as worker_processes does nginx'.
func (s *frontSite) goThreads() []string { return []string{fmt.Sprintf("GOMAXPROCS=%d", s.threads)} }

const nginxConfiguration = `daemon off;
worker_processes %d;
pid %[2]s/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	default_type application/octet-stream;
	client_body_temp_path %[2]s/nginx-body;
	proxy_temp_path %[2]s/nginx-proxy;
	fastcgi_temp_path %[2]s/nginx-fastcgi;
	uwsgi_temp_path %[2]s/nginx-uwsgi;
	scgi_temp_path %[2]s/nginx-scgi;
	ssl_certificate %[3]s;
	ssl_certificate_key %[4]s;
	ssl_protocols TLSv1.3;
	ssl_session_cache shared:all:10m;
	upstream behind { server %[5]s; keepalive 64; }
	server {
		listen %[6]s;
		listen %[7]s ssl;
		root %[8]s;
		location /proxy/ {
			proxy_pass http://behind;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_set_header X-Forwarded-Proto $scheme;
		}
	}
}
`

// nginx starts nginx, of which one program serves both.
func (s *frontSite) nginx(ctx context.Context, out io.Writer) (*front, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return nil, errNotHere
	}
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	configuration, err := s.write("nginx.conf", fmt.Sprintf(nginxConfiguration, s.threads, s.dir, s.cert, s.key, s.upstream, addresses[0], addresses[1], s.files))
	if err != nil {
		return nil, err
	}
	version, _ := exec.CommandContext(ctx, program, "-v").CombinedOutput()
	fmt.Fprintf(out, "%s", version)
	return startFront(ctx, "nginx", &server{program: []string{program, "-p", s.dir, "-c", configuration}, address: addresses[0], probe: "/" + smallFile}, addresses[1])
}

const caddyConfiguration = `{
	admin off
	auto_https off
	persist_config off
	log {
		level ERROR
	}
}
(site) {
	root * %[5]s
	reverse_proxy /proxy/* %[4]s
	file_server
}
http://:%[1]s {
	bind 127.0.0.1
	import site
}
https://localhost:%[2]s {
	bind 127.0.0.1
	tls %[3]s
	import site
}
`

// caddy starts Caddy, of which one program serves both.
func (s *frontSite) caddy(ctx context.Context, out io.Writer) (*front, error) {
	program, err := findCaddy(ctx, out)
	if err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	configuration, err := s.write("Caddyfile", fmt.Sprintf(caddyConfiguration, port(addresses[0]), port(addresses[1]), s.cert+" "+s.key, s.upstream, s.files))
	if err != nil {
		return nil, err
	}
	version := caddyVersion // a build outside its own repository does not know it
	if !strings.Contains(program, caddyVersion) {
		said, _ := exec.CommandContext(ctx, program, "version").CombinedOutput()
		version = strings.TrimSpace(string(said))
	}
	fmt.Fprintf(out, "Caddy version: %s\n", version)
	started := &server{
		program: []string{program, "run", "--config", configuration, "--adapter", "caddyfile"},
		env:     append(s.goThreads(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir),
		address: addresses[0], probe: "/" + smallFile,
	}
	return startFront(ctx, "Caddy", started, addresses[1])
}

// startFront starts a program that listens at both addresses.
func startFront(ctx context.Context, name string, s *server, secure string) (*front, error) {
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return &front{name: name, plain: s, secure: s.at(secure)}, nil
}

// caddyVersion is the Caddy that is built, and kept for the next time.
const caddyVersion = "v2.11.9"

// findCaddy gives the Caddy that was built before, builds it with the Go that is
// here, in a module of its own, or takes the one that is installed.
func findCaddy(ctx context.Context, out io.Writer) (string, error) {
	if named := os.Getenv("CADDY"); named != "" {
		return named, nil
	}
	built, err := buildCaddy(ctx, out)
	if err == nil {
		return built, nil
	}
	if installed, lookErr := exec.LookPath("caddy"); lookErr == nil {
		fmt.Fprintf(out, "the Caddy that is installed, for %s cannot be built: %v\n", caddyVersion, err)
		return installed, nil
	}
	return "", fmt.Errorf("%w, and cannot be built: %w", errNotHere, err)
}

func buildCaddy(ctx context.Context, out io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "edge-hive-bench", "caddy-"+caddyVersion)
	built := filepath.Join(dir, "caddy")
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	compiler, err := exec.LookPath("go")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module bench\n"), 0o600); err != nil {
		return "", err
	}
	fmt.Fprintf(out, "building Caddy %s, once, into %s: this takes minutes\n", caddyVersion, dir)
	const command = "github.com/caddyserver/caddy/v2/cmd/caddy"
	for _, arguments := range [][]string{{"get", command + "@" + caddyVersion}, {"build", "-o", built + ".new", command}} {
		step := exec.CommandContext(ctx, compiler, arguments...)
		step.Dir = dir
		step.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
		if said, err := step.CombinedOutput(); err != nil {
			lines := strings.Split(strings.TrimSpace(string(said)), "\n")
			return "", fmt.Errorf("%w: %s", err, lines[len(lines)-1])
		}
	}
	return built, os.Rename(built+".new", built)
}

func freeAddresses(count int) ([]string, error) {
	addresses := make([]string, count)
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
