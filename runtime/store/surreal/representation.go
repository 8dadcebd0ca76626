package surreal

import (
	"context"
	"errors"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// maxAnswered bounds, in characters as the server writes them, what is told
// beyond the rows of a batch whose commit is in the same text. What is more may
// be too large as JSON, where no character takes over six bytes, and is read
// before the commit.
const maxAnswered = maxEmbedBytes / 8

// asking is an expression over a written row that the server is asked about.
type asking struct {
	level *level
	into  *query.Value
}

// lookBeyond asks what the writes want to know beyond their rows, when all is
// written. One statement asks it all.
func (t *transaction) lookBeyond(result *query.Result) error {
	asked, risky, err := t.askings(result)
	if err != nil || len(asked) == 0 {
		return err
	}
	t.forget()
	// A fault of what comes undoes the batch: it is known before the commit.
	if t.careful || risky {
		t.statement(op{answer: func(r *wire.Reader) error { return readAskings(r, asked) }}).questions(t.ctx, asked)
		return t.flush()
	}
	// One statement: what a LET by itself is of the server computes another way,
	// which bounds how deep that may be.
	c := t.statement(op{kind: opThrow, fault: errCarefully, answer: func(r *wire.Reader) error { return readAskings(r, asked) }})
	c.text("{ LET $answer = ")
	c.questions(t.ctx, asked)
	c.text("; IF string::len(<string> $answer) > ")
	c.number(maxAnswered)
	c.text(` { THROW "refused" }; $answer }`)
	return nil
}

// questions writes what is asked as an array.
func (c *compiler) questions(ctx context.Context, asked []asking) {
	c.text("[")
	c.timedly(ctx, func() {
		for i := range asked {
			if i > 0 {
				c.text(", ")
			}
			c.asking(&asked[i])
		}
	})
	c.text("]")
}

// askings are what the database is asked about; what is known without it is put
// into the result. risky says that one of them may be a fault.
func (t *transaction) askings(result *query.Result) (asked []asking, risky bool, err error) {
	total := new(int)
	for i := range t.batch.Writes {
		list, did := t.batch.Writes[i].Beyond, &result.Writes[i]
		if len(list) == 0 {
			continue
		}
		did.Beyond = make([][]query.Value, len(did.Rows))
		for _, e := range list {
			risky = risky || mayFail(e)
		}
		for j, row := range did.Rows {
			if err := t.alive(); err != nil {
				return nil, false, err
			}
			did.Beyond[j] = make([]query.Value, len(list))
			for k, e := range list {
				placed := query.Place(e, row, nil)
				if literal, ok := placed.(*query.Literal); ok {
					did.Beyond[j][k] = literal.Value
					continue
				}
				level, f := alone(placed, total)
				if f != nil {
					return nil, false, f
				}
				asked = append(asked, asking{level, &did.Beyond[j][k]})
			}
		}
	}
	return asked, risky, nil
}

// alone plans an expression over no row as the one output of a level.
func alone(e query.Expr, total *int) (*level, *fault.Fault) {
	l := &level{total: total}
	b := &builder{level: l}
	l.outputs = append(l.outputs, b.output(e))
	b.finish()
	return l, b.fault
}

// asking writes the values of the level's fields as an array.
func (c *compiler) asking(a *asking) {
	c.text("[")
	for i := range a.level.fields {
		if i > 0 {
			c.text(", ")
		}
		if !c.valueOf(&a.level.fields[i]) {
			c.refuse("a column of a row that is not at hand")
		}
	}
	c.text("]")
}

func readAskings(r *wire.Reader, asked []asking) error {
	if n := r.Array(); n != len(asked) {
		return errors.Join(r.Err(), fmt.Errorf("%d answers to %d questions", n, len(asked)))
	}
	for i := range asked {
		l := asked[i].level
		if n := r.Array(); n != len(l.spans) {
			return errors.Join(r.Err(), fmt.Errorf("an answer of %d values, not %d", n, len(l.spans)))
		}
		for k := range l.spans {
			l.spans[k] = r.Raw()
		}
		if r.Err() != nil {
			return r.Err()
		}
		v, err := l.value(&l.outputs[0])
		if err != nil {
			return err
		}
		*asked[i].into = v
	}
	return nil
}

// mayFail reports an expression whose value may be a fault: a cast, or an
// aggregate that is out of range.
func mayFail(e query.Expr) bool {
	found := false
	query.Walk(e, func(e query.Expr) bool {
		switch e.(type) {
		case *query.Cast, *query.Aggregate:
			found = true
		}
		return !found
	})
	return found
}
