package live

import (
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Type is the type of an event.
type Type uint8

// The events.
const (
	// Snapshot is every row that the subscriber sees, at a cursor. It replaces
	// whatever he had.
	Snapshot Type = iota
	// Resumed says that what follows continues from the cursor he came with.
	Resumed
	// Truncated says that what he missed is no longer kept; a Snapshot follows.
	Truncated
	// Create is a new row.
	Create
	// Update is a row that he saw before, as it is now.
	Update
	// Delete is a row that he saw and that is no more.
	Delete
	// Enter is a row that he begins to see because it changed.
	Enter
	// Leave is a row that he ceases to see because it changed.
	Leave
	// Joined begins a broadcast; the messages of its history follow.
	Joined
	// Message is what somebody sent to a broadcast.
	Message
)

// String is the event's name on the wire.
func (t Type) String() string {
	return [...]string{"snapshot", "resumed", "truncated", "create", "update", "delete", "enter", "leave", "joined", "message"}[t]
}

// Event is what a subscriber is told, before it is encoded. It is valid during
// Encode alone.
type Event struct {
	Type   Type
	Cursor Cursor
	// Of is the channel as it is bound: its columns are the only ones that may
	// be shown.
	Of *data.Subscription
	// At is when the commit was made, microseconds; changes alone.
	At int64
	// Broadcast is what was sent; messages alone.
	Broadcast *Broadcast
	// Before is the row before the change, where this subscriber saw it; After
	// the row after it, where he sees it. Both are whole rows of Of.Table.
	Before, After query.Row
	// Rows is a snapshot's JSON array; More says that the table may have more
	// rows than a snapshot may hold.
	Rows []byte
	More bool

	view *view
}

// AppendRow appends After as a JSON object of the columns that may be shown.
func (e *Event) AppendRow(dst []byte) []byte { return e.view.appendRow(dst, e.After) }

// AppendKey appends the key of the row that changed, as JSON.
func (e *Event) AppendKey(dst []byte) []byte {
	if e.After != nil {
		return query.AppendJSON(dst, e.After[0])
	}
	return query.AppendJSON(dst, e.Before[0])
}

// Encoder writes events in a surface's wire format. Subscriptions that share
// everything and have equal Encoders share the encoded bytes, so an Encoder
// must be comparable, immutable, and safe for concurrent use.
type Encoder interface {
	// Encode appends the event to dst.
	Encode(dst []byte, e *Event) []byte
}

// Frame is an encoded event. Data is shared between subscribers and must not
// be written to.
type Frame struct {
	Type   Type
	Cursor Cursor
	Data   []byte
}

// bundle is what one commit, or one step of joining, has for a group: it enters
// a queue whole. It is immutable once a queue has it.
type bundle struct {
	frames []Frame // at least one
	size   int     // bytes of all Data
}

func newBundle(frames []Frame) *bundle {
	b := &bundle{frames: frames}
	for i := range frames {
		b.size += len(frames[i].Data)
	}
	return b
}

// Reason says why a subscription ended.
type Reason uint8

// The reasons.
const (
	// Slow: its queue was full. It may come back with its cursor.
	Slow Reason = iota + 1
	// Gone: the channel is not declared any more.
	Gone
	// Denied: the rule now says no to this caller.
	Denied
	// Stopping: the hub was closed.
	Stopping
	// Failed: we could not go on; the log says why.
	Failed
)

// End is how a subscription ended. Cursor is that of the last frame it gave
// out; the zero Cursor when there was none.
type End struct {
	Reason Reason
	Cursor Cursor
}
