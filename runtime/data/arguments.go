package data

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// CodeUnknownQuery is of a name, or a set of arguments, that no query has.
const CodeUnknownQuery = "PGRST202"

// codeNullArgument is of a null where a parameter is required.
const codeNullArgument = "22004"

// given is what a call says: the arguments as the parameters have them, and the
// rest of the URL.
type given struct {
	values []query.Value
	shape  string
}

// argumentReader collects the arguments of one call. q is nil where the name is none;
// the names are then read for the answer.
type argumentReader struct {
	q      *named
	values []query.Value
	set    []bool
	names  []string // as they were sent
	wrong  bool     // one that the query does not have
	fault  *fault.Fault
}

// arguments reads the arguments of a call. Its faults are PGRST202 before those
// of values.
func (g *Gate) arguments(q *named, c *Call) (given, error) {
	r := argumentReader{q: q}
	if q != nil {
		r.values, r.set = make([]query.Value, len(q.Params)), make([]bool, len(q.Params))
	}
	for i := range c.Arguments {
		if a := &c.Arguments[i]; a.JSON != nil {
			r.add(a.Name, func(t query.Type) (query.Value, *fault.Fault) { return query.DecodeJSON(t, a.JSON) })
		} else {
			r.add(a.Name, func(t query.Type) (query.Value, *fault.Fault) { return query.ParseArgument(t, a.Text) })
		}
	}
	shape := c.RawQuery
	if c.InURL {
		shape = r.url(c.RawQuery)
	}
	if len(bytes.TrimSpace(c.Body)) > 0 {
		if err := r.body(c.Body); err != nil {
			return given{}, err
		}
	}
	if q == nil || r.wrong || !r.complete() {
		return given{}, g.noSuchQuery(c, q, r.names)
	}
	if r.fault != nil {
		return given{}, r.fault
	}
	return given{r.values, shape}, nil
}

// add notes an argument. The first one that is wrong is told, when all names
// are known.
func (r *argumentReader) add(name string, read func(query.Type) (query.Value, *fault.Fault)) {
	r.names = append(r.names, name)
	i := -1
	if r.q != nil {
		i = r.q.Param(name)
	}
	if i < 0 {
		r.wrong = true
		return
	}
	p := &r.q.Params[i]
	v, f := read(p.Type)
	switch {
	case f == nil && r.set[i]:
		f = fault.Newf(query.CodeParse, "the argument %s is given twice", name)
	case f == nil && v.IsNull() && p.Required:
		f = fault.Newf(codeNullArgument, "null value not allowed for argument %q", name)
	}
	if f != nil && r.fault == nil {
		r.fault = f
	}
	r.values[i], r.set[i] = v, true
}

// complete fills in defaults and reports whether all that is required is there.
func (r *argumentReader) complete() bool {
	for i := range r.set {
		if r.set[i] {
			continue
		}
		if r.q.Params[i].Required {
			return false
		}
		r.values[i] = r.q.Params[i].Default
	}
	return true
}

// body reads a JSON object of arguments.
func (r *argumentReader) body(raw []byte) error {
	if err := checkShape(raw); err != nil {
		return err
	}
	var decoder jsontext.Decoder
	decoder.Reset(bytes.NewReader(raw))
	if decoder.PeekKind() != '{' {
		return errBody
	}
	if _, err := decoder.ReadToken(); err != nil {
		return errBody
	}
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return errBody
		}
		key := name.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return errBody
		}
		r.add(key, func(t query.Type) (query.Value, *fault.Fault) { return query.DecodeJSON(t, value) })
	}
	if _, err := decoder.ReadToken(); err != nil {
		return errBody
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return errBody
	}
	return nil
}

// pair is one key=value of a URL's query, decoded, and as it was.
type pair struct{ raw, key, value string }

// pairsOf takes a URL's query apart. What does not decode is left as it is: the
// parser of requests refuses it.
func pairsOf(rawQuery string) iter.Seq[pair] {
	return func(yield func(pair) bool) {
		for raw := range strings.SplitSeq(rawQuery, "&") {
			if raw == "" {
				continue
			}
			key, value, _ := strings.Cut(raw, "=")
			if decoded, err := url.QueryUnescape(key); err == nil {
				key = decoded
			}
			if decoded, err := url.QueryUnescape(value); err == nil {
				value = decoded
			}
			if !yield(pair{raw, key, value}) {
				return
			}
		}
	}
}

// url takes the arguments out of a URL's query and gives the rest: a key that
// is the name of a parameter is an argument; another one is a filter where it
// can be, else an argument that the query does not have.
func (r *argumentReader) url(rawQuery string) string {
	var rest []string
	for p := range pairsOf(rawQuery) {
		if r.q != nil && r.q.Param(p.key) >= 0 || !r.shapes(p) {
			r.add(p.key, func(t query.Type) (query.Value, *fault.Fault) { return query.ParseArgument(t, p.value) })
			continue
		}
		rest = append(rest, p.raw)
	}
	return strings.Join(rest, "&")
}

// shapingKeys are the keys of a URL that are never arguments, unless a
// parameter has their name.
var shapingKeys = []string{"select", "order", "limit", "offset", "columns", "on_conflict", "and", "or", "not.and", "not.or", "apikey", "_page"}

// filterOperators are the words that a filter's value begins with.
var filterOperators = []string{
	"eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "is", "isdistinct", "in", "cs", "cd", "ov",
	"sl", "sr", "nxl", "nxr", "adj", "fts", "plfts", "phfts", "wfts",
}

// shapes reports whether a pair of the URL shapes the rows.
func (r *argumentReader) shapes(p pair) bool {
	if slices.Contains(shapingKeys, p.key) {
		return true
	}
	value := strings.TrimPrefix(p.value, "not.")
	if end := strings.IndexAny(value, ".("); end >= 0 {
		return slices.Contains(filterOperators, value[:end])
	}
	return r.q != nil && r.q.Result.Column(p.key) != nil
}

// shownArguments are those of a call that a fault repeats.
const shownArguments = 20

// noSuchQuery is PostgREST's fault of a function that is not there, or not with
// these arguments.
func (g *Gate) noSuchQuery(c *Call, q *named, names []string) *fault.Fault {
	shown := make([]string, 0, min(len(names), shownArguments))
	for _, name := range names[:min(len(names), shownArguments)] {
		shown = append(shown, fault.Clip(name, shownName))
	}
	list := strings.Join(shown, ", ")
	function := "public." + fault.Clip(c.Query, shownName)
	called, searched := function+" without parameters", " without parameters"
	if len(names) > 0 {
		called = function + "(" + list + ")"
		searched = " with parameter " + list
		if len(names) > 1 {
			searched = " with parameters " + list
		}
	}
	if !c.InURL {
		searched += " or with a single unnamed json/jsonb parameter"
	}
	f := fault.Newf(CodeUnknownQuery, "Could not find the function %s in the schema cache", called).
		WithDetails("Searched for the function " + function + searched + ", but no matches were found in the schema cache.")
	if q != nil {
		parameters := make([]string, len(q.Params))
		for i := range q.Params {
			parameters[i] = q.Params[i].Name
		}
		return f.WithHint("Perhaps you meant to call the function public." + q.Name + "(" + strings.Join(parameters, ", ") + ")")
	}
	if len(c.Query) <= shownName {
		if near := fault.Nearest(c.Query, g.queryNames); near != "" {
			return f.WithHint("Perhaps you meant to call the function public." + near)
		}
	}
	return f
}
