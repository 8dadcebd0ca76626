package manifest

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Positions maps manifest paths, as CUE writes them, to places in the files.
type Positions map[string]fault.Position

// At gives the place of a path, or of its nearest ancestor that has one.
func (p Positions) At(path string) fault.Position {
	for {
		if at, ok := p[path]; ok {
			return at
		}
		// A cut inside a quoted name leaves a quote open, which no path has: such
		// a piece is not found and cut again.
		cut := strings.LastIndexAny(path, ".[")
		if cut <= 0 {
			return p[""]
		}
		path = path[:cut]
	}
}
