package sqlite

import (
	"sync"
	"sync/atomic"
)

// version is a table's: the cursor of the last commit that touched it.
type version struct {
	seq atomic.Uint64
	// rev is the first revision that a new row may have: above that of every
	// row that was ever deleted. The writer's alone.
	rev int64
}

// versions are those of all tables, by name. They outlive generations.
type versions struct {
	mu     sync.Mutex
	byName map[string]*version
}

func newVersions() *versions { return &versions{byName: map[string]*version{}} }

func (v *versions) of(table string) *version {
	v.mu.Lock()
	defer v.mu.Unlock()
	known := v.byName[table]
	if known == nil {
		known = &version{rev: 1}
		v.byName[table] = known
	}
	return known
}

// versionMix spreads epochs, so that versions of two of them do not meet.
const versionMix = 0x9E3779B97F4A7C15

func mixVersion(epoch, seq uint64) uint64 { return epoch*versionMix + seq }
