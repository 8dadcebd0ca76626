package meter_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
)

func TestPrologues(t *testing.T) {
	for _, file := range []string{"/tmp/h/f/meter/package/quickjs.wasm", "/tmp/h/f/meter/g/go.wasm", "/tmp/h/f/meter/g/c.wasm"} {
		code, _ := os.ReadFile(file)
		for i, c := range [][]byte{code, rewritten(t, code).Code} {
			dir := t.TempDir()
			cache, _ := wazero.NewCompilationCacheWithDir(dir)
			rt := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigCompiler().WithCompilationCache(cache))
			if _, err := rt.CompileModule(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			var sizes []int
			filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
				if d.IsDir() {
					return nil
				}
				b, _ := os.ReadFile(p)
				for at := 0; ; {
					j := bytes.Index(b[at:], []byte{0x48, 0x81, 0xec})
					if j < 0 {
						break
					}
					at += j + 3
					sizes = append(sizes, int(int32(binary.LittleEndian.Uint32(b[at:]))))
				}
				return nil
			})
			slices.Sort(sizes)
			slices.Reverse(sizes)
			n := 0
			for n < len(sizes) && sizes[n] > 1<<20 {
				n++
			}
			t.Log(file, i, sizes[n:min(n+12, len(sizes))])
		}
	}
}
