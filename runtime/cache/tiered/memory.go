package tiered

import (
	"context"
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/eko/gocache/lib/v4/store"
	"github.com/maypok86/otter/v2"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// overhead is what otter and the held cost beside key and entry, in bytes.
const overhead = 192

// memory is the tier in the process: a gocache store over otter, bounded by
// bytes, each entry with a lifetime of its own. Only strings are keys and only
// *held are values.
type memory struct {
	otter     *otter.Cache[string, *held]
	max       int64
	evictions atomic.Uint64
}

var _ store.StoreInterface = (*memory)(nil)

func newMemory(bytes int64) (*memory, error) {
	m := &memory{max: bytes}
	var err error
	m.otter, err = otter.New(&otter.Options[string, *held]{
		MaximumWeight: uint64(bytes),
		Weigher:       func(key string, h *held) uint32 { return uint32(min(weight(key, h.entry), math.MaxUint32)) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, *held]) time.Duration {
			return e.Value.keep
		}),
		OnAtomicDeletion: func(e otter.DeletionEvent[string, *held]) {
			if e.Cause == otter.CauseOverflow {
				m.evictions.Add(1)
			}
		},
	})
	return m, err
}

func weight(key string, e *cache.Entry) int64 { return int64(len(key)) + int64(e.Size()) + overhead }

// fits reports whether an entry may be kept at all: one giant must not push
// out everything else.
func (m *memory) fits(key string, e *cache.Entry) bool { return weight(key, e) <= m.max/8 }

// find gives what is held for a key, nil for nothing.
func (m *memory) find(key string) *held {
	h, _ := m.otter.GetIfPresent(key)
	return h
}

// lookup is find without making a string of the key.
func (m *memory) lookup(key []byte) *held {
	if len(key) == 0 {
		return nil
	}
	// otter reads the key during the call and keeps its own copy of none.
	return m.find(unsafe.String(unsafe.SliceData(key), len(key))) //nolint:gosec // G103: see above
}

func (m *memory) entries() int { return m.otter.EstimatedSize() }

func (m *memory) bytes() int64 { return int64(m.otter.WeightedSize()) }

func (m *memory) close() {
	m.otter.StopAllGoroutines()
	m.otter.InvalidateAll()
}

// Get is of store.StoreInterface.
func (m *memory) Get(_ context.Context, key any) (any, error) {
	if k, ok := key.(string); ok {
		if h := m.find(k); h != nil {
			return h, nil
		}
	}
	return nil, store.NotFound{}
}

// GetWithTTL is of store.StoreInterface.
func (m *memory) GetWithTTL(_ context.Context, key any) (any, time.Duration, error) {
	if k, ok := key.(string); ok {
		if e, found := m.otter.GetEntryQuietly(k); found {
			return e.Value, e.ExpiresAfter(), nil
		}
	}
	return nil, 0, store.NotFound{}
}

// Set is of store.StoreInterface. The lifetime is the value's own; an
// expiration that is given beside it shortens or stretches it.
func (m *memory) Set(_ context.Context, key, value any, options ...store.Option) error {
	k, okKey := key.(string)
	h, okValue := value.(*held)
	if !okKey || !okValue || h == nil {
		return store.NotFound{}
	}
	m.otter.Set(k, h)
	if d := store.ApplyOptions(options...).Expiration; d > 0 && d != h.keep {
		m.otter.SetExpiresAfter(k, d)
	}
	return nil
}

// Delete is of store.StoreInterface.
func (m *memory) Delete(_ context.Context, key any) error {
	if k, ok := key.(string); ok {
		m.otter.Invalidate(k)
	}
	return nil
}

// Invalidate is of store.StoreInterface. Entries carry no tags, so there is
// nothing that one could name: a table's version in the key does that work.
func (m *memory) Invalidate(context.Context, ...store.InvalidateOption) error { return nil }

// Clear is of store.StoreInterface.
func (m *memory) Clear(context.Context) error {
	m.otter.InvalidateAll()
	return nil
}

// GetType is of store.StoreInterface.
func (m *memory) GetType() string { return "memory" }
