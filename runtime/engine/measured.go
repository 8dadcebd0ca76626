package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/observe"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// measured is a view whose statements are counted. What is only measured when
// somebody looks costs nothing otherwise: without metrics there is none.
type measured struct {
	store.View
	meter *observe.StatementMeter
}

func (v measured) Select(ctx context.Context, s query.Select, w query.RowWriter) (store.Info, error) {
	began := time.Now()
	info, err := v.View.Select(ctx, s, w)
	v.meter.Ran(observe.StatementRead, resultOf(err), time.Since(began))
	return info, err
}

func (v measured) Query(ctx context.Context, call query.Invocation, visit func(query.Row) error) error {
	began := time.Now()
	err := v.View.Query(ctx, call, visit)
	v.meter.Ran(observe.StatementQuery, resultOf(err), time.Since(began))
	return err
}

func (v measured) Test(ctx context.Context, conditions []query.Expr) ([]query.Truth, error) {
	began := time.Now()
	truths, err := v.View.Test(ctx, conditions)
	v.meter.Ran(observe.StatementTest, resultOf(err), time.Since(began))
	return truths, err
}

func (v measured) Apply(ctx context.Context, b query.Batch) (query.Result, error) {
	began := time.Now()
	result, err := v.View.Apply(ctx, b)
	v.meter.Ran(observe.StatementWrite, resultOf(err), time.Since(began))
	return result, err
}

// resultOf tells whose fault it is that a statement was not done.
func resultOf(err error) string {
	var f *fault.Fault
	switch {
	case err == nil:
		return observe.StatementOK
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
		return observe.StatementFailed
	case errors.Is(err, context.Canceled), errors.Is(err, store.ErrRevisionMoved), errors.Is(err, store.ErrKeyReused):
		return observe.StatementRefused
	case errors.As(err, &f) && !ours(f.Code):
		return observe.StatementRefused
	}
	return observe.StatementFailed
}

// codeShut is the code of statements that came while tables were being changed.
const codeShut = "PGRST002"

// ours reports whether a code is of a database that is full, busy, stopping or
// broken (53, 57, 58 and XX, and that its tables are being changed), and not of
// what the caller sent.
func ours(code string) bool {
	for _, class := range []string{"53", "57", "58", "XX"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return code == codeShut
}
