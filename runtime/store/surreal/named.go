package surreal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surql"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// errVisit carries the error of who is handed the rows.
type errVisit struct{ error }

func (e errVisit) Unwrap() error { return e.error }

// Query implements store.View: one text, which was looked at when the view
// opened, so that it holds no statement that writes.
func (v *view) Query(ctx context.Context, call query.Invocation, visit func(query.Row) error) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.leave()
	if call.Query.Write {
		return fmt.Errorf("query %q writes", call.Query.Name)
	}
	bounded, cancel := context.WithTimeout(ctx, v.store.options.StatementTimeout)
	defer cancel()
	results, err := v.store.client.Read(bounded, v.text(bounded, call.Query), namedVars(&call))
	if err == nil {
		err = visitNamed(results, call.Query, visit)
	}
	var visited errVisit
	switch {
	case err == nil:
		return nil
	case errors.As(err, &visited):
		return visited.error
	}
	return requestError(ctx, v.outdated(ctx, namedError(call.Query, err)))
}

// text is that of a named query, with the time that the context has left.
func (v *view) text(ctx context.Context, n *query.Named) string {
	bounded, known := v.texts[n]
	milliseconds := left(ctx)
	if !known || milliseconds == 0 {
		return n.Text
	}
	return bounded.Text(milliseconds)
}

func namedError(n *query.Named, err error) error {
	var failed *rpc.StatementError
	if errors.As(err, &failed) {
		return fmt.Errorf("query %q: %w", n.Name, err)
	}
	return err
}

// namedVars are the parameters of a call.
func namedVars(call *query.Invocation, more ...string) []byte {
	vars := wire.AppendMap(nil, len(call.Query.Params)+2+len(more))
	for i := range call.Query.Params {
		p := &call.Query.Params[i]
		ref := ""
		if p.Ref != nil {
			ref = p.Ref.Table
		}
		vars = appendValue(wire.AppendString(vars, p.Name), call.Args[i], p.Type, ref)
	}
	vars = appendValue(wire.AppendString(vars, query.ParamUID), call.UID, query.Type{Kind: call.UID.Kind, Scale: call.UID.Scale}, "")
	vars = wire.AppendString(wire.AppendString(vars, query.ParamRole), call.Role)
	for _, name := range more {
		vars = wire.AppendBool(wire.AppendString(vars, name), true)
	}
	return vars
}

// visitNamed hands on what a text gave: the objects of an array, or the one
// object that it is. A query of a value may give values as they are.
func visitNamed(results [][]byte, n *query.Named, visit func(query.Row) error) error {
	if n.Nothing() || len(results) == 0 {
		return nil
	}
	r := wire.NewReader(results[len(results)-1])
	rows := 1
	if r.Kind() == wire.Array && (!n.Value || n.Result.Columns[0].Type.Kind != query.KindList) {
		rows = r.Array()
	} else if r.Kind() == wire.None || r.Kind() == wire.Null {
		return nil
	}
	for range rows {
		row, err := readNamed(r, n)
		if err != nil {
			return err
		}
		if err := visit(row); err != nil {
			return errVisit{err}
		}
	}
	return r.Err()
}

// readNamed reads one row. The text may give anything, so nothing is taken for
// granted.
func readNamed(r *wire.Reader, n *query.Named) (query.Row, error) {
	row := make(query.Row, len(n.Result.Columns))
	if r.Kind() != wire.Map {
		if !n.Value {
			return nil, fmt.Errorf("query %q: the text gives a %s, not objects", n.Name, kindWord(r.Kind()))
		}
		return row, namedValue(r, n, row, n.Result.Columns[0])
	}
	for range r.Map() {
		c := n.Result.Column(string(r.String()))
		if c == nil {
			r.Skip()
			continue
		}
		if err := namedValue(r, n, row, c); err != nil {
			return nil, err
		}
	}
	return row, r.Err()
}

func namedValue(r *wire.Reader, n *query.Named, row query.Row, c *query.Column) error {
	kind := r.Kind()
	v, ok := naturalValue(wire.NewReader(r.Raw()), c.Type)
	if !ok {
		return fmt.Errorf("query %q: column %q holds a %s that is no %s", n.Name, c.Name, kindWord(kind), c.Type)
	}
	row[c.Index] = v
	return nil
}

// naturalValue reads a value that nobody has judged as one of a type, in the
// form that SurrealDB has for it; false is that it is none.
func naturalValue(r *wire.Reader, t query.Type) (query.Value, bool) {
	kind := r.Kind()
	if kind == wire.None || kind == wire.Null {
		return query.Null(), true
	}
	if kind == wire.Record && t.Kind != query.KindJSON {
		r.Record()
		kind = r.Kind()
	}
	fits := false
	switch t.Kind {
	case query.KindBool:
		fits = kind == wire.Bool
	case query.KindInt:
		fits = kind == wire.Int
	case query.KindFloat:
		if kind == wire.Decimal {
			v, f := query.DecodeJSON(t, r.Decimal())
			return v, f == nil && r.Err() == nil
		}
		fits = kind == wire.Int || kind == wire.Float
	case query.KindDecimal:
		fits = kind == wire.Int || kind == wire.Decimal
	case query.KindText:
		if kind == wire.UUID {
			return query.Text(uuidText(r.UUID())), r.Err() == nil
		}
		fits = kind == wire.String
	case query.KindUUID:
		if kind == wire.String {
			return query.FromStored(t, query.Value{Kind: t.Kind, S: string(r.String())})
		}
		fits = kind == wire.UUID
	case query.KindTimestamp, query.KindDate:
		fits = kind == wire.Datetime
	case query.KindJSON:
		fits = true
	case query.KindList:
		return naturalList(r, t)
	}
	if !fits {
		return query.Value{}, false
	}
	v := readValue(r, t)
	if r.Err() != nil || v.Kind == query.KindFloat && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
		return query.Value{}, false
	}
	return query.FromStored(t, v)
}

// naturalList reads an array whose items are all of the list's type.
func naturalList(r *wire.Reader, t query.Type) (query.Value, bool) {
	if r.Kind() != wire.Array {
		return query.Value{}, false
	}
	elem := query.Type{Kind: t.Elem, Scale: t.Scale}
	out := []byte{'['}
	for i := range r.Array() {
		if i > 0 {
			out = append(out, ',')
		}
		v, ok := naturalValue(wire.NewReader(r.Raw()), elem)
		if !ok || v.IsNull() {
			return query.Value{}, false
		}
		out = query.AppendJSON(out, v)
	}
	return query.FromStored(t, query.List(string(append(out, ']'))))
}

func kindWord(k wire.Kind) string {
	switch k {
	case wire.Bool:
		return "bool"
	case wire.Int:
		return "int"
	case wire.Float:
		return "float"
	case wire.Decimal:
		return "decimal"
	case wire.String:
		return "string"
	case wire.Datetime:
		return "datetime"
	case wire.UUID:
		return "uuid"
	case wire.Record:
		return "record"
	case wire.Array:
		return "array"
	case wire.Map:
		return "object"
	}
	return "value"
}

// tryQueries looks at the named queries of a view once, and has the server parse
// them, so that a text which it does not take is an error now. Nothing is kept. It
// gives them as they are bounded.
func (s *Store) tryQueries(ctx context.Context, schema *query.Schema) (map[*query.Named]surql.Bounded, error) {
	if len(schema.Queries) == 0 {
		return nil, nil
	}
	if problems := surql.Verify(schema); len(problems) > 0 {
		return nil, fmt.Errorf("query %q: %w", problems[0].Query.Name, problems[0].Fault)
	}
	texts := map[*query.Named]surql.Bounded{}
	for _, n := range schema.Queries {
		call := query.Invocation{Query: n, Args: make([]query.Value, len(n.Params))}
		if err := s.tryQuery(ctx, &call, n.Text, 1); err != nil {
			return nil, err
		}
		bounded := surql.Bound(n.Text)
		text := bounded.Text(s.options.StatementTimeout.Milliseconds())
		if text == n.Text {
			continue
		}
		switch err := s.tryQuery(ctx, &call, text, bounded.Statements()); {
		case err == nil:
			texts[n] = bounded
		case fault.Is(err, "bad-query"):
			s.options.Logger.Warn("a named query has no bound of time on the server", "query", n.Name, "error", err)
		default:
			return nil, err
		}
	}
	return texts, nil
}

// tried stands before a text that is only to be parsed: behind what is thrown no
// statement is run.
const tried = "BEGIN; THROW 'parsed'; "

// triedResults is how many results it gives beside those of the text: of BEGIN and
// of THROW.
const triedResults = 2

// tryQuery has the server parse a text, and tell how many statements it is: if it
// were more than those for the server, surql would have been deceived.
func (s *Store) tryQuery(ctx context.Context, call *query.Invocation, text string, statements int) error {
	list, err := s.client.Query(ctx, tried+text+"\n; COMMIT", namedVars(call))
	var failed *rpc.StatementError
	switch {
	case errors.As(err, &failed) && failed.Kind == kindThrown && failed.Message == "parsed" && len(list) == triedResults+statements:
		return nil
	case err == nil, failed != nil && failed.Kind == kindThrown:
		return fault.Newf("bad-query", "query %s: the text is not one statement to SurrealDB", call.Query.Name)
	case failed != nil:
		return fault.Newf("bad-query", "query %s: SurrealDB does not take its text: %s", call.Query.Name, parseError(failed.Message))
	}
	return fmt.Errorf("prepare query %q: %w", call.Query.Name, err)
}

// parseError is the first line of a parser's message, and the place within the
// text that it names.
func parseError(message string) string {
	first, rest, _ := strings.Cut(message, "\n")
	var line, column int
	_, place, found := strings.Cut(rest, "--> [")
	if n, err := fmt.Sscanf(place, "%d:%d]", &line, &column); !found || err != nil || n != 2 {
		return first
	}
	if line == 1 {
		column -= len(tried)
	}
	return fmt.Sprintf("%s (line %d, column %d)", first, line, column)
}
