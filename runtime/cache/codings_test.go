package cache_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

func TestCodingsHoldToTheirRoom(t *testing.T) {
	var c cache.Codings
	if c.Get("gzip") != nil {
		t.Error("there was one at once")
	}
	for _, step := range []struct {
		encoding string
		size     int
		kept     bool
	}{{"gzip", 60, true}, {"br", 41, false}, {"br", 40, true}, {"zstd", 1, false}, {"gzip", 0, false}} {
		if got := c.Keep(step.encoding, make([]byte, step.size), 100); got != step.kept {
			t.Errorf("%s of %d bytes: kept %v", step.encoding, step.size, got)
		}
	}
	if len(c.Get("gzip")) != 60 || len(c.Get("br")) != 40 || c.Get("zstd") != nil {
		t.Error("what is kept is not what was given")
	}
}

// However many come at once, one of each coding is kept, and no more than there is
// room for.
func TestCodingsAtOnce(t *testing.T) {
	var c cache.Codings
	var all sync.WaitGroup
	var mu sync.Mutex
	kept := map[string]int{}
	for i := range 64 {
		all.Go(func() {
			encoding := fmt.Sprint(i % 8)
			if c.Keep(encoding, bytes.Repeat([]byte{byte(i)}, 10), 40) {
				mu.Lock()
				kept[encoding]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	bytes := 0
	for encoding, n := range kept {
		if n != 1 {
			t.Errorf("%s is kept %d times", encoding, n)
		}
		bytes += len(c.Get(encoding))
	}
	if bytes != 40 {
		t.Errorf("%d bytes are kept", bytes)
	}
}

// An entry is charged with what its codings may become.
func TestEntryIsChargedWithItsCodings(t *testing.T) {
	small, large := cache.Entry{Body: make([]byte, 1000)}, cache.Entry{Body: make([]byte, 10000)}
	if small.Room() != 0 || large.Room() != 5000 || large.Size() < 15000 {
		t.Errorf("room %d and %d, size %d", small.Room(), large.Room(), large.Size())
	}
}
