package openapi

import (
	"encoding/json"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// querySchema begins the names of the schemas of queries' rows; no table's
// schema has two dots.
const querySchema = "api.query."

// namedQuery is one named query as the audience of a document knows it.
type namedQuery struct {
	*query.Named
	declared *manifest.Query
	alone    bool // the service role's
}

// query adds a named query, for whom its access may let through.
func (w *writer) query(declared *manifest.Query, rules *access.QueryRules) {
	reach := access.ReachOf(rules.Call)
	if !w.service && reach == access.ReachService {
		return
	}
	q := namedQuery{Named: rules.Query, declared: declared, alone: reach == access.ReachService}
	if !q.Value && !q.Nothing() {
		w.schemas = w.schemas.with(querySchema+q.Name, q.row())
	}
	const post = "The arguments are a JSON object."
	const get = "The arguments are in the URL, lists as {a,b}; an argument's name is never a filter."
	if q.Write {
		const written = "It changes rows, and is called by POST alone. " + post
		parameters := append(q.shaping(false), parameterRefs("idempotency-key")...)
		w.paths = w.paths.with("/api/rpc/"+q.Name, object{
			{"post", q.operation("call_", "Call "+q.Name, written, parameters, jsonBody(q.arguments()), q.answers(false))},
		})
		return
	}
	inURL := append(q.inURL(), q.shaping(true)...)
	w.paths = w.paths.with("/api/rpc/"+q.Name, object{
		{"post", q.operation("call_", "Call "+q.Name, post, q.shaping(false), jsonBody(q.arguments()), q.answers(false))},
		{"get", q.operation("ask_", "Call "+q.Name+" by its URL", get, inURL, nil, q.answers(true))},
		{"head", q.operation("head_", "Ask for the headers of a call of "+q.Name, "", inURL, nil, headAnswers())},
	})
}

func (q *namedQuery) operation(id, summary, description string, parameters []any, body, answers object) object {
	o := object{{"tags", []string{"queries"}}, {"operationId", id + q.Name}, {"summary", summary}}
	if description != "" {
		o = o.with("description", description)
	}
	if q.alone {
		o = o.with("x-service-role", true).with("security", named())
	}
	if len(parameters) > 0 {
		o = o.with("parameters", parameters)
	}
	if body != nil {
		o = o.with("requestBody", body)
	}
	return o.with("responses", answers)
}

// row is the schema of a row. It requires nothing, for select leaves columns
// out.
func (q *namedQuery) row() object {
	var properties object
	for _, c := range q.Result.Columns {
		properties = properties.with(c.Name, (&column{Column: c}).valueType())
	}
	return object{{"type", "object"}, {"description", "A row of what " + q.Name + " gives."}, {"properties", properties}}
}

// arguments is the schema of the body of a POST.
func (q *namedQuery) arguments() object {
	properties := object{}
	var must []string
	for i := range q.Params {
		p := &q.Params[i]
		o := (&column{Column: &query.Column{Name: p.Name, Type: p.Type, Required: p.Required}}).valueType()
		if literal := q.declared.Params[i].Default; literal != "" {
			o = o.with("default", json.RawMessage(literal))
		}
		properties = properties.with(p.Name, o)
		if p.Required {
			must = append(must, p.Name)
		}
	}
	o := object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}}
	if len(must) > 0 {
		o = o.with("required", must)
	}
	return o
}

// inURL are the arguments as parameters of the URL.
func (q *namedQuery) inURL() []any {
	all := make([]any, 0, len(q.Params))
	for i := range q.Params {
		p := &q.Params[i]
		schema := object{{"type", "string"}}
		if p.Type.Kind != query.KindList && p.Type.Kind != query.KindJSON {
			schema = (&column{Column: &query.Column{Name: p.Name, Type: p.Type, Required: true}}).valueType()
		}
		all = append(all, object{{"name", p.Name}, {"in", "query"}, {"required", p.Required}, {"schema", schema}})
	}
	return all
}

// shaping are the parameters that shape rows, but for those whose names the
// arguments of a GET have.
func (q *namedQuery) shaping(get bool) []any {
	if q.Value || q.Nothing() {
		return nil
	}
	argument := func(name string) bool { return get && q.Param(name) >= 0 }
	var all []any
	for _, c := range q.Result.Columns {
		if !reserved(c.Name) && !argument(c.Name) {
			all = append(all, filter(&column{Column: c}))
		}
	}
	names := slices.DeleteFunc([]string{"select", "order", "limit", "offset", "and", "or"}, argument)
	if !get {
		return append(all, parameterRefs(append(names, "prefer-call")...)...)
	}
	return append(all, parameterRefs(append(names, "range", "if-none-match", "prefer-read")...)...)
}

// answers are those of a GET, or of a POST.
func (q *namedQuery) answers(get bool) object {
	which, more := []string{"400", "401", "403", "404", "406", "413", "415", "429"}, object(nil)
	if get {
		which, more = []string{"400", "401", "403", "404", "406", "429"}, object{{"304", unchanged()}}
	}
	if q.Write {
		which = append(which, "409", "422")
	}
	if q.Nothing() {
		return append(object{{"204", object{{"description", "Done."}}}}, refusals(which...)...)
	}
	if q.Value {
		schema := (&column{Column: q.Result.Columns[0]}).valueType()
		value := answer("The value.", headerRefs("X-Cache", "ETag"), object{{"application/json", object{{"schema", schema}}}})
		return slices.Concat(object{{"200", value}}, more, refusals(which...))
	}
	content, headers := rowsOf(ref("schemas", querySchema+q.Name)), headerRefs("Content-Range", "X-Cache", "ETag", "Preference-Applied")
	return slices.Concat(object{
		{"200", answer("The rows, in the query's order.", headers, content)},
		{"206", answer("Fewer rows than there are, where a count was asked for.", headers, content)},
	}, more, refusals(append(which, "416")...))
}
