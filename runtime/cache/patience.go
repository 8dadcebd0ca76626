package cache

import (
	"context"
	"sync/atomic"
	"time"
)

// Patience is how long a request has waited so far, in sum, for what is outside
// of the process and could be done without: a tier that nodes share, and the
// like. Its zero value has not waited. Safe for concurrent use.
type Patience struct{ spent atomic.Int64 }

// Spent is how long was waited.
func (p *Patience) Spent() time.Duration { return time.Duration(p.spent.Load()) }

// Spend adds to it.
func (p *Patience) Spend(d time.Duration) { p.spent.Add(int64(d)) }

// PatienceKey is under which a request's context has its *Patience.
type PatienceKey struct{}

// PatienceOf is that of a request; nil where a context is of none.
func PatienceOf(ctx context.Context) *Patience {
	p, _ := ctx.Value(PatienceKey{}).(*Patience)
	return p
}
