package front_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// TestTableOfNginx holds the column of nginx against nginx itself: a line that it
// does not know is no help to those who have it.
func TestTableOfNginx(t *testing.T) {
	nginx := backend.Program(t, "nginx")
	read := 0
	for _, r := range readTable(t) {
		configuration := nginxOf(r)
		if configuration == "" {
			continue
		}
		read++
		dir := t.TempDir()
		for name, content := range siteFiles() {
			write(t, filepath.Join(dir, name), content)
		}
		write(t, filepath.Join(dir, "app.conf"), "")
		write(t, filepath.Join(dir, "mime.types"), "types { text/html html; }")
		path := filepath.Join(dir, "nginx.conf")
		write(t, path, strings.ReplaceAll(configuration, "DIR", dir))
		if out, err := exec.Command(nginx, "-t", "-q", "-p", dir, "-c", path).CombinedOutput(); err != nil {
			t.Errorf("line %d: %v: %s\n%s", r.line, err, out, configuration)
		}
	}
	if read < 50 {
		t.Errorf("only %d rows have something of nginx", read)
	}
}

// Where the lines of nginx' cells belong.
var (
	ofHTTP     = regexp.MustCompile(`^(upstream|server \{|limit_req_zone|limit_conn_zone|proxy_cache_path)`)
	ofUpstream = regexp.MustCompile(`^(least_conn|ip_hash|random|hash |server \d)`)
	ofLocation = regexp.MustCompile(`^(proxy_pass|grpc_pass|stub_status|limit_except)`)
)

// nginxOf puts a row's lines where they belong in a configuration; "" where there
// are none, or nginx as Debian has it does not know them.
func nginxOf(r row) string {
	var http, upstream, location, server strings.Builder
	ownServers := false
	for _, span := range codeSpan.FindAllStringSubmatch(r.nginx, -1) {
		line := strings.NewReplacer(" ...;", ";", "...", "", "/var/log/nginx/", "DIR/").Replace(span[1])
		if !strings.HasSuffix(line, ";") && !strings.HasSuffix(line, "}") || strings.Contains(r.nginx, "nginx Plus") || strings.Contains(line, "quic") {
			return ""
		}
		switch {
		case ofHTTP.MatchString(line):
			http.WriteString(line + "\n")
			ownServers = ownServers || strings.HasPrefix(line, "server {")
		case ofUpstream.MatchString(line):
			upstream.WriteString(line + "\n")
		case ofLocation.MatchString(line):
			location.WriteString(line + "\n")
		default:
			server.WriteString(line + "\n")
		}
	}
	if http.Len()+upstream.Len()+location.Len()+server.Len() == 0 {
		return ""
	}
	text := "events {}\npid DIR/nginx.pid;\nerror_log stderr warn;\nhttp {\naccess_log off;\n"
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += name + "_temp_path DIR/temp-" + name + ";\n"
	}
	text += http.String()
	if upstream.Len() > 0 {
		text += "upstream behind {\n" + upstream.String() + "server 127.0.0.1:3009;\n}\n"
	}
	if !ownServers || server.Len() > 0 {
		certificate := ""
		if !strings.Contains(server.String(), "ssl_certificate ") {
			certificate = "ssl_certificate tls/cert.pem;\nssl_certificate_key tls/key.pem;\n"
		}
		text += "server {\n" + certificate + server.String()
		if location.Len() > 0 {
			text += "location /here {\n" + location.String() + "}\n"
		}
		text += "}\n"
	}
	return text + "}\n"
}
