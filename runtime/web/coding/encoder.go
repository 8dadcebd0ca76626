package coding

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// MostEncoders bounds the encoders at work at once, in the whole process: each
// holds about a megabyte for as long as its client takes to read. Answers beyond
// are sent as they are.
const MostEncoders = 128

const (
	// windowBits is how far back encoders look: 128 KiB.
	windowBits = 17
	// The levels: what is dearer saves a few bytes in a hundred.
	gzipLevel     = 5
	brotliQuality = 3
)

// Encoder makes a coding of what is written to it. It is for one answer at a time.
type Encoder struct {
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

// Encode gives an encoder that writes to an answer, nil where too many are at work.
// It is given back by Release.
func Encode(encoding string, to io.Writer) *Encoder {
	if encoders.working.Add(1) > MostEncoders {
		encoders.working.Add(-1)
		return nil
	}
	e, ok := encodersOf(encoding).Get().(*Encoder)
	if !ok {
		made, err := newCoder(encoding)
		if err != nil { // of fixed options, none is wrong
			encoders.working.Add(-1)
			return nil
		}
		e = &Encoder{coder: made, encoding: encoding}
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

// Release gives an encoder back; what it still holds is dropped.
func (e *Encoder) Release() {
	e.sink.to = io.Discard
	encodersOf(e.encoding).Put(e)
	encoders.working.Add(-1)
}

// Whole is a body in a coding, whole, in memory that is given back by Release.
type Whole struct{ bytes []byte }

// Bytes is the encoded body, until Release.
func (a *Whole) Bytes() []byte { return a.bytes }

// Write appends.
func (a *Whole) Write(p []byte) (int, error) {
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}

// EncodeWhole gives a body in a coding; nil where no encoder is free.
func EncodeWhole(encoding string, body []byte) *Whole {
	whole := takeScratch()
	e := Encode(encoding, whole)
	if e == nil {
		whole.Release()
		return nil
	}
	defer e.Release()
	if _, err := e.Write(body); err != nil || e.Close() != nil { // memory takes everything
		whole.Release()
		return nil
	}
	return whole
}

// keptScratch is how large memory may be that is kept for the next answer.
const keptScratch = 256 << 10

var scratches sync.Pool

func takeScratch() *Whole {
	if a, ok := scratches.Get().(*Whole); ok {
		a.bytes = a.bytes[:0]
		return a
	}
	return &Whole{}
}

// Release gives the memory back.
func (a *Whole) Release() {
	if cap(a.bytes) <= keptScratch {
		scratches.Put(a)
	}
}
