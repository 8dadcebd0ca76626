package function

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

func TestDbg(t *testing.T) {
	code, _ := os.ReadFile("/tmp/h/f/gk/lib.wasm")
	b := time.Now()
	rw, err := meter.Rewrite(code, meter.Options{MemoryPages: mostPages})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("rewrite", time.Since(b), len(code), len(rw.Code), rw.Module.Memory, rw.Metered)
	for _, c := range [][]byte{code, rw.Code} {
		r := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigCompiler().WithDebugInfoEnabled(false))
		b := time.Now()
		_, err := r.CompileModule(experimental.WithCompilationWorkers(context.Background(), 2), c)
		t.Log(time.Since(b), err)
	}
}
