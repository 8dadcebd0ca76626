package surreal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// enter passes the view's own gate and the store's; leave must follow. A view on
// other types than the tables have now is refused: its caller shall ask again,
// and will reach the next generation.
func (v *view) enter(ctx context.Context) error {
	if err := v.gate.Enter(ctx); err != nil {
		return err
	}
	if err := v.store.gate.Enter(ctx); err != nil {
		v.gate.Leave()
		return err
	}
	if err := v.fitting(); err != nil {
		v.leave()
		return err
	}
	return nil
}

// fitting refuses a view on other types than the tables have now.
func (v *view) fitting() error {
	now := v.store.retyped.Load()
	if now == v.fits.Load() {
		return nil
	}
	if err := matches(*now, v.wanted); err != nil {
		return faultMigrating().WithCause(err)
	}
	v.fits.Store(now)
	return nil
}

func (v *view) leave() {
	v.store.gate.Leave()
	v.gate.Leave()
}

// outdated says of an error whether it is owed to tables that have changed under
// the view: what it asked for is gone. It gives the fault for it, else err.
func (v *view) outdated(ctx context.Context, err error) error {
	var e *rpc.StatementError
	if !errors.As(err, &e) {
		return err
	}
	if v.changed != v.store.changed.Load() {
		return faultMigrating().WithCause(err)
	}
	have, errRead := readRecorded(ctx, v.store.client)
	if errRead != nil || matches(have.schema, v.wanted) == nil {
		return err
	}
	return faultMigrating().WithCause(err) // another node has changed them
}

// matches compares schemas without regard to order.
func matches(have, want plan.Schema) error {
	for i := range want.Tables {
		t := &want.Tables[i]
		there := have.Table(t.Name)
		if there == nil {
			return fmt.Errorf("%w: no table %q", store.ErrMoved, t.Name)
		}
		for j := range t.Columns {
			c := t.Columns[j]
			known := there.Column(c.Name)
			if known == nil {
				return fmt.Errorf("%w: no column %q in table %q", store.ErrMoved, c.Name, t.Name)
			}
			if known.Type != c.Type || known.Scale != c.Scale || known.Of != c.Of || known.Ref != c.Ref {
				return fmt.Errorf("%w: column %q of table %q is %s", store.ErrMoved, c.Name, t.Name, known.Type)
			}
		}
		for _, x := range t.Indexes { // what searches by one would find nothing
			if x.Kind == plan.FullText && !slices.ContainsFunc(there.Indexes, func(y plan.Index) bool { return y.Name == x.Name && y.Kind == x.Kind && y.Language == x.Language }) {
				return fmt.Errorf("%w: no such index %q of table %q", store.ErrMoved, x.Name, t.Name)
			}
		}
	}
	return nil
}
