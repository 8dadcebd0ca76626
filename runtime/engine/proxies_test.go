package engine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
)

// TestProxiesOutliveReloads takes a WebSocket and an event stream through reloads: no
// generation waits for them, the servers' connections and health stay, and a stop
// ends them in good order.
func TestProxiesOutliveReloads(t *testing.T) {
	next := make(chan struct{})
	var asked atomic.Int64
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health/outlives-reloads": // which no other test asks, on a port that was its own
			asked.Add(1)
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			for {
				fmt.Fprint(w, "data: x\n\n")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
					return
				}
			}
		case "/ws":
			conn, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer conn.Close()
			for {
				kind, message, err := conn.ReadMessage()
				if err != nil {
					return
				}
				_ = conn.WriteMessage(kind, message)
			}
		default:
			fmt.Fprint(w, r.URL.Path)
		}
	}))
	defer behind.Close()
	route := `
observe: metrics: listen: "127.0.0.1:0"
routes: "/app/*": proxy: {to: ["` + behind.URL + `"], health: {path: "/health/outlives-reloads", interval: "1h"}, strip: "/app"}
`
	b := start(t, base+route)
	b.want("GET", "/app/x", "", http.StatusOK, "/x")
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(b.URL(), "http")+"/app/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL()+"/app/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	event := make([]byte, len("data: x\n\n"))
	goesOn := func() {
		t.Helper()
		if _, err := io.ReadFull(res.Body, event); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
		if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, message, err := conn.ReadMessage(); err != nil || string(message) != "hello" {
			t.Fatalf("%q %v", message, err)
		}
	}
	goesOn()
	for i := range 3 {
		b.mustReload(base + strings.Replace(route, "{to", fmt.Sprintf("{request: set: \"X-Turn\": \"%d\", to", i), 1))
		eventually(t, "the generation before is released", func() bool { return b.Status(t.Context()).Draining == 0 })
		goesOn()
	}
	// At the start a build that is dropped may have come as far as to ask, too; of each
	// reload that begins anew there would be one more.
	if n := asked.Load(); n < 1 || n > 2 {
		t.Errorf("the server was asked %d times how it is: its health did not survive reloads", n)
	}
	s := b.Status(t.Context()).Upstreams
	if len(s) != 1 || s[0].Route != "/app/*" || s[0].Address != behind.URL || !s[0].Healthy || s[0].Running != 2 {
		t.Errorf("%+v", s)
	}
	metrics, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.MetricsAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(metrics)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`edgehive_proxy_requests_total{result="ok",route="/app/*",upstream="0"} 1`,
		`edgehive_proxy_upstream_healthy{route="/app/*",upstream="0"} 1`,
		`edgehive_proxy_upstream_requests{route="/app/*",upstream="0"} 2`,
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the metrics do not say %s", line)
		}
	}
	b.mustReload(base + strings.ReplaceAll(route, "/app", "/other")) // nobody declares them any more
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the WebSocket ended with %v", err)
	}
	if rest, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("the event stream ended with %q, %v", rest, err)
	}
	b.want("GET", "/app/x", "", http.StatusNotFound, "")
	b.want("GET", "/other/x", "", http.StatusOK, "/x")
}

// TestProxiesOutliveReloadsOnEveryPath: where the built-in paths do not answer, a
// WebSocket under /api is a proxy's as any other, and no generation waits for it.
func TestProxiesOutliveReloadsOnEveryPath(t *testing.T) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			_ = conn.WriteMessage(kind, message)
		}
	}))
	defer behind.Close()
	route := `
server: hosts: ["api.example.com"]
routes: "app.example.com/*": proxy: {to: ["` + behind.URL + `"]}
`
	b := start(t, base+route)
	for _, path := range []string{"/ws", "/api/ws", "/api/realtime/ws", "/rest/v1/ws"} {
		dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, strings.TrimPrefix(b.URL(), "http://"))
		}}
		conn, _, err := dialer.DialContext(t.Context(), "ws://app.example.com"+path, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b.mustReload(base + strings.Replace(route, "{to", fmt.Sprintf("{request: set: \"X-Turn\": %q, to", path), 1))
		eventually(t, path+": the generation before is released", func() bool { return b.Status(t.Context()).Draining == 0 })
		if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if _, message, err := conn.ReadMessage(); err != nil || string(message) != "hello" {
			t.Errorf("%s: %q %v", path, message, err)
		}
		conn.Close()
	}
}

// TestStopEndsProxiedStreams: a stop does not wait for what has no end.
func TestStopEndsProxiedStreams(t *testing.T) {
	upgrader := websocket.Upgrader{}
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		_, _, _ = conn.ReadMessage()
	}))
	defer behind.Close()
	b := start(t, base+`
routes: "/app/*": proxy: to: ["`+behind.URL+`"]
`)
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(b.URL(), "http")+"/app/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	closed := make(chan error, 1)
	go func() { closed <- b.Close() }()
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the WebSocket ended with %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
