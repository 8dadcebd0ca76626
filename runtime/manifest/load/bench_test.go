package load_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	cueload "cuelang.org/go/cue/load"

	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

// BenchmarkLoad loads manifests of 10, 100 and 500 tables with ten columns and
// rules each, beside CUE alone on the same file: load, build, validate, with
// no schema, no reading and no checks.
func BenchmarkLoad(b *testing.B) {
	for _, tables := range []int{10, 100, 500} {
		dir := b.TempDir()
		file := filepath.Join(dir, "edgehive.cue")
		if err := os.WriteFile(file, []byte(largeManifest(tables)), 0o600); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("tables=%d/cue", tables), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				instances := cueload.Instances([]string{"edgehive.cue"}, &cueload.Config{Dir: dir})
				if err := cuecontext.New().BuildInstance(instances[0]).Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("tables=%d/load", tables), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := load.Load(context.Background(), load.Options{Path: file}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// largeManifest is a valid manifest of that many tables.
func largeManifest(tables int) string {
	var s strings.Builder
	s.WriteString(`package edgehive

manifest: 1
name:     "large"
rules: "staff()": "auth.claims.role == 'staff'"
_stamps: created_at: {type: "timestamp", auto: create: "now()"}
`)
	for i := range tables {
		fmt.Fprintf(&s, `
tables: t%d: {
	columns: {
		owner: {type: "ref", table: "users", required: true, auto: create: "auth.uid"}
		title: {type: "text", min: 1, max: 120, required: true}
		code: {type: "text", pattern: #"^[A-Z]{3}\d+$"#}
		year: {type: "int", min: 0, max: 3000}
		price: {type: "decimal", scale: 2, min: 0}
		tags: {type: "list", of: "text"}
		meta: type: "json"
		status: {type: "text", enum: ["open", "paid", "shipped"], default: "open"}
		born: type: "date"
		_stamps
	}
	indexes: byOwner: columns: ["owner"]
	access: {
		read:   "owner == auth.uid || staff()"
		create: "auth.role == 'authenticated' && status == 'open'"
		update: {
			before: "owner == auth.uid && status == 'open'"
			after:  "owner == auth.uid && status in ['open', 'paid']"
		}
		delete: "owner == auth.uid && status == 'open'"
	}
}
`, i)
	}
	return s.String()
}
