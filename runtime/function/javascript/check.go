package javascript

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// Bounds of a script that is checked.
const (
	checkTime  = 20 * time.Second
	checkPages = 4096 // 256 MiB
)

// Check loads scripts as Prepare does, far from any call. It gives what is wrong
// with each, nil where nothing is. The error is that they could not be checked.
// The engine is made ready anew for that, which takes half a second.
func Check(ctx context.Context, scripts ...*Script) (wrong []*LoadError, err error) {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCloseOnContextDone(true).WithMemoryLimitPages(checkPages))
	defer func() {
		if failure := r.Close(context.WithoutCancel(ctx)); failure != nil && err == nil {
			err = fmt.Errorf("release the engine of JavaScript: %w", failure)
		}
	}()
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, fmt.Errorf("link the engine of JavaScript: %w", err)
	}
	if err := Link(ctx, r); err != nil {
		return nil, err
	}
	compiled, err := r.CompileModule(ctx, Engine())
	if err != nil {
		return nil, fmt.Errorf("read the engine of JavaScript: %w", err)
	}
	wrong = make([]*LoadError, len(scripts))
	for i, script := range scripts {
		if wrong[i], err = try(ctx, r, compiled, script); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

// try loads a script into an instance of its own.
func try(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule, script *Script) (*LoadError, error) {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	module, err := r.InstantiateModule(limited, compiled, wazero.NewModuleConfig().
		WithName("").WithStartFunctions("_initialize").WithSysWalltime().WithSysNanotime())
	if err == nil {
		_, err = Prepare(limited, module, script)
		err = errors.Join(err, module.Close(context.WithoutCancel(ctx)))
	}
	var said *LoadError
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &said):
		return said, nil
	case limited.Err() != nil:
		return &LoadError{Path: script.Path, Message: fmt.Sprintf("it is not loaded after %s", checkTime), cause: err}, nil
	}
	return nil, fmt.Errorf("check %s: %w", script.Path, err)
}
