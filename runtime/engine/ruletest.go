package engine

import (
	"context"
	"regexp"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/ruletest"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// TestRules runs the tests of a checked manifest, each in a database in memory
// of its own; only picks them by name, nil is all. Nothing of a running backend
// is touched.
func TestRules(ctx context.Context, m *manifest.Manifest, checked *check.Checked, only *regexp.Regexp) (*ruletest.Report, error) {
	return ruletest.Run(ctx, ruletest.Options{
		Manifest: m, Schema: checked.Schema, Rules: checked.Rules, Only: only,
		Open: func(ctx context.Context) (store.View, func() error, error) { return openEmpty(ctx, m, checked) },
	})
}
