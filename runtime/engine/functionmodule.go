package engine

import (
	"os"

	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// FunctionModule is what the file of a function's module is, for a list.
type FunctionModule struct {
	// Convention is how it is called: kit, extism, command or javascript; "" where
	// there is none that could be.
	Convention string `json:"convention"`
	Size       int64  `json:"size"` // bytes
	// Problem is why it could not be loaded, "" for nothing.
	Problem string `json:"problem,omitempty"`
}

// InspectModule looks at a function's module, and runs nothing.
func InspectModule(f *manifest.Function) FunctionModule {
	code, err := os.ReadFile(f.Module)
	if err != nil {
		if os.IsNotExist(err) && f.Source != "" {
			return FunctionModule{Problem: "it is not built"}
		}
		return FunctionModule{Problem: "it cannot be read"}
	}
	convention, faults := function.Inspect(code, f.Module, f.Entry, f.Limits.Memory)
	m := FunctionModule{Convention: string(convention), Size: int64(len(code))}
	if len(faults) > 0 {
		m.Problem = faults[0].Message
	}
	return m
}
