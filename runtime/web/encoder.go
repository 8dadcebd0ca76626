package web

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const (
	// encodersMost bounds the encoders at work at once, in the whole process: each
	// holds about a megabyte for as long as its client takes to read. Answers beyond
	// are sent as they are.
	encodersMost = 128
	// windowBits is how far back encoders look: 128 KiB.
	windowBits = 17
	// The levels: what is dearer saves a few bytes in a hundred.
	gzipLevel     = 5
	brotliQuality = 3
)

// encoder makes a coding of what is written to it. It is for one answer at a time.
type encoder struct {
	coder
	encoding string
	sink     sink
}

// coder is what zstd, brotli and gzip have in common.
type coder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// sink stands between an encoder and its answer, so that no encoder at rest holds
// one.
type sink struct{ to io.Writer }

// Write hands on.
func (s *sink) Write(p []byte) (int, error) { return s.to.Write(p) }

// encoders are those of the process: idle ones by coding, and how many work.
var encoders struct {
	working            atomic.Int32
	zstd, brotli, gzip sync.Pool
}

func encodersOf(encoding string) *sync.Pool {
	switch encoding {
	case manifest.Zstd:
		return &encoders.zstd
	case manifest.Brotli:
		return &encoders.brotli
	}
	return &encoders.gzip
}

// takeEncoder gives an encoder that writes to an answer, nil where too many are at
// work. It is given back by release.
func takeEncoder(encoding string, to io.Writer) *encoder {
	if encoders.working.Add(1) > encodersMost {
		encoders.working.Add(-1)
		return nil
	}
	e, ok := encodersOf(encoding).Get().(*encoder)
	if !ok {
		made, err := newCoder(encoding)
		if err != nil { // of fixed options, none is wrong
			encoders.working.Add(-1)
			return nil
		}
		e = &encoder{coder: made, encoding: encoding}
	}
	e.sink.to = to
	e.Reset(&e.sink)
	return e
}

func newCoder(encoding string) (coder, error) {
	switch encoding {
	case manifest.Zstd:
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<windowBits), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	case manifest.Brotli:
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: brotliQuality, LGWin: windowBits}), nil
	}
	return gzip.NewWriterLevel(nil, gzipLevel)
}

// release gives an encoder back; what it still holds is dropped.
func (e *encoder) release() {
	e.sink.to = io.Discard
	encodersOf(e.encoding).Put(e)
	encoders.working.Add(-1)
}

// encodeWhole appends a body in a coding; false where no encoder is free.
func encodeWhole(to *appender, encoding string, body []byte) bool {
	e := takeEncoder(encoding, to)
	if e == nil {
		return false
	}
	defer e.release()
	if _, err := e.Write(body); err != nil { // memory takes everything
		return false
	}
	return e.Close() == nil
}

// appender is memory that is written to.
type appender struct{ bytes []byte }

// Write appends.
func (a *appender) Write(p []byte) (int, error) {
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}

// keptScratch is how large memory may be that is kept for the next answer.
const keptScratch = 256 << 10

var scratches sync.Pool

func takeScratch() *appender {
	if a, ok := scratches.Get().(*appender); ok {
		a.bytes = a.bytes[:0]
		return a
	}
	return &appender{}
}

func (a *appender) release() {
	if cap(a.bytes) <= keptScratch {
		scratches.Put(a)
	}
}
