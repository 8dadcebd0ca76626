// Package autotls holds the certificates that the backend is served with: it asks
// a certificate authority for them, makes them itself, or reads them from files,
// renews them in time, and tells a handshake which one is shown. It outlives
// generations: a reload gives it other settings, and no listener is dropped. It
// knows certmagic, the providers of DNS and the storages for certificates, and
// hides them. It never keeps the backend from starting: what is not certified yet
// is asked for again and again.
package autotls

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Options is what outlives every manifest.
type Options struct {
	Log *slog.Logger
	// HTTP and HTTPS are where the backend listens: where authorities ask for proof.
	HTTP, HTTPS net.Addr
	// WantsCertificate tells whether clients of a host are asked for a certificate
	// of their own; nil: never.
	WantsCertificate func(serverName string) bool
	// Pace is for tests that have no days; the zero value is as documented.
	Pace Pace
}

// Pace is how fast things are tried.
type Pace struct {
	First time.Duration // until the first repetition of what failed; 10 s
	Check time.Duration // between looks at a certificate that is there; 10 min
	Files time.Duration // between looks at files; 5 s
	// Tickets is how long session tickets are sealed with the same key; 12 h. They
	// can be opened for twice that.
	Tickets time.Duration
}

// Certificates are those of a running backend. Close it when it is no longer
// served. Its methods may be called concurrently.
type Certificates struct {
	options Options
	life    context.Context
	end     context.CancelFunc
	tasks   sync.WaitGroup

	turn    sync.Mutex // Use and Close, one at a time
	now     *Settings  // nil before the first Use
	keepers map[string]*keeper

	table   atomic.Pointer[table]
	configs atomic.Pointer[configs]
	tickets ticketing
	// solver answers challenges of the authority; nil where there are none.
	solver atomic.Pointer[source]
	lookup chan struct{} // bounds how many handshakes ask the vault at once

	failedHandshakes     atomic.Uint64
	renewed, failedTries atomic.Uint64
}

// New makes an empty set of certificates; Use fills it.
func New(o Options) *Certificates {
	if o.Pace.First <= 0 {
		o.Pace.First = 10 * time.Second
	}
	if o.Pace.Check <= 0 {
		o.Pace.Check = 10 * time.Minute
	}
	if o.Pace.Files <= 0 {
		o.Pace.Files = 5 * time.Second
	}
	if o.Pace.Tickets <= 0 {
		o.Pace.Tickets = 12 * time.Hour
	}
	if o.WantsCertificate == nil {
		o.WantsCertificate = func(string) bool { return false }
	}
	c := &Certificates{options: o, keepers: make(map[string]*keeper), lookup: make(chan struct{}, mostLookups)}
	c.life, c.end = context.WithCancel(context.Background())
	c.table.Store(&table{})
	c.configure(c.newConfigs(manifest.TLS{}))
	return c
}

// Use goes over to other settings: what is no longer declared is neither served
// nor renewed when it returns, and what is new is asked for. What is shown for a
// name stays until there is something better. It waits for no authority.
func (c *Certificates) Use(next *Settings) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.life.Err() != nil {
		next.Drop()
		return
	}
	before := c.now
	if before == nil {
		c.tasks.Go(c.rotateTickets)
	}
	if before != nil && before.same(next) {
		next.adopt(before)
	}
	c.now = next
	c.configure(c.newConfigs(next.tls))
	c.solver.Store(next.source)
	wanted := next.names()
	for name, k := range c.keepers {
		if before.work() != next.work() || !slices.Contains(wanted, name) {
			k.stop()
			delete(c.keepers, name)
		}
	}
	c.declare(wanted)
	for _, name := range wanted {
		if c.keepers[name] == nil {
			c.keepers[name] = c.start(name, next)
		}
	}
	if before != nil && before.work() != next.work() {
		before.Drop()
	}
}

// Close stops everything and waits for it.
func (c *Certificates) Close() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.end()
	for _, k := range c.keepers {
		k.stop()
	}
	c.wait()
	if c.now != nil {
		c.now.Drop()
		c.now = nil
	}
}

// mostCleanUp is how long a try that was given up may take to take back what it
// has put into a zone.
const mostCleanUp = 10 * time.Second

// wait lets what runs end. A provider of DNS that hangs is left behind.
func (c *Certificates) wait() {
	ended := make(chan struct{})
	go func() { c.tasks.Wait(); close(ended) }()
	timer := time.NewTimer(mostCleanUp)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		c.options.Log.Warn("tries for certificates were left behind", "waited", mostCleanUp.String())
	}
}

// Status is how each declared certificate is, by name.
func (c *Certificates) Status() []Status {
	c.turn.Lock()
	keepers := make([]*keeper, 0, len(c.keepers))
	for _, k := range c.keepers {
		keepers = append(keepers, k)
	}
	c.turn.Unlock()
	all := make([]Status, len(keepers))
	for i, k := range keepers {
		all[i] = k.status()
	}
	slices.SortFunc(all, func(a, b Status) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// Stats are counts since the start.
type Stats struct {
	Renewed, Failed  uint64 // certificates obtained or renewed, and tries that failed
	FailedHandshakes uint64
}

// Stats counts.
func (c *Certificates) Stats() Stats {
	return Stats{Renewed: c.renewed.Load(), Failed: c.failedTries.Load(), FailedHandshakes: c.failedHandshakes.Load()}
}
