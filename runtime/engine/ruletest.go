package engine

import (
	"context"
	"errors"
	"regexp"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/ruletest"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// TestRules runs the tests of a checked manifest, each in a database in memory
// of its own; only picks them by name, nil is all. Nothing of a running backend
// is touched.
func TestRules(ctx context.Context, m *manifest.Manifest, checked *check.Checked, only *regexp.Regexp) (*ruletest.Report, error) {
	return ruletest.Run(ctx, ruletest.Options{
		Manifest: m, Schema: checked.Schema, Rules: checked.Rules, Only: only,
		Open: func(ctx context.Context) (store.View, func() error, error) {
			s, err := sqlite.OpenMemory(ctx, sqlite.Options{StatementTimeout: m.Limits.Statement})
			if err != nil {
				return nil, nil, err
			}
			view, err := furnish(ctx, s, m, checked)
			if err != nil {
				return nil, nil, errors.Join(err, s.Close())
			}
			return view, func() error { return errors.Join(view.Close(), s.Close()) }, nil
		},
	})
}

// furnish makes the tables of a manifest in an empty store.
func furnish(ctx context.Context, s store.Store, m *manifest.Manifest, checked *check.Checked) (store.View, error) {
	have, err := s.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	wanted := plan.FromManifest(m, checked.Schema)
	for i := range wanted.Tables { // nothing was there before
		wanted.Tables[i].Was = ""
		for j := range wanted.Tables[i].Columns {
			wanted.Tables[i].Columns[j].Was = ""
		}
	}
	if err := s.Migrate(ctx, plan.Diff(have, wanted, nil)); err != nil {
		return nil, err
	}
	return s.Open(ctx, checked.Schema)
}
