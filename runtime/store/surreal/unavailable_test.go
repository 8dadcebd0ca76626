package surreal

import (
	"errors"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

func TestHealthTellsTheTruth(t *testing.T) {
	p, err := surrealtest.NewProxy(surrealtest.Shared(t).Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	s, err := Open(t.Context(), Options{
		URL: p.URL(), Namespace: "health" + time.Now().Format("150405.000000000"), Database: "main", User: "root", Password: "root", Connections: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	until := func(healthy bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			err := s.Health(t.Context())
			if err != nil && !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("got %v", err)
			}
			if (err == nil) == healthy {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("never healthy=%t: %v", healthy, err)
			}
		}
	}
	until(true)
	for _, lose := range []func(){p.Refuse, p.Blackhole} {
		lose()
		from := time.Now()
		until(false)
		lost := time.Since(from)
		p.Resume()
		from = time.Now()
		until(true)
		t.Logf("lost after %s, found after %s", lost, time.Since(from))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Health(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
