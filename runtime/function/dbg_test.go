package function_test

import (
	"context"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/function"
)

func TestDbg(t *testing.T) {
	h, _ := newHost(t)
	for _, n := range []string{"recurse", "recurse_wide", "recurse_indirect"} {
		f := load(t, h, n, "hostile", n, func(d *function.Definition) { d.Limits.Timeout = 5 * time.Second })
		for range 3 {
			b := time.Now()
			err := f.Call(context.Background(), request(""), nowhere{})
			s := err.Error()
			t.Log(n, time.Since(b), s[:min(len(s), 200)])
		}
	}
	f, _ := h.Load(context.Background(), function.Definition{Name: "f", Code: wasm(t, "elem_outside"), Limits: initialLimits()})
	t.Log(f.Call(context.Background(), request(""), nowhere{}))
}
