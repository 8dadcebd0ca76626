package data

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// sight is what one caller may see of one table: bound once, immutable.
type sight struct {
	caller  *auth.Caller
	read    query.Expr // the bound read rule; nil lets every row pass
	beyond  bool       // read asks other tables
	visible *projection
}

// remembered is how many callers' sights a table keeps, a power of two.
const remembered = 64

// sights remembers the latest callers of a table, so that a browser's hundredth
// request binds nothing. A newcomer takes the place of who was there. Callers
// are told apart by their pointer, for a Caller is immutable and is kept with
// his sight.
type sights struct {
	seed maphash.Seed
	slot [remembered]atomic.Pointer[sight]
}

// of gives what a caller may see of the table at a moment.
func (t *table) of(caller *auth.Caller, b query.Binding) *sight {
	if caller.IsService() {
		return &t.service
	}
	slot := &t.sights.slot[maphash.Comparable(t.sights.seed, caller)%remembered]
	if s := slot.Load(); s != nil && s.caller == caller {
		return s
	}
	s := &sight{caller: caller, visible: t.callers}
	s.read = s.bind(t.rules.Read, b)
	s.beyond = query.LooksBeyond(s.read)
	if s.visible == nil {
		s.visible = t.project(func(c *column) bool { return query.IsTrueExpr(query.Bind(c.rules.Read, b)) })
	}
	if !t.timed {
		slot.Store(s)
	}
	return s
}

// everything reports whether access rules do not apply.
func (s *sight) everything() bool { return s.caller.IsService() }

// bind gives a rule as it stands for the caller; nil lets every row pass. The
// service role passes every rule.
func (s *sight) bind(rule query.Expr, b query.Binding) query.Expr {
	if s.everything() {
		return nil
	}
	bound := denying(query.Bind(rule, b))
	if query.IsTrueExpr(bound) {
		return nil
	}
	return bound
}

// denying is a rule with false for what is unknown whatever the row: access
// passes on true alone, and rules that let the same rows pass shall have the
// same text. It looks through AND and OR, where the two come to the same.
func denying(e query.Expr) query.Expr {
	var terms []query.Expr
	switch e := e.(type) {
	case *query.Literal:
		if query.NeverHolds(e) {
			return query.FalseExpr()
		}
		return e
	case *query.And:
		terms = e.Terms
	case *query.Or:
		terms = e.Terms
	}
	for i := range terms {
		if denying(terms[i]) == terms[i] {
			continue
		}
		made := make([]query.Expr, len(terms))
		for j := range terms {
			made[j] = denying(terms[j])
		}
		if _, ok := e.(*query.And); ok {
			return query.Simplify(&query.And{Terms: made})
		}
		return query.Simplify(&query.Or{Terms: made})
	}
	return e
}
