package operation_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/function/operation"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
)

// sent keeps the header of what was fetched.
type sent struct{ header http.Header }

func (s *sent) Do(_ context.Context, r *outbound.Request) (*outbound.Answer, error) {
	s.header = http.Header{}
	for name, values := range r.Header {
		s.header[http.CanonicalHeaderKey(name)] = values
	}
	return &outbound.Answer{Status: 200}, nil
}

// TestFetchCarriesTheTrace: who is fetched from is part of the same trace.
func TestFetchCarriesTheTrace(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	s := &sent{}
	fetch := operation.New(operation.Options{Fetcher: s})["fetch"]
	for _, c := range []struct{ trace, head, want string }{
		{trace, `{"url":"https://api.example.com/"}`, trace},
		{trace, `{"url":"https://api.example.com/","headers":{"traceparent":"own"}}`, "own"},
		{"", `{"url":"https://api.example.com/"}`, ""},
	} {
		call := &function.Call{
			Definition: &function.Definition{Name: "tester", Grants: &manifest.Grants{Fetch: []string{"api.example.com"}}},
			Event:      &function.Event{Trace: c.trace}, Acting: auth.Nobody(),
		}
		if _, err := fetch.Do(t.Context(), call, []byte(c.head), nil); err != nil {
			t.Fatal(err)
		}
		if got := s.header.Get("Traceparent"); got != c.want {
			t.Errorf("%s: trace %q, want %q", c.head, got, c.want)
		}
	}
}
