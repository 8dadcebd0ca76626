package check_test

import (
	"fmt"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// BenchmarkCheck checks manifests of tables with ten columns and a rule for
// each operation: the time for a table must not grow with their number.
func BenchmarkCheck(b *testing.B) {
	for _, tables := range []int{10, 100, 500} {
		b.Run(fmt.Sprintf("tables=%d", tables), func(b *testing.B) {
			m := fill(&manifest.Manifest{})
			m.Rules = []manifest.Rule{{Name: "staff", Text: "auth.claims.role == 'staff'", Path: `rules."staff()"`}}
			m.Tables = append(m.Tables, manifest.Table{Name: "users", Path: "tables.users", Key: manifest.Key{Type: "uuid"}})
			for i := range tables {
				m.Tables = append(m.Tables, wideTable(i))
			}
			b.ResetTimer()
			for b.Loop() {
				if _, faults := check.Check(m); len(faults) > 0 {
					b.Fatal(faults)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(tables), "us/table")
		})
	}
}

func wideTable(i int) manifest.Table {
	name := fmt.Sprintf("t%d", i)
	path := "tables." + name
	rule := func(op, text string) manifest.Condition {
		// Each table has texts of its own, so that none is read for another.
		return manifest.Condition{Declared: true, Text: fmt.Sprintf("%s && number != %d", text, i), Path: path + ".access." + op}
	}
	t := manifest.Table{Name: name, Path: path, Key: manifest.Key{Type: "uuid"}, Rows: 1000}
	for _, c := range []manifest.Column{
		{Name: "owner", Type: "ref", Table: "users", Auto: &manifest.Auto{Create: "auth.uid"}},
		{Name: "parent", Type: "ref", Table: "t0", OnDelete: "cascade"},
		{Name: "title", Type: "text", Required: true, Min: "1", Max: "200"},
		{Name: "status", Type: "text", Enum: []string{"open", "paid"}, Default: &manifest.Default{JSON: `"open"`}},
		{Name: "number", Type: "int", Min: "0", Default: &manifest.Default{JSON: "0"}},
		{Name: "price", Type: "decimal", Scale: 2},
		{Name: "sold", Type: "bool"},
		{Name: "created", Type: "timestamp", Auto: &manifest.Auto{Create: "now()"}},
		{Name: "tags", Type: "list", Of: "text"},
		{Name: "meta", Type: "json"},
	} {
		c.Path = path + ".columns." + c.Name
		t.Columns = append(t.Columns, c)
	}
	t.Indexes = []manifest.Index{{Name: "byOwner", Columns: []string{"owner"}, Path: path + ".indexes.byOwner"}}
	t.Access = manifest.Access{
		Read: rule("read", "(owner == auth.uid || staff())"), Create: rule("create", "auth.role == 'authenticated'"),
		UpdateBefore: rule("update", "owner == auth.uid"), UpdateAfter: rule("update", "owner == auth.uid"),
		Delete: rule("delete", "status in ['open']"),
	}
	return t
}
