package openapi

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The schemas of a table's bodies: NAME is a row of an answer.
const (
	insertSchema = ".insert"
	updateSchema = ".update"
)

// defaultRows is how many rows an answer has at most where the table does not
// say.
const defaultRows = 1000

// maxRows is how many rows one POST may bring.
const maxRows = 1000

// table is one table as the audience of a document knows it.
type table struct {
	name    string
	rows    int // an answer
	service bool
	columns []column
	reaches access.Reaches
}

func newTable(t *manifest.Table, rules *access.Rules, service bool) *table {
	own := rules.Tables[t.Name]
	out := &table{name: t.Name, rows: cmp.Or(t.Rows, defaultRows), service: service, reaches: own.Reaches()}
	for i := range own.Columns {
		c := newColumn(t, &own.Columns[i], service)
		if c.Ref != nil {
			target := rules.Tables[c.Ref.Table]
			c.target = service || target != nil && target.Reaches().Widest() > access.ReachService
		}
		out.columns = append(out.columns, c)
	}
	return out
}

// may tells whether the document has an operation of this reach.
func (t *table) may(reach access.Reach) bool { return t.service || reach > access.ReachService }

// table adds a table: its schemas, its columns as filters, its operations.
func (w *writer) table(t *table) {
	if !t.may(t.reaches.Widest()) {
		return
	}
	w.tags = append(w.tags, object{{"name", t.name}})
	if t.may(t.reaches.Read) {
		w.schemas = w.schemas.with(t.name, t.row())
		for i := range t.columns {
			if c := &t.columns[i]; c.shown && !reserved(c.Name) {
				w.parameters = w.parameters.with(t.name+"."+c.Name, filter(c))
			}
		}
	}
	if t.may(t.reaches.Create) {
		w.schemas = w.schemas.with(t.name+insertSchema, t.body("A new row.", (*column).inserted, func(c *column) bool { return c.sent }, (*column).required))
	}
	if t.may(t.reaches.Update) {
		w.schemas = w.schemas.with(t.name+updateSchema, t.body("What changes: a column that is left out stays as it is.", (*column).updated, func(c *column) bool { return c.change }, nil))
	}
	w.paths = w.paths.with("/api/data/"+t.name, t.rowsPath())
	if row := t.rowPath(); len(row) > 1 {
		w.paths = w.paths.with("/api/data/"+t.name+"/{key}", row)
	}
}

// row is the schema of a row in an answer. It requires nothing, for select
// leaves columns out.
func (t *table) row() object {
	var properties object
	for i := range t.columns {
		if c := &t.columns[i]; c.shown {
			properties = properties.with(c.Name, c.answered())
		}
	}
	return object{
		{"type", "object"},
		{"description", "A row of " + t.name + ". Without select all its columns are there."},
		{"properties", properties},
	}
}

// body is the schema of a request's object.
func (t *table) body(description string, schema func(*column) object, in, required func(*column) bool) object {
	var properties object
	var must []string
	for i := range t.columns {
		c := &t.columns[i]
		if !in(c) {
			continue
		}
		properties = properties.with(c.Name, schema(c))
		if required != nil && required(c) {
			must = append(must, c.Name)
		}
	}
	o := object{{"type", "object"}, {"description", description}, {"properties", properties}}
	if len(must) > 0 {
		o = o.with("required", must)
	}
	return o
}

// rowsPath are the operations on the table.
func (t *table) rowsPath() object {
	var path object
	name := t.name
	if t.may(t.reaches.Read) {
		parameters := append(t.filters(), parameterRefs("select", "order", "limit", "offset", "and", "or", "range", "prefer.read", "if-none-match")...)
		most := "At most " + strconv.Itoa(t.rows) + " rows an answer."
		path = path.with("get", t.operation(t.reaches.Read, "list_"+name, "Read rows of "+name, most, parameters, nil, t.listAnswers()))
		path = path.with("head", t.operation(t.reaches.Read, "count_"+name, "Ask for the headers of a read of "+name, "With Prefer: count=exact Content-Range says how many rows match.", parameters, nil, headAnswers()))
	}
	if t.may(t.reaches.Create) {
		parameters := parameterRefs("columns", "prefer.insert")
		if t.may(t.reaches.Read) {
			parameters = parameterRefs("select", "columns", "prefer.insert")
		}
		one := ref("schemas", name+insertSchema)
		body := jsonBody(object{{"oneOf", []any{one, object{{"type", "array"}, {"items", one}, {"maxItems", maxRows}}}}})
		path = path.with("post", t.operation(t.reaches.Create, "create_"+name, "Make rows of "+name, "One row, or all of several or none.", parameters, body, t.createAnswers()))
	}
	narrowed := append(t.filters(), parameterRefs("select", "and", "or", "prefer.change")...)
	const which = "The rows that match and that the caller may both read and "
	if t.may(t.reaches.Update) {
		parameters := slices.Concat(narrowed, parameterRefs("columns"))
		path = path.with("patch", t.operation(t.reaches.Update, "update_"+name, "Change rows of "+name, which+"change. A filter is required.", parameters,
			jsonBody(ref("schemas", name+updateSchema)), t.changeAnswers(t.rowsContent())))
	}
	if t.may(t.reaches.Delete) {
		path = path.with("delete", t.operation(t.reaches.Delete, "delete_"+name, "Remove rows of "+name, which+"remove. A filter is required.", narrowed, nil, t.changeAnswers(t.rowsContent())))
	}
	return path
}

// rowPath are the operations on one row; the key alone where there are none.
func (t *table) rowPath() object {
	key := &t.columns[0]
	keyType := key.valueType()
	path := object{{"parameters", []any{object{
		{"name", "key"}, {"in", "path"}, {"required", true}, {"description", "The key, id."}, {"schema", keyType},
	}}}}
	name := t.name
	one := object{{"application/json", object{{"schema", ref("schemas", name)}}}}
	if t.may(t.reaches.Read) {
		answers := object{{"200", answer("The row.", headerRefs("ETag", "X-Cache"), one)}, {"304", unchanged()}}
		path = path.with("get", t.operation(t.reaches.Read, "read_"+name, "Read one row of "+name, "", parameterRefs("select", "if-none-match"), nil,
			append(answers, refusals("400", "401", "403", "404", "406", "429")...)))
	}
	if t.may(t.reaches.Update) {
		path = path.with("patch", t.operation(t.reaches.Update, "change_"+name, "Change one row of "+name, "", parameterRefs("select", "columns", "prefer.change"),
			jsonBody(ref("schemas", name+updateSchema)), t.changeAnswers(one, "404")))
	}
	if t.may(t.reaches.Delete) {
		path = path.with("delete", t.operation(t.reaches.Delete, "remove_"+name, "Remove one row of "+name, "", parameterRefs("select", "prefer.change"), nil, t.changeAnswers(one, "404")))
	}
	return path
}

// operation is one operation of the table; body may be nil.
func (t *table) operation(reach access.Reach, id, summary, description string, parameters []any, body, answers object) object {
	o := object{{"tags", []string{t.name}}, {"operationId", id}, {"summary", summary}}
	if reach == access.ReachService {
		description += " The service role alone."
		o = o.with("x-service-role", true).with("security", named())
	}
	if description = trim(description); description != "" {
		o = o.with("description", description)
	}
	o = o.with("parameters", parameters)
	if body != nil {
		o = o.with("requestBody", body)
	}
	return o.with("responses", answers)
}

// rowsContent is an array of rows, or the one row as an object.
func (t *table) rowsContent() object {
	one := ref("schemas", t.name)
	return object{
		{"application/json", object{{"schema", object{{"type", "array"}, {"items", one}}}}},
		{"application/vnd.pgrst.object+json", object{{"schema", one}}},
	}
}

func (t *table) listAnswers() object {
	headers := headerRefs("Content-Range", "ETag", "X-Cache", "Preference-Applied")
	answers := object{
		{"200", answer("The rows.", headers, t.rowsContent())},
		{"206", answer("Some of the rows: more match, as the count that was asked for says.", headers, t.rowsContent())},
		{"304", unchanged()},
	}
	return append(answers, refusals("400", "401", "403", "406", "416", "429")...)
}

func headAnswers() object {
	headers := headerRefs("Content-Range", "ETag", "X-Cache", "Preference-Applied")
	return object{
		{"200", answer("As for GET.", headers, nil)},
		{"206", answer("As for GET.", headers, nil)},
		{"304", unchanged()},
		{"default", object{{"description", "As for GET, without the body."}}},
	}
}

func (t *table) createAnswers() object {
	headers := headerRefs("Content-Range", "Location", "Preference-Applied")
	made := answer("Made. There is no body.", headers, nil)
	if t.may(t.reaches.Read) {
		made = answer("Made. The rows are there with Prefer: return=representation, else there is no body.", headers, t.rowsContent())
	}
	return append(object{{"201", made}}, refusals("400", "401", "403", "406", "409", "413", "415", "429")...)
}

// changeAnswers are those of PATCH and DELETE.
func (t *table) changeAnswers(content object, more ...string) object {
	headers := headerRefs("Content-Range", "Preference-Applied")
	answers := object{
		{"200", answer("Done, with the rows: Prefer: return=representation.", headers, content)},
		{"204", answer("Done.", headers, nil)},
	}
	return append(answers, refusals(append([]string{"400", "401", "403", "406", "409", "413", "415", "429"}, more...)...)...)
}

// filters are the parameters that narrow by a column.
func (t *table) filters() []any {
	var out []any
	for i := range t.columns {
		if c := &t.columns[i]; c.shown && !reserved(c.Name) {
			out = append(out, ref("parameters", t.name+"."+c.Name))
		}
	}
	return out
}
