package data

import (
	"context"
	"errors"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Operations are what may be done on a table.
type Operations uint8

// The operations.
const (
	MayRead Operations = 1 << iota
	MayCreate
	MayUpdate
	MayDelete
)

var operationNames = map[Operations]string{MayRead: "read", MayCreate: "create", MayUpdate: "update", MayDelete: "delete"}

// Grants bound what code that the operator does not trust with everything may do
// through a gate, whoever it acts for: they take away, and give nothing that the
// rules of the tables do not.
type Grants struct {
	// Tables are those that may be touched, also by a relation or a walk. What is
	// not here is as if it were not there.
	Tables  map[string]Operations
	Queries map[string]bool
}

// ErrUngranted is the cause of a fault that grants are the reason of, and not the
// rules.
var ErrUngranted = errors.New("it is not granted")

// Granted is a gate within grants. What is not granted is CodeDenied before
// anything else is said, be it there or not.
type Granted struct{ gate *Gate }

// Within gives the gate to somebody who has no more than these grants; they must
// not be changed afterwards.
func (g *Gate) Within(grants Grants) *Granted {
	within := *g
	within.grants = &grants
	return &Granted{&within}
}

// Parse is the gate's. Tables that are not granted have no relations.
func (d *Granted) Parse(caller *auth.Caller, table, rawQuery string) (*query.Request, error) {
	return d.gate.Parse(caller, table, rawQuery)
}

// Select is the gate's, for tables that may be read, with all that the request
// reaches.
func (d *Granted) Select(ctx context.Context, caller *auth.Caller, r Read) (Answer, error) {
	return d.gate.Select(ctx, caller, r)
}

// Insert is the gate's. Rows that are merged need MayUpdate too, and those that
// are shown MayRead.
func (d *Granted) Insert(ctx context.Context, caller *auth.Caller, w Write) (Written, error) {
	return d.gate.Insert(ctx, caller, w)
}

// Update is the gate's. Without MayRead, rows are picked by their key alone, and
// none are shown: what is picked by a column tells what is in it.
func (d *Granted) Update(ctx context.Context, caller *auth.Caller, w Write) (Written, error) {
	return d.gate.Update(ctx, caller, w)
}

// Delete is the gate's; see Update.
func (d *Granted) Delete(ctx context.Context, caller *auth.Caller, w Write) (Written, error) {
	return d.gate.Delete(ctx, caller, w)
}

// Batch is the gate's; each write is as if it were alone.
func (d *Granted) Batch(ctx context.Context, caller *auth.Caller, b Batch) (Batched, error) {
	return d.gate.Batch(ctx, caller, b)
}

// Call is the gate's. What a query reads and writes by its text is the
// operator's word.
func (d *Granted) Call(ctx context.Context, caller *auth.Caller, c Call) (Called, error) {
	return d.gate.Call(ctx, caller, c)
}

// May reports what is granted of a table.
func (d *Granted) May(table string, o Operations) bool { return d.gate.grants.Tables[table]&o == o }

// permit refuses a table that is not granted at all.
func (g *Gate) permit(table string) error {
	if g.grants == nil || g.grants.Tables[table] != 0 {
		return nil
	}
	return denied("table", fault.Clip(table, shownName)).WithHint("grant what it shall do there, such as read").WithCause(ErrUngranted)
}

// permitted refuses what is not granted on a table.
func (g *Gate) permitted(t *table, o Operations) error {
	if g.grants == nil || g.grants.Tables[t.schema.Name]&o != 0 {
		return nil
	}
	return denied("table", t.schema.Name).WithHint(operationNames[o] + " is not among its grants for this table").WithCause(ErrUngranted)
}

// permitsQuery refuses a named query that is not granted.
func (g *Gate) permitsQuery(name string) error {
	if g.grants == nil || g.grants.Queries[name] {
		return nil
	}
	return denied("function", fault.Clip(name, shownName)).WithHint("the query is not among the queries that are granted").WithCause(ErrUngranted)
}

// permitsInsert refuses an insert for what of it is not granted.
func (g *Gate) permitsInsert(t *table, w *Write) error {
	if err := g.permitted(t, MayCreate); err != nil {
		return err
	}
	if w.Resolution == Merge {
		if err := g.permitted(t, MayUpdate); err != nil {
			return err
		}
	}
	if w.Representation {
		return g.permitted(t, MayRead)
	}
	return nil
}

// permitsChange refuses an update or delete for what of it is not granted.
func (g *Gate) permitsChange(t *table, w *Write, op query.Op) error {
	o := MayUpdate
	if op == query.Delete {
		o = MayDelete
	}
	if err := g.permitted(t, o); err != nil {
		return err
	}
	if w.Representation || w.Match != nil || !t.picksByKey(w.Request) {
		return g.permitted(t, MayRead)
	}
	return nil
}

// picksByKey reports whether a request says of rows nothing but their keys.
func (t *table) picksByKey(r *query.Request) bool {
	if r == nil {
		return true
	}
	var key query.ColumnSet
	key.Add(t.schema.Key())
	return len(r.Embeds) == 0 && r.Reach == nil && r.Nearest == nil && key.Contains(r.Filtered) && key.Contains(query.Columns(r.Where))
}
