package sqlite

import "github.com/edge-hive/edge-hive/runtime/query"

// judgement is the checks of a write, with those that the database must be
// asked about; found out once for all rows.
type judgement struct {
	checks []query.Check
	beyond []bool // nil where none looks beyond the row
}

func weigh(checks []query.Check) judgement {
	return judgement{checks, beyondOf(len(checks), func(i int) query.Expr { return checks[i].Cond })}
}

// assignments are what a write assigns, likewise.
type assignments struct {
	set    []query.Assignment
	beyond []bool
}

func weighSet(set []query.Assignment) assignments {
	return assignments{set, beyondOf(len(set), func(i int) query.Expr { return set[i].Value })}
}

// beyondOf marks which of n expressions look beyond the row; nil for none.
func beyondOf(n int, at func(int) query.Expr) []bool {
	var beyond []bool
	for i := range n {
		if !query.LooksBeyond(at(i)) {
			continue
		}
		if beyond == nil {
			beyond = make([]bool, n)
		}
		beyond[i] = true
	}
	return beyond
}

// judge gives the fault of the first check that does not hold. It comes before
// the row is written, so that whom a rule denies learns nothing of what is
// there.
func (t *transaction) judge(j judgement, row, old query.Row) error {
	for i := range j.checks {
		check := &j.checks[i]
		truth, err := t.holds(check.Cond, j.beyond != nil && j.beyond[i], row, old)
		if err != nil {
			return err
		}
		if truth == query.True || truth == query.Unknown && check.AllowUnknown {
			continue
		}
		return check.Fault
	}
	return nil
}

func (t *transaction) holds(condition query.Expr, beyond bool, row, old query.Row) (query.Truth, error) {
	if !beyond {
		return query.Holds(condition, row, old), nil
	}
	v, err := t.value(condition, row, old)
	return query.TruthOf(v), err
}

// value evaluates an expression that looks beyond a row, on the connection
// that writes: it sees what the transaction did so far.
func (t *transaction) value(e query.Expr, row, old query.Row) (query.Value, error) {
	placed := query.Place(e, row, old)
	if literal, ok := placed.(*query.Literal); ok {
		return literal.Value, nil
	}
	asked, answer := [1]query.Expr{placed}, [1]query.Value{}
	err := t.comp.ask(t.conn, asked[:], answer[:])
	return answer[0], err
}

// lookBeyond evaluates what the writes ask about their rows beyond them, when
// all is written.
func (t *transaction) lookBeyond(b *query.Batch, result *query.Result) error {
	for i := range b.Writes {
		asked, did := b.Writes[i].Beyond, &result.Writes[i]
		if len(asked) == 0 {
			continue
		}
		did.Beyond = make([][]query.Value, len(did.Rows))
		for j, row := range did.Rows {
			if err := t.alive(); err != nil {
				return err
			}
			values, err := t.values(asked, row)
			if err != nil {
				return err
			}
			did.Beyond[j] = values
		}
	}
	return nil
}

// values evaluates expressions on one row, with one question to the database
// for all that need one.
func (t *transaction) values(list []query.Expr, row query.Row) ([]query.Value, error) {
	out := make([]query.Value, len(list))
	var asked []query.Expr
	var places []int
	for i, e := range list {
		placed := query.Place(e, row, nil)
		if literal, ok := placed.(*query.Literal); ok {
			out[i] = literal.Value
			continue
		}
		asked, places = append(asked, placed), append(places, i)
	}
	if len(asked) == 0 {
		return out, nil
	}
	answers := make([]query.Value, len(asked))
	if err := t.comp.ask(t.conn, asked, answers); err != nil {
		return nil, err
	}
	for i, place := range places {
		out[place] = answers[i]
	}
	return out, nil
}
