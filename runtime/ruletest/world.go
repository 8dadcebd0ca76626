package ruletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// usersTable holds the rows of callers.
const usersTable = "users"

// world is what one test lives in: a gate on a database of its own, its
// callers, and the keys that its labels stand for.
type world struct {
	manifest *manifest.Manifest
	schema   *query.Schema
	gate     *data.Gate
	test     *manifest.Test
	callers  map[string]*auth.Caller
	service  *auth.Caller
	keys     map[string]map[string]string // by table and label: the key as text
	labels   map[string]map[string]string // by table and key
	next     map[string]int64             // int keys that were given
}

func newWorld(o *Options, gate *data.Gate, test *manifest.Test) *world {
	w := &world{
		manifest: o.Manifest, schema: o.Schema, gate: gate, test: test,
		callers: map[string]*auth.Caller{},
		service: &auth.Caller{Role: auth.Service, Claims: "{}"},
		keys:    map[string]map[string]string{}, labels: map[string]map[string]string{}, next: map[string]int64{},
	}
	for i := range test.Callers {
		c := &test.Callers[i]
		id := query.NewUUID()
		w.name(usersTable, c.Label, id)
		w.callers[c.Label] = &auth.Caller{Role: auth.Authenticated, UID: id, Email: w.email(c), Claims: c.Claims}
	}
	for i := range test.Rows {
		w.giveKey(&test.Rows[i])
	}
	return w
}

func (w *world) email(c *manifest.TestCaller) string {
	if c.Email != "" {
		return c.Email
	}
	return c.Label + "@example.com"
}

func (w *world) name(table, label, key string) {
	if w.keys[table] == nil {
		w.keys[table], w.labels[table] = map[string]string{}, map[string]string{}
	}
	w.keys[table][label], w.labels[table][key] = key, label
}

// giveKey makes the key of a row, so that rows may point at each other in any
// order. One that the row says itself is taken.
func (w *world) giveKey(row *manifest.TestRow) {
	if w.keys[row.Table][row.Label] != "" {
		return // a caller's own row
	}
	table := w.schema.Table(row.Table)
	key := table.Key()
	for _, v := range row.Values {
		if v.Column == key.Name {
			w.name(row.Table, row.Label, plain(w.resolved(key, v.JSON)))
			return
		}
	}
	switch {
	case key.Ref != nil:
		w.name(row.Table, row.Label, w.keys[key.Ref.Table][row.Label])
	case key.Type.Kind == query.KindInt:
		w.next[row.Table]++
		w.name(row.Table, row.Label, strconv.FormatInt(w.next[row.Table], 10))
	case key.Type.Kind == query.KindText:
		w.name(row.Table, row.Label, row.Label)
	default:
		w.name(row.Table, row.Label, query.NewUUID())
	}
}

// resolved is a column's JSON with a label replaced by the key that it stands
// for.
func (w *world) resolved(c *query.Column, raw string) string {
	var label string
	if json.Unmarshal([]byte(raw), &label) != nil {
		return raw
	}
	var of string
	switch {
	case c.Ref != nil:
		of = c.Ref.Table
	case c.Type.Kind == query.KindUUID:
		of = usersTable // a column that holds a caller's id without being a ref
	default:
		return raw
	}
	key, ok := w.keys[of][label]
	if !ok {
		return raw
	}
	return keyJSON(c, key)
}

func keyJSON(c *query.Column, key string) string {
	if c.Type.Kind == query.KindInt {
		return key
	}
	text, _ := json.Marshal(key) // a string cannot fail
	return string(text)
}

// plain is a JSON scalar as text.
func plain(raw string) string {
	var text string
	if json.Unmarshal([]byte(raw), &text) == nil {
		return text
	}
	return raw
}

// pending is a row that is not written yet.
type pending struct {
	table string
	path  string
	body  []byte
}

// populate writes the rows of the test. References may point at rows that come
// later, so it goes over them until nothing more can be written.
func (w *world) populate(ctx context.Context) (fault.List, error) {
	rows := w.rows()
	for len(rows) > 0 {
		var rest []pending
		var failures fault.List
		for _, row := range rows {
			_, err := w.gate.Insert(ctx, w.service, data.Write{Table: row.table, Body: row.body})
			var problem *fault.Fault
			switch {
			case err == nil:
				continue
			case !errors.As(err, &problem):
				return nil, err
			}
			failures = append(failures, w.place(row.path, fault.Newf(CodeSetup, "the row cannot be written: %s", problem.Message).WithHint(problem.Hint)))
			rest = append(rest, row)
		}
		if len(rest) == len(rows) {
			return failures, nil
		}
		rows = rest
	}
	return nil, nil
}

// rows are all rows to write, those of callers among them.
func (w *world) rows() []pending {
	var rows []pending
	own := map[string]bool{}
	for i := range w.test.Rows {
		row := &w.test.Rows[i]
		body := w.object(row.Table, row.Values, w.keys[row.Table][row.Label])
		if caller := w.callers[row.Label]; row.Table == usersTable && caller != nil {
			own[row.Label] = true
			body = withEmail(body, caller.Email)
		}
		rows = append(rows, pending{row.Table, row.Path, body})
	}
	for i := range w.test.Callers {
		c := &w.test.Callers[i]
		if !own[c.Label] {
			caller := w.callers[c.Label]
			body := withEmail(w.object(usersTable, nil, caller.UID), caller.Email)
			rows = append(rows, pending{usersTable, c.Path, body})
		}
	}
	return rows
}

// object is the body of a write: the columns with their labels resolved, and
// the key where it is not "".
func (w *world) object(table string, values []manifest.TestValue, key string) []byte {
	t := w.schema.Table(table)
	body := []byte{'{'}
	member := func(name, raw string) {
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = strconv.AppendQuote(body, name)
		body = append(append(body, ':'), raw...)
	}
	if key != "" {
		member(t.Key().Name, keyJSON(t.Key(), key))
	}
	for _, v := range values {
		c := t.Column(v.Column)
		if c.Index == 0 && key != "" {
			continue
		}
		member(v.Column, w.resolved(c, v.JSON))
	}
	return append(body, '}')
}

// withEmail adds the caller's address to a row of users that names none.
func withEmail(body []byte, email string) []byte {
	var row map[string]json.RawMessage
	if json.Unmarshal(body, &row) != nil || row["email"] != nil {
		return body
	}
	row["email"] = json.RawMessage(strconv.Quote(email))
	made, err := json.Marshal(row)
	if err != nil {
		return body
	}
	return made
}

// place gives a failure its place in the manifest.
func (w *world) place(path string, f *fault.Fault) *fault.Fault {
	if at := w.manifest.Positions.At(path); at.Known() {
		return f.At(path, at)
	}
	return f.At(path)
}

// caller is who an expectation acts as.
func (w *world) caller(label string) *auth.Caller {
	if label == "" {
		return auth.Nobody()
	}
	return w.callers[label]
}

// keysOf are the keys of all rows of a table, read as the service role.
func (w *world) keysOf(ctx context.Context, table string) (map[string]bool, error) {
	rows, err := w.read(ctx, w.service, table)
	if err != nil {
		return nil, fmt.Errorf("read the rows of %q: %w", table, err)
	}
	keys := make(map[string]bool, len(rows))
	for _, row := range rows {
		keys[plain(string(row["id"]))] = true
	}
	return keys, nil
}

// read gives a caller's rows of a table, each by column.
func (w *world) read(ctx context.Context, caller *auth.Caller, table string) ([]map[string]json.RawMessage, error) {
	answer, err := w.gate.Select(ctx, caller, data.Read{Table: table})
	if err != nil {
		return nil, err
	}
	var rows []map[string]json.RawMessage
	return rows, json.Unmarshal(answer.Body, &rows)
}
