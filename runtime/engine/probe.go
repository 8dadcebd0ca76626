package engine

import (
	"cmp"
	"context"
	"sync"
	"time"
)

const (
	// probeEvery is how long one answer of the store's health holds. Whoever asks
	// is not known and not counted, and each probe is a durable write.
	probeEvery = time.Second
	// probeTimeout bounds one probe.
	probeTimeout = 5 * time.Second
	// serverProbeTimeout is that of a server's database: with probeEvery, /ready
	// tells within two seconds that it has gone.
	serverProbeTimeout = 900 * time.Millisecond
)

// probe asks for the store's health, once for all who want to know it at a time.
// Safe for concurrent use.
type probe struct {
	timeout time.Duration // set before the first use; 0 is probeTimeout

	mu  sync.Mutex
	at  time.Time // of the last answer; zero for none
	err error
}

// health gives the last answer while it holds, else asks. Who asks may go away:
// the answer is for the others too, so his context does not end the probe.
func (p *probe) health(ctx context.Context, ask func(context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && time.Since(p.at) < probeEvery {
		return p.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(p.timeout, probeTimeout))
	defer cancel()
	p.err = ask(ctx)
	p.at = time.Now()
	return p.err
}
