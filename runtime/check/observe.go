package check

import (
	"crypto/x509"
	"errors"
	"net/textproto"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

const (
	codeTraces = "bad-traces"
	// tracesPath is what is added to a collector's address.
	tracesPath = "/v1/traces"
)

// notOfTraces are headers that a request has anyway.
var notOfTraces = []string{"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "User-Agent"}

// traces checks where traces are sent.
func (c *checker) traces() {
	t := c.m.Observe.Traces
	if t == nil {
		return
	}
	if strings.HasSuffix(t.URL, tracesPath) {
		c.report(t.Path+".url", fault.Newf(codeTraces, "%s is added to the collector's address", tracesPath).
			WithHint("leave it out: "+strings.TrimSuffix(t.URL, tracesPath)))
	}
	for _, header := range t.Headers {
		switch name := textproto.CanonicalMIMEHeaderKey(header.Name); {
		case !httpguts.ValidHeaderFieldName(header.Name):
			c.report(header.Path, fault.Newf(codeTraces, "%q is no name of a header", header.Name).WithHint("letters, digits and dashes"))
		case slices.Contains(notOfTraces, name):
			c.report(header.Path, fault.Newf(codeTraces, "the header %s is not for a manifest to say", name).WithHint("take it out"))
		}
	}
	if t.Roots == "" {
		return
	}
	text, err := os.ReadFile(t.Roots)
	switch {
	case err != nil:
		c.report(t.Path+".roots", fault.Newf(codeTraces, "the roots cannot be read: %v", errors.Unwrap(err)).WithHint("name a file of certificates in PEM"))
	case !strings.HasPrefix(t.URL, "https://"):
		c.report(t.Path+".roots", fault.New(codeTraces, "roots are for a collector with https").WithHint("write https:// in url, or leave roots out"))
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		c.report(t.Path+".roots", fault.New(codeTraces, "there is no certificate in the file of roots").WithHint("it has certificates in PEM: -----BEGIN CERTIFICATE-----"))
	}
}
