package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAnswers holds what a server may say of an answer against what is ours.
func TestAnswers(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Request-Id", "theirs")
		h.Set("Server", "secret/1.2")
		h.Set("X-Powered-By", "secret")
		h.Set("Alt-Svc", `h3=":1"`)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Vary", "Accept")
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("Keep-Alive", "timeout=1")
		h.Set("X-App", "1")
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", "b=2")
		h["Content-Type"] = nil
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "<html>")
	})
	f := newFront(t, declared(s.URL))
	res, body := get(t, client(t), f.URL+"/")
	if res.StatusCode != http.StatusTeapot || body != "<html>" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	for name, want := range map[string][]string{
		"X-Request-Id": {"id-1"}, "Server": nil, "X-Powered-By": nil, "Alt-Svc": nil, "Access-Control-Allow-Origin": nil, "Access-Control-Allow-Credentials": nil,
		"Vary": {"Origin", "Accept"}, "X-Hop": nil, "Keep-Alive": nil, "X-App": {"1"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Type": nil, "Content-Length": {"6"},
	} {
		if got := res.Header[name]; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestServersOwnAddressIsTakenOut(t *testing.T) {
	var location string
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
	d := declared(s.URL)
	d.Strip, d.Host = "/legacy", "legacy.internal"
	f := newFront(t, d)
	for from, want := range map[string]string{
		s.URL + "/in?a=1#b":               "/legacy/in?a=1#b",
		s.URL:                             "/legacy/",
		s.URL + "//evil.example/x":        "/legacy/evil.example/x",
		"http://legacy.internal/login":    "/legacy/login",
		"https://other.example/x":         "https://other.example/x",
		"/relative":                       "/relative",
		"https://www.example.com/already": "https://www.example.com/already",
	} {
		location = from
		res, _ := get(t, client(t), f.URL+"/legacy/x", "Host: www.example.com")
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("%s becomes %s, want %s", from, got, want)
		}
	}
}

// TestInformational proves that hints come before the answer, with headers of their
// own, and leave ours.
func TestInformational(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Link", "</b.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		fmt.Fprint(w, "done")
	})
	f := newFront(t, declared(s.URL))
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h["Link"], h["Access-Control-Allow-Origin"], h["X-Request-Id"]))
		return nil
	}}
	r, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, f.URL, nil)
	res, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if want := []string{"103 [</a.css>; rel=preload] [] []", "103 [</b.css>; rel=preload] [] []"}; !slices.Equal(hints, want) {
		t.Errorf("hints %q, want %q", hints, want)
	}
	if res.Header["Link"] != nil || res.Header.Get("X-Request-Id") != "id-1" || res.Header.Get("Vary") != "Origin" {
		t.Errorf("answer: %v", res.Header)
	}
}

func TestHead(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "12345")
		w.Header().Set("Content-Type", "text/plain")
	})
	f := newFront(t, declared(s.URL))
	res, body := send(t, client(t), http.MethodHead, f.URL, nil)
	if res.ContentLength != 12345 || body != "" || res.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d %v %q", res.ContentLength, res.Header, body)
	}
}

// TestExpectContinue proves that a body that a server does not want is not asked for.
func TestExpectContinue(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "no", http.StatusExpectationFailed)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	f := newFront(t, declared(s.URL))
	ask := func(path string) (conn net.Conn, in *bufio.Reader, line string) {
		t.Helper()
		conn = dial(t, f.Listener.Addr().String())
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", path)
		in = bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return conn, in, line
	}
	for path, want := range map[string]string{"/no": "HTTP/1.1 417", "/yes": "HTTP/1.1 100"} {
		conn, in, line := ask(path)
		for tries := 0; path == "/no" && !strings.HasPrefix(line, want) && tries < 20; tries++ {
			conn, in, line = ask(path) // a server that says nothing for a second gets the body all the same
		}
		if !strings.HasPrefix(line, want) {
			t.Fatalf("%s: %q, want %s", path, line, want)
		}
		if path == "/yes" {
			fmt.Fprint(conn, "12345")
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := io.ReadAll(res.Body); string(text) != "5" {
				t.Errorf("the server read %q", text)
			}
		}
	}
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return conn
}

// TestTrailers go both ways; a request's cannot say what its headers may not.
func TestTrailers(t *testing.T) {
	var seen http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Access-Control-Allow-Origin")
		_, _ = io.Copy(w, r.Body)
		seen = r.Trailer.Clone()
		w.Header().Set("X-Sum", "42")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
		w.Header().Set(http.TrailerPrefix+"X-Request-Id", "theirs")
	})
	f := newFront(t, declared(s.URL))
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL, struct{ io.Reader }{strings.NewReader("body")})
	r.Trailer = http.Header{"X-Up": {"1"}, "X-Forwarded-For": {"6.6.6.6"}, "X_real_ip": {"6.6.6.6"}}
	res, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen.Get("X-Up") != "1" {
		t.Errorf("the server got %v", seen)
	}
	if len(res.Trailer) != 2 || res.Trailer.Get("X-Sum") != "42" || res.Trailer.Get("X-Late") != "yes" {
		t.Errorf("the client got %v", res.Trailer)
	}
}
