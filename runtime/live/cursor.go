package live

import (
	"errors"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// errCursor is what every malformed cursor gets: cursors are opaque.
var errCursor = errors.New("this is not a cursor of this server")

// Cursor is a subscriber's place in the feed: after a whole commit or, since a
// commit may hold many changes and a connection may break between two frames,
// after the first Part changes of it.
type Cursor struct {
	Commit query.Cursor
	// Part counts the changes of Commit that lie before the cursor; 0 is all.
	Part int
	// Of marks what was seen up to here: channel, rows, columns and events. Who
	// comes back and would see something else needs a snapshot. 0 is unmarked.
	Of uint32
}

// String is the cursor's text for clients, who treat it as opaque: URL-safe,
// at most 42 bytes.
func (c Cursor) String() string {
	var buf [48]byte
	b := append(buf[:0], c.Commit.String()...)
	if c.Part != 0 {
		b = append(b, '.')
		b = strconv.AppendInt(b, int64(c.Part), 36)
	}
	if c.Of != 0 {
		b = append(b, '~')
		b = strconv.AppendUint(b, uint64(c.Of), 36)
	}
	return string(b)
}

// ParseCursor reads what String wrote, and nothing else.
func ParseCursor(text string) (Cursor, error) {
	rest, mark, marked := strings.Cut(text, "~")
	commit, part := rest, ""
	if parts := strings.Split(rest, "."); len(parts) == 3 {
		commit, part = parts[0]+"."+parts[1], parts[2]
	}
	c := Cursor{}
	var err error
	if c.Commit, err = query.ParseCursor(commit); err != nil {
		return Cursor{}, errCursor
	}
	if part != "" {
		n, err := strconv.ParseUint(part, 36, 31)
		if err != nil {
			return Cursor{}, errCursor
		}
		c.Part = int(n)
	}
	if marked {
		n, err := strconv.ParseUint(mark, 36, 32)
		if err != nil {
			return Cursor{}, errCursor
		}
		c.Of = uint32(n)
	}
	if c.String() != text {
		return Cursor{}, errCursor
	}
	return c, nil
}

// previous is where to read from so that the cursor's own commit comes first,
// when only a part of it has been seen.
func (c Cursor) previous() query.Cursor {
	if c.Part == 0 || c.Commit.Seq == 0 {
		return c.Commit
	}
	return query.Cursor{Epoch: c.Commit.Epoch, Seq: c.Commit.Seq - 1}
}

// markOf is the mark of what a bound channel shows.
func markOf(of *data.Subscription) uint32 {
	h := fnv.New32a()
	// A hash refuses nothing.
	_, _ = h.Write([]byte(of.Group))
	for _, event := range of.Channel.Events {
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(event))
	}
	return max(h.Sum32(), 1)
}
