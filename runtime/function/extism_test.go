package function_test

import (
	"context"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func TestExtism(t *testing.T) {
	kept := map[string]string{}
	var fetched string
	operations := func(d *function.Definition) {
		d.Config = map[string]string{"CURRENCY": "EUR"}
		d.Secrets = map[string]manifest.SecretValue{"KEY": manifest.NewSecretValue("hidden")}
		d.Operations = map[string]function.Operation{
			"cache.get": {Do: func(_ context.Context, _ *function.Call, head, _ []byte) (function.Reply, error) {
				value, ok := kept[string(head)]
				if !ok {
					return function.Reply{Head: []byte(`{"found":false}`)}, nil
				}
				return function.Reply{Head: []byte(`{"found":true}`), Body: []byte(value)}, nil
			}},
			"cache.set": {Do: func(_ context.Context, _ *function.Call, head, body []byte) (function.Reply, error) {
				kept[string(head)] = string(body)
				return function.Reply{}, nil
			}},
			"fetch": {Class: function.Fetch, Do: func(_ context.Context, _ *function.Call, head, _ []byte) (function.Reply, error) {
				fetched = string(head)
				return function.Reply{Head: []byte(`{"status":203,"headers":{"X-A":["1","2"],"b":["3"]}}`), Body: []byte("fetched")}, nil
			}},
		}
	}
	h, written := newHost(t)
	f := load(t, h, "copy", "extism", "copy", operations)
	if f.Convention() != function.Extism {
		t.Errorf("it is called as %s", f.Convention())
	}
	for _, body := range []string{"", "a", "12345678", strings.Repeat("all of it, ", 5000)} {
		if got := call(t, f, request(body)); got.status != 200 || got.body.String() != body {
			t.Errorf("%d bytes came back as %d %q", len(body), got.status, got.body.String())
		}
	}
	setting := load(t, h, "setting", "extism", "setting", operations)
	for name, want := range map[string]string{"CURRENCY": "EUR", "KEY": "hidden", "NONE": ""} {
		if got := call(t, setting, request(name)).body.String(); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	fetch := load(t, h, "fetch", "extism", "fetch", operations)
	got := call(t, fetch, request(`{"url":"https://a.example/","method":"PUT","headers":{"c":"d"}}`))
	if got.body.String() != `{"x-a":"1, 2","b":"3"}` || got.header.Get("Content-Type") != "application/json" || !strings.Contains(written.String(), "msg=fetched") {
		t.Errorf("got %q %v", got.body.String(), got.header)
	}
	if fetched != `{"headers":{"c":"d"},"method":"PUT","url":"https://a.example/"}` {
		t.Errorf("fetched %s", fetched)
	}
	// Variables outlive a call where the cache is granted: the guest says so by 1.
	granted := load(t, h, "variable", "extism", "variable", operations, func(d *function.Definition) { d.Grants = &manifest.Grants{Cache: true} })
	if got := call(t, granted, request("")).body.String(); got != "SSSSSSSS" || kept[`{"key":"variable/k"}`] != "SSSSSSSS" {
		t.Errorf("got %q; kept %v", got, kept)
	}
	callFails(t, granted, request(""), function.CodeFailed)
	fails := load(t, h, "fails", "extism", "extism_fail", operations)
	callFails(t, fails, request(""), function.CodeFailed)
	if !strings.Contains(written.String(), "said=AAAAAAAA") {
		t.Errorf("log: %s", written)
	}
}
