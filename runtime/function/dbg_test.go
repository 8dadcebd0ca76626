package function_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/function"
)

func TestDbg(t *testing.T) {
	h, log := newHost(t)
	ld := func(name string) *function.Function {
		code, err := os.ReadFile("/tmp/h/f/gk/" + name)
		if err != nil {
			t.Fatal(err)
		}
		d := function.Definition{Name: name, Code: code, Path: name, Limits: defaultLimits()}
		d.Limits.Memory = 64 << 20
		b := time.Now()
		f, err := h.Load(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(name, f.Convention(), "load", time.Since(b))
		return f
	}
	f := ld("lib.wasm")
	for _, body := range []string{"a", "b", "c", "d", "deep", "e", "panic", "eat", "f", "f", "f"} {
		r := &recorder{}
		b := time.Now()
		err := f.Call(context.Background(), request(body), r)
		s := ""
		if err != nil {
			s = err.Error()
			s = s[:min(len(s), 100)]
		}
		t.Log(time.Since(b), r.body.String(), codeOf(err), s, h.Usage().Memory>>10)
	}
	t.Log(h.Usage())
	c := ld("cmd.wasm")
	for _, body := range []string{"a", "abc", "", "hello", "hello"} {
		r := &recorder{}
		b := time.Now()
		err := c.Call(context.Background(), request(body), r)
		t.Log(time.Since(b), r.status, r.header, r.body.String(), codeOf(err))
	}
	_ = log
	t.Log(h.Usage())
}

func BenchmarkDbg(b *testing.B) {
	h, _ := newHost(b, quiet)
	for _, name := range []string{"lib.wasm", "cmd.wasm"} {
		code, _ := os.ReadFile("/tmp/h/f/gk/" + name)
		d := function.Definition{Name: name, Code: code, Path: name, Limits: defaultLimits()}
		d.Limits.Memory = 64 << 20
		f, _ := h.Load(context.Background(), d)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Call(context.Background(), request("x"), nowhere{})
			}
		})
	}
}
