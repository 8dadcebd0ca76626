package function_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function"
)

func TestCommand(t *testing.T) {
	h, written := newHost(t)
	f := load(t, h, "program", "command", "", one, func(d *function.Definition) {
		d.Config = map[string]string{"CURRENCY": "EUR", "PATH_INFO": "forged", "HTTP_HOST": "forged"}
	})
	if f.Convention() != function.Command {
		t.Errorf("it is called as %s", f.Convention())
	}
	e := request(strings.Repeat("body ", 100))
	e.Request.Query, e.Request.Path = "a=1", "/rest"
	e.Request.Header = http.Header{
		"Content-Type": {"text/plain"}, "X-Two": {"a", "b"}, "Cookie": {"secret"}, "Authorization": {"secret"}, "Proxy": {"http://evil"},
	}
	for range 3 { // it counts its calls, and exits with that: nothing is left of the one before
		got := call(t, f, e)
		if got.status != 418 || got.header.Get("Content-Type") != "text/x-echo" || got.header.Get("X-Made") != "by hand" {
			t.Fatalf("got %d %v", got.status, got.header)
		}
		at := strings.LastIndexByte(got.body.String(), 0) + 1
		if body := got.body.String()[at:]; body != string(e.Body) {
			t.Errorf("the body came back as %q", body)
		}
		variables := map[string]string{}
		for _, text := range strings.Split(got.body.String()[:at], "\x00") {
			name, value, _ := strings.Cut(text, "=")
			variables[name] = value
		}
		for name, want := range map[string]string{
			"REQUEST_METHOD": "POST", "PATH_INFO": "/rest", "QUERY_STRING": "a=1", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "500",
			"HTTP_X_TWO": "a, b", "CURRENCY": "EUR", "GATEWAY_INTERFACE": "CGI/1.1", "HTTP_COOKIE": "", "HTTP_AUTHORIZATION": "", "HTTP_PROXY": "", "HTTP_HOST": "",
		} {
			if variables[name] != want {
				t.Errorf("%s is %q, want %q", name, variables[name], want)
			}
		}
		if !strings.HasPrefix(variables["EDGEHIVE_EVENT"], `{"kind":"request"`) || strings.Contains(got.body.String(), "secret") {
			t.Errorf("got %q", got.body.String())
		}
	}
	if !strings.Contains(written.String(), `msg="a line of the log" function=program`) {
		t.Errorf("log: %s", written)
	}
}

func TestHeadOfCommands(t *testing.T) {
	for _, c := range []struct {
		out    string
		status int // 0 is that all of it is the body
		rest   string
		fails  bool
	}{
		{out: "Hello: world\n\ntext", rest: "Hello: world\n\ntext"},
		{out: "text", rest: "text"},
		{out: "", rest: ""},
		{out: "\n\ntext", rest: "\n\ntext"},
		{out: "Content-Type: text/html\n\n<p>", status: 200, rest: "<p>"},
		{out: "Content-Type: text/html\r\n\r\n", status: 200},
		{out: "Location: /there\n\n", status: 302},
		{out: "Status: 301 Moved\nLocation: /there\n\n", status: 301},
		{out: "Status: 204\nX-A: b\nContent-Length: 77\n\n", status: 204},
		{out: "Status: abc\n\n", fails: true},
		{out: "Status: 101\n\n", fails: true},
		{out: "Status: 200\nTransfer-Encoding: chunked\n\n", fails: true},
		{out: "Status: 200\nX: a\x01b\n\n", fails: true},
		{out: "Status: 200\nno colon\n\n", rest: "Status: 200\nno colon\n\n"},
		{out: "Status: 200\n", rest: "Status: 200\n"},
		{out: "Status: 200\n" + strings.Repeat("X-A: b\n", 1000) + "\n", fails: true},
	} {
		status, _, rest, err := function.CommandHead([]byte(c.out))
		if (err != nil) != c.fails {
			t.Errorf("%.60q: %v", c.out, err)
		}
		if !c.fails && (status != c.status || status != 0 && string(rest) != c.rest) {
			t.Errorf("%.60q: got %d %q", c.out, status, rest)
		}
	}
}

// FuzzHeadOfCommands: whatever a program writes, what is taken for its head could
// be sent.
func FuzzHeadOfCommands(f *testing.F) {
	f.Add([]byte("Status: 201 Created\r\nContent-Type: a/b\r\n\r\nbody"))
	f.Add([]byte("Location: x\n\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		status, header, rest, err := function.CommandHead(out)
		if err != nil || status == 0 {
			return
		}
		if status < 200 || !strings.HasSuffix(string(out), string(rest)) {
			t.Errorf("%q: got %d %q", out, status, rest)
		}
		checkHeader(t, header)
	})
}

func checkHeader(t *testing.T, header http.Header) {
	t.Helper()
	for name, values := range header {
		if name == "" || strings.ContainsAny(name, " \r\n:\x00") || name == "Content-Length" || name == "Transfer-Encoding" {
			t.Errorf("a header %q", name)
		}
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("a value %q", value)
			}
		}
	}
}
