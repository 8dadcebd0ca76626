package surreal

import (
	"math/rand/v2"
	"sync"
)

// versions are those of all tables, by name; they outlive generations. They live
// in memory, from a random start, so that those of two processes do not meet, but where they
// are to: see sharedVersions. A
// commit of this process moves them before it is acknowledged, one of another
// when it comes into sight.
type versions struct {
	mu     sync.RWMutex
	start  uint64
	byName map[string]uint64
	shared *sharedVersions // nil: every process has its own
}

func newVersions() *versions { return &versions{start: rand.Uint64(), byName: map[string]uint64{}} } //nolint:gosec // another than before, no secret

func (v *versions) of(table string) uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.shared != nil {
		if version, ok := v.shared.of(table); ok {
			return version
		}
	}
	return v.start + v.byName[table]
}

func (v *versions) bump(tables ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, table := range tables {
		v.byName[table]++
	}
}

// bumpAll moves those of all tables: what was written to them is not known.
func (v *versions) bumpAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	// So far that no table gets a version again that it had.
	v.start = rand.Uint64() //nolint:gosec // another than before, no secret
}
