package surreal

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surql"
)

// view is one generation's way in.
type view struct {
	store  *Store
	schema *query.Schema
	layout *layout
	texts  map[*query.Named]surql.Bounded
	// wanted is the schema in a plan's words, changed the store's when the view was
	// opened. fits is the schema that a conversion has left and that was found to
	// have the view's types.
	wanted  plan.Schema
	changed uint64
	fits    atomic.Pointer[plan.Schema]
	gate    gate.Gate
}

var _ store.View = (*view)(nil)

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, schema *query.Schema) (store.View, error) {
	if err := s.attend(ctx); err != nil {
		return nil, fmt.Errorf("open view: %w", err)
	}
	known := s.writes.current.Load()
	recorded, err := s.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	wanted := plan.FromQuery(schema)
	if err := matches(recorded, wanted); err != nil {
		return nil, fmt.Errorf("open view: %w", err)
	}
	if err := s.hush(ctx, schema); err != nil {
		return nil, err
	}
	texts, err := s.tryQueries(ctx, schema)
	if err != nil {
		return nil, fmt.Errorf("open view: %w", err)
	}
	l := newLayout(schema)
	s.writes.current.CompareAndSwap(known, layoutOf(&recorded)) // else a migration has told of newer ones
	s.feed.learn(l)
	if err := s.feed.start(); err != nil {
		return nil, err
	}
	if err := s.repairAtStart(ctx, &recorded); err != nil {
		return nil, fmt.Errorf("open view: %w", err)
	}
	v := &view{store: s, schema: schema, layout: l, texts: texts, wanted: wanted, changed: s.changed.Load()}
	v.fits.Store(s.retyped.Load())
	return v, nil
}

// Version implements store.View.
func (v *view) Version(t *query.Table) uint64 { return v.store.feed.versions.of(t.Name) }

// Close implements store.View.
func (v *view) Close() error {
	v.gate.Close()
	return nil
}
