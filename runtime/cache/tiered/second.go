package tiered

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// Second is a tier that several processes share. It may forget, and be away: then
// everything is missing in it.
type Second interface {
	// Get gives what was put under a key. It bounds its own time, and those of one
	// request together. The bytes may not be written to.
	Get(ctx context.Context, key string) ([]byte, bool)
	// Put keeps bytes under a key for a time. It never waits, and keeps no slice.
	Put(key string, body []byte, keep time.Duration)
}

// askSecond asks the second tier for an entry that is not dead by a policy, or
// for a fresh one, and puts it into memory with the time that is left to it.
func (c *Cache) askSecond(ctx context.Context, key string, policy cache.Policy, fresh bool) *held {
	if c.second == nil {
		return nil
	}
	raw, found := c.second.Get(ctx, key)
	if !found {
		return nil
	}
	entry, made, ok := decode(raw)
	if !ok {
		return nil
	}
	// By the clock of who made it; one that goes ahead makes nothing last longer
	// than the tier keeps it.
	age := max(c.clock().Sub(made), 0)
	until, keep := entry.Times(policy)
	keep -= age
	if keep <= 0 || fresh && age >= until {
		return nil
	}
	h := &held{entry: entry, fresh: c.now() + int64(until-age), dead: c.now() + int64(keep), keep: keep}
	c.keep(ctx, key, h)
	return h
}

// putSecond gives an entry to the second tier.
func (c *Cache) putSecond(key string, entry *cache.Entry, keep time.Duration) {
	if c.second != nil {
		c.second.Put(key, encode(nil, entry, c.clock()), keep)
	}
}

// An entry as it is kept elsewhere: the form's number, when it was made, then
// parts, each with its letter and its length. Parts that are not known are passed
// over, so that a later form may have more of them; what changes the meaning of
// one that is known is another form.
const (
	form      = 1
	partBody  = 'B'
	partTag   = 'E'
	partNext  = 'N'
	partRows  = 'R'
	partCount = 'C'
	partAge   = 'A'
)

// encode appends an entry.
func encode(dst []byte, e *cache.Entry, made time.Time) []byte {
	if dst == nil {
		dst = make([]byte, 0, len(e.Body)+len(e.ETag)+len(e.Next)+64)
	}
	dst = append(dst, form)
	dst = binary.AppendVarint(dst, made.UnixMilli())
	var number [binary.MaxVarintLen64]byte
	dst = appendPart(dst, partRows, number[:binary.PutVarint(number[:], int64(e.Rows))])
	dst = appendPart(dst, partCount, number[:binary.PutVarint(number[:], e.Count)])
	dst = appendPart(dst, partTag, []byte(e.ETag))
	if e.MaxAge > 0 {
		dst = appendPart(dst, partAge, number[:binary.PutVarint(number[:], int64(e.MaxAge))])
	}
	if e.Next != "" {
		dst = appendPart(dst, partNext, []byte(e.Next))
	}
	return appendPart(dst, partBody, e.Body)
}

func appendPart(dst []byte, letter byte, part []byte) []byte {
	dst = append(dst, letter)
	dst = binary.AppendUvarint(dst, uint64(len(part)))
	return append(dst, part...)
}

// decode reads an entry, and when it was made; false for what is none. The
// entry's body is part of raw.
func decode(raw []byte) (e *cache.Entry, made time.Time, ok bool) {
	if len(raw) == 0 || raw[0] != form {
		return nil, made, false
	}
	raw = raw[1:]
	millis, n := binary.Varint(raw)
	if n <= 0 {
		return nil, made, false
	}
	raw = raw[n:]
	e = &cache.Entry{}
	seen := map[byte]bool{}
	for len(raw) > 0 {
		letter := raw[0]
		length, n := binary.Uvarint(raw[1:])
		if n <= 0 || length > uint64(len(raw)-1-n) || seen[letter] {
			return nil, made, false
		}
		seen[letter] = true
		part := raw[1+n : 1+n+int(length)]
		raw = raw[1+n+int(length):]
		if !readPart(e, letter, part) {
			return nil, made, false
		}
	}
	whole := seen[partBody] && seen[partTag] && seen[partRows] && seen[partCount]
	return e, time.UnixMilli(millis), whole
}

// readPart puts a part into its entry; false for one that is broken.
func readPart(e *cache.Entry, letter byte, part []byte) bool {
	switch letter {
	case partBody:
		e.Body = part[:len(part):len(part)]
	case partTag:
		e.ETag = string(part)
	case partNext:
		e.Next = string(part)
	case partRows, partCount, partAge:
		number, n := binary.Varint(part)
		if n != len(part) || n == 0 || letter == partRows && (number < 0 || number > 1<<31) || letter == partAge && number < 0 {
			return false
		}
		switch letter {
		case partRows:
			e.Rows = int(number)
		case partCount:
			e.Count = number
		default:
			e.MaxAge = time.Duration(number)
		}
	}
	return true
}
