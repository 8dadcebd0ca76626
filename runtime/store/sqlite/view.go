package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// view is one generation's way in.
type view struct {
	store   *Store
	layout  *layout
	changed uint64 // Store.changed when it was opened
	gate    gate
}

var _ store.View = (*view)(nil)

// enter passes the view's own gate and the store's.
func (v *view) enter(ctx context.Context) error {
	if err := v.gate.enter(ctx); err != nil {
		return err
	}
	if err := v.store.gate.enter(ctx); err != nil {
		v.gate.leave()
		return err
	}
	return nil
}

func (v *view) leave() {
	v.store.gate.leave()
	v.gate.leave()
}

// explainError says what the caller may see. A view that is older than a
// rename or drop may ask for what is gone; its caller shall ask again, and
// will reach the next generation.
func (v *view) explainError(ctx context.Context, err error) error {
	if v.changed != v.store.changed.Load() && errors.Is(err, sqlite3.ERROR) {
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
	var text strings.Builder
	err := v.store.withReader(ctx, func(c *conn) error {
		var comp compiler
		comp.text("EXPLAIN QUERY PLAN ")
		prefix := len(comp.buf)
		comp.selectRows(&s)
		text.Write(comp.buf[prefix:])
		stmt, err := comp.prepare(c)
		if err != nil {
			return err
		}
		defer comp.release(stmt)
		for stmt.Step() {
			text.WriteString("\n" + stmt.ColumnText(3))
		}
		return stmt.Err()
	})
	return text.String(), err
}

// Close implements store.View.
func (v *view) Close() error {
	v.gate.close()
	return nil
}
