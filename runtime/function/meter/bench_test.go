package meter_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkGuests runs what the modules in $METER_GUESTS export as bench_*, as they
// are and rewritten.
func BenchmarkGuests(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("METER_GUESTS"), "*.wasm"))
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".wasm")
		r := rewritten(b, code)
		for _, e := range r.Module.Exports {
			if !strings.HasPrefix(e.Name, "bench_") {
				continue
			}
			for _, v := range []struct {
				name string
				code []byte
			}{{"bare", code}, {"metered", r.Code}} {
				b.Run(name+"/"+e.Name+"/"+v.name, func(b *testing.B) {
					h := &host{}
					rt := machine(b, h)
					offer(b, rt, code)
					m := instance(b, rt, v.code)
					for b.Loop() {
						if _, err := call(m, e.Name); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(h.ticks)/float64(b.N), "ticks/op")
				})
			}
		}
	}
}
