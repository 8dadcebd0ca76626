package surreal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// transaction is one try of a batch. What it writes is gathered as statements
// and sent as one text, BEGIN to COMMIT; rows are judged here, as they are known
// here. What must be known first is read before: what is read then and written
// to is held against its revision in the text, so that a row which another has
// changed meanwhile makes the try fail, and a new one begins. What must be read
// after earlier statements of the batch makes the transaction a conversation:
// BEGIN, what was gathered, the question, and so on until COMMIT.
type transaction struct {
	view   *view
	store  *Store
	layout *layout
	ctx    context.Context
	batch  *query.Batch
	mark   *mark // by which the feed knows it
	care

	c    compiler // the statements that wait
	sent []sentText
	ops  []op // one for each of them
	// begun is where the last one of them begins.
	begun int
	talk  *rpc.Transaction

	write, row int // at hand
	changes    int // rows that were written
	touched    []*table
	keys       map[string]*takings
	gone       map[rowID]bool // deleted by this batch
	fresh      map[rowID]bool // inserted by this batch
	held       map[heldKey]bool
	shard      uint64 // of the witnesses, plus one
	collided   bool
	// cached says that the server holds rows that the batch wrote, see forget.
	cached bool
}

// care is how a try finds what is to be told of a refusal. One that nothing was
// refused in yet has none.
type care struct {
	// careful has each row written and judged by itself: slower, but an error then
	// says which row it is of.
	careful bool
	// naming has each row asked about before it is written, see unique.go.
	naming bool
	// patient has it wait until no table is shut.
	patient bool
}

// op says what a statement is for, so that its error can be told.
type op struct {
	kind  opKind
	table *table
	// fault is the error of a statement that throws.
	fault error
	// write and row are those that the statement is of; row is -1 where it is of
	// all rows.
	write, row int
	// made says that the key of the row is one of ours.
	made bool
	// target is the unique index, "" for the key, that a row was not found in
	// before; racing says so.
	target string
	racing bool
	// answer takes the statement's result.
	answer func(*wire.Reader) error
}

type opKind uint8

const (
	opPlain  opKind = iota
	opThrow         // an error of it is fault
	opMoved         // it throws where what was read before is no more
	opInsert        // one row, or several where not careful
	opUpdate
	opDelete
)

var (
	// errAgain ends a try that another one may succeed after.
	errAgain = errors.New("others wrote meanwhile")
	// errCarefully ends a try whose error is to be found row by row.
	errCarefully = errors.New("one of several rows is refused")
)

// rowID is one row of one table.
type rowID struct{ table, key string }

func idOf(entry *table, key query.Value) rowID { return rowID{entry.Name, keyText(key)} }

func keyText(v query.Value) string { return string(query.AppendText(nil, v)) }

// statement begins a statement.
func (t *transaction) statement(o op) *compiler {
	t.settle()
	o.write, o.row = t.write, t.row
	t.ops = append(t.ops, o)
	t.c.text(";\n")
	t.begun = len(t.c.buf)
	t.c.nested = nesting{at: t.begun}
	return &t.c
}

// settle puts the parts of the last statement that are written apart in front of
// it, as statements of their own.
func (t *transaction) settle() {
	if len(t.c.front) == 0 {
		return
	}
	statement := slices.Clone(t.c.buf[t.begun:])
	t.c.buf = t.c.buf[:t.begun]
	last := t.ops[len(t.ops)-1]
	for _, part := range t.c.front {
		t.c.buf = append(append(t.c.buf, part...), ";\n"...)
		t.ops = slices.Insert(t.ops, len(t.ops)-1, op{write: last.write, row: last.row})
	}
	t.c.buf = append(t.c.buf, statement...)
	t.c.front = nil
}

// forget adds what has the server drop the rows that the transaction wrote from
// its memory, where they lack their ids, so that they are read again: else no
// condition would find them by their key. Nothing else does that without writing
// something; the access method that it is about never has a grant.
func (t *transaction) forget() {
	if t.cached {
		t.cached = false
		t.statement(op{}).text("ACCESS " + accessForget + " ON DATABASE PURGE EXPIRED")
	}
}

// plain binds a value as it is, of no column.
func (c *compiler) plain(v query.Value) {
	c.bind(func(dst []byte) []byte { return appendValue(dst, v, query.Type{Kind: v.Kind, Scale: v.Scale}, "") })
}

// reset makes the compiler ready for the statements of the next text.
func (t *transaction) reset() {
	t.c = compiler{schema: t.view.schema, written: true, buf: t.c.buf[:0], params: t.c.params[:0], scope: scope{rows: []string{""}}}
	t.c.set(paramWorded, func(dst []byte) []byte { return append(dst, t.layout.worded...) })
	t.c.set(paramOurs, func(dst []byte) []byte { return wire.AppendBool(dst, true) })
	t.c.set(paramBatch, func(dst []byte) []byte { return wire.AppendString(dst, t.mark.id) })
	clear(t.ops)
	t.ops = t.ops[:0]
}

// throw adds a statement that ends the text where the condition that is written
// by cond is true, with an error.
func (t *transaction) throw(o op, cond func(c *compiler)) {
	c := t.statement(o)
	c.text("IF ")
	cond(c)
	c.text(` { THROW "refused" }`)
}

// fail gives an error that was found here: at once where nothing waits that
// could fail before it.
func (t *transaction) fail(err error) error {
	if len(t.ops) == 0 || errors.Is(err, errAgain) || errors.Is(err, errShut) {
		return err
	}
	t.throw(op{kind: opThrow, fault: err}, func(c *compiler) { c.text("true") })
	if sent := t.send(); sent != nil {
		return sent
	}
	return err
}

// flush sends what waits, in a conversation.
func (t *transaction) flush() error {
	if len(t.ops) == 0 {
		return nil
	}
	if t.c.fault != nil {
		return t.c.fault
	}
	t.settle()
	if t.talk == nil {
		talk, err := t.store.client.Begin(t.ctx)
		if err != nil {
			return err
		}
		t.talk = talk
	}
	text, vars := string(t.c.buf), t.c.vars()
	results, err := t.talk.Query(t.ctx, text, vars)
	t.sent = append(t.sent, sentText{text, vars})
	err = t.took(results, err, 0)
	t.reset()
	return err
}

// commit makes it all durable.
func (t *transaction) commit() error {
	if t.talk == nil {
		return t.send()
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.statementError(t.talk.Commit(t.ctx), 0)
}

// send sends what waits, which is all where there is no conversation: as a whole
// transaction.
func (t *transaction) send() error {
	if t.talk != nil {
		return t.flush()
	}
	if len(t.ops) == 0 {
		return nil
	}
	if t.c.fault != nil {
		return t.c.fault
	}
	t.settle()
	text, before := "BEGIN"+string(t.c.buf)+";\nCOMMIT", 1
	if len(t.ops) == 1 && t.ops[0].kind >= opInsert {
		text, before = string(t.c.buf[2:]), 0 // a statement is a transaction by itself
	}
	results, err := t.store.client.Query(t.ctx, text, t.c.vars())
	return t.took(results, err, before)
}

// cancel ends a conversation that was not committed.
func (t *transaction) cancel() {
	if t.talk != nil {
		t.talk.Cancel()
	}
}

// took hands out what the statements gave, or tells which of them failed. before
// is the number of those that are not in ops.
func (t *transaction) took(results [][]byte, err error, before int) error {
	if err != nil {
		return t.statementError(err, before)
	}
	if len(results) < before+len(t.ops) {
		return fmt.Errorf("%d results of %d statements", len(results), before+len(t.ops))
	}
	for i := range t.ops {
		if t.ops[i].answer == nil {
			continue
		}
		r := wire.NewReader(results[before+i])
		if err := t.ops[i].answer(r); err != nil {
			return err
		}
		if err := r.Err(); err != nil {
			return fmt.Errorf("read a result: %w", err)
		}
	}
	return nil
}

// ask sends a question and gives its answer: by itself where nothing of the
// batch was sent or waits, else in the conversation. outside says which.
func (t *transaction) ask(write func(c *compiler)) (answer []byte, outside bool, err error) {
	if t.talk == nil && len(t.ops) == 0 {
		c := compiler{schema: t.view.schema, scope: scope{rows: []string{""}}}
		write(&c)
		if c.fault != nil {
			return nil, true, c.fault
		}
		results, err := t.store.client.Read(t.ctx, c.statements(), c.vars())
		if err != nil {
			return nil, true, t.statementError(err, 0)
		}
		return results[len(results)-1], true, nil
	}
	t.forget()
	write(t.statement(op{answer: func(r *wire.Reader) error { answer = r.Raw(); return nil }}))
	err = t.flush()
	return answer, false, err
}

// reading is ask for what is held against what is there when the batch is sent:
// what waits of the batch so far may be such guards.
func (t *transaction) reading(write func(c *compiler)) (answer []byte, outside bool, err error) {
	if t.talk != nil || slices.ContainsFunc(t.ops, func(o op) bool { return o.kind != opMoved }) {
		return t.ask(write)
	}
	waiting := t.ops
	t.ops = nil
	answer, outside, err = t.ask(write)
	t.ops = waiting
	return answer, outside, err
}

// writes does the batch's writes in their order.
func (t *transaction) writes(result *query.Result) error {
	for i := range t.batch.Writes {
		t.write, t.row = i, -1
		w, err := t.batch.Writes[i].Resolve(result.Writes[:i])
		if err == nil {
			err = t.dispatch(w, &result.Writes[i])
		}
		if err == nil {
			err = store.CheckCount(w, result.Writes[i].Affected)
		}
		if err != nil {
			return t.fail(t.located(err, t.write, -1))
		}
	}
	t.write, t.row = len(t.batch.Writes), -1
	return t.lookBeyond(result)
}

// located says which write of several an error is of, and which row.
func (t *transaction) located(err error, write, row int) error {
	var writeError *store.WriteError
	var rowError *store.RowError
	if errors.Is(err, errAgain) || errors.Is(err, errCarefully) || errors.Is(err, errUnnamed) || errors.As(err, &writeError) {
		return err
	}
	if write < len(t.batch.Writes) && row >= 0 && len(t.batch.Writes[write].Rows) > 1 && !errors.As(err, &rowError) {
		err = &store.RowError{Row: row, Err: err}
	}
	if write < len(t.batch.Writes) && len(t.batch.Writes) > 1 {
		err = &store.WriteError{Write: write, Err: err}
	}
	return err
}

func (t *transaction) dispatch(w *query.Write, did *query.WriteResult) error {
	if w.Op == query.Run {
		return t.run(w, did)
	}
	entry := t.layout.tables[w.Table]
	if entry == nil {
		return fault.Newf("42P01", "relation %q does not exist", w.Table.Name)
	}
	if len(w.Beyond) > 0 && !w.Returning {
		return fmt.Errorf("write to %q: what lies beyond its rows is asked for, but not the rows", entry.Name)
	}
	switch w.Op {
	case query.Insert:
		return t.insert(entry, w, did)
	case query.Update:
		return t.update(entry, w, did)
	}
	return t.delete(entry, w, did)
}

// changed notes that rows of a table are written.
func (t *transaction) changed(entry *table) {
	t.changes++
	t.cached = true
	if !slices.Contains(t.touched, entry) {
		t.touched = append(t.touched, entry)
	}
}

// alive is an error when the batch's time is over or its request is gone.
func (t *transaction) alive() error { return t.ctx.Err() }
