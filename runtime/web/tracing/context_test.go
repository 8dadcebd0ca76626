package tracing_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/tracing"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestParseTraceparent(t *testing.T) {
	for text, good := range map[string]bool{
		parent: true,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00":      true,
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":      true,
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more": true,
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more": false,
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":      false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01":      false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01":      false,
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01":      false,
		"00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01":       false,
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":      false,
		"0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":      false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g":      false,
		"": false, "00": false, " " + parent: false,
	} {
		got, ok := tracing.ParseTraceparent(text)
		if ok != good {
			t.Errorf("%q: %v", text, ok)
		}
		if ok && got.String()[2:53] != text[2:53] {
			t.Errorf("%q became %s", text, got.String())
		}
	}
}

func TestParseTracestate(t *testing.T) {
	many := make([]string, 33)
	for i := range many {
		many[i] = fmt.Sprintf("k%d=v", i)
	}
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"a=1"}, "a=1"},
		{[]string{"a=1 , b=2\t", "c=3"}, "a=1,b=2,c=3"},
		{[]string{"a=1,,b=2"}, "a=1,b=2"},
		{[]string{"tenant@vendor=x"}, "tenant@vendor=x"},
		{[]string{"0tenant@vendor=x"}, "0tenant@vendor=x"},
		{[]string{"a_-*/=x y"}, "a_-*/=x y"},
		{[]string{"a=1,a=2"}, ""},
		{[]string{"A=1"}, ""},
		{[]string{"0a=1"}, ""},
		{[]string{"a"}, ""},
		{[]string{"a="}, ""},
		{[]string{"=1"}, ""},
		{[]string{"a=1=2"}, ""},
		{[]string{"a=\x01"}, ""},
		{[]string{"a=é"}, ""},
		{[]string{"@v=1"}, ""},
		{[]string{"t@=1"}, ""},
		{[]string{"a@" + strings.Repeat("b", 15) + "=1"}, ""},
		{[]string{strings.Join(many, ",")}, ""},
		{[]string{strings.Join(many[:32], ",")}, strings.Join(many[:32], ",")},
		{[]string{"a=" + strings.Repeat("b", 257)}, ""},
		{[]string{strings.Repeat("a", 600)}, ""},
	} {
		if got := tracing.ParseTracestate(c.headers); got != c.want {
			t.Errorf("%q: %q, want %q", c.headers, got, c.want)
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add(parent, "a=1")
	f.Add("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", "t@v=1,b=2")
	f.Fuzz(func(t *testing.T, text, state string) {
		if got, ok := tracing.ParseTraceparent(text); ok {
			again, ok := tracing.ParseTraceparent(got.String())
			if !ok || again != got || !strings.Contains(text, got.TraceID()) {
				t.Errorf("%q: %v, then %v %v", text, got, again, ok)
			}
		}
		once := tracing.ParseTracestate([]string{state})
		if twice := tracing.ParseTracestate([]string{once}); twice != once || strings.ContainsAny(once, "\r\n\x00") || len(once) > 512 {
			t.Errorf("%q: %q, then %q", state, once, twice)
		}
	})
}

// What is taken from a request is what stands in its headers afterwards.
func TestTake(t *testing.T) {
	for _, c := range []struct {
		name            string
		parents, states []string
		want            string // the trace, "" for none
		state           string
	}{
		{"nothing", nil, nil, "", ""},
		{"a trace", []string{parent}, nil, parent, ""},
		{"a trace with its state", []string{parent}, []string{"a=1", "b=2"}, parent, "a=1,b=2"},
		{"a broken one", []string{parent + "-more"}, []string{"a=1"}, "", ""},
		{"two", []string{parent, parent}, []string{"a=1"}, "", ""},
		{"a broken state", []string{parent}, []string{"a"}, parent, ""},
		{"a state alone", nil, []string{"a=1"}, "", ""},
	} {
		header := http.Header{}
		if c.parents != nil {
			header["Traceparent"] = c.parents
		}
		if c.states != nil {
			header["Tracestate"] = c.states
		}
		got := tracing.Take(header)
		if got.Valid() != (c.want != "") || got.Valid() && got.String() != c.want || got.State != c.state {
			t.Errorf("%s: %s, %q", c.name, got.String(), got.State)
		}
		if left := header.Get("Traceparent"); left != c.want {
			t.Errorf("%s: Traceparent %q is left", c.name, left)
		}
		if left := len(header["Tracestate"]) > 0; left != (c.state != "") {
			t.Errorf("%s: Tracestate %q is left", c.name, header["Tracestate"])
		}
	}
}
