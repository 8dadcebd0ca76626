package function_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

func TestKit(t *testing.T) {
	h, written := newHost(t)
	if got := call(t, load(t, h, "empty", "kit", ""), request("")); got.status != 200 || got.body.Len() != 0 {
		t.Errorf("got %d %q", got.status, got.body.String())
	}
	got := call(t, load(t, h, "echo", "kit", "echo"), request("the body"))
	event, body, _ := strings.Cut(got.body.String(), "\n")
	const want = `{"kind":"request","id":"req-1","function":"echo","depth":0,"trace":"","caller":{"role":"anon","uid":"","email":"","claims":{}},` +
		`"request":{"method":"POST","path":"/","route":"","params":{},"query":"","headers":{"content-type":["text/plain"]}}}`
	if event != want || body != "the body" {
		t.Errorf("got %s\n%s", event, body)
	}
	if got.status != 201 || got.header.Get("Content-Type") != "text/plain" || strings.Join(got.header["X-Two"], " ") != "a b" {
		t.Errorf("got %d %v", got.status, got.header)
	}
	got = call(t, load(t, h, "stream", "kit", "stream"), request(""))
	if strings.Join(got.pieces, " ") != "AAAA AAAAA" || got.written != "AAAAAA" || got.status != 201 {
		t.Errorf("got %q, then %q", got.pieces, got.written)
	}
	got, _ = callFails(t, load(t, h, "fails", "kit", "fails"), request("my secret"), function.CodeFailed)
	if got.status != 0 || got.body.Len() != 0 {
		t.Errorf("a call that failed answered %d %q", got.status, got.body.String())
	}
	if !strings.Contains(written.String(), `level=WARN msg="my secret" function=fails request_id=req-1`) || !strings.Contains(written.String(), `said="my secret"`) {
		t.Errorf("log: %s", written)
	}
	got, err := callFails(t, load(t, h, "traps", "kit", "traps_after_flush"), request(""), function.CodeFailed)
	if strings.Join(got.pieces, " ") != "AAAA" {
		t.Errorf("got %q", got.pieces)
	}
	if !strings.Contains(written.String(), "unreachable") || !strings.Contains(written.String(), ".inner()") {
		t.Errorf("log: %s", written)
	}
	if said := fault.From(err); said.Message != "the function failed" || said.Details != "" || said.Hint != "" {
		t.Errorf("the caller is told %q, %q, %q", said.Message, said.Details, said.Hint)
	}
}
