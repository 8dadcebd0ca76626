package engine

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/observe/trace"
)

// traceFlush bounds the sending of the last traces of a tracer.
const traceFlush = 5 * time.Second

// traces are the tracers of the generations that live. Those that say the same have
// one in common, so that a reload leaves a tracer alone that it does not change.
type traces struct {
	counters trace.Counters // of all tracers there ever were

	mu   sync.Mutex
	used map[[sha256.Size]byte]*usedTracer
	log  *slog.Logger
}

type usedTracer struct {
	*trace.Tracer
	key   [sha256.Size]byte
	users int
}

// readTraces reads what a manifest says of traces, secrets and files included; false
// where it says nothing.
func readTraces(m *manifest.Manifest) (o trace.Options, key [sha256.Size]byte, declared bool, err error) {
	t := m.Observe.Traces
	if t == nil {
		return o, key, false, nil
	}
	var faults fault.List
	o = trace.Options{URL: t.URL, Sample: t.Sample, Name: m.Name, Headers: make(map[string]string, len(t.Headers))}
	if o.Name == "" {
		o.Name = "edge-hive"
	}
	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%q %q %v", o.URL, o.Name, o.Sample)
	for _, named := range t.Headers {
		value, err := named.Secret.Read()
		if err != nil {
			faults = append(faults, fault.Newf(codeSecret, "the header %s of traces cannot be read: %v", named.Name, err).
				WithHint("set it, or take it out of headers").At(named.Path, m.Positions.At(named.Path)))
			continue
		}
		o.Headers[named.Name] = value.Reveal()
		_, _ = fmt.Fprintf(hash, " %q=%q", named.Name, value.Reveal())
	}
	if t.Roots != "" {
		text, err := os.ReadFile(t.Roots)
		o.Roots = x509.NewCertPool()
		if err != nil || !o.Roots.AppendCertsFromPEM(text) {
			path := t.Path + ".roots"
			faults = append(faults, fault.New("bad-roots", "the file of certificates cannot be read, or there is none in it").
				WithHint("it has certificates in PEM: -----BEGIN CERTIFICATE-----").WithCause(err).At(path, m.Positions.At(path)))
		}
		_, _ = fmt.Fprintf(hash, " %q", text)
	}
	hash.Sum(key[:0])
	return o, key, true, faults.Err()
}

// openTraces gives a generation its tracer, that of another where it says the same.
func (e *Engine) openTraces(g *generation) error {
	o, key, declared, err := readTraces(g.manifest)
	if err != nil || !declared {
		return err
	}
	t := &e.shared.traces
	t.mu.Lock()
	defer t.mu.Unlock()
	if used := t.used[key]; used != nil {
		used.users++
		g.tracer, g.traces = used, t
		return nil
	}
	o.Version, o.Counters, o.Log = e.options.Version, &t.counters, e.log.Logger
	made, err := trace.New(o)
	if err != nil {
		return err
	}
	if t.used == nil {
		t.used, t.log = make(map[[sha256.Size]byte]*usedTracer), e.log.Logger
	}
	g.tracer, g.traces = &usedTracer{Tracer: made, key: key, users: 1}, t
	t.used[key] = g.tracer
	return nil
}

// leave gives back a tracer; whoever has it last sends what waits. A collector that
// is gone holds nobody up for longer, and fails nothing.
func (t *traces) leave(u *usedTracer) {
	t.mu.Lock()
	u.users--
	last := u.users == 0
	if last {
		delete(t.used, u.key)
	}
	t.mu.Unlock()
	if !last {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), traceFlush)
	defer cancel()
	if err := u.Close(ctx); err != nil {
		t.log.Warn("the last traces were not delivered", "error", err)
	}
}

// closeTraces gives back the generation's tracer.
func (g *generation) closeTraces() {
	if g.tracer != nil {
		g.traces.leave(g.tracer)
	}
}
