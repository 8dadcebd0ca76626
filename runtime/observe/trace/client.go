package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	// tries are how often a delivery is made; between them one waits.
	tries = 3
	// pause is the wait before the second; before each one more it doubles.
	pause = 500 * time.Millisecond
	// mostRead is read of an answer, so that its connection can be used again.
	mostRead = 64 << 10
)

// client posts spans to a collector (OTLP/HTTP, binary protobuf). The one that
// comes with the library brings all of gRPC into the binary, which nothing else
// asks for.
type client struct {
	url     string
	headers map[string]string
	http    *http.Client
}

var _ otlptrace.Client = (*client)(nil)

func newClient(o Options) *client {
	return &client{
		url: o.URL + "/v1/traces", headers: o.Headers,
		// Everything is said here, so that no environment variable says it.
		http: &http.Client{
			Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
				MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: exportTime, ResponseHeaderTimeout: exportTime,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Start is of otlptrace.Client: nothing is dialled before there is something to
// tell.
func (*client) Start(context.Context) error { return nil }

// Stop closes connections.
func (c *client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces delivers spans. A collector that is away or busy is tried again,
// within the context's time.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// TracesData is on the wire what ExportTraceServiceRequest is, which lives beside
	// gRPC's stubs.
	raw, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	var body bytes.Buffer
	packed := gzip.NewWriter(&body)
	if _, err := packed.Write(raw); err != nil {
		return fmt.Errorf("compress spans: %w", err)
	}
	if err := packed.Close(); err != nil {
		return fmt.Errorf("compress spans: %w", err)
	}
	for tried, wait := 1, pause; ; tried, wait = tried+1, 2*wait {
		again, err := c.post(ctx, body.Bytes())
		if err == nil || !again || tried == tries {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// post delivers once, and reports whether it may be tried again (OTLP/HTTP,
// "Retryable Response Codes").
func (c *client) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("ask the collector: %w", err)
	}
	for name, value := range c.headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "gzip")
	answer, err := c.http.Do(r)
	if err != nil {
		return true, fmt.Errorf("send to the collector: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, mostRead)) // what it says is nothing to act on
	_ = answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("the collector answered %s", answer.Status)
}
