package autotls

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"

	"github.com/mholt/acmez/v3"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// configs are what handshakes go by, made once for a manifest.
type configs struct {
	plain *tls.Config
	// asking is the same for hosts whose clients show a certificate of their own. It
	// is judged by who wants it: here it is but asked for.
	asking *tls.Config
	// proving answers an authority on behalf of a challenge.
	proving *tls.Config
}

// suites are those of TLS 1.2 that are authenticated encryption with forward secrecy:
// Go's own, without CBC, which public checks call obsolete. Those of TLS 1.3, and
// the curves, are Go's.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

func (c *Certificates) newConfigs(t manifest.TLS) *configs {
	plain := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   suites,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return c.certificate(hello), nil },
	}
	if t.Min == "1.3" {
		plain.MinVersion = tls.VersionTLS13
	}
	asking := plain.Clone()
	asking.ClientAuth = tls.RequestClientCert
	proving := &tls.Config{
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{acmez.ACMETLS1Protocol},
		GetCertificate:         c.prove,
		SessionTicketsDisabled: true,
	}
	return &configs{plain: plain, asking: asking, proving: proving}
}

// TLSConfig is what a listener speaks TLS by. It follows reloads, and the keys of
// session tickets outlive them.
func (c *Certificates) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			set := c.configs.Load()
			switch {
			case len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmez.ACMETLS1Protocol:
				if !c.mayProve(hello.ServerName) {
					return set.plain, nil // which does not speak it
				}
				return set.proving, nil
			case c.options.WantsCertificate(canonical(hello.ServerName)):
				return set.asking, nil
			}
			return set.plain, nil
		},
		// Only who asks for a configuration of its own is answered.
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }, //nolint:nilnil // that is how TLS is told of none
	}
}

// mostLookups bounds how many handshakes ask the vault at once for a challenge
// that another node has begun; what is more is refused, and asked again.
const mostLookups = 16

var (
	errNoChallenge = errors.New("no proof is asked for")
	errBusy        = errors.New("too many challenges at once")
)

// mayProve tells whether a challenge over TLS can be about a name.
func (c *Certificates) mayProve(name string) bool {
	s := c.solver.Load()
	return s != nil && s.alpn && c.Ours(name)
}

// prove answers a challenge, begun here or on another node.
func (c *Certificates) prove(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := c.solver.Load()
	if s == nil {
		return nil, errNoChallenge
	}
	select {
	case c.lookup <- struct{}{}:
		defer func() { <-c.lookup }()
		return s.config.GetCertificate(hello)
	default:
		return nil, errBusy
	}
}

// ErrorLog is for a server on these certificates: handshakes that failed are
// counted, and said at debug, for anybody can make one fail.
func (c *Certificates) ErrorLog(next *slog.Logger) *log.Logger { //nolint:forbidigo // net/http takes no other
	return log.New(handshakeLog{c, next}, "", 0) //nolint:forbidigo // net/http takes no other
}

// handshakeLog is told what a server has to say.
type handshakeLog struct {
	of   *Certificates
	next *slog.Logger
}

func (l handshakeLog) Write(line []byte) (int, error) {
	line = bytes.TrimSpace(line)
	// One that ends before it began is somebody who looked whether a port is open.
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) && !bytes.HasSuffix(line, []byte(": EOF")) {
		l.of.failedHandshakes.Add(1)
	}
	l.next.Log(context.Background(), slog.LevelDebug, string(line))
	return len(line), nil
}
