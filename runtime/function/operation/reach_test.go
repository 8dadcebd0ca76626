package operation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
)

func TestFetch(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/away" {
			http.Redirect(rw, r, "http://other.example/", http.StatusFound)
			return
		}
		rw.Header()["Date"] = nil
		rw.Header().Set("Content-Type", "text/x")
		rw.Header()["Set-Cookie"] = []string{"a=1", "b=\xff"}
		rw.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(rw, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-A")+strings.Join(r.Header["X-B"], ",")+" "+string(body))
	}))
	defer server.Close()
	w := open(t).as(&manifest.Grants{Fetch: []string{server.URL}}) // listed by its number
	got := w.said(nobody, "fetch", `{"method":"post","url":"`+server.URL+`/a?b=%20","headers":{"x-a":"1","X-B":["2","3"]},"timeout":"5s"}`, "body")
	want := `{"status":418,"headers":{"content-length":["25"],"content-type":["text/x"],"set-cookie":["a=1","b=` + "\ufffd" + `"]},"url":"` + server.URL + `/a?b=%20"} POST /a?b=%20 12,3 body`
	var gotHead, wantHead map[string]any
	gotJSON, gotBody, _ := strings.Cut(got, "} ")
	wantJSON, wantBody, _ := strings.Cut(want, "} ")
	if json.Unmarshal([]byte(gotJSON+"}"), &gotHead) != nil || json.Unmarshal([]byte(wantJSON+"}"), &wantHead) != nil {
		t.Fatalf("got %s", got)
	}
	delete(gotHead["headers"].(map[string]any), "content-length")
	delete(wantHead["headers"].(map[string]any), "content-length")
	if a, b := must(json.Marshal(gotHead)), must(json.Marshal(wantHead)); string(a) != string(b) || gotBody != wantBody {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for head, code := range map[string]string{
		`{"url":"` + server.URL + `/away"}`:                                        outbound.CodeDenied,
		`{"url":"https://api.stripe.com"}`:                                         outbound.CodeDenied,
		`{"url":"http://localhost/"}`:                                              outbound.CodeDenied,
		`{"url":"nothing"}`:                                                        outbound.CodeRequest,
		`{"url":"` + server.URL + `","method":"CONNECT"}`:                          outbound.CodeRequest,
		`{"url":"` + server.URL + `","headers":{"Host":"x"}}`:                      outbound.CodeRequest,
		`{"url":"` + server.URL + `","headers":{"A":"x\r\nHost: y"}}`:              outbound.CodeRequest,
		`{"url":"` + server.URL + `","headers":{"a":"1","A":"2"},"timeout":"1ns"}`: outbound.CodeTimeout,
	} {
		_, err := w.ask(nobody, "fetch", head, "")
		if !fault.Is(err, code) {
			t.Errorf("%s: %v", head, err)
		}
	}
	log := w.log.take()
	if strings.Count(log, "\n") != 3 || !strings.Contains(log, "http://other.example") || !strings.Contains(log, "api.stripe.com") {
		t.Errorf("the log: %s", log)
	}
	if f := fault.From(second(w.ask(nobody, "fetch", `{"url":"https://api.stripe.com/secret?key=1"}`, ""))); strings.Contains(f.Error(), "key=1") {
		t.Errorf("the fault tells the URL: %v", f)
	}
}

func second(_ function.Reply, err error) error { return err }

func TestCallsOfFunctions(t *testing.T) {
	w := open(t)
	w.depth = 3
	w.functions.answer = func(to function.Answer) error {
		if err := to.Head(201, http.Header{"X-Price": {"7"}}); err != nil {
			return err
		}
		_, _ = to.Write([]byte("se"))
		_ = to.Flush()
		_, err := to.Write([]byte("ven"))
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	reply, err := w.askAs(ctx, bob, "function.call", `{"function":"price"}`, "input")
	if err != nil || string(reply.Head) != `{"status":201,"headers":{"x-price":["7"]}}` || string(reply.Body) != "seven" {
		t.Errorf("%s %s, %v", reply.Head, reply.Body, err)
	}
	e := w.functions.event
	if w.functions.name != "price" || e.Kind != function.KindCall || e.Depth != 4 || e.Caller != bob || e.ID != "request-1" || e.Trace != "trace-1" ||
		string(e.Body) != "input" || string(e.Detail) != `{"function":"tester"}` {
		t.Errorf("it was called with %+v", e)
	}
	w.functions.answer = func(function.Answer) error { return nil }
	if got := w.said(ann, "function.call", `{"function":"price"}`, ""); got != `{"status":200,"headers":{}}` {
		t.Errorf("one that answers nothing: %s", got)
	}
	w.functions.answer = func(function.Answer) error { return fault.New(function.CodeDepth, "too deep") }
	if got := w.said(ann, "function.call", `{"function":"price"}`, ""); got != "function-depth too deep" {
		t.Errorf("one that is refused: %s", got)
	}
	w.functions.answer = func(to function.Answer) error {
		part := make([]byte, 1<<20)
		for range 5 {
			if _, err := to.Write(part); err != nil {
				return fault.New(function.CodeFailed, "nobody listens")
			}
		}
		return nil
	}
	if got := w.said(ann, "function.call", `{"function":"price"}`, ""); got != "function-answer-too-large price answered more than 4194304 bytes" {
		t.Errorf("one that answers too much: %s", got)
	}
}

// spoken writes messages as they are sent.
type spoken struct{}

func (spoken) Encode(dst []byte, e *live.Event) []byte {
	if e.Type != live.Message {
		return dst
	}
	return fmt.Appendf(dst, "%s %s from %s", e.Broadcast.Event, e.Broadcast.Payload, e.Broadcast.From)
}

func TestPublish(t *testing.T) {
	w := open(t)
	wake := make(chan struct{}, 1)
	sub, err := w.hub.Subscribe(live.Request{Channel: "lobby", Caller: nobody, Encoder: spoken{}, Wake: func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	var heard []live.Frame
	next := func() live.Frame {
		t.Helper()
		for {
			for len(heard) > 0 {
				frame := heard[0]
				if heard = heard[1:]; len(frame.Data) > 0 && frame.Type == live.Message {
					return frame
				}
			}
			var end *live.End
			if heard, end = sub.Take(heard, 1<<20); end != nil {
				t.Fatalf("it ended: %+v", end)
			}
			if len(heard) > 0 {
				continue
			}
			select {
			case <-wake:
			case <-time.After(2 * time.Minute):
				t.Fatal("nothing was heard")
			}
		}
	}
	for caller, from := range map[*auth.Caller]string{ann: annID, service: ""} {
		reply, err := w.ask(caller, "channel.publish", `{"channel":"lobby","event":"said"}`, `{"text": 1}`)
		if err != nil {
			t.Fatal(err)
		}
		frame := next()
		if text, _ := strings.CutPrefix(string(frame.Data), `said {"text":1} from `); !strings.HasPrefix(text, from) || len(text) == len(frame.Data) {
			t.Errorf("heard %s", frame.Data)
		}
		if string(reply.Head) != `{"cursor":"`+frame.Cursor.String()+`"}` {
			t.Errorf("%s, the frame is at %s", reply.Head, frame.Cursor)
		}
	}
	for _, test := range []struct {
		caller             *auth.Caller
		head, body, wanted string
	}{
		{nobody, `{"channel":"lobby","event":"said"}`, "1", data.CodeDenied},
		{ann, `{"channel":"lobby","event":"said"}`, "{", live.CodeMessage},
		{ann, `{"channel":"lobby","event":""}`, "1", live.CodeMessage},
		{ann, `{"channel":"hall","event":"said"}`, "1", data.CodeDenied},
	} {
		if _, err := w.ask(test.caller, "channel.publish", test.head, test.body); !fault.Is(err, test.wanted) {
			t.Errorf("%s %s: %v", test.head, test.body, err)
		}
	}
}
