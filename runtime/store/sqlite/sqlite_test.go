package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
	"github.com/edge-hive/edge-hive/runtime/store/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// patience is what the statements of a suite may take, on a machine that does much
// besides.
const patience = 10 * time.Minute

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openStore(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "data", "test.db"), StatementTimeout: patience})
	}, storetest.Without("sqlite")...)
}

func openStore(t testing.TB, options sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}
