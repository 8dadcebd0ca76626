package trace

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// queueSize is how many spans wait; at the bound they are dropped.
	queueSize = 4096
	// batchSize is how many are sent at once.
	batchSize = 512
	// every is how long one waits for others.
	every = 5 * time.Second
	// quiet is how long a collector that fails is not complained of again.
	quiet = time.Minute
)

// Counters count what became of spans.
type Counters struct{ sent, dropped atomic.Uint64 }

// Read gives the spans that a collector has, and those that nobody has.
func (c *Counters) Read() (sent, dropped uint64) { return c.sent.Load(), c.dropped.Load() }

// queue takes spans as they end, and delivers them from a goroutine of its own.
type queue struct {
	exporter sdk.SpanExporter
	counters *Counters
	log      *slog.Logger
	every    time.Duration

	spans  chan sdk.ReadOnlySpan
	closed atomic.Bool
	stop   chan struct{} // closed: send what waits, then end
	done   chan struct{}
	once   sync.Once
	life   context.Context //nolint:containedctx // of deliveries, which outlive requests
	end    context.CancelFunc

	complained time.Time // of the goroutine
}

var _ sdk.SpanProcessor = (*queue)(nil)

func newQueue(exporter sdk.SpanExporter, o Options) *queue {
	q := &queue{
		exporter: exporter, counters: o.Counters, log: o.Log, every: o.Every,
		spans: make(chan sdk.ReadOnlySpan, queueSize), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if q.every <= 0 {
		q.every = every
	}
	q.life, q.end = context.WithCancel(context.Background())
	go q.run()
	return q
}

// OnStart is of sdk.SpanProcessor.
func (*queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd takes a span, or drops it.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.closed.Load() {
		q.counters.dropped.Add(1)
		return
	}
	select {
	case q.spans <- s:
	default:
		q.counters.dropped.Add(1)
	}
}

// ForceFlush is of sdk.SpanProcessor; nobody asks for it.
func (*queue) ForceFlush(context.Context) error { return nil }

// Shutdown delivers what waits until the context ends, then ends.
func (q *queue) Shutdown(ctx context.Context) error {
	q.once.Do(func() {
		q.closed.Store(true)
		close(q.stop)
	})
	var err error
	select {
	case <-q.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	q.end()
	<-q.done // no delivery outlives its context
	return err
}

func (q *queue) run() {
	defer close(q.done)
	defer func() { _ = q.exporter.Shutdown(context.WithoutCancel(q.life)) }() // it holds nothing
	tick := time.NewTicker(q.every)
	defer tick.Stop()
	batch := make([]sdk.ReadOnlySpan, 0, batchSize)
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) < batchSize {
				continue
			}
		case <-tick.C:
		case <-q.stop:
			q.last(batch)
			return
		}
		q.deliver(batch)
		batch = batch[:0]
	}
}

// last delivers everything that waits.
func (q *queue) last(batch []sdk.ReadOnlySpan) {
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) == batchSize {
				q.deliver(batch)
				batch = batch[:0]
			}
			continue
		default:
		}
		q.deliver(batch)
		return
	}
}

// deliver sends a batch; one that is not taken is dropped, for what comes after it
// needs the room.
func (q *queue) deliver(batch []sdk.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(q.life, exportTime)
	defer cancel()
	err := q.exporter.ExportSpans(ctx, batch)
	if err == nil {
		q.counters.sent.Add(uint64(len(batch)))
		return
	}
	q.counters.dropped.Add(uint64(len(batch)))
	if now := time.Now(); now.Sub(q.complained) >= quiet {
		q.complained = now
		q.log.Warn("traces were not delivered, and are dropped", "spans", len(batch), "error", err)
	}
}
