//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// publicVariable has the checks run that the public looks at servers by. They take
// minutes and programs that nothing else needs: `make public`. What matters of them
// is asked in Go, always: TestTLSIsStrict of autotls.
const publicVariable = "EDGEHIVE_PUBLIC"

func needPublic(t *testing.T, program string) string {
	t.Helper()
	if os.Getenv(publicVariable) == "" {
		t.Skipf("%s is not set: it takes minutes", publicVariable)
	}
	found, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is not on this machine", program)
	}
	return found
}

// excused are findings of testssl.sh 3.0.8 that are worse than information, and what
// there is to say to them; docs/tls.md says the same.
var excused = map[string]string{
	"engine_problem":     "it is about the openssl that testssl.sh runs",
	"DNS_CAArecord":      "a record of the zone, which is not ours to make, and there is no zone here",
	"TLS_session_ticket": "the lifetime in TLS 1.3, where each resumed session has a key exchange of its own; keys of tickets are thrown away within a day",
	"secure_renego":      "it asks without a name, and nobody is shown a certificate who does; where there is one for the address it is well",
}

// TestTestssl looks at certificates of both kinds as testssl.sh does, to its end.
func TestTestssl(t *testing.T) {
	program, openssl := needPublic(t, "testssl"), needPublic(t, "openssl")
	for name, certificates := range map[string]func(*testing.T, string, *porttest.Port, *porttest.Port) (string, []byte){
		"ecdsa, of an authority": fromAuthority, "rsa, of files": fromFiles,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startPublicSite(t, certificates)
			judged := 0
			for _, f := range testssl(t, program, openssl, s) {
				switch f.Severity {
				case "OK", "INFO":
					judged++
				default:
					why, known := excused[f.ID]
					if !known || f.Severity != "LOW" && f.Severity != "WARN" {
						t.Errorf("%s: %s: %s", f.Severity, f.ID, f.Finding)
					}
					t.Logf("%s: %s: %s: %s", f.Severity, f.ID, f.Finding, why)
				}
			}
			if judged < 100 {
				t.Errorf("%d findings: it has looked at less than there is", judged)
			}
		})
	}
}

// finding is one line of testssl.sh's.
type finding struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Finding  string `json:"finding"`
}

// testssl runs it to its end and gives what it has found.
func testssl(t *testing.T, program, openssl string, s *publicSite) []finding {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "findings.json")
	var said bytes.Buffer
	command := exec.CommandContext(t.Context(), program, "--warnings", "off", "--openssl", openssl, "--add-ca", s.roots, "--ip", "127.0.0.1",
		"--color", "0", "--jsonfile", file, net.JoinHostPort(publicHost, s.port(t)))
	command.Dir, command.Stdout, command.Stderr = dir, &said, &said
	err := command.Run() // it says by its status how much it has found
	if !bytes.Contains(said.Bytes(), []byte("\n Done ")) {
		t.Fatalf("it has not come to its end: %v: %s", err, said.Bytes())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []finding
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// h2specModule asks servers of HTTP/2; it is no part of this module.
const h2specModule = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

// knownHTTP2 are cases in which net/http does otherwise than h2spec wants it, and no
// client is the worse for it.
var knownHTTP2 = map[string]string{
	"http2/6.5.3: Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE":                                          "one that says a setting twice in a frame is cut off; no client does",
	"http2/8.1.2.2: Sends a HEADERS frame that contains the connection-specific header field":                     "it is refused by an answer, 400, where h2spec wants the stream to be reset",
	`http2/8.1.2.2: Sends a HEADERS frame that contains the TE header field with any value other than "trailers"`: "the same",
}

// TestH2spec asks what h2spec asks, over TLS.
func TestH2spec(t *testing.T) {
	program := needPublic(t, "go")
	s := startPublicSite(t, fromFiles)
	report := filepath.Join(t.TempDir(), "report.xml")
	command := exec.CommandContext(t.Context(), program, "run", h2specModule, "--tls", "--insecure", "--strict", "--timeout", "10", "--port", s.port(t), "--junit-report", report)
	said, err := command.CombinedOutput() // it fails where a case has
	text, readErr := os.ReadFile(report)
	if readErr != nil {
		t.Fatalf("%v: %s", err, said)
	}
	type named struct {
		Package string    `xml:"package,attr"`
		Name    string    `xml:"classname,attr"`
		Failure *struct{} `xml:"failure"`
		Error   *struct{} `xml:"error"`
	}
	var all struct {
		Suites []struct {
			Cases []named `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	cases, known := 0, 0
	for _, suite := range all.Suites {
		for _, c := range suite.Cases {
			cases++
			if c.Failure == nil && c.Error == nil {
				continue
			}
			name := c.Package + ": " + c.Name
			if knownHTTP2[name] == "" {
				t.Errorf("%s", name)
			}
			known++
		}
	}
	if cases < 146 {
		t.Errorf("%d cases of 146", cases)
	}
	t.Logf("%d cases; %d that are known to fail", cases, known)
	if t.Failed() {
		t.Logf("%s", said)
	}
}

// TestH2load has a hundred clients with ten requests at once each.
func TestH2load(t *testing.T) {
	program := needPublic(t, "h2load")
	s := startPublicSite(t, fromFiles)
	said, err := exec.CommandContext(t.Context(), program, "-n", "50000", "-c", "100", "-m", "10", "--connect-to", s.address, "https://"+publicHost+"/").CombinedOutput()
	if err != nil || !regexp.MustCompile(`50000 succeeded, 0 failed, 0 errored, 0 timeout\nstatus codes: 50000 2xx`).Match(said) {
		t.Errorf("%v: %s", err, said)
	}
}
