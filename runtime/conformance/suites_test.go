package conformance_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/conformance"
	"github.com/edge-hive/edge-hive/runtime/store/storetest"
)

// TestSuites says which tests of the suites run on which engine, from what the
// suites themselves go by; `make test` prints it at its end.
func TestSuites(t *testing.T) {
	all, cases := storetest.Count(), conformance.Count(t)
	for _, engine := range slices.Sorted(maps.Keys(storetest.Exceptions)) {
		var without strings.Builder
		for _, e := range storetest.Exceptions[engine] {
			if e.Why == "" {
				t.Errorf("%s does without %q, and does not say why", engine, e.Test)
			}
			fmt.Fprintf(&without, " (without %s: %s)", e.Test, e.Why)
		}
		t.Logf("%s: %d of %d tests of an engine%s, %d of %d requests of the dialect",
			engine, all-len(storetest.Exceptions[engine]), all, &without, cases, cases)
	}
}
