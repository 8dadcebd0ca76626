package autotls

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const filesName = "api.example.com"

// filesOf are settings for a pair in a folder.
func filesOf(dirs ...string) *manifest.TLS {
	t := &manifest.TLS{Kind: manifest.Files}
	for i, dir := range dirs {
		t.Certificates = append(t.Certificates, manifest.CertificateFiles{
			Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Path: "server.tls.certificates[" + strconv.Itoa(i) + "]",
		})
	}
	return t
}

// shows tells whether a name is shown with what a pool believes, and nothing else.
func (n *node) shows(name string, pool *x509.CertPool) bool {
	_, err := n.dial(name, pool)
	return err == nil
}

// link makes a symbolic link, or puts it in the place of another, at once.
func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name+".new"); err != nil {
		t.Skipf("no symbolic link can be made here: %v", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// subfolder makes one.
func subfolder(t *testing.T, dir, name string) string {
	t.Helper()
	made := filepath.Join(dir, name)
	if err := os.MkdirAll(made, 0o700); err != nil {
		t.Fatal(err)
	}
	return made
}

// TestWaysOfRenewal has files change as those do who renew them. Whoever comes
// meanwhile is shown the one before or the one after, and nobody nothing.
func TestWaysOfRenewal(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(24 * time.Hour)
	for way, renew := range map[string]func(t *testing.T, dir string, turn int) *x509.CertPool{
		// One file renamed over the other, the certificate first: until the key has
		// followed, they are no pair.
		"rename": func(t *testing.T, dir string, turn int) *x509.CertPool {
			fresh := subfolder(t, dir, strconv.Itoa(turn))
			pool := writePair(t, fresh, filesName, end)
			for _, file := range []string{"cert.pem", "key.pem"} {
				if err := os.Rename(filepath.Join(fresh, file), filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			return pool
		},
		// A mounted secret of Kubernetes: the files lead through ..data, which is one
		// link, put in the place of the other.
		"kubernetes": func(t *testing.T, dir string, turn int) *x509.CertPool {
			pool := writePair(t, subfolder(t, dir, "..turn"+strconv.Itoa(turn)), filesName, end)
			link(t, "..turn"+strconv.Itoa(turn), filepath.Join(dir, "..data"))
			if turn == 0 {
				link(t, "..data/cert.pem", filepath.Join(dir, "cert.pem"))
				link(t, "..data/key.pem", filepath.Join(dir, "key.pem"))
			}
			return pool
		},
		// The live folder of certbot: each file is a link into an archive.
		"certbot": func(t *testing.T, dir string, turn int) *x509.CertPool {
			archive := subfolder(t, dir, "archive"+strconv.Itoa(turn))
			pool := writePair(t, archive, filesName, end)
			for _, file := range []string{"cert.pem", "key.pem"} {
				link(t, filepath.Join(archive, file), filepath.Join(dir, file))
			}
			return pool
		},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			n := newNode(t)
			before := renew(t, dir, 0)
			n.use(filesOf(dir), nil)
			for turn := 1; turn < 4; turn++ {
				after := renew(t, dir, turn)
				eventually(t, "the new pair", func() bool {
					if n.shows(filesName, after) {
						return true
					}
					if !n.shows(filesName, before) && !n.shows(filesName, after) {
						t.Error("neither the one before nor the one after is shown")
					}
					return false
				})
				before = after
			}
			eventually(t, "it to be well", func() bool { return n.statusOf(filesName).State == Valid })
		})
	}
}

// TestHalfAPair has the certificate be there long before its key: what was shown goes
// on, and it is said.
func TestHalfAPair(t *testing.T) {
	t.Parallel()
	dir, fresh := t.TempDir(), t.TempDir()
	n := newNode(t)
	end := time.Now().Add(24 * time.Hour)
	before := writePair(t, dir, filesName, end)
	n.use(filesOf(dir), nil)
	after := writePair(t, fresh, filesName, end)
	move := func(file string) {
		t.Helper()
		if err := os.Rename(filepath.Join(fresh, file), filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	move("cert.pem")
	eventually(t, "it to be said", func() bool { s := n.statusOf(filesName); return s.State == Failing && s.Error == "files" })
	if !n.shows(filesName, before) || n.shows(filesName, after) {
		t.Error("the pair before is not shown")
	}
	move("key.pem")
	eventually(t, "the pair", func() bool { return n.shows(filesName, after) && n.statusOf(filesName).State == Valid })

	// What cannot be read is a folder here: root may read every file.
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	subfolder(t, dir, "key.pem")
	eventually(t, "it to be said", func() bool { return n.statusOf(filesName).State == Failing })
	if !n.shows(filesName, after) {
		t.Error("the pair before is not shown")
	}
	_, err := n.c.Prepare(filesOf(dir), nil)
	var wrong *fault.Fault
	if !errors.As(err, &wrong) || wrong.Path != "server.tls.certificates[0]" {
		t.Errorf("a start with a key that cannot be read: %v", err)
	}
}

// TestWhichIsShown has certificates for a name, for all below it, for one in other
// letters, and for an address.
func TestWhichIsShown(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	end := time.Now().Add(24 * time.Hour)
	var dirs []string
	pools := map[string]*x509.CertPool{}
	for _, name := range []string{"*.example.com", "exact.example.com", "xn--bcher-kva.example.com", "exact.example.com"} {
		dir := t.TempDir()
		pool := writePair(t, dir, name, end)
		if pools[name] == nil {
			pools[name] = pool // the first for a name has it
		}
		dirs = append(dirs, dir)
	}
	n.use(filesOf(dirs...), nil)
	for asked, of := range map[string]string{
		"any.example.com":           "*.example.com",
		"exact.example.com":         "exact.example.com",
		"EXACT.example.com":         "exact.example.com",
		"xn--bcher-kva.example.com": "xn--bcher-kva.example.com",
		"192.0.2.7":                 "*.example.com", // each pair has this address; the first is shown
		"example.com":               "",
		"a.b.example.com":           "",
		"exact.example.com.evil":    "",
	} {
		for name, pool := range pools {
			if got := n.shows(asked, pool); got != (name == of) {
				t.Errorf("%s is shown with the certificate of %s: %v", asked, name, got)
			}
		}
	}
}
