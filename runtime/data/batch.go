package data

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// CodeBatch is the code of a batch that is not one.
const CodeBatch = "bad-batch"

// The bounds of a batch.
const (
	maxWrites = 100
	maxName   = 63
)

// Batch is several writes over several tables: one transaction, all or
// nothing.
type Batch struct {
	// Body is {"writes": [...]}.
	Body []byte
	// Once, when set, makes a repetition give the first one's answer.
	Once *Once
	// Rollback does everything but keep it.
	Rollback bool
	// Depth is how many functions led to the batch; see query.Batch.
	Depth int
}

// Batched is what a batch did.
type Batched struct {
	Body     []byte // {"results": [...]}, one to one
	Replayed bool
}

// batch is a batch being made ready.
type batch struct {
	gate   *Gate
	caller *auth.Caller
	made   madeKeys
	rows   int
	steps  []step
	writes []query.Write // of the steps that reach the store
}

// step is one write of a batch.
type step struct {
	*prepared
	match *Match
	place int // in writes; -1 for one that touches no row
}

// Batch carries out several writes, each exactly as if it were alone: the same
// rules, checks and bounds. Later ones may use the keys that earlier ones make.
// A fault says in its details which write it is of.
func (g *Gate) Batch(ctx context.Context, caller *auth.Caller, w Batch) (Batched, error) {
	once, err := w.Once.named(caller)
	if err != nil {
		return Batched{}, err
	}
	b := batch{gate: g, caller: caller, made: madeKeys{named: map[string]madeRows{}}}
	if err := b.read(w.Body); err != nil {
		return Batched{}, err
	}
	var result query.Result
	if len(b.writes) > 0 {
		if w.Rollback {
			once = nil // what is not kept cannot be met again
		}
		result, err = g.view.Apply(ctx, query.Batch{Writes: b.writes, Once: once, Rollback: w.Rollback, Depth: w.Depth})
		if err != nil {
			return Batched{}, b.fault(err)
		}
	}
	body, err := b.results(&result)
	return Batched{Body: body, Replayed: result.Replayed}, err
}

// read makes every write of the body ready.
func (b *batch) read(raw []byte) error {
	if err := checkShape(raw); err != nil {
		return err
	}
	var body struct {
		Writes []batchWrite `json:"writes"`
	}
	if err := json.Unmarshal(raw, &body, json.RejectUnknownMembers(true)); err != nil {
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			return badBatch("the member at %q is unknown or of another type", fault.Clip(string(semantic.JSONPointer), maxName)).
				WithHint(`a batch is {"writes": [{"op": "insert", "table": "...", "rows": [...]}]}`)
		}
		return errBody
	}
	switch {
	case len(body.Writes) == 0:
		return badBatch("a batch has at least one write")
	case len(body.Writes) > maxWrites:
		return badBatch("a batch has at most %d writes", maxWrites)
	}
	for i := range body.Writes {
		if err := b.add(&body.Writes[i]); err != nil {
			return ofWrite(i, err)
		}
	}
	return nil
}

// add makes one write ready.
func (b *batch) add(said *batchWrite) error {
	prepare, err := said.operation(b.gate)
	if err != nil {
		return err
	}
	w, err := b.write(said)
	if err != nil {
		return err
	}
	p, err := prepare(b.caller, w)
	if err != nil {
		return err
	}
	if w.Match.never() || w.Match != nil && (p.none || p.untouched) {
		return errMoved
	}
	s := step{prepared: p, match: w.Match, place: -1}
	switch {
	case p.untouched || p.none && p.write.Op == query.Update && !query.NeverHolds(p.write.Where):
		return badBatch("set is empty")
	case !p.none:
		s.place = len(b.writes)
		b.writes = append(b.writes, p.write)
	case w.Single:
		return notSingle(0)
	}
	b.steps = append(b.steps, s)
	if b.rows += len(p.write.Rows); b.rows > maxRows {
		return badBatch("the writes of a batch insert at most %d rows together", maxRows)
	}
	return b.name(said, s)
}

// write is what a batch says as the write that a request would be.
func (b *batch) write(said *batchWrite) (*Write, error) {
	w := &Write{
		Table: said.Table, Body: said.Set, Representation: said.Return, Single: said.Single,
		AtMost: said.AtMost, Unfiltered: true, made: &b.made,
	}
	if said.AtMost != nil && *said.AtMost < 0 {
		return nil, badBatch("atMost is a number, 0 or more")
	}
	if said.Op == "insert" || said.Op == "upsert" {
		w.Body = said.Rows
	}
	if said.Op == "upsert" {
		w.Resolution = Merge
		if said.IgnoreDuplicates {
			w.Resolution = Ignore
		}
	}
	if said.IfMatch != "" {
		if w.Match = ParseMatch([]string{said.IfMatch}); w.Match.Any {
			return nil, badBatch("ifMatch is the ETag of a row").WithHint("single demands that there is one")
		}
	}
	if err := b.key(w, said); err != nil {
		return nil, err
	}
	var err error
	w.Request, err = b.gate.Parse(b.caller, said.Table, said.url())
	return w, err
}

// key narrows a write to the row with a key, which an earlier write may make.
func (b *batch) key(w *Write, said *batchWrite) error {
	switch said.Key.Kind() {
	case 0:
		return nil
	case '{':
		t, err := b.gate.table(said.Table)
		if err != nil {
			return err
		}
		w.key, err = b.made.find(said.Key, t.schema.Key())
		return err
	case '"':
		w.HasKey = true
		if err := json.Unmarshal(said.Key, &w.Key); err != nil {
			return errBody
		}
		return nil
	case '0':
		w.HasKey, w.Key = true, string(said.Key)
		return nil
	}
	return badBatch("a key is a text, a number or {\"$key\": \"NAME\"}")
}

// name lets later writes refer to the rows of this one.
func (b *batch) name(said *batchWrite, s step) error {
	if said.As == "" {
		return nil
	}
	if len(said.As) > maxName || strings.ContainsRune(said.As, '.') {
		return badBatch("a name has at most %d bytes and no dot", maxName)
	}
	if _, taken := b.made.named[said.As]; taken {
		return badBatch("another write is called %q", said.As)
	}
	if said.IgnoreDuplicates {
		return badBatch("a write that may pass over its rows has no keys to name")
	}
	b.made.named[said.As] = madeRows{write: s.place, rows: len(s.write.Rows), table: s.table.schema}
	return nil
}

// results writes what each write did.
func (b *batch) results(result *query.Result) ([]byte, error) {
	out := []byte(`{"results":[`)
	for i, s := range b.steps {
		if i > 0 {
			out = append(out, ',')
		}
		did := &query.WriteResult{}
		if s.place >= 0 {
			did = &result.Writes[s.place]
		}
		out = strconv.AppendInt(append(out, `{"affected":`...), int64(did.Affected), 10)
		if s.shown != nil {
			rows, err := s.shown.body(did, false)
			if err != nil {
				return nil, ofWrite(i, err)
			}
			out = append(append(out, `,"rows":`...), rows...)
		}
		out = append(out, '}')
	}
	return append(out, "]}"...), nil
}

// fault says which write an error of the store is of, as far as it is known.
func (b *batch) fault(err error) error {
	place := 0
	var at *store.WriteError
	switch {
	case errors.As(err, &at):
		place, err = at.Write, at.Err
	case len(b.writes) > 1:
		return writeFault(err)
	}
	for i, s := range b.steps {
		if s.place == place {
			return ofWrite(i, s.match.fault(err))
		}
	}
	return writeFault(err)
}

// ofWrite names the write that a fault is of.
func ofWrite(i int, err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code == fault.CodeInternal {
		return err
	}
	details := "write " + strconv.Itoa(i)
	if f.Details != "" {
		details += ": " + f.Details
	}
	return f.WithDetails(details)
}

func badBatch(format string, args ...any) *fault.Fault { return fault.Newf(CodeBatch, format, args...) }
