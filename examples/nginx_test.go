package examples_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// insecure trusts certificates that tests make.
func insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "watched.localhost"}}
}

// behind is a backend that knows who stands before it.
const behind = `
manifest: 1
name: "behind"
trustedProxies: ["127.0.0.1"]
server: {url: "https://api.example.com", listen: http: "127.0.0.1:8080"}
tables: notes: {columns: text: type: "text", access: {read: true, create: true}}
channels: notes: table: "notes"
rates: few: {per: "ip", requests: 2, window: "1h"}
limits: body: "2MiB"
routes: {
	"GET /few": {respond: body: "few", rate: "few"}
	"/upstream/*": proxy: {to: ["UPSTREAM"], strip: "/upstream"}
}
`

// TestBehindNginx runs deploy/nginx.conf in front of a backend.
func TestBehindNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
			t.Fatal("needs nginx")
		}
		t.Skip("needs nginx")
	}
	// What is behind the backend says what it was told about the client.
	told := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"proto": r.Header.Get("X-Forwarded-Proto"), "for": r.Header.Get("X-Forwarded-For"), "host": r.Host})
	}))
	t.Cleanup(told.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "edgehive.cue"), []byte(strings.ReplaceAll(behind, "UPSTREAM", told.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	b := backend.Start(t, dir)
	front := startNginx(t, nginx, b)

	client := &http.Client{Transport: insecure(), Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, address, body string, headers ...string) (int, string, http.Header) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "api.example.com"
		request.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		raw, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(raw), answer.Header
	}

	if status, _, header := ask("GET", front.plain+"/few?a=b", ""); status != 308 || header.Get("Location") != "https://api.example.com/few?a=b" {
		t.Errorf("plain HTTP: %d %q", status, header.Get("Location"))
	}
	// The scheme and the address are the client's, and those that it invents are not
	// taken.
	status, said, _ := ask("GET", front.tls+"/upstream/x", "", "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "gopher")
	if status != 200 || !strings.Contains(said, `"proto":"https"`) || strings.Contains(said, "203.0.113.7") || !strings.Contains(said, "api.example.com") {
		t.Errorf("behind both: %d %s", status, said)
	}
	// Rates count clients by what nginx says they are, never by what they say.
	var last int
	for _, invented := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"} {
		last, _, _ = ask("GET", front.tls+"/few", "", "X-Forwarded-For", invented)
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("an invented address has a rate of its own: %d", last)
	}
	// A body is the manifest's to bound.
	if status, said, _ := ask("POST", front.tls+"/api/data/notes", `{"text":"`+strings.Repeat("a", 1500<<10)+`"}`); status != 201 {
		t.Errorf("a body of 1.5 MiB: %d %.200s", status, said)
	}
	if status, said, _ := ask("POST", front.tls+"/api/data/notes", `{"text":"`+strings.Repeat("a", 3<<20)+`"}`); status != 413 || !strings.Contains(said, `"code"`) {
		t.Errorf("a body of 3 MiB: %d %.200s", status, said)
	}

	// Live channels pass, both ways, while they go on.
	dialer := websocket.Dialer{TLSClientConfig: insecure().TLSClientConfig, HandshakeTimeout: time.Minute}
	socket, answer, err := dialer.DialContext(t.Context(), "wss"+strings.TrimPrefix(front.tls, "https")+"/api/realtime/notes", http.Header{"Host": {"api.example.com"}})
	if err != nil {
		t.Fatalf("WebSocket: %v %v", err, answer)
	}
	defer func() { _ = socket.Close() }()
	hear := func(what string) {
		t.Helper()
		_ = socket.SetReadDeadline(time.Now().Add(time.Minute))
		for {
			_, message, err := socket.ReadMessage()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if strings.Contains(string(message), what) {
				return
			}
		}
	}
	hear("snapshot")
	if status, said, _ := ask("POST", front.tls+"/api/data/notes", `{"text":"heard through nginx"}`); status != 201 {
		t.Fatalf("%d %s", status, said)
	}
	hear("heard through nginx")
}

// fronted are the addresses that nginx listens on.
type fronted struct{ plain, tls string }

// startNginx starts the sample in front of a backend, its addresses and its
// certificate replaced.
func startNginx(t *testing.T, nginx string, b *backend.Backend) fronted {
	t.Helper()
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	ports := []string{"127.0.0.1:" + backend.FreePort(t), "127.0.0.1:" + backend.FreePort(t)}
	config := read(t, filepath.Join(deployDir(t), "nginx.conf"))
	for from, to := range map[string]string{
		"listen 80;": "listen " + ports[0] + ";", "listen 443 ssl;": "listen " + ports[1] + " ssl;",
		"server 127.0.0.1:8080;":                              "server " + strings.TrimPrefix(b.URL, "http://") + ";",
		"/etc/letsencrypt/live/api.example.com/fullchain.pem": cert, "/etc/letsencrypt/live/api.example.com/privkey.pem": key,
	} {
		if strings.Count(config, from) != 1 {
			t.Fatalf("nginx.conf has no %q", from)
		}
		config = strings.Replace(config, from, to, 1)
	}
	front := fronted{"http://" + ports[0], "https://" + ports[1]}
	backend.StartNginx(t, nginx, config, front.plain+"/")
	return front
}

// certificate makes one for api.example.com.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "api.example.com"}, DNSNames: []string{"api.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
