//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// behind is a server behind the backend: it sends WebSocket messages and bodies back,
// and has a stream of events and an answer that last until the test says so.
func behind(t *testing.T) (url string, finish func()) {
	t.Helper()
	enough := make(chan struct{})
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	mux := http.NewServeMux()
	mux.HandleFunc("/behind/socket", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for {
			kind, text, err := conn.ReadMessage()
			if err != nil || conn.WriteMessage(kind, text) != nil {
				return
			}
		}
	})
	mux.HandleFunc("/behind/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "id: 1\ndata: after %q\n\n", r.Header.Get("Last-Event-ID"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-enough:
		}
	})
	mux.HandleFunc("/behind/download", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun,")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-enough:
			_, _ = io.WriteString(w, "done")
		}
	})
	mux.HandleFunc("/behind/upload", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write(text)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	finish = sync.OnceFunc(func() { close(enough) })
	t.Cleanup(finish)
	return server.URL, finish
}

// TestUpgradePassesThrough: what goes to and from servers behind the backend. Streams
// are told to come back; an upload and an answer that last hold nobody up, and are
// carried through by the process that began them.
func TestUpgradePassesThrough(t *testing.T) {
	t.Parallel()
	url, finish := behind(t)
	s := startStorm(t, plainly(fmt.Sprintf("routes: \"/behind/*\": proxy: to: [%q]\n", url)), nil)
	ask := func(method, path string, body io.Reader, after string) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		if after != "" {
			request.Header.Set("Last-Event-ID", after)
		}
		response, err := s.client().Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %s", path, err, said(response))
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
	open := func() *websocket.Conn {
		t.Helper()
		dialer := websocket.Dialer{HandshakeTimeout: stormPatience}
		conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/behind/socket", nil)
		if err != nil {
			t.Fatalf("%v %s", err, said(response))
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetReadDeadline(time.Now().Add(stormPatience))
		if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, text, err := conn.ReadMessage(); err != nil || string(text) != "hello" {
			t.Fatalf("%q %v", text, err)
		}
		return conn
	}
	events := func(after string) *bufio.Reader {
		t.Helper()
		in := bufio.NewReader(ask(http.MethodGet, "/behind/events", http.NoBody, after).Body)
		for _, want := range []string{"id: 1\n", fmt.Sprintf("data: after %q\n", after), "\n"} {
			if line, err := in.ReadString('\n'); err != nil || line != want {
				t.Fatalf("%q %v, want %q", line, err, want)
			}
		}
		return in
	}
	socket, stream := open(), events("")
	download := bufio.NewReader(ask(http.MethodGet, "/behind/download", http.NoBody, "").Body)
	if text, err := download.ReadString(','); err != nil || text != "begun," {
		t.Fatalf("%q %v", text, err)
	}
	r, w := io.Pipe()
	uploaded := make(chan string, 1)
	go func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/behind/upload", r)
		if err != nil {
			uploaded <- err.Error()
			return
		}
		response, err := s.client().Do(request)
		if err != nil {
			uploaded <- err.Error()
			return
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		uploaded <- fmt.Sprint(response.StatusCode, " ", string(text), " ", err)
	}()
	if _, err := io.WriteString(w, "first,"); err != nil { // it is being sent by now
		t.Fatal(err)
	}
	s.upgrade() // while both are on their way
	if _, _, err := socket.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the WebSocket was told %v", err)
	}
	if rest, err := io.ReadAll(stream); len(rest) > 0 {
		t.Errorf("the event stream ends with %q, %v", rest, err)
	}
	open()
	events("1")
	_, _ = io.WriteString(w, "last")
	_ = w.Close()
	if got := <-uploaded; got != "200 first,last <nil>" {
		t.Errorf("the upload: %s", got)
	}
	finish()
	if text, err := io.ReadAll(download); err != nil || string(text) != "done" {
		t.Errorf("the download: %q %v", text, err)
	}
	s.end()
}

// TestUpgradeHTTP3: clients over HTTP/3 are told to go, are answered what they have
// asked, and come back; none that may repeat a request has to say that it failed.
func TestUpgradeHTTP3(t *testing.T) {
	t.Parallel()
	url, finish := behind(t)
	more := fmt.Sprintf("routes: \"/behind/*\": proxy: to: [%q]\n", url)
	s := startStorm(t, func(version int) string { return fmt.Sprintf(upgradeManifest, stormTLS, version) + more }, nil)
	s.allowed = []string{"UDP", "buffer"}
	status, err := s.admin.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address := ""
	for _, l := range status.Listeners {
		if l.Name == "http3" {
			address = "https://localhost:" + l.Address[strings.LastIndex(l.Address, ":")+1:]
		}
	}
	client := func() *http3.Transport {
		c := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, QUICConfig: &quic.Config{MaxIdleTimeout: stormPatience}}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	get := func(c *http3.Transport, path string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), stormPatience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+path, http.NoBody)
		if err != nil {
			return "", err
		}
		response, err := c.RoundTrip(request)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		return fmt.Sprint(response.StatusCode, " ", string(text)), err
	}
	// One that is quiet, one that waits for its answer, and some at work.
	quiet, waits := client(), client()
	if text, err := get(quiet, "/health"); err != nil {
		t.Fatal(text, err)
	}
	waited := make(chan string, 1)
	go func() {
		text, err := get(waits, "/behind/download")
		waited <- fmt.Sprint(text, " ", err)
	}()
	s.await("it waits", func() bool {
		status, err := s.admin.Status(t.Context())
		return err == nil && len(status.Upstreams) == 1 && status.Upstreams[0].Running == 1
	})
	ctx, enough := context.WithCancel(t.Context())
	var working sync.WaitGroup
	for range 3 {
		fallback := s.client()
		working.Go(func() {
			c := client()
			for ctx.Err() == nil {
				text, err := get(c, "/api/data/notes?limit=1")
				if err == nil && strings.HasPrefix(text, "200 ") {
					s.answered("GET over HTTP/3", http.StatusOK, http.StatusOK, 0, nil)
					continue
				}
				// Who is turned away has TCP, and repeats what may be repeated.
				request, err := http.NewRequest(http.MethodGet, s.url+"/api/data/notes?limit=1", http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				status, err := s.do(fallback, request)
				s.answered("GET over TCP after "+text, status, http.StatusOK, 0, err)
				pauseFor(ctx, 5*time.Millisecond)
			}
		})
	}
	s.awaitRequests(20)
	upgraded, began := make(chan struct{}), time.Now()
	go func() {
		defer close(upgraded)
		s.upgrade()
	}()
	s.await("the upgrade ends HTTP/3", func() bool {
		select {
		case <-upgraded:
			return true
		default:
		}
		_, err := get(quiet, "/health") // answered by either, or turned away meanwhile
		return err != nil
	})
	late := time.Since(began) > 10*time.Second // what takes so long is cut off, and rightly
	finish()
	if text := <-waited; text != "200 begun,done <nil>" && !late {
		t.Errorf("the answer that was waited for: %s", text)
	}
	<-upgraded
	if late {
		t.Log("the machine is too slow to finish in time what was begun")
		s.allowed = append(s.allowed, "by the upgrade")
	}
	s.awaitRequests(20)
	enough()
	working.Wait()
	s.await("HTTP/3 is back", func() bool { _, err := get(quiet, "/health"); return err == nil })
	s.end()
}
