package trigger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// View answers conditions that look beyond the row; store.View is one.
type View interface {
	Test(context.Context, []query.Expr) ([]query.Truth, error)
}

// Set is what one manifest has called besides by requests. It is immutable.
type Set struct {
	view   View
	caller function.Caller
	lines  map[string]*listener
	times  map[string]*appointment
}

// listener is a function that is called after commits.
type listener struct {
	name      string
	instances int
	tables    map[string][]interest
}

// interest is one trigger: which changes of a table a function is called for.
type interest struct {
	table                  *query.Table
	create, update, delete bool
	when                   query.Expr // nil for always
	beyond                 bool       // when asks other rows
}

// appointment is a function that is called at times.
type appointment struct {
	name   string
	cron   string // as declared
	zone   string
	missed string
	table  *timetable
}

// NewSet reads what a manifest's functions are called for. Conditions are those
// of the rules, asked of the view where they look beyond the row; the caller calls
// the manifest's functions, a function.Set for one.
func NewSet(m *manifest.Manifest, rules *access.Rules, view View, caller function.Caller) (*Set, error) {
	s := &Set{view: view, caller: caller, lines: map[string]*listener{}, times: map[string]*appointment{}}
	for i := range m.Functions {
		f := &m.Functions[i]
		if len(f.Tables) > 0 {
			l, err := newListener(f, rules.Functions[f.Name])
			if err != nil {
				return nil, err
			}
			s.lines[f.Name] = l
		}
		if f.Schedule == nil {
			continue
		}
		table, err := newTimetable(f.Schedule.Cron, f.Schedule.Zone)
		if err != nil {
			return nil, fmt.Errorf("schedule of function %q: %w", f.Name, err)
		}
		if _, err := table.after(time.Now()); err != nil {
			return nil, fmt.Errorf("schedule of function %q: %w", f.Name, err)
		}
		s.times[f.Name] = &appointment{name: f.Name, cron: f.Schedule.Cron, zone: f.Schedule.Zone, missed: f.Schedule.Missed, table: table}
	}
	return s, nil
}

func newListener(f *manifest.Function, rules *access.FunctionRules) (*listener, error) {
	if rules == nil || len(rules.Triggers) != len(f.Tables) {
		return nil, fmt.Errorf("triggers of function %q: its rules are those of another manifest", f.Name)
	}
	l := &listener{name: f.Name, instances: max(f.Limits.Instances, 1), tables: map[string][]interest{}}
	for i := range rules.Triggers {
		rule := &rules.Triggers[i]
		if rule.Table == nil {
			return nil, fmt.Errorf("triggers of function %q: there is no table %q", f.Name, rule.Declared.Table)
		}
		it := interest{
			table:  rule.Table,
			create: slices.Contains(rule.Declared.Events, "create"),
			update: slices.Contains(rule.Declared.Events, "update"),
			delete: slices.Contains(rule.Declared.Events, "delete"),
		}
		if !query.IsTrueExpr(rule.When) {
			it.when, it.beyond = rule.When, query.LooksBeyond(rule.When)
		}
		l.tables[rule.Table.Name] = append(l.tables[rule.Table.Name], it)
	}
	return l, nil
}

func (it *interest) wants(op query.Op) bool {
	switch op {
	case query.Insert:
		return it.create
	case query.Update:
		return it.update
	case query.Delete:
		return it.delete
	}
	return false
}

// IsEmpty reports that nothing is to be called.
func (s *Set) IsEmpty() bool { return len(s.lines)+len(s.times) == 0 }

// IsLeft reports that a store has notes of functions that were called once: a
// runner ends what of them is kept for nobody, as the hold on the feed.
func IsLeft(ctx context.Context, s store.Ledger) (bool, error) {
	for _, room := range []string{roomPlace, roomTime} {
		notes, err := s.Noted(ctx, room, "", 1)
		if err != nil {
			return false, fmt.Errorf("look for what triggers have left: %w", err)
		}
		if len(notes) > 0 {
			return true, nil
		}
	}
	return false, nil
}
