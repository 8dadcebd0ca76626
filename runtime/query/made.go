package query

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// codeSkippedKey is of a write that needs the key of a row that was passed over.
const codeSkippedKey = "22004"

// Resolve gives a write with the keys in it that earlier writes of its batch
// made, whose results are done. What is changed is a copy: a batch may be run
// twice.
func (w *Write) Resolve(done []WriteResult) (*Write, error) {
	if !needsMade(w) {
		return w, nil
	}
	r := madeKeys{done: done}
	own := *w
	own.Rows = r.rows(w)
	own.Where = r.expr(w.Where)
	own.Set = r.assignments(w.Set)
	own.Checks = r.checks(w.Checks)
	if w.Conflict != nil {
		conflict := *w.Conflict
		conflict.Before = r.expr(conflict.Before)
		conflict.Set = r.assignments(conflict.Set)
		conflict.Checks = r.checks(conflict.Checks)
		own.Conflict = &conflict
	}
	return &own, r.err
}

func needsMade(w *Write) bool {
	if len(w.Given) > 0 || hasMade(w.Where) || setsMade(w.Set) || checksMade(w.Checks) {
		return true
	}
	c := w.Conflict
	return c != nil && (hasMade(c.Before) || setsMade(c.Set) || checksMade(c.Checks))
}

func setsMade(set []Assignment) bool {
	return slices.ContainsFunc(set, func(a Assignment) bool { return hasMade(a.Value) })
}

func checksMade(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool { return hasMade(c.Cond) })
}

func hasMade(e Expr) bool {
	found := false
	Walk(e, func(e Expr) bool {
		_, made := e.(*Made)
		found = found || made
		return !found
	})
	return found
}

// madeKeys puts keys in the place of Made; the first error stays.
type madeKeys struct {
	done []WriteResult
	err  error
}

func (r *madeKeys) expr(e Expr) Expr {
	return Rewrite(e, func(e Expr) Expr {
		if made, ok := e.(*Made); ok {
			return &Literal{Value: r.key(made), Of: made.Of}
		}
		return e
	})
}

func (r *madeKeys) assignments(set []Assignment) []Assignment {
	out := slices.Clone(set)
	for i := range out {
		out[i].Value = r.expr(out[i].Value)
	}
	return out
}

func (r *madeKeys) checks(checks []Check) []Check {
	out := slices.Clone(checks)
	for i := range out {
		out[i].Cond = r.expr(out[i].Cond)
	}
	return out
}

// rows are the write's, with what is given filled in.
func (r *madeKeys) rows(w *Write) []Row {
	if len(w.Given) == 0 {
		return w.Rows
	}
	rows := slices.Clone(w.Rows)
	own := make([]bool, len(rows))
	for _, g := range w.Given {
		if g.Row < 0 || g.Row >= len(rows) || g.Column.Index >= len(rows[g.Row]) {
			r.fail(fmt.Errorf("a key is given to row %d, column %q, of a write of %d rows", g.Row, g.Column.Name, len(rows)))
			return rows
		}
		if !own[g.Row] {
			rows[g.Row], own[g.Row] = slices.Clone(rows[g.Row]), true
		}
		rows[g.Row][g.Column.Index] = r.key(g.Value)
	}
	return rows
}

// key is the key that was made. That of a row that was passed over is not
// told: the caller may not be allowed to see the row that is there.
func (r *madeKeys) key(made *Made) Value {
	if made.Write < 0 || made.Write >= len(r.done) || made.Row < 0 || made.Row >= len(r.done[made.Write].Keys) {
		r.fail(fmt.Errorf("write %d needs the key of row %d of write %d, which no earlier write inserts", len(r.done), made.Row, made.Write))
		return Null()
	}
	key := r.done[made.Write].Keys[made.Row]
	if key.IsNull() {
		r.fail(fault.Newf(codeSkippedKey, "write %d needs the key of row %d of write %d, which was passed over", len(r.done), made.Row, made.Write).
			WithHint("writes and rows count from 0; merge duplicates instead of ignoring them, or read the row first"))
	}
	return key
}

func (r *madeKeys) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
