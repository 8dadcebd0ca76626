package query

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
)

// errCursor is what every malformed cursor gets: cursors are opaque, so what
// exactly is wrong with one helps nobody.
var errCursor = errors.New("this is not a cursor of this server")

// String is the cursor's text for clients: short, opaque, URL-safe. The zero
// Cursor is "0.0".
func (c Cursor) String() string {
	var buf [28]byte
	b := strconv.AppendUint(buf[:0], c.Epoch, 36)
	b = append(b, '.')
	b = strconv.AppendUint(b, c.Seq, 36)
	return string(b)
}

// ParseCursor reads what String wrote, and nothing else: two texts never mean
// one cursor.
func ParseCursor(s string) (Cursor, error) {
	epoch, seq, found := strings.Cut(s, ".")
	if !found {
		return Cursor{}, errCursor
	}
	var c Cursor
	var err error
	if c.Epoch, err = strconv.ParseUint(epoch, 36, 64); err != nil {
		return Cursor{}, errCursor
	}
	if c.Seq, err = strconv.ParseUint(seq, 36, 64); err != nil {
		return Cursor{}, errCursor
	}
	if c.String() != s {
		return Cursor{}, errCursor
	}
	return c, nil
}

// Compare orders cursors: by epoch, then by commit. Cursors of two epochs are
// ordered in time, but what lies between them cannot be read.
func (c Cursor) Compare(other Cursor) int {
	return cmp.Or(cmp.Compare(c.Epoch, other.Epoch), cmp.Compare(c.Seq, other.Seq))
}
