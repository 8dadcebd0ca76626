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
	indexes []manifest.Index
	edge    *manifest.Edge
	ways    []string // of walks that lead here
	reaches access.Reaches
}

func newTable(t *manifest.Table, rules *access.Rules, service bool) *table {
	own := rules.Tables[t.Name]
	out := &table{name: t.Name, rows: cmp.Or(t.Rows, defaultRows), service: service, indexes: t.Indexes, edge: t.Edge, reaches: own.Reaches()}
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

// column finds a column; nil is none.
func (t *table) column(name string) *column {
	for i := range t.columns {
		if t.columns[i].Name == name {
			return &t.columns[i]
		}
	}
	return nil
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
		w.parameters = slices.Concat(w.parameters, t.wordFilters(), t.via())
	}
	if t.may(t.reaches.Create) {
		w.schemas = w.schemas.with(t.name+insertSchema, t.body("A new row.", (*column).inserted, func(c *column) bool { return c.sent }, (*column).required))
	}
	if t.may(t.reaches.Update) {
		w.schemas = w.schemas.with(t.name+updateSchema, t.body("What changes: a column that is left out stays as it is.", (*column).updated, func(c *column) bool { return c.change }, nil))
	}
	w.writesOf(t)
	w.paths = w.paths.with("/api/data/"+t.name, t.rowsPath())
	if row := t.rowPath(); len(row) > 1 {
		w.paths = w.paths.with("/api/data/"+t.name+"/{key}", row)
	}
	if search := t.searchPath(); search != nil {
		w.paths = w.paths.with("/api/search/"+t.name, search)
	}
	if export := t.exportPath(); export != nil {
		w.paths = w.paths.with("/api/export/"+t.name, export)
	}
	if rows := t.importPath(); rows != nil {
		w.paths = w.paths.with("/api/import/"+t.name, rows)
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
		parameters := slices.Concat(t.filters(), t.searching(), t.walking(),
			parameterRefs("select", "order", "limit", "offset", "page", "and", "or", "range", "prefer-read", "if-none-match"))
		most := "At most " + strconv.Itoa(t.rows) + " rows an answer."
		path = path.with("get", t.operation(t.reaches.Read, "list_"+name, "Read rows of "+name, most, parameters, nil, t.listAnswers()))
		path = path.with("head", t.operation(t.reaches.Read, "count_"+name, "Ask for the headers of a read of "+name, "With Prefer: count=exact Content-Range says how many rows match.", parameters, nil, headAnswers()))
	}
	if t.may(t.reaches.Create) {
		parameters := parameterRefs("columns", "on-conflict", "prefer-insert", "idempotency-key")
		if t.may(t.reaches.Read) {
			parameters = append(parameterRefs("select"), parameters...)
		}
		one := ref("schemas", name+insertSchema)
		const many = "One row, or all of several or none. With Prefer: resolution those that are there already are merged, or passed over."
		path = path.with("post", t.operation(t.reaches.Create, "create_"+name, "Make rows of "+name, many, parameters, jsonBody(oneOrMany(one)), t.createAnswers()))
	}
	narrowed := append(t.filters(), parameterRefs("select", "and", "or", "prefer-change", "if-match", "idempotency-key")...)
	const which = "The rows that match and that the caller may both read and "
	if t.may(t.reaches.Update) {
		parameters := slices.Concat(narrowed, parameterRefs("columns"))
		path = path.with("patch", t.operation(t.reaches.Update, "update_"+name, "Change rows of "+name, which+"change. A filter is required.", parameters,
			jsonBody(ref("schemas", name+updateSchema)), t.changeAnswers(headerRefs("Content-Range"), rowsOf(ref("schemas", name)), "413", "415")))
	}
	if t.may(t.reaches.Delete) {
		path = path.with("delete", t.operation(t.reaches.Delete, "delete_"+name, "Remove rows of "+name, which+"remove. A filter is required.", narrowed, nil,
			t.changeAnswers(headerRefs("Content-Range"), rowsOf(ref("schemas", name)))))
	}
	return path
}

// oneOrMany is a row of a request, or an array of them.
func oneOrMany(row object) object {
	return object{{"oneOf", []any{row, object{{"type", "array"}, {"items", row}, {"maxItems", maxRows}}}}}
}

// rowPath are the operations on one row; the key alone where there are none.
func (t *table) rowPath() object {
	key := &t.columns[0]
	keyType := key.valueType()
	path := object{{"parameters", []any{object{
		{"name", "key"}, {"in", "path"}, {"required", true}, {"description", "The key, id."}, {"schema", keyType},
	}}}}
	name, one := t.name, oneOf(ref("schemas", t.name))
	if t.may(t.reaches.Read) {
		answers := object{{"200", answer("The row.", headerRefs("ETag", "X-Cache"), one)}, {"304", unchanged()}}
		path = path.with("get", t.operation(t.reaches.Read, "read_"+name, "Read one row of "+name, "", parameterRefs("select", "if-none-match"), nil,
			append(answers, refusals("300", "400", "401", "403", "404", "406", "429")...)))
	}
	narrowed := parameterRefs("select", "prefer-change", "if-match", "idempotency-key")
	if t.may(t.reaches.Update) {
		path = path.with("patch", t.operation(t.reaches.Update, "change_"+name, "Change one row of "+name, "", append(parameterRefs("columns"), narrowed...),
			jsonBody(ref("schemas", name+updateSchema)), t.changeAnswers(nil, one, "413", "415")))
	}
	if t.may(t.reaches.Delete) {
		path = path.with("delete", t.operation(t.reaches.Delete, "remove_"+name, "Remove one row of "+name, "", narrowed, nil, t.changeAnswers(nil, one)))
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

func (t *table) listAnswers() object {
	headers, content := headerRefs("Content-Range", "ETag", "X-Cache", "Preference-Applied", "Next-Page", "Link"), rowsOf(ref("schemas", t.name))
	answers := object{
		{"200", answer("The rows.", headers, content)},
		{"206", answer("Some of the rows: more match, as the count that was asked for says.", headers, content)},
		{"304", unchanged()},
	}
	return append(answers, refusals("300", "400", "401", "403", "404", "406", "416", "429")...)
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
	headers := headerRefs("Content-Range", "Location", "Preference-Applied", "Idempotent-Replayed")
	made := answer("Made. There is no body.", headers, nil)
	merged := answer("None was new: all were merged into rows that are there. There is no body.", headers, nil)
	if t.may(t.reaches.Read) {
		const shown = " The rows are there with Prefer: return=representation, else there is no body."
		content := rowsOf(ref("schemas", t.name))
		made = answer("Made."+shown, headers, content)
		merged = answer("None was new: all were merged into rows that are there."+shown, headers, content)
	}
	return append(object{{"200", merged}, {"201", made}}, refusals("300", "400", "401", "403", "404", "406", "409", "413", "415", "422", "429")...)
}

// changeAnswers are those of PATCH and DELETE.
func (t *table) changeAnswers(headers, content object, more ...string) object {
	headers = append(headers, headerRefs("Preference-Applied", "Idempotent-Replayed")...)
	answers := object{
		{"200", answer("Done, with the rows: Prefer: return=representation.", headers, content)},
		{"204", answer("Done.", headers, nil)},
	}
	return append(answers, refusals(append([]string{"300", "400", "401", "403", "404", "406", "409", "412", "422", "429"}, more...)...)...)
}

// filters are the parameters that narrow by a column.
func (t *table) filters() []any {
	var out []any
	for i := range t.columns {
		if c := &t.columns[i]; c.shown && !reserved(c.Name) {
			out = append(out, ref("parameters", t.name+"."+c.Name))
		}
	}
	for _, filter := range t.wordFilters() {
		out = append(out, ref("parameters", filter.name))
	}
	return out
}
