package examples_test

import (
	"encoding/json"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// TestRules runs the tests that each manifest has of its rules, and demands
// that they leave no rule unproved: an example is what people copy.
func TestRules(t *testing.T) {
	for _, project := range []struct {
		dir   string
		names []string
	}{
		{dir: ".", names: []string{"edgehive.cue", "examples/bookshop"}},
		{dir: "examples/chat"},
		{dir: "examples/people"},
	} {
		t.Run(project.dir, func(t *testing.T) {
			b := backend.Copy(t, backend.Root(t)+"/"+project.dir, project.names...)
			var report struct {
				Tests       []struct{ Name string }
				Unexercised []struct{ Path, Missing string }
			}
			if err := json.Unmarshal([]byte(b.Run(t, "test", "--json")), &report); err != nil {
				t.Fatal(err)
			}
			if len(report.Tests) == 0 {
				t.Error("the manifest has no tests")
			}
			for _, gap := range report.Unexercised {
				t.Errorf("no test proves %s (%s)", gap.Path, gap.Missing)
			}
		})
	}
}
