package access

import (
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// scope is what one text may speak of, and what it is called in messages.
type scope struct {
	// name says what the text is: "a read rule".
	name string
	// table is whose row the text is about; nil where there is no row.
	table *query.Table
	old   bool // old.x, the row before the write
	auth  bool
	// clock tells whether now() may stand here.
	clock bool
	uuid  bool
	// call is the query whose parameters may be spoken of; nil elsewhere.
	call *query.Named
	// beyond tells whether other rows may be asked here: the text is evaluated
	// where a store can be.
	beyond bool
}

func readScope(t *query.Table) scope {
	return scope{name: "a read rule", table: t, auth: true, beyond: true}
}

func createScope(t *query.Table) scope {
	return scope{name: "a create rule", table: t, auth: true, clock: true, beyond: true}
}

func beforeScope(t *query.Table) scope {
	return scope{name: "an update rule on the row before", table: t, auth: true, clock: true, beyond: true}
}

// bothScope is for an update rule that is one string.
func bothScope(t *query.Table) scope {
	return scope{name: "an update rule that is judged before and after", table: t, auth: true, clock: true, beyond: true}
}

func afterScope(t *query.Table) scope {
	return scope{name: "an update rule on the row after", table: t, old: true, auth: true, clock: true, beyond: true}
}

func deleteScope(t *query.Table) scope {
	return scope{name: "a delete rule", table: t, auth: true, clock: true, beyond: true}
}

// guardScope is that of a read rule, for guards are part of it.
func guardScope(t *query.Table) scope {
	return scope{name: "a guard", table: t, auth: true, beyond: true}
}

func columnReadScope() scope {
	return scope{name: "a column's read rule", auth: true}
}

func columnWriteScope(t *query.Table, op string) scope {
	return scope{name: "a column's " + op + " rule", table: t, auth: true, clock: true, beyond: true}
}

func checkScope(t *query.Table) scope {
	return scope{name: "a table's check", table: t, beyond: true}
}

func whereScope(t *query.Table) scope {
	return scope{name: "an index condition", table: t}
}

func filterScope(t *query.Table) scope {
	return scope{name: "a channel's filter", table: t, beyond: true}
}

func channelScope() scope {
	return scope{name: "a channel's read rule", auth: true, beyond: true}
}

// broadcastScope is judged without a store: whoever listens is judged again at
// every reload, and whoever sends at every message.
func broadcastScope(operation string) scope {
	return scope{name: "a broadcast's " + operation + " rule", auth: true}
}

func defaultScope() scope {
	return scope{name: "a default", auth: true, clock: true, uuid: true}
}

func autoScope(t *query.Table) scope {
	return scope{name: "an auto value", table: t, auth: true, clock: true, uuid: true}
}

// sameText tells whether an update rule was one string for before and after.
func sameText(a *manifest.Access) bool {
	return a.UpdateBefore.Text == a.UpdateAfter.Text && a.UpdateBefore.Path == a.UpdateAfter.Path
}
