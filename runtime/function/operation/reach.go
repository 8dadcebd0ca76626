package operation

import (
	"context"
	stdjson "encoding/json"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/outbound"
)

const (
	maxPayload = 64 << 10 // of a message
	maxInput   = 1 << 20  // of a function that is called
	maxOutput  = 4 << 20  // of what it answers
)

type publishHead struct {
	Channel string `json:"channel"`
	Event   string `json:"event"`
}

// publish is channel.publish.
func (o *operations) publish(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[publishHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	switch {
	case said.Channel == "":
		return function.Reply{}, required("channel", "")
	case !c.rights.publish[said.Channel]:
		return function.Reply{}, ungranted("channel", said.Channel, "grant it: publish lists channels")
	case o.Publisher == nil:
		return function.Reply{}, absent("channel")
	}
	cursor, err := o.Publisher.Publish(ctx, c.Acting, said.Channel, said.Event, stdjson.RawMessage(body))
	if err != nil {
		return function.Reply{}, err
	}
	reply, err := replyHead(struct {
		Cursor string `json:"cursor"`
	}{cursor})
	return function.Reply{Head: reply}, err
}

type fetchHead struct {
	Method  string                    `json:"method"`
	URL     string                    `json:"url"`
	Headers map[string]jsontext.Value `json:"headers"`
	Timeout string                    `json:"timeout"`
}

// fetch is fetch.
func (o *operations) fetch(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[fetchHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	if err := required("url", said.URL); err != nil {
		return function.Reply{}, err
	}
	if len(c.rights.fetch) == 0 {
		return function.Reply{}, ungranted("fetch", "", "grant it: fetch lists hosts")
	}
	if o.Fetcher == nil {
		return function.Reply{}, absent("network")
	}
	r := outbound.Request{Method: strings.ToUpper(said.Method), URL: said.URL, Body: body, Targets: c.rights.fetch}
	if r.Timeout, err = parseTime("timeout", said.Timeout, maxKeep); err != nil {
		return function.Reply{}, err
	}
	if r.Header, err = headersOf(said.Headers); err != nil {
		return function.Reply{}, err
	}
	if trace := c.Event.Trace; trace != "" && !names(r.Header, "traceparent") {
		r.Header.Set("Traceparent", trace)
	}
	answer, err := o.Fetcher.Do(ctx, &r)
	if err != nil {
		return function.Reply{}, err
	}
	reply, err := replyHead(struct {
		Status  int                 `json:"status"`
		Headers map[string][]string `json:"headers"`
		URL     string              `json:"url"`
	}{answer.Status, lowered(answer.Header), answer.URL})
	return function.Reply{Head: reply, Body: answer.Body}, err
}

// names reports a header by a name in any case.
func names(header http.Header, name string) bool {
	for sent := range header {
		if strings.EqualFold(sent, name) {
			return true
		}
	}
	return false
}

// headersOf reads headers, whose values are texts or lists of them.
func headersOf(said map[string]jsontext.Value) (http.Header, error) {
	header := make(http.Header, len(said))
	for name, raw := range said {
		var one string
		var many []string
		switch {
		case json.Unmarshal(raw, &one) == nil && raw.Kind() == '"':
			many = []string{one}
		case raw.Kind() == '[' && json.Unmarshal(raw, &many) == nil:
		default:
			return nil, fault.Newf(function.CodeOperation, "the header %q is neither a text nor a list of texts", fault.Clip(name, shown))
		}
		header[name] = append(header[name], many...)
	}
	return header, nil
}

// lowered has the names of headers as guests are told them.
func lowered(header http.Header) map[string][]string {
	out := make(map[string][]string, len(header))
	for name, values := range header {
		out[strings.ToLower(name)] = values
	}
	return out
}

type functionHead struct {
	Function string `json:"function"`
}

// callFunction is function.call: as the caller whom the calling function acts as,
// one deeper than it, and in what is left of its time.
func (o *operations) callFunction(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[functionHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	switch {
	case said.Function == "":
		return function.Reply{}, required("function", "")
	case !c.rights.functions[said.Function]:
		return function.Reply{}, ungranted("function", said.Function, "grant it: functions lists those that may be called")
	case c.Functions == nil:
		return function.Reply{}, absent("other function")
	}
	detail, err := replyHead(functionHead{c.Definition.Name})
	if err != nil {
		return function.Reply{}, err
	}
	e := &function.Event{
		Kind: function.KindCall, ID: c.Event.ID, Trace: c.Event.Trace, Depth: c.Event.Depth + 1, Caller: c.Acting,
		Detail: stdjson.RawMessage(detail), Body: body,
	}
	var got collected
	if err := c.Functions.Call(ctx, said.Function, e, &got); err != nil {
		if got.over {
			return function.Reply{}, fault.Newf(function.CodeAnswer, "%s answered more than %d bytes", said.Function, maxOutput)
		}
		return function.Reply{}, err
	}
	if got.status == 0 {
		got.status = http.StatusOK
	}
	reply, err := replyHead(struct {
		Status  int                 `json:"status"`
		Headers map[string][]string `json:"headers"`
	}{got.status, lowered(got.header)})
	return function.Reply{Head: reply, Body: got.body}, err
}

// collected is an answer that is kept as a whole.
type collected struct {
	status int
	header http.Header
	body   []byte
	over   bool
}

// Head implements function.Answer.
func (a *collected) Head(status int, header http.Header) error {
	a.status, a.header = status, header
	return nil
}

// Write implements function.Answer.
func (a *collected) Write(p []byte) (int, error) {
	if len(a.body)+len(p) > maxOutput {
		a.over = true
		return 0, errOutput
	}
	a.body = append(a.body, p...)
	return len(p), nil
}

// Flush implements function.Answer: a stream is kept as a whole too.
func (a *collected) Flush() error { return nil }

var errOutput = fault.New(function.CodeAnswer, "the answer is too large for who asked")
