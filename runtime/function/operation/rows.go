package operation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// maxQuery bounds the query of a URL, as the server does.
const maxQuery = 16 << 10

type selectHead struct {
	Table string `json:"table"`
	Query string `json:"query"`
	Count bool   `json:"count"`
}

// selectRows is db.select.
func (o *operations) selectRows(ctx context.Context, c *call, head, _ []byte) (function.Reply, error) {
	said, err := readHead[selectHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	r, err := c.parse(said.Table, said.Query)
	if err != nil {
		return function.Reply{}, err
	}
	answer, err := c.rights.gate.Select(ctx, c.Acting, data.Read{Table: said.Table, Request: r, Count: said.Count})
	if err != nil {
		return function.Reply{}, err
	}
	reply := function.Reply{Body: answer.Body}
	if !said.Count && answer.Next == "" {
		return reply, nil
	}
	out := struct {
		Count *int64 `json:"count,omitempty"`
		Next  string `json:"next,omitempty"`
	}{Next: answer.Next}
	if said.Count {
		out.Count = &answer.Count
	}
	reply.Head, err = replyHead(out)
	return reply, err
}

// parse reads what a head says of a table, within the grants.
func (c *call) parse(table, rawQuery string) (*query.Request, error) {
	if err := required("table", table); err != nil {
		return nil, err
	}
	if c.rights.gate == nil {
		return nil, errNoRows
	}
	if len(rawQuery) > maxQuery {
		return nil, fault.Newf(function.CodeOperation, "the query has more than %d bytes", maxQuery)
	}
	return c.rights.gate.Parse(c.Acting, table, rawQuery)
}

var errNoRows = absent("database")

type writeHead struct {
	Table  string `json:"table"`
	Query  string `json:"query"`
	Prefer string `json:"prefer"`
	Once   string `json:"once"`
}

// writing is one of the gate's writes.
type writing func(*data.Granted, context.Context, *auth.Caller, data.Write) (data.Written, error)

// insertRows is db.insert.
func (o *operations) insertRows(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	return c.write(ctx, "db.insert", head, body, (*data.Granted).Insert)
}

// updateRows is db.update.
func (o *operations) updateRows(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	return c.write(ctx, "db.update", head, body, (*data.Granted).Update)
}

// deleteRows is db.delete.
func (o *operations) deleteRows(ctx context.Context, c *call, head, _ []byte) (function.Reply, error) {
	return c.write(ctx, "db.delete", head, nil, (*data.Granted).Delete)
}

func (c *call) write(ctx context.Context, name string, head, body []byte, do writing) (function.Reply, error) {
	said, err := readHead[writeHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	r, err := c.parse(said.Table, said.Query)
	if err != nil {
		return function.Reply{}, err
	}
	prefer, err := preferences(said.Prefer)
	if err != nil {
		return function.Reply{}, err
	}
	w := data.Write{
		Table: said.Table, Request: r, Body: body, Once: c.once(name, said.Once, head, body),
		Resolution: prefer.Resolution, MissingDefault: prefer.MissingDefault, Rollback: prefer.Rollback, Depth: c.Event.Depth + 1,
	}
	switch {
	case name != "db.insert" && w.Resolution != data.Refuse:
		return function.Reply{}, preferenceOf("resolution", "db.insert")
	case name == "db.insert" && prefer.HasMost:
		return function.Reply{}, preferenceOf("max-affected", "db.update and db.delete")
	case prefer.HasMost:
		w.AtMost = &prefer.Most
	}
	// Rows come back unless they are not wanted, or not granted.
	w.Representation = prefer.Returns == data.ReturnRows || !prefer.HasReturn && c.rights.gate.May(said.Table, data.MayRead)
	done, err := do(c.rights.gate, ctx, c.Acting, w)
	if err != nil {
		return function.Reply{}, shownRefused(err, &w, prefer.HasReturn)
	}
	return function.Reply{Head: affected(done.Affected, done.Replayed), Body: done.Body}, nil
}

// shownRefused says of a write that may have been refused for its rows alone how
// to do without them.
func shownRefused(err error, w *data.Write, asked bool) error {
	if f := fault.From(err); w.Representation && !asked && f.Code == data.CodeDenied && f.Hint == "" {
		return f.WithHint("where the caller may write rows that he may not read, say prefer: return=minimal")
	}
	return err
}

// preferences are the words of Prefer. Unless it says that it is handled
// leniently, an unknown one is refused: nobody watches what a function sends.
func preferences(text string) (data.Preferences, error) {
	p := data.ParsePreferences([]string{text})
	p.Strict = p.Strict || !p.HasHandling
	if f := p.Check(); f != nil {
		return p, f
	}
	if p.Returns == data.ReturnHeaders {
		return p, fault.New(function.CodeOperation, "return is minimal or representation here").WithHint("there are no headers to return")
	}
	return p, nil
}

func preferenceOf(name, operations string) *fault.Fault {
	return fault.Newf(function.CodeOperation, "the preference %s is for %s", name, operations)
}

func affected(n int, replayed bool) []byte {
	head := strconv.AppendInt([]byte(`{"affected":`), int64(n), 10)
	if replayed {
		head = append(head, `,"replayed":true`...)
	}
	return append(head, '}')
}

// once names a write, so that its repetition changes nothing; nil where it has no
// name. Names are a function's own: neither another function nor a client meets
// them.
func (c *call) once(name, key string, head, body []byte) *data.Once {
	if key == "" {
		return nil
	}
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(name), head, body} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		_, _ = sum.Write(length[:])
		_, _ = sum.Write(part)
	}
	once := &data.Once{Key: "function " + c.Definition.Name + " " + key}
	sum.Sum(once.Request[:0])
	return once
}

type batchHead struct {
	Prefer string `json:"prefer"`
	Once   string `json:"once"`
}

// batch is db.batch. Its body is that of a request, or its array of writes alone.
func (o *operations) batch(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[batchHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	if c.rights.gate == nil {
		return function.Reply{}, errNoRows
	}
	prefer, err := preferences(said.Prefer)
	if err != nil {
		return function.Reply{}, err
	}
	if prefer.HasReturn || prefer.HasMost || prefer.HasMissing || prefer.Resolution != data.Refuse {
		return function.Reply{}, fault.New(function.CodeOperation, "of preferences a batch knows tx and handling alone").
			WithHint("what becomes of rows is said in each write: return, atMost, ignoreDuplicates")
	}
	b := data.Batch{Body: body, Once: c.once("db.batch", said.Once, head, body), Rollback: prefer.Rollback, Depth: c.Event.Depth + 1}
	for _, first := range body {
		if first == ' ' || first == '\t' || first == '\r' || first == '\n' {
			continue
		}
		if first == '[' {
			b.Body = append(append([]byte(`{"writes":`), body...), '}')
		}
		break
	}
	done, err := c.rights.gate.Batch(ctx, c.Acting, b)
	return function.Reply{Body: done.Body}, err
}

type queryHead struct {
	Query  string `json:"query"`
	Prefer string `json:"prefer"`
	Once   string `json:"once"`
}

// callQuery is db.call.
func (o *operations) callQuery(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[queryHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	if err := required("query", said.Query); err != nil {
		return function.Reply{}, err
	}
	if c.rights.gate == nil {
		return function.Reply{}, errNoRows
	}
	prefer, err := preferences(said.Prefer)
	if err != nil {
		return function.Reply{}, err
	}
	if prefer.HasReturn || prefer.HasMissing || prefer.Resolution != data.Refuse {
		return function.Reply{}, fault.New(function.CodeOperation, "of preferences a query knows tx, max-affected and handling alone")
	}
	asked := data.Call{Query: said.Query, Body: body, Rollback: prefer.Rollback, Once: c.once("db.call", said.Once, head, body), Depth: c.Event.Depth + 1}
	if prefer.HasMost {
		asked.AtMost = &prefer.Most
	}
	called, err := c.rights.gate.Call(ctx, c.Acting, asked)
	if err != nil {
		return function.Reply{}, err
	}
	if called.Nothing {
		return function.Reply{}, nil
	}
	return function.Reply{Body: called.Body}, nil
}
