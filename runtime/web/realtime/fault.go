package realtime

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
)

// What is answered before a connection is a socket or a stream.
var (
	errPlain = fault.New("upgrade-required", "a channel is served over WebSocket or SSE").
			WithHint("connect a WebSocket, or send Accept: text/event-stream (curl -N -H 'Accept: text/event-stream' URL)")
	errOrigin     = fault.New("origin-not-allowed", "this origin may not call").WithHint("list it in cors.origins")
	errServiceKey = fault.New("service-key-in-browser", "the service key may not be used by a web page").
			WithHint("it is the master key: keep it on servers, and sign users in")
	errCursor  = fault.New("bad-cursor", "this is not a cursor of this server").WithHint("leave it out to begin with a snapshot")
	errCrowded = fault.New("too-many-connections", "too many live connections from this address or of this user").
			WithHint("close some, or share one between tabs")
	errStopping    = fault.New("unavailable", "the server is stopping").WithHint("try again in a few seconds")
	errNoTransport = fault.New("upgrade-required", "this connection cannot be upgraded").WithHint("use HTTP/1.1, or SSE")
)

// What a socket is told in an error frame.
var (
	errNoJSON  = fault.New("bad-message", "this message is not a JSON object that we know").WithHint(`send {"type":"auth","token":"..."}, {"type":"ping"} or, to a broadcast, {"type":"send","event":"...","payload":{}}`)
	errBinary  = fault.New("bad-message", "binary messages have no meaning here").WithHint("send JSON as text")
	errExpired = fault.New("PGRST303", "JWT expired").WithHint(`send {"type":"auth","token":"..."} with a new token`)
)

// statusOf maps the codes that can come here to HTTP.
func statusOf(f *fault.Fault, named bool) int {
	switch f.Code {
	case "upgrade-required":
		return http.StatusUpgradeRequired
	case "origin-not-allowed", "service-key-in-browser":
		return http.StatusForbidden
	case "bad-cursor", live.CodeMessage, data.CodeNoBroadcast:
		return http.StatusBadRequest
	case live.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case "unsupported-media-type":
		return http.StatusUnsupportedMediaType
	case "body-timeout":
		return http.StatusRequestTimeout
	case "too-many-connections":
		return http.StatusTooManyRequests
	case "unavailable":
		return http.StatusServiceUnavailable
	case "PGRST205":
		return http.StatusNotFound
	case "42501":
		if named {
			return http.StatusForbidden
		}
		return http.StatusUnauthorized
	}
	if strings.HasPrefix(f.Code, "PGRST30") {
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}

// body is a fault as clients see it.
type body struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Details *string `json:"details"`
	Hint    *string `json:"hint"`
}

func bodyOf(f *fault.Fault) body {
	b := body{Code: f.Code, Message: f.Message}
	if f.Details != "" {
		b.Details = &f.Details
	}
	if f.Hint != "" {
		b.Hint = &f.Hint
	}
	return b
}

// refuse answers instead of opening the channel.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	refuseAs(w, r, err, false)
}

func refuseAs(w http.ResponseWriter, r *http.Request, err error, named bool) {
	if errors.Is(err, live.ErrClosed) {
		err = errStopping
	}
	f := fault.From(err)
	status := statusOf(f, named)
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusUpgradeRequired:
		header.Set("Upgrade", "websocket")
		header.Set("Connection", "Upgrade")
	case http.StatusTooManyRequests:
		header.Set("Retry-After", "10")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "5")
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	}
	// A struct of strings always marshals.
	text, _ := json.Marshal(bodyOf(f))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(text, '\n'))
	}
}
