package sqlite_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
	"github.com/edge-hive/edge-hive/runtime/store/storetest"
)

// TestMemory holds a database in memory against what every engine must do, but
// for what is long and the same SQL as in a file, which TestStore has.
func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := sqlite.OpenMemory(t.Context(), sqlite.Options{StatementTimeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
		"backup", // there is no file to copy
		"agrees with query.Holds", "agrees on other tables", "search agrees with memory", "walks agree with memory",
		"walks among keys that are alike", "walks are bounded", "embeds keep their order", "the nearest of many", "migrations at random")
}

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		s, err := sqlite.OpenMemory(b.Context(), sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
