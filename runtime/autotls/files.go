package autotls

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// filesPrefix begins what keepers of files are called.
const filesPrefix = "certificates["

// errBadPair means that files are of no use: what was read before is shown on.
var errBadPair = errors.New("the files are no certificate with its key")

// pair is a certificate in files.
type pair struct {
	from *manifest.CertificateFiles
	cert *tls.Certificate
	sum  [sha256.Size]byte // of the files' bytes
}

// newPair reads files for the first time.
func newPair(from *manifest.CertificateFiles) (*pair, error) {
	p := &pair{from: from}
	_, err := p.read()
	return p, err
}

// read takes what the files have now; false where nothing has changed. With an
// error the certificate stays what it was.
func (p *pair) read() (changed bool, err error) {
	if err := open(p.from.Key); err != nil {
		return false, err
	}
	cert, err := os.ReadFile(p.from.Cert)
	if err != nil {
		return false, err
	}
	key, err := os.ReadFile(p.from.Key)
	if err != nil {
		return false, err
	}
	h := sha256.New()
	_, _ = h.Write(cert) // a hash takes all
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(key)
	sum := [sha256.Size]byte(h.Sum(nil))
	if p.cert != nil && sum == p.sum {
		return false, nil
	}
	loaded, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errBadPair, err)
	}
	if p.cert != nil && time.Now().After(loaded.Leaf.NotAfter) {
		return false, fmt.Errorf("%w: it has ended at %s", errBadPair, loaded.Leaf.NotAfter.Format(time.DateOnly))
	}
	p.cert, p.sum = &loaded, sum
	return true, nil
}

// open refuses a key that every user of this machine may read.
func open(file string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o007 != 0 {
		err = fmt.Errorf("%w: every user of this machine can read the key; chmod 600 %s", errBadPair, file)
	}
	return err
}

// followFiles shows what files have, and looks at them again and again: what was
// put in their place by any means is found, on any file system.
func (c *Certificates) followFiles(k *keeper, s *Settings) func() {
	var p *pair
	for i := range s.files {
		if fileName(i) == k.name {
			p = s.files[i]
		}
	}
	c.publish(k, p.cert) // a start does not wait for it
	k.state = statusOf(p.cert)
	return func() {
		failures := 0
		for sleep(k.ctx, c.options.Pace.Files) {
			changed, err := p.read()
			switch {
			case err != nil && failures == 0:
				c.failedTries.Add(1)
				failures = 1
				c.note(k, nil, err, failures, c.options.Pace.Files)
			case err == nil && (changed || failures > 0):
				failures = 0
				if changed {
					c.renewed.Add(1)
				}
				c.publish(k, p.cert)
				c.note(k, p.cert, nil, 0, c.options.Pace.Files)
			}
		}
	}
}

func statusOf(cert *tls.Certificate) Status {
	s := Status{Name: cert.Leaf.Subject.CommonName, State: Valid, Issuer: issuerOf(cert.Leaf), NotAfter: cert.Leaf.NotAfter}
	if len(cert.Leaf.DNSNames) > 0 {
		s.Name = cert.Leaf.DNSNames[0]
	}
	return s
}
