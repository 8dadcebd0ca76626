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
		cut := lastSelector(path)
		if cut <= 0 {
			return p[""]
		}
		path = path[:cut]
	}
}

// lastSelector is where the last selector of a path begins, quoted ones whole.
func lastSelector(path string) int {
	if strings.HasSuffix(path, `"`) {
		for i := len(path) - 2; i > 0; i-- {
			if path[i] == '"' && path[i-1] != '\\' {
				return max(i-1, 0)
			}
		}
		return 0
	}
	return max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['))
}
