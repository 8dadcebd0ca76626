package sqlite

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// view is one generation's way in.
type view struct {
	store   *Store
	layout  *layout
	changed uint64 // Store.changed when it was opened
	schema  plan.Schema
	// fits is the schema that a conversion has left and that was found to have
	// the view's types.
	fits atomic.Pointer[plan.Schema]
	gate gate.Gate
}

var _ store.View = (*view)(nil)

// enter passes the view's own gate and the store's.
func (v *view) enter(ctx context.Context) error {
	if err := v.gate.Enter(ctx); err != nil {
		return err
	}
	if err := v.store.gate.Enter(ctx); err != nil {
		v.gate.Leave()
		return err
	}
	if now := v.store.retyped.Load(); now != v.fits.Load() {
		if err := matches(*now, v.schema); err != nil {
			v.leave()
			return faultMigrating().WithCause(err)
		}
		v.fits.Store(now)
	}
	return nil
}

func (v *view) leave() {
	v.store.gate.Leave()
	v.gate.Leave()
}

// explainError says what the caller may see. A view that is older than a
// rename or drop may ask for what is gone; its caller shall ask again, and
// will reach the next generation.
func (v *view) explainError(ctx context.Context, err error) error {
	if v.changed != v.store.changed.Load() && errors.Is(err, sqlite3.ERROR) && carriedFault(err) == nil {
		return faultMigrating().WithCause(err)
	}
	return statementError(ctx, err)
}

// Version implements store.View.
func (v *view) Version(t *query.Table) uint64 {
	entry := v.layout.tables[t]
	if entry == nil {
		return 0
	}
	return mixVersion(v.store.epoch.Load(), entry.version.seq.Load())
}

// Explain implements store.View: the SQL, and SQLite's plan for it.
func (v *view) Explain(ctx context.Context, s query.Select) (string, error) {
	if err := v.enter(ctx); err != nil {
		return "", err
	}
	defer v.leave()
	var found Plan
	err := v.store.withReader(ctx, func(c *conn) (err error) {
		found, err = explain(c, &s)
		return err
	})
	return found.String(), err
}

// Close implements store.View.
func (v *view) Close() error {
	v.gate.Close()
	return nil
}
