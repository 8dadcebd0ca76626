package meter_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkGuests runs what the modules in the folder $METER_GUESTS export as
// bench_*, as they are and rewritten, turn by turn, and tells the fastest of both
// and how they compare: a machine that does other things as well slows both.
func BenchmarkGuests(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("METER_GUESTS"), "*.wasm"))
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		r := rewritten(b, code)
		for _, e := range r.Module.Exports {
			if strings.HasPrefix(e.Name, "bench_") {
				b.Run(strings.TrimSuffix(filepath.Base(file), ".wasm")+"/"+e.Name, func(b *testing.B) {
					compareSpeed(b, code, r.Code, e.Name)
				})
			}
		}
	}
}

func compareSpeed(b *testing.B, bare, metered []byte, name string) {
	rt := machine(b, &host{})
	offer(b, rt, bare)
	bareModule, meteredModule := instance(b, rt, bare), instance(b, rt, metered)
	var bareLeast, meteredLeast time.Duration = 1 << 62, 1 << 62
	for b.Loop() {
		start := time.Now()
		if _, err := call(bareModule, name); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if _, err := call(meteredModule, name); err != nil {
			b.Fatal(err)
		}
		bareLeast = min(bareLeast, middle.Sub(start))
		meteredLeast = min(meteredLeast, time.Since(middle))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(bareLeast.Microseconds()), "bare-us")
	b.ReportMetric(float64(meteredLeast.Microseconds()), "metered-us")
	b.ReportMetric(float64(meteredLeast)/float64(bareLeast), "ratio")
}
