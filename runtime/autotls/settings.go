package autotls

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Settings are a manifest's, made ready: secrets are read and files looked at.
// Either Certificates use them, or they are dropped.
type Settings struct {
	tls    manifest.TLS
	secret [sha256.Size]byte // of the secrets' values: they may change while the manifest does not
	vault  Vault
	// source gives certificates, nil with kind files; files are those.
	source *source
	files  []*pair
}

// The codes of faults that only a running backend finds.
const (
	codeSecret = "no-secret"
	codeFile   = "bad-file"
)

// Prepare makes a manifest's settings ready. It asks nobody but this machine. The
// vault may be nil with kind files; it is the caller's to close. What is wrong is
// a *fault.Fault with its path.
func (c *Certificates) Prepare(t *manifest.TLS, vault Vault) (*Settings, error) {
	s := &Settings{tls: *t, vault: vault}
	if t.Kind == manifest.Files {
		for i := range t.Certificates {
			p, err := newPair(&t.Certificates[i])
			if err != nil {
				return nil, fault.Newf(codeFile, "the certificate cannot be used: %v", err).
					WithHint("mend the files, or name others").At(t.Certificates[i].Path)
			}
			s.files = append(s.files, p)
		}
		return s, nil
	}
	secrets, err := readSecrets(t)
	if err != nil {
		return nil, err
	}
	s.secret = secrets.sum()
	s.source, err = c.newSource(t, secrets, vault)
	return s, err
}

// Drop gives back what settings hold that are used no more, or never were.
func (s *Settings) Drop() {
	if s.source != nil {
		s.source.close()
	}
}

// same tells whether certificates come from where they came from before: other
// names, other versions and another time of HSTS change nothing about it.
func (s *Settings) same(next *Settings) bool {
	a, b := s.tls, next.tls
	for _, t := range []*manifest.TLS{&a, &b} {
		t.Domains, t.HSTS, t.Min, t.Path = nil, 0, "", ""
	}
	return a.Kind != manifest.Files && reflect.DeepEqual(a, b) && s.secret == next.secret && s.vault == next.vault
}

// adopt takes over what is at work already.
func (s *Settings) adopt(before *Settings) {
	s.source.close()
	s.source = before.source
	if s.source.own != nil {
		s.source.own.declare(s.tls.Domains)
	}
}

// work is what keepers hang on.
func (s *Settings) work() any {
	switch {
	case s == nil:
		return nil
	case s.source != nil:
		return s.source
	}
	return s
}

// names are what is kept: domains, or pairs of files by their number.
func (s *Settings) names() []string {
	if s.tls.Kind != manifest.Files {
		return s.tls.Domains
	}
	names := make([]string, len(s.files))
	for i := range s.files {
		names[i] = fileName(i)
	}
	return names
}

func fileName(i int) string { return filesPrefix + strconv.Itoa(i) + "]" }

// secrets are the values that a source needs.
type secrets struct {
	account, token, key, secret manifest.SecretValue
}

func (s *secrets) sum() [sha256.Size]byte {
	h := sha256.New()
	for _, v := range []manifest.SecretValue{s.account, s.token, s.key, s.secret} {
		one := sha256.Sum256([]byte(v.Reveal()))
		_, _ = h.Write(one[:]) // a hash takes all
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func readSecrets(t *manifest.TLS) (*secrets, error) {
	var s secrets
	var failed error
	read := func(from *manifest.Secret, to *manifest.SecretValue) {
		if from == nil || failed != nil {
			return
		}
		value, err := from.Read()
		if err != nil {
			failed = SecretFault(from, err)
		}
		*to = value
	}
	if t.Account != nil {
		read(t.Account.Key, &s.account)
	}
	if t.DNS != nil {
		read(t.DNS.Token, &s.token)
		read(t.DNS.Key, &s.key)
		read(t.DNS.Secret, &s.secret)
	}
	return &s, failed
}

// SecretFault says that a secret cannot be read.
func SecretFault(s *manifest.Secret, err error) *fault.Fault {
	return fault.New(codeSecret, fmt.Sprintf("the secret cannot be read: %v", err)).WithHint("set it before the backend is started").At(s.Path)
}
