// Package trace records requests as traces and sends them to a collector, by OTLP
// over HTTP. It is what stands behind web's Tracer. No request ever waits for it:
// what ends is put into a bounded queue, and what the queue or the collector does
// not take is dropped and counted.
package trace

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otrace "go.opentelemetry.io/otel/trace"

	"github.com/edge-hive/edge-hive/runtime/web/tracing"
)

// Options is what a tracer is made of.
type Options struct {
	// URL is the collector's: what /v1/traces is added to.
	URL     string
	Headers map[string]string
	// Sample is the share, 0 to 1, of the traces that begin here.
	Sample float64
	// Roots are what the collector's certificate is made with; nil: the system's.
	Roots *x509.CertPool
	// Name and Version say who sends.
	Name, Version string
	// Counters are told what became of spans; they may be those of several tracers.
	Counters *Counters
	Log      *slog.Logger
	// Every is how long a span waits for others at most; 0 is 5 s.
	Every time.Duration
}

// The bounds of a span.
const (
	attributesMost = 32
	attributeSize  = 1 << 10 // bytes
)

// exportTime bounds one delivery, the tries of it included.
const exportTime = 10 * time.Second

// Tracer is a tracing.Tracer. It is safe for concurrent use; Close it.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   otrace.Tracer
	queue    *queue
}

var _ tracing.Tracer = (*Tracer)(nil)

// New makes a tracer. It speaks to nobody until there is something to tell.
func New(o Options) (*Tracer, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Counters == nil {
		o.Counters = &Counters{}
	}
	exporter, err := otlptrace.New(context.Background(), newClient(o)) // it dials nothing
	if err != nil {
		return nil, fmt.Errorf("make what sends traces: %w", err)
	}
	// What the library has to say beside errors of deliveries is nothing to act on.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Debug("traces", "error", err) }))
	t := &Tracer{queue: newQueue(exporter, o)}
	t.provider = sdk.NewTracerProvider(
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))),
		sdk.WithSpanProcessor(t.queue),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Name), attribute.String("service.version", o.Version),
			attribute.String("telemetry.sdk.language", "go"), attribute.String("telemetry.sdk.name", "opentelemetry"),
		)),
		sdk.WithRawSpanLimits(sdk.SpanLimits{AttributeCountLimit: attributesMost, AttributeValueLengthLimit: attributeSize}),
	)
	t.tracer = t.provider.Tracer("edge-hive", otrace.WithInstrumentationVersion(o.Version))
	return t, nil
}

// Start begins the span of a request.
func (t *Tracer) Start(from tracing.Trace, began time.Time) tracing.Span {
	ctx := context.Background() // a span ends by itself, not with its request
	if from.Valid() {
		state, err := otrace.ParseTraceState(from.State)
		if err != nil {
			state = otrace.TraceState{} // web has judged it; the library may be stricter
		}
		ctx = otrace.ContextWithRemoteSpanContext(ctx, otrace.NewSpanContext(otrace.SpanContextConfig{
			TraceID: from.ID, SpanID: from.Parent, TraceFlags: otrace.TraceFlags(from.Flags), TraceState: state, Remote: true,
		}))
	}
	ctx, inner := t.tracer.Start(ctx, "HTTP", otrace.WithSpanKind(otrace.SpanKindServer), otrace.WithTimestamp(began))
	return &span{tracer: t.tracer, ctx: ctx, inner: inner}
}

// Close sends what waits, until the context ends. What ends later is dropped and
// counted.
func (t *Tracer) Close(ctx context.Context) error {
	err := t.provider.Shutdown(ctx)
	if err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// span is a tracing.Span.
type span struct {
	tracer otrace.Tracer
	ctx    context.Context //nolint:containedctx // it is how the library knows a span's children
	inner  otrace.Span
}

// Trace is what those are told who are asked on the span's behalf.
func (s *span) Trace() tracing.Trace {
	c := s.inner.SpanContext()
	return tracing.Trace{ID: c.TraceID(), Parent: c.SpanID(), Flags: byte(c.TraceFlags()), State: c.TraceState().String()}
}

// Recorded reports whether the span is sent.
func (s *span) Recorded() bool { return s.inner.IsRecording() }

// Child begins a span within this one.
func (s *span) Child(kind tracing.Kind, name string) tracing.Span {
	k := otrace.SpanKindInternal
	if kind == tracing.SpanClient {
		k = otrace.SpanKindClient
	}
	ctx, inner := s.tracer.Start(s.ctx, name, otrace.WithSpanKind(k))
	return &span{tracer: s.tracer, ctx: ctx, inner: inner}
}

// Rename names it as it turned out.
func (s *span) Rename(name string) { s.inner.SetName(name) }

// Text sets an attribute.
func (s *span) Text(key, value string) { s.inner.SetAttributes(attribute.String(key, value)) }

// Number sets an attribute.
func (s *span) Number(key string, value int64) { s.inner.SetAttributes(attribute.Int64(key, value)) }

// End ends it.
func (s *span) End(failure string) {
	if failure != "" {
		s.inner.SetStatus(codes.Error, failure)
	}
	s.inner.End()
}
