package data

import (
	"cmp"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// judge judges the operation's clauses, in the order in which the gate does.
func (x *explaining) judge(q *Question) error {
	rules, granted := x.table.rules, x.table.rules.Granted
	may := map[string]bool{"read": granted.Read, "create": granted.Create, "update": granted.Update, "delete": granted.Delete}
	if may, known := may[q.Op]; !known {
		return fault.Newf(query.CodeParse, "there is no operation %q", q.Op).WithHint("it is read, create, update or delete")
	} else if !may && !x.caller.IsService() {
		x.refuse("the manifest grants " + q.Op + " to the service role alone")
	}
	var sent input
	if q.Data != nil {
		body, err := readBody(q.Data, x.table.schema, nil, &x.table.service.visible.set, nil)
		if err != nil {
			return err
		}
		if len(body.rows) != 1 {
			return errBody
		}
		sent = body.rows[0]
	}
	switch q.Op {
	case "create":
		return x.create(q, sent)
	case "update":
		return x.update(q, sent)
	case "delete":
		return cmp.Or(x.clauses(rules.Clauses.Read, "the row", x.stored, nil), x.clauses(rules.Clauses.Delete, "the row", x.stored, nil))
	}
	return x.clauses(rules.Clauses.Read, "the row", x.stored, nil)
}

func (x *explaining) create(q *Question, sent input) error {
	var made query.Row
	if q.Data != nil {
		if err := x.gate.complete(x.table, x.table.fills(x.binding), &sent); err != nil {
			x.refuse(fault.From(err).Message)
		}
		made = sent.values
	}
	if err := x.clauses(x.table.rules.Clauses.Create, "the new row", made, nil); err != nil {
		return err
	}
	if err := x.columns("create", made, nil, func(c *column) bool { return sent.sent.Has(c.schema) }); err != nil {
		return err
	}
	return x.checks(made)
}

func (x *explaining) update(q *Question, sent input) error {
	rules := x.table.rules
	if err := cmp.Or(x.clauses(rules.Clauses.Read, "the row before", x.stored, nil), x.clauses(rules.Clauses.UpdateBefore, "the row before", x.stored, nil)); err != nil {
		return err
	}
	var after query.Row
	if x.stored != nil {
		after = slices.Clone(x.stored)
		for i := range x.table.columns {
			c := &x.table.columns[i]
			switch {
			case q.Data != nil && sent.sent.Has(c.schema):
				after[i] = sent.values[i]
			case c.rules.AutoUpdate != nil:
				after[i] = query.Eval(query.Bind(c.rules.AutoUpdate, x.binding), after, x.stored)
			}
		}
	}
	if err := x.clauses(rules.Clauses.UpdateAfter, "the row after", after, x.stored); err != nil {
		return err
	}
	changed := func(c *column) bool {
		return sent.sent.Has(c.schema) && (x.stored == nil || x.stored[c.schema.Index] != after[c.schema.Index])
	}
	if err := x.columns("update", after, x.stored, changed); err != nil {
		return err
	}
	return x.checks(after)
}

// columns judges the rules of the columns that are sent.
func (x *explaining) columns(op string, row, old query.Row, sent func(*column) bool) error {
	for i := range x.table.columns {
		c := &x.table.columns[i]
		if !sent(c) || c.rules.Declared == nil {
			continue
		}
		declared, rule := c.rules.Declared.Access.Create, c.rules.Create
		if op == "update" {
			declared, rule = c.rules.Declared.Access.Update, c.rules.Update
		}
		name := "columns." + c.schema.Name
		switch {
		case c.own && !x.caller.IsService():
			x.out.Clauses = append(x.out.Clauses, ClauseOutcome{Name: name, Path: c.rules.Declared.Path, On: "what is sent", Outcome: Refused, Part: Part{Text: "set by the backend", Truth: "false"}})
			x.refuse("")
		case rule != nil:
			if err := x.clauses([]access.Clause{{Name: name + ".access." + op, Path: declared.Path, Cond: rule}}, "what is sent", row, old); err != nil {
				return err
			}
		}
	}
	return nil
}

// checks judges the table's own conditions, which fail on false alone and
// spare nobody.
func (x *explaining) checks(row query.Row) error {
	for _, check := range x.table.rules.Checks {
		part, err := x.part(check.Cond, row, nil)
		if err != nil {
			return err
		}
		name := "checks." + strings.TrimSuffix(strings.TrimPrefix(check.Name, x.table.schema.Name+"_"), "_check")
		outcome := outcomeOf(part.Truth)
		if part.Truth == query.Unknown.String() {
			outcome = Allowed
		}
		x.add(ClauseOutcome{Name: name, Path: "tables." + x.table.schema.Name + "." + name, On: "the new row", Outcome: outcome, Part: part})
	}
	return nil
}

// clauses judges access rules, which the service role passes.
func (x *explaining) clauses(clauses []access.Clause, on string, row, old query.Row) error {
	for _, clause := range clauses {
		part, err := x.part(clause.Cond, row, old)
		if err != nil {
			return err
		}
		outcome := outcomeOf(part.Truth)
		if x.caller.IsService() {
			outcome = Allowed
		}
		x.add(ClauseOutcome{Name: clause.Name, Path: clause.Path, On: on, Outcome: outcome, Part: part})
	}
	return nil
}

func (x *explaining) add(c ClauseOutcome) {
	x.out.Clauses = append(x.out.Clauses, c)
	switch {
	case c.Outcome == Refused:
		x.out.Outcome = Refused
	case c.Outcome == Depends && x.out.Outcome == Allowed:
		x.out.Outcome = Depends
	}
}

func (x *explaining) refuse(reason string) {
	x.out.Outcome = Refused
	if x.out.Reason == "" {
		x.out.Reason = reason
	}
}

func outcomeOf(truth string) string {
	switch truth {
	case "":
		return Depends
	case query.True.String():
		return Allowed
	}
	return Refused
}
