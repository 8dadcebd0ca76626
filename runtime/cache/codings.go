package cache

import "sync/atomic"

// Codings keep what a body became in content codings (gzip and its kin), so that
// it is not encoded again for each who asks. They hold a few, and no more bytes
// than they are told. The zero value is ready; safe for concurrent use.
type Codings struct {
	kept atomic.Pointer[coding]
}

// coding is one of a list that only grows at its head.
type coding struct {
	encoding string
	body     []byte
	next     *coding
	bytes    int // of this one and those behind it
}

// Get gives the body in a coding, nil where it is not kept. It must not be written
// to.
func (c *Codings) Get(encoding string) []byte {
	for k := c.kept.Load(); k != nil; k = k.next {
		if k.encoding == encoding {
			return k.body
		}
	}
	return nil
}

// Keep keeps the body in a coding, unless all that are kept would be more than
// room bytes. It reports whether it is kept; then the body must not be written to.
func (c *Codings) Keep(encoding string, body []byte, room int) bool {
	for {
		head := c.kept.Load()
		more := &coding{encoding: encoding, body: body, next: head, bytes: len(body)}
		if head != nil {
			more.bytes += head.bytes
		}
		if more.bytes > room {
			return false
		}
		if c.Get(encoding) != nil {
			return false // another was faster
		}
		if c.kept.CompareAndSwap(head, more) {
			return true
		}
	}
}
