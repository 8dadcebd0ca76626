package surreal

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/storetest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

var namespaces atomic.Int64

func openEmpty(t *testing.T) store.Store { return openWith(t, 0) }

// openPatient gives statements as long as they take on a loaded machine.
func openPatient(t *testing.T) store.Store { return openWith(t, 5*time.Minute) }

func openWith(t *testing.T, statements time.Duration) store.Store {
	t.Helper()
	server := surrealtest.Shared(t)
	s, err := Open(t.Context(), Options{
		URL: server.URL, Namespace: fmt.Sprintf("t%d_%d", time.Now().UnixNano(), namespaces.Add(1)), Database: "main",
		User: "root", Password: "root", StatementTimeout: statements,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStore proves the engine by the suite that every engine passes.
func TestStore(t *testing.T) {
	storetest.Run(t, openPatient, storetest.Without("surrealdb")...)
}
