package ruletest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// expect asks one expectation. What did not hold is a fault; an error means
// that it could not be asked.
func (w *world) expect(ctx context.Context, e *manifest.Expectation, covered *coverage) (*fault.Fault, error) {
	switch e.Op {
	case "read":
		return w.expectRead(ctx, e, covered)
	case "create":
		return w.expectCreate(ctx, e, covered)
	}
	return w.expectChange(ctx, e, covered)
}

func (w *world) expectRead(ctx context.Context, e *manifest.Expectation, covered *coverage) (*fault.Fault, error) {
	caller := w.caller(e.As)
	all, err := w.keysOf(ctx, e.Table)
	if err != nil {
		return nil, err
	}
	rows, err := w.read(ctx, caller, e.Table)
	refused, problem, err := outcome(err)
	if err != nil || problem != nil {
		return problem, err
	}
	covered.note(e.Table, "read", len(rows) > 0, refused || len(rows) < len(all))
	covered.noteColumns(w, caller, e.Table)
	switch {
	case refused && !e.Denied && (!e.HasRows || len(e.Rows) > 0):
		return failed("%s may not read %s at all", who(e.As), e.Table).
			WithHint("grant it with access: read on the table, or expect denied: true"), nil
	case !refused && e.Denied:
		return failed("%s may read %s: %s", who(e.As), e.Table, counted(len(rows))).
			WithHint("denied: true of a read means that the table is closed to the caller; for rows that are hidden write rows: []"), nil
	}
	if e.HasRows {
		var seen []string
		for _, row := range rows {
			seen = append(seen, w.label(e.Table, plain(string(row["id"]))))
		}
		if problem := compareRows(e, seen); problem != nil {
			return problem, nil
		}
	}
	for _, column := range e.Hides {
		if w.shows(caller, e.Table, column) {
			return failed("%s can see %s.%s", who(e.As), e.Table, column).
				WithHint("hide it with access: read on the column"), nil
		}
	}
	return nil, nil
}

// shows reports whether a caller may name a column of a table.
func (w *world) shows(caller *auth.Caller, table, column string) bool {
	_, err := w.gate.Parse(caller, table, "select="+url.QueryEscape(`"`+column+`"`))
	return err == nil
}

func compareRows(e *manifest.Expectation, seen []string) *fault.Fault {
	var missing, extra []string
	for _, label := range e.Rows {
		if !slices.Contains(seen, label) {
			missing = append(missing, label)
		}
	}
	for _, label := range seen {
		if !slices.Contains(e.Rows, label) {
			extra = append(extra, label)
		}
	}
	slices.Sort(extra)
	switch {
	case len(extra) > 0 && len(missing) > 0:
		return failed("%s sees %s of %s, which is not expected, and does not see %s", who(e.As), listed(extra), e.Table, listed(missing))
	case len(extra) > 0:
		return failed("%s sees %s of %s, which is not expected", who(e.As), listed(extra), e.Table)
	case len(missing) > 0:
		return failed("%s does not see %s of %s", who(e.As), listed(missing), e.Table)
	}
	return nil
}

func (w *world) expectCreate(ctx context.Context, e *manifest.Expectation, covered *coverage) (*fault.Fault, error) {
	before, err := w.keysOf(ctx, e.Table)
	if err != nil {
		return nil, err
	}
	_, err = w.gate.Insert(ctx, w.caller(e.As), data.Write{Table: e.Table, Body: w.object(e.Table, e.Set, "")})
	refused, problem, err := outcome(err)
	if err != nil || problem != nil {
		return problem, err
	}
	covered.note(e.Table, "create", !refused, refused)
	covered.noteSet(e, !refused)
	if problem := w.judge(e, refused); problem != nil || refused {
		return problem, nil
	}
	after, err := w.keysOf(ctx, e.Table)
	if err != nil {
		return nil, err
	}
	for key := range after {
		if !before[key] && e.Row != "" {
			w.name(e.Table, e.Row, key)
		}
	}
	return nil, nil
}

func (w *world) expectChange(ctx context.Context, e *manifest.Expectation, covered *coverage) (*fault.Fault, error) {
	key := w.keys[e.Table][e.Row]
	there, err := w.keysOf(ctx, e.Table)
	if err != nil {
		return nil, err
	}
	if !there[key] {
		return failed("there is no row %s/%s at this point", e.Table, e.Row).WithHint("an expectation before it deleted it, or did not create it"), nil
	}
	write := data.Write{Table: e.Table, Key: key, HasKey: true, Body: w.object(e.Table, e.Set, "")}
	var done data.Written
	if e.Op == "update" {
		done, err = w.gate.Update(ctx, w.caller(e.As), write)
	} else {
		done, err = w.gate.Delete(ctx, w.caller(e.As), write)
	}
	refused, problem, err := outcome(err)
	if err != nil || problem != nil {
		return problem, err
	}
	refused = refused || done.Affected == 0
	covered.note(e.Table, e.Op, !refused, refused)
	covered.noteSet(e, !refused)
	return w.judge(e, refused), nil
}

// judge compares what became of a write with what was expected.
func (w *world) judge(e *manifest.Expectation, refused bool) *fault.Fault {
	what := e.Table
	if e.Row != "" {
		what += "/" + e.Row
	}
	switch {
	case refused && !e.Denied:
		return failed("%s may not %s %s", who(e.As), e.Op, what)
	case !refused && e.Denied:
		return failed("%s may %s %s, which should be denied", who(e.As), e.Op, what)
	}
	return nil
}

// outcome tells apart what access refused, what failed for another reason, and
// what could not be asked.
func outcome(err error) (refused bool, problem *fault.Fault, _ error) {
	if err == nil {
		return false, nil, nil
	}
	var f *fault.Fault
	if !errors.As(err, &f) {
		return false, nil, err
	}
	switch f.Code {
	case data.CodeDenied, data.CodeGenerated:
		return true, nil, nil
	case fault.CodeInternal:
		return false, nil, err
	}
	return false, failed("it failed for another reason than access: %s (%s)", f.Message, f.Code).WithHint(f.Hint), nil
}

func failed(format string, args ...any) *fault.Fault { return fault.Newf(CodeFailed, format, args...) }

func who(label string) string {
	if label == "" {
		return "nobody signed in"
	}
	return label
}

func (w *world) label(table, key string) string {
	if label, ok := w.labels[table][key]; ok {
		return label
	}
	return fmt.Sprintf("a row without a label (%s)", key)
}

func listed(labels []string) string { return strings.Join(labels, ", ") }

func counted(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}
