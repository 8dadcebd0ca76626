// Package guards judges whether a request may go on by what it brings itself: the
// address that it comes from, the certificate that its connection shows, the name and
// the password that it sends. The router lays guards when a generation is built and
// asks them before a route answers. They never answer a request, look at no row and
// evaluate no rule: who may pass by the rules of access is the gate's to say.
package guards

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Codes of this room's faults.
const (
	CodeAddress     = "address-not-allowed"
	CodeCertificate = "certificate-needed"
	CodeMisdirected = "misdirected"
	CodeCredentials = "credentials-needed"
)

// Guard judges requests. It is immutable but for what it remembers, and safe for
// concurrent use.
type Guard interface {
	// Judge gives nil for a request that may go on. client is who asks, and began when.
	Judge(r *http.Request, client netip.Addr, began time.Time) *Refusal
}

// Refusal is why a request does not go on, and what its answer says besides.
type Refusal struct {
	Fault     *fault.Fault  // nil: the caller has gone
	Retry     time.Duration // after which to try again, 0: not said
	Challenge []string      // of WWW-Authenticate, nil: none
	Close     bool          // the connection is of no use for this
}
