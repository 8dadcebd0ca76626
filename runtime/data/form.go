package data

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// maxPooled bounds the buffers that are kept for later: one giant answer must
// not stay in memory for ever.
const maxPooled = 256 << 10

// Form is how rows are written.
type Form uint8

// The forms.
const (
	JSON     Form = iota // an array of objects, or the object of a Single
	Stripped             // JSON without the members that are null
	CSV                  // RFC 4180, with a header
)

// writer is a JSON writer with its buffer, pooled.
type writer struct {
	json query.JSONWriter
	buf  []byte
}

var (
	writers = sync.Pool{New: func() any { return &writer{buf: make([]byte, 0, 4<<10)} }}
	keys    = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}
)

// release gives a writer back with the buffer that it has grown to.
func (w *writer) release(buf []byte) {
	if cap(buf) > maxPooled {
		return
	}
	w.buf = buf[:0]
	writers.Put(w)
}

// etag is the strong validator of a body.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	var text [24]byte
	text[0], text[23] = '"', '"'
	base64.RawURLEncoding.Encode(text[1:23], sum[:16])
	return string(text[:])
}

// rowTag is the strong validator of one row's body: it begins with the row's
// revision, which is what If-Match compares.
func rowTag(revision int64, body []byte) string {
	sum := sha256.Sum256(body)
	var space [48]byte
	text := strconv.AppendInt(append(space[:0], '"'), revision, 10)
	text = base64.RawURLEncoding.AppendEncode(append(text, '-'), sum[:16])
	return string(append(text, '"'))
}
