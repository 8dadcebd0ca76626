package openapi

import "slices"

// The schemas of batches; no table's schema has two dots.
const (
	batchSchema = "api.batch."
	keySchema   = "api.key"
)

// maxWrites is how many writes a batch has at most.
const maxWrites = 100

// writesOf adds what a batch may do with a table.
func (w *writer) writesOf(t *table) {
	of := batchTable{table: t, writer: w}
	text, flag := object{{"type", "string"}}, object{{"type", "boolean"}}
	returned := object{{"return", flag}, {"select", text}, {"single", flag}}
	which := slices.Concat(object{{"where", text}, {"key", of.value(&t.columns[0])}, {"ifMatch", text}, {"atMost", object{{"type", "integer"}, {"minimum", 0}}}}, returned)
	var ops []any
	if t.may(t.reaches.Create) {
		rows := slices.Concat(object{{"rows", oneOrMany(of.body(insertSchema))}, {"as", text}}, returned)
		ops = append(ops, of.write("insert", rows, "rows"))
		ops = append(ops, of.write("upsert", slices.Concat(rows, object{{"onConflict", text}, {"ignoreDuplicates", flag}}), "rows"))
	}
	if t.may(t.reaches.Update) {
		ops = append(ops, of.write("update", slices.Concat(object{{"set", of.body(updateSchema)}}, which), "set"))
	}
	if t.may(t.reaches.Delete) {
		ops = append(ops, of.write("delete", which))
	}
	if len(ops) == 0 {
		return
	}
	name := batchSchema + t.name
	w.schemas = w.schemas.with(name, object{{"oneOf", ops}})
	w.writes = append(w.writes, ref("schemas", name))
}

// batchTable is a table in a batch: keys of rows that earlier writes make may
// stand in it.
type batchTable struct {
	*table
	writer *writer
}

// value is the schema of the key of a row, or of a reference.
func (t batchTable) value(c *column) object {
	return object{{"anyOf", []any{c.valueType(), ref("schemas", keySchema)}}}
}

// body refers to a body of the table, or to one like it whose references may
// be keys that are not made yet.
func (t batchTable) body(kind string) object {
	sent, schemaOf, required := func(c *column) bool { return c.sent }, (*column).inserted, (*column).required
	if kind == updateSchema {
		sent, schemaOf, required = func(c *column) bool { return c.change }, (*column).updated, nil
	}
	if !slices.ContainsFunc(t.columns, func(c column) bool { return c.Ref != nil && sent(&c) }) {
		return ref("schemas", t.name+kind)
	}
	own := func(c *column) object {
		if c.Ref != nil {
			return t.value(c)
		}
		return schemaOf(c)
	}
	name := batchSchema + t.name + kind
	t.writer.schemas = t.writer.schemas.with(name, t.table.body("As "+t.name+kind+", where references may be keys that earlier writes make.", own, sent, required))
	return ref("schemas", name)
}

// write is the schema of one operation of a batch.
func (t batchTable) write(op string, members object, required ...string) object {
	return object{
		{"type", "object"},
		{"properties", slices.Concat(object{{"op", object{{"const", op}}}, {"table", object{{"const", t.name}}}}, members)},
		{"required", append([]string{"op", "table"}, required...)},
		{"additionalProperties", false},
	}
}

// batch adds the batches, where anything may be written.
func (w *writer) batch() {
	if len(w.writes) == 0 {
		return
	}
	w.schemas = w.schemas.with(keySchema, object{
		{"type", "object"},
		{"description", "The key of a row that an earlier write of the batch makes: of the first row of the write named so, NAME.2 of its third."},
		{"properties", object{{"$key", object{{"type", "string"}}}}},
		{"required", []string{"$key"}},
		{"additionalProperties", false},
	})
	body := jsonBody(object{
		{"type", "object"},
		{"properties", object{{"writes", object{{"type", "array"}, {"items", object{{"anyOf", w.writes}}}, {"minItems", 1}, {"maxItems", maxWrites}}}}},
		{"required", []string{"writes"}},
		{"additionalProperties", false},
	})
	result := object{
		{"type", "object"},
		{"properties", object{
			{"affected", object{{"type", "integer"}}},
			{"rows", object{{"type", "array"}, {"items", object{{"type", "object"}}}, {"description", "With return: rows of the write's table."}}},
		}},
		{"required", []string{"affected"}},
	}
	done := object{{"application/json", object{{"schema", object{
		{"type", "object"},
		{"properties", object{{"results", object{{"type", "array"}, {"items", result}, {"description", "One to one with the writes."}}}}},
		{"required", []string{"results"}},
	}}}}}
	w.paths = w.paths.with("/api/batch", object{{"post", object{
		{"tags", []string{"batch"}},
		{"operationId", "batch"},
		{"summary", "Several writes over several tables, all or nothing"},
		{"description", "Each is as if it were sent alone; what refuses one undoes all, and its details begin with the write that it is of."},
		{"parameters", parameterRefs("prefer-batch", "idempotency-key")},
		{"requestBody", body},
		{"responses", append(object{{"200", answer("All of it is done.", headerRefs("Preference-Applied", "Idempotent-Replayed"), done)}},
			refusals("300", "400", "401", "403", "404", "406", "409", "412", "413", "415", "422", "429")...)},
	}}})
}
