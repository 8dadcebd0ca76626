package store

import (
	"context"
	"errors"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Ledger keeps what runs beside requests needs to go on where it was: who of
// several does what one alone shall do, and notes of what was done. Both outlive a
// crash, and are no part of the feed. Its methods may be called concurrently.
type Ledger interface {
	// Lead takes a lease for a time from now on, or renews it; false where another
	// holder has it. A lease whose time is over is anybody's.
	Lead(ctx context.Context, name, holder string, lasts time.Duration) (Lease, bool, error)
	// Resign gives a lease up; it does nothing where it is another's by now.
	Resign(ctx context.Context, l Lease) error
	// Note writes notes: all of them, durably, or none.
	Note(ctx context.Context, n Notes) error
	// Noted reads the notes of a room by their keys, from a key on, at most limit.
	Noted(ctx context.Context, room, from string, limit int) ([]Note, error)
	// Resume gives where to go on from a cursor that the feed no longer reaches back
	// to: the earliest that Changes can be asked for. It is true where it is known
	// that no commit lies between.
	Resume(ctx context.Context, after query.Cursor) (query.Cursor, bool, error)
}

// Lease says that one holder alone does something, until its time is over.
type Lease struct {
	Name, Holder string
	// Term grows whenever the lease goes to another holder: what is done under one
	// of before is refused.
	Term uint64
}

// Note is a text of ours under a name.
type Note struct {
	Room, Key string
	Body      []byte
}

// NoteName names a note, or with an empty key all those of a room.
type NoteName struct{ Room, Key string }

// Notes are what is written together.
type Notes struct {
	// Under, when set, must still be held; else the error is ErrLeaseLost.
	Under *Lease
	// Drop comes before Put.
	Drop []NoteName
	Put  []Note
	// Hold, when set, is what the feed is kept from, however old that gets; the zero
	// Cursor ends it. Where that makes the feed larger than it may be, writes are
	// refused. An engine whose feed is kept by its server may not be able to.
	Hold *query.Cursor
}

// ErrLeaseLost is returned for what was to be done under a lease that another
// holder has.
var ErrLeaseLost = errors.New("another node does this now")
