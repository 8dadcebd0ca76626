package surreal

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// view is one generation's way in.
type view struct {
	store  *Store
	schema *query.Schema
}

var _ store.View = (*view)(nil)

// Open implements store.Store.
func (s *Store) Open(_ context.Context, schema *query.Schema) (store.View, error) {
	return &view{store: s, schema: schema}, nil
}

// Select implements store.View.
func (v *view) Select(context.Context, query.Select, query.RowWriter) (store.Info, error) {
	return store.Info{}, errNotYet
}

// Query implements store.View.
func (v *view) Query(context.Context, query.Invocation, func(query.Row) error) error {
	return errNotYet
}

// Test implements store.View.
func (v *view) Test(context.Context, []query.Expr) ([]query.Truth, error) { return nil, errNotYet }

// Apply implements store.View.
func (v *view) Apply(context.Context, query.Batch) (query.Result, error) {
	return query.Result{}, errNotYet
}

// Snapshot implements store.View.
func (v *view) Snapshot(context.Context) (store.Snapshot, error) { return nil, errNotYet }

// Version implements store.View.
func (v *view) Version(*query.Table) uint64 { return 0 }

// Explain implements store.View.
func (v *view) Explain(context.Context, query.Select) (string, error) { return "", errNotYet }

// Close implements store.View.
func (v *view) Close() error { return nil }
