package coding

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	mostInflation = 10 // times as large as it was sent
	// zstdWindow is how far back a body may point, as RFC 8878 has it for all.
	zstdWindow = 8 << 20
)

// Errors of an inflated body, besides those of the body itself and of one that is
// larger than it may be.
var (
	ErrCorrupt   = errors.New("the body is not what its Content-Encoding says")
	ErrInflation = errors.New("the body is too much larger than it was sent")
)

// Encoded reports whether a body comes compressed, or in any other way changed.
func Encoded(r *http.Request) bool {
	encodings := r.Header["Content-Encoding"]
	return len(encodings) > 1 || len(encodings) == 1 && !strings.EqualFold(encodings[0], "identity")
}

// Inflate puts a request's body in the place of the one that was sent; up to limit
// bytes of it are read. What stands behind sees nothing of how it came. Where it is
// encoded in a way that is not ours, the request stays, and what would do is said.
func Inflate(r *http.Request, limit int64) (instead string) {
	encodings := r.Header["Content-Encoding"]
	if len(encodings) != 1 {
		return "compress it once, with gzip or zstd"
	}
	sent := &counted{ReadCloser: r.Body}
	body := &inflated{sent: sent, limit: limit}
	switch strings.ToLower(strings.TrimSpace(encodings[0])) {
	case "gzip":
		body.open = func() (io.Reader, func(), error) {
			reader, err := gzip.NewReader(sent)
			return reader, func() {}, err
		}
	case "zstd":
		body.open = func() (io.Reader, func(), error) {
			reader, err := zstd.NewReader(sent, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(uint64(limit)+zstdWindow))
			if err != nil {
				return nil, nil, err
			}
			return reader, reader.Close, nil
		}
	default:
		return "compress it with gzip or zstd"
	}
	r.Body = body
	r.ContentLength = -1
	delete(r.Header, "Content-Encoding")
	delete(r.Header, "Content-Length")
	return ""
}

// counted counts what comes.
type counted struct {
	io.ReadCloser
	bytes int64
	err   error // why nothing more comes, but for the end
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// inflated is a body as it was before it was compressed. Both sizes are bounded,
// and how much larger one is than the other.
type inflated struct {
	sent   *counted
	open   func() (io.Reader, func(), error)
	reader io.Reader
	done   func()
	bytes  int64
	limit  int64
	failed error
}

func (b *inflated) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	if b.reader == nil {
		var err error
		if b.reader, b.done, err = b.open(); err != nil {
			return 0, b.fail(err)
		}
	}
	n, err := b.reader.Read(p)
	b.bytes += int64(n)
	switch {
	case b.bytes > b.limit:
		return 0, b.fail(&http.MaxBytesError{Limit: b.limit})
	case b.bytes > mostInflation*b.sent.bytes:
		return 0, b.fail(&inflationError{http.MaxBytesError{Limit: b.limit}})
	case err != nil && !errors.Is(err, io.EOF):
		return n, b.fail(err)
	}
	if err != nil {
		b.failed = io.EOF
	}
	return n, err
}

// fail says why the body is not read: because of how it comes, or of what it is.
func (b *inflated) fail(err error) error {
	var tooBig *http.MaxBytesError
	switch {
	case b.sent.err != nil:
		err = b.sent.err
	case errors.As(err, &tooBig):
	default:
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	b.failed = err
	return err
}

// Close ends reading.
func (b *inflated) Close() error {
	if b.done != nil {
		b.done()
		b.done = nil
	}
	if b.failed == nil {
		b.failed = http.ErrBodyReadAfterClose
	}
	return b.sent.Close()
}

// inflationError says that a body is much larger than what was sent of it.
type inflationError struct{ tooBig http.MaxBytesError }

func (e *inflationError) Error() string { return ErrInflation.Error() }

// Unwrap makes it one of the errors of bodies that are too large, too.
func (e *inflationError) Unwrap() []error { return []error{ErrInflation, &e.tooBig} }
