package realtime

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// maxPosted bounds the body of a POST: a message, and what is around it.
const maxPosted = live.MaxPayload + 1<<10

var (
	errMediaType = fault.New("unsupported-media-type", "a body needs Content-Type: application/json").
			WithHint("forms and text are refused, so that no page can write across sites unasked")
	errEncoded  = fault.New("unsupported-media-type", "bodies with Content-Encoding are not accepted").WithHint("send the body as it is")
	errTooLarge = fault.Newf(live.CodeTooLarge, "a message carries at most %d bytes", live.MaxPayload).WithHint("store what is large, and send where it is")
	errSlowBody = fault.New("body-timeout", "the body did not come in time").WithHint("send less at once")
	errBodyCut  = fault.New(live.CodeMessage, "the body ended before its Content-Length")
	errPosted   = fault.New(live.CodeMessage, "the body is not a JSON object that we know").WithHint(`send {"event":"...","payload":{}}`)
)

// posted is the body of a POST.
type posted struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

// servePost sends a message to a broadcast for who has no socket.
func (s *Server) servePost(w http.ResponseWriter, r *http.Request) {
	set := s.settings.Load()
	if f := set.refuses(r); f != nil {
		refuse(w, r, f)
		return
	}
	caller, err := poster(set.callers, r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	p, err := s.readPosted(w, r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	channel := r.PathValue("channel")
	at, err := s.hub.Send(r.Context(), live.Sending{Caller: caller, Channel: channel, Event: p.Event, Payload: p.Payload})
	if err != nil {
		if !errors.Is(err, live.ErrClosed) {
			err = s.told(err, channel)
		}
		refuseAs(w, r, err, caller.Role != auth.Anon)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, `{"cursor":"`+at.String()+"\"}\n") // a client that has gone has sent it all the same
}

// poster is who posts: tokens in a URL are for sockets and streams.
func poster(callers Callers, r *http.Request) (*auth.Caller, error) {
	resolved, err := callers.Resolve(r.Header.Get("Authorization"), r.Header.Get("Apikey"))
	if err != nil {
		return nil, err
	}
	if len(r.Header["Origin"]) > 0 && resolved.Caller.IsService() {
		return nil, errServiceKey
	}
	return resolved.Caller, nil
}

// readPosted reads the body within its bounds.
func (s *Server) readPosted(w http.ResponseWriter, r *http.Request) (posted, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return posted{}, errMediaType
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return posted{}, errEncoded
	}
	if r.ContentLength > maxPosted {
		w.Header().Set("Connection", "close")
		return posted{}, errTooLarge
	}
	// A writer that knows no deadline is bounded by its server.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.limits.Write))
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPosted))
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		w.Header().Set("Connection", "close")
		return posted{}, bodyFault(err)
	}
	return readMessage(raw)
}

func bodyFault(err error) error {
	var tooBig *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &tooBig):
		return errTooLarge
	case errors.As(err, &network) && network.Timeout():
		return errSlowBody
	}
	return errBodyCut.WithCause(err)
}

// readMessage reads what was posted: an object of nothing but an event and a
// payload.
func readMessage(raw []byte) (posted, error) {
	value, f := query.DecodeJSON(query.Type{Kind: query.KindJSON}, raw)
	if f != nil {
		return posted{}, errPosted.WithDetails(f.Message)
	}
	in := json.NewDecoder(strings.NewReader(value.S))
	in.DisallowUnknownFields()
	var p posted
	if value.Kind != query.KindJSON || in.Decode(&p) != nil {
		return posted{}, errPosted
	}
	return p, nil
}
