package meter_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

func wat(t *testing.T, text string) []byte {
	os.WriteFile("/tmp/h/f/meter/x.wat", []byte(text), 0o644)
	out, err := exec.Command("wat2wasm", "/tmp/h/f/meter/x.wat", "-o", "/tmp/h/f/meter/x.wasm").CombinedOutput()
	if err != nil {
		t.Fatalf("%s", out)
	}
	b, _ := os.ReadFile("/tmp/h/f/meter/x.wasm")
	return b
}

func rep(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
		b.WriteByte('\n')
	}
	return b.String()
}

// body placeholders: must contain RECURSE
func shapeText(sig, decl, extra, body string) string {
	rec := "(call $probe (i64.const 0)) drop (if (i32.gt_s (global.get $n) (i32.const 0)) (then (global.set $n (i32.sub (global.get $n) (i32.const 1))) " + callf(sig) + "))"
	return `(module (import "env" "probe" (func $probe (param i64) (result i64))) (memory 1) (global $n (mut i32) (i32.const 0))
` + extra + ` (func $f ` + sig + " " + decl + "\n" + strings.ReplaceAll(body, "RECURSE", rec) + `)
 (func (export "go") (param i32) (global.set $n (local.get 0)) ` + callf(sig) + `))`
}

func callf(sig string) string {
	if sig == "" {
		return "(call $f)"
	}
	n := strings.Count(sig, "i64")
	return "(call $f " + strings.Repeat("(i64.const 1)", n) + ")"
}

func TestFramesTmp(t *testing.T) {
	type shape struct{ name, sig, decl, extra, body string }
	var shapes []shape
	for _, n := range []int{0, 10, 100, 1000, 10000} {
		shapes = append(shapes, shape{fmt.Sprintf("locals %d", n), "", "(local " + strings.Repeat("i64 ", n) + ")", "",
			rep(n, func(i int) string { return fmt.Sprintf("(local.set %d (i64.load offset=%d (i32.const 0)))", i, i%8000) }) + "RECURSE" +
				rep(n, func(i int) string { return fmt.Sprintf("(i64.store offset=%d (i32.const 0) (local.get %d))", i%8000, i) })})
		shapes = append(shapes, shape{fmt.Sprintf("vlocals %d", n), "", "(local " + strings.Repeat("v128 ", n) + ")", "",
			rep(n, func(i int) string { return fmt.Sprintf("(local.set %d (v128.load offset=%d (i32.const 0)))", i, i%8000) }) + "RECURSE" +
				rep(n, func(i int) string { return fmt.Sprintf("(v128.store offset=%d (i32.const 0) (local.get %d))", i%8000, i) })})
		shapes = append(shapes, shape{fmt.Sprintf("operands %d", n), "", "", "",
			rep(n, func(i int) string { return fmt.Sprintf("(i64.load offset=%d (i32.const 0))", i%8000) }) + "RECURSE" +
				rep(n, func(i int) string { return "(global.set $g (i64.add (global.get $g)))" })})
		shapes[len(shapes)-1].extra = "(global $g (mut i64) (i64.const 0))"
		shapes[len(shapes)-1].body = rep(n, func(i int) string { return fmt.Sprintf("(i64.load offset=%d (i32.const 0))", i%8000) }) + "RECURSE" + rep(n, func(i int) string { return "global.set $g" })
		if n > 0 && n <= 1000 {
			g := "(func $g (result " + strings.Repeat("i64 ", n) + ") " + strings.Repeat("(i64.const 1)", n) + ") (func $h (param " + strings.Repeat("i64 ", n) + "))"
			for _, k := range []int{1, 10, 100} {
				shapes = append(shapes, shape{fmt.Sprintf("results %d x%d", n, k), "", "", g, strings.Repeat("call $g\n", k) + "RECURSE" + strings.Repeat("call $h\n", k)})
				shapes = append(shapes, shape{fmt.Sprintf("results seq %d x%d", n, k), "", "", g, strings.Repeat("call $g call $h\n", k) + "RECURSE"})
			}
			shapes = append(shapes, shape{fmt.Sprintf("params %d", n), "(param " + strings.Repeat("i64 ", n) + ")", "", "", "RECURSE"})
			shapes = append(shapes, shape{fmt.Sprintf("params used %d", n), "(param " + strings.Repeat("i64 ", n) + ")", "", "", "RECURSE" +
				rep(n, func(i int) string { return fmt.Sprintf("(i64.store offset=%d (i32.const 0) (local.get %d))", i%8000, i) })})
			for _, k := range []int{1, 10, 100} {
				shapes = append(shapes, shape{fmt.Sprintf("loops %d x%d", n, k), "", "(local " + strings.Repeat("i64 ", n) + ")", "",
					rep(k, func(int) string {
						return "(loop " + rep(n, func(i int) string {
							return fmt.Sprintf("(local.set %d (i64.add (local.get %d) (i64.const 3)))", i, i)
						}) + "(br_if 0 (i32.eqz (i32.wrap_i64 (call $probe (i64.const 1))))) )"
					}) + "RECURSE" + rep(n, func(i int) string { return fmt.Sprintf("(i64.store offset=%d (i32.const 0) (local.get %d))", i%8000, i) })})
			}
			shapes = append(shapes, shape{fmt.Sprintf("blockparams %d x 100", n), "", "", "(type $t (func (param " + strings.Repeat("i64 ", n) + ") (result " + strings.Repeat("i64 ", n) + "))) (func $h (param " + strings.Repeat("i64 ", n) + "))",
				strings.Repeat("(i64.load (i32.const 0))\n", n) + strings.Repeat("(loop (type $t) (br_if 0 (i32.eqz (i32.wrap_i64 (call $probe (i64.const 1))))))\n", 100) + "RECURSE call $h"})
		}
	}
	for _, s := range shapes {
		code := wat(t, shapeText(s.sig, s.decl, s.extra, s.body))
		r, err := meter.Rewrite(code, meter.Options{MemoryPages: 100, StackBytes: 1 << 30})
		if err != nil {
			t.Fatal(s.name, err)
		}
		h := &host{}
		rt := machine(t, h)
		var sp []uintptr
		_, err = rt.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			if stack[0] == 0 {
				sp = append(sp, uintptr(unsafe.Pointer(&stack[0])))
			}
			stack[0] = 1
		}), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).Export("probe").Instantiate(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		m, err := rt.InstantiateWithConfig(context.Background(), r.Code, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(s.name, err)
		}
		d0 := int32(0)
		if _, err := call(m, "go", 40); err != nil {
			t.Log(s.name, err)
		}
		_ = d0
		best := uintptr(1 << 40)
		for i := 1; i < len(sp); i++ {
			if d := sp[i-1] - sp[i]; d < best {
				best = d
			}
		}
		frame := meter.FrameForTest(code, len(must(meter.Parse(code)).Imports)) 
		_ = frame
		t.Logf("%-24s real %8d  estimate %8d  %.2f", s.name, best, frame, float64(frame)/float64(best))
		rt.Close(context.Background())
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
