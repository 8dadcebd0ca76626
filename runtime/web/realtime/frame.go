package realtime

import (
	"encoding/json"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// encoder writes the native frames: one JSON object an event. Sockets and
// streams share them.
type encoder struct{}

var _ live.Encoder = encoder{}

// Encode appends the event's frame.
func (encoder) Encode(dst []byte, e *live.Event) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.Type.String()...)
	dst = append(dst, '"')
	if e.Type != live.Truncated {
		dst = append(dst, `,"cursor":"`...)
		dst = append(dst, e.Cursor.String()...)
		dst = append(dst, '"')
	}
	switch e.Type {
	case live.Snapshot:
		dst = append(dst, `,"rows":`...)
		dst = append(dst, e.Rows...)
		if e.More {
			dst = append(dst, `,"more":true`...)
		}
	case live.Create, live.Update, live.Enter:
		dst = append(dst, `,"key":`...)
		dst = e.AppendKey(dst)
		dst = append(dst, `,"row":`...)
		dst = e.AppendRow(dst)
	case live.Delete, live.Leave:
		dst = append(dst, `,"key":`...)
		dst = e.AppendKey(dst)
	case live.Message:
		dst = appendMessage(dst, e.Broadcast)
	}
	return append(dst, '}')
}

func appendMessage(dst []byte, b *live.Broadcast) []byte {
	dst = append(dst, `,"event":`...)
	dst = query.AppendJSON(dst, query.Text(b.Event))
	dst = append(dst, `,"payload":`...)
	dst = append(dst, b.Payload...)
	dst = append(dst, `,"from":`...)
	if b.From == "" {
		dst = append(dst, "null"...)
	} else {
		dst = query.AppendJSON(dst, query.Text(b.From))
	}
	dst = append(dst, `,"at":`...)
	return query.AppendJSON(dst, query.Timestamp(b.At))
}

// pingFrame is the heartbeat: it carries how far the subscriber has come, when
// that is known.
func pingFrame(at live.Cursor, known bool) []byte {
	if !known {
		return []byte(`{"type":"ping"}`)
	}
	return []byte(`{"type":"ping","cursor":"` + at.String() + `"}`)
}

var pongFrame = []byte(`{"type":"pong"}`)

// errorFrame tells a fault.
func errorFrame(f *fault.Fault) []byte { return refusal(f, "") }

// refusal tells a fault of the message with this ref; "" is none.
func refusal(f *fault.Fault, ref string) []byte {
	text, _ := json.Marshal(struct { // strings always marshal
		Type string `json:"type"`
		Ref  string `json:"ref,omitempty"`
		body
	}{"error", ref, bodyOf(f)})
	return text
}

// sentFrame tells that the message with this ref was sent.
func sentFrame(ref string, at live.Cursor) []byte {
	text, _ := json.Marshal(struct { // strings always marshal
		Type string `json:"type"`
		Ref  string `json:"ref"`
		At   string `json:"cursor"`
	}{"sent", ref, at.String()})
	return text
}

// Close codes of the native protocol. Those from 4000 are ours.
const (
	codeInternal  = 1011
	codeRestart   = 1012
	codeNoCaller  = 4001 // no valid token in time
	codeBad       = 4002 // ten messages that we could not read
	codeDenied    = 4003 // the rule says no to this caller
	codeGone      = 4004 // the channel is not declared
	codeSlow      = 4008 // the client did not read fast enough
	codeTooMany   = 4029 // messages a second, or connections of the user
	maxReasonSize = 123  // bytes, by RFC 6455
)

// closing is why and how a connection ends.
type closing struct {
	code   int
	reason string
}

var (
	closingStopped = closing{codeRestart, "the server restarts; come back"}
	// closingRevoked ends the connection of a caller whom the keys of before let
	// in.
	closingRevoked = closing{codeNoCaller, "the keys have changed; come back with a new token"}
)

// closingOf is what a subscription's end means to its client.
func closingOf(end live.End) closing {
	switch end.Reason {
	case live.Slow:
		return closing{codeSlow, "too slow; come back with your cursor " + end.Cursor.String()}
	case live.Gone:
		return closing{codeGone, "the channel is not declared"}
	case live.Denied:
		return closing{codeDenied, "you may not listen to this channel"}
	case live.Stopping:
		return closingStopped
	}
	return closing{codeInternal, "something went wrong on the server; come back"}
}
