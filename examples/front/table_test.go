package front_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// row is a row of the table in docs/from-caddy-nginx.md.
type row struct {
	line          int
	section, what string
	caddy, nginx  string
	manifest      string
}

// readTable reads the rows of all tables of the document.
func readTable(t *testing.T) []row {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(backend.Root(t), "runtime", "docs", "from-caddy-nginx.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	section := ""
	for i, line := range strings.Split(string(raw), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| what |") {
			continue
		}
		cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "| "), `\|`, "\x00"), " | ")
		if len(cells) != 4 {
			t.Fatalf("line %d has %d cells", i+1, len(cells))
		}
		r := row{line: i + 1, section: section, what: strings.TrimSpace(cells[0]), caddy: cells[1], nginx: cells[2]}
		for _, span := range codeSpan.FindAllStringSubmatch(cells[3], -1) {
			r.manifest += strings.ReplaceAll(span[1], "\x00", "|") + "\n"
		}
		if rest := strings.ReplaceAll(codeSpan.ReplaceAllString(cells[3], ""), "<br>", ""); strings.TrimSpace(rest) != "" || r.manifest == "" {
			t.Errorf("line %d: the manifest's cell has more than lines of a manifest, or none: %q", i+1, rest)
		}
		rows = append(rows, r)
	}
	return rows
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// proof is how a row is proved.
type proof struct {
	// more is what else the manifest has.
	more string
	// upstreams are servers behind, which the row names by 127.0.0.1:3000 and so on.
	upstreams int
	// unserved says that the row is not asked, but by check.
	unserved bool
	check    func(t *testing.T, s *site)
}

// TestTable serves what each row of the table has in the manifest, and asks
// whether it does what the row says. A row that nothing proves fails, and so does a
// proof of no row.
func TestTable(t *testing.T) {
	proofs := make(map[string]proof)
	for _, some := range []map[string]proof{fileProofs, proxyProofs, answerProofs, callerProofs, secureProofs, siteProofs} {
		for what, p := range some {
			if _, there := proofs[what]; there {
				t.Errorf("%q is proved twice", what)
			}
			proofs[what] = p
		}
	}
	rows := readTable(t)
	if len(rows) < 70 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.what] {
			t.Errorf("line %d: %q is there twice", r.line, r.what)
		}
		seen[r.what] = true
		p, ok := proofs[r.what]
		if !ok {
			t.Errorf("line %d: nothing proves %q", r.line, r.what)
			continue
		}
		t.Run(strings.ReplaceAll(r.what, "/", "_"), func(t *testing.T) {
			t.Parallel()
			p.check(t, newSite(t, r, p))
		})
	}
	for what := range proofs {
		if !seen[what] {
			t.Errorf("%q is proved, and stands in no row", what)
		}
	}
}

// site is a row's manifest, served.
type site struct {
	*backend.Backend
	row           row
	plain, secure string // where it listens, secure "" without TLS
	behind        []*behind
	client        *http.Client
}

// newSite serves a row.
func newSite(t *testing.T, r row, p proof) *site {
	t.Helper()
	s := &site{row: r, Backend: backend.Empty(t, t.TempDir(), binary)}
	for name, content := range siteFiles() {
		write(t, filepath.Join(s.Dir, name), content)
	}
	if err := os.Chmod(filepath.Join(s.Dir, "tls", "key.pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.plain = "127.0.0.1:" + backend.FreePort(t)
	listen := fmt.Sprintf("http: %q", s.plain)
	if strings.Contains(r.manifest, "tls: {") {
		s.secure = "127.0.0.1:" + backend.FreePort(t)
		listen += fmt.Sprintf(", https: %q", s.secure)
	}
	places := []string{`listen: http3: ":443"`, fmt.Sprintf("listen: http3: %q", s.secure), `listen: http: "127.0.0.1:8080"`, fmt.Sprintf("listen: http: %q", s.plain)}
	for i := range p.upstreams {
		b := startBehind(t, i)
		s.behind = append(s.behind, b)
		places = append(places, fmt.Sprintf("127.0.0.1:%d", 3000+i), b.address)
	}
	places = append(places, s.special(t)...)
	if !strings.Contains(r.manifest, "rates:") {
		p.more += "\nrates: default: {per: \"ip\", requests: 1000000}\n" // some rows are asked often
	}
	manifest := strings.NewReplacer(places...).Replace(r.manifest + p.more)
	write(t, filepath.Join(s.Dir, "edgehive.cue"), fmt.Sprintf("manifest: 1\nname: \"front\"\nserver: listen: {%s}\n%s", listen, manifest))
	s.client = s.newClient(&tls.Config{InsecureSkipVerify: true})
	if p.unserved {
		return s
	}
	s.Launch(t)
	scheme := "http"
	if s.secure != "" {
		scheme = "https"
	}
	s.Answers(t, func() error {
		response, err := s.client.Get(scheme + "://" + s.name() + "/ready")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
	return s
}

// name is a host that the row has a certificate for.
func (s *site) name() string {
	if strings.Contains(s.row.manifest, "app.localhost") {
		return "app.localhost"
	}
	return "example.com"
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, before, before); err != nil {
		t.Fatal(err)
	}
}
