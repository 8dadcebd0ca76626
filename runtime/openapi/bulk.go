package openapi

import "slices"

// exportPath is the stream of all rows; nil where there is none.
func (t *table) exportPath() object {
	if !t.may(t.reaches.Read) {
		return nil
	}
	parameters := slices.Concat(t.filters(), t.walking(), parameterRefs("select", "order", "limit", "offset", "and", "or"))
	lines := lines("A row of " + t.name + " as JSON, a line each.")
	content := object{{"application/x-ndjson", lines}, {"application/x-ndjson;nulls=stripped", lines}, csv()}
	answers := append(object{{"200", answer("The rows, as they come. An answer that is cut is not the whole.", nil, content)}},
		refusals("300", "400", "401", "403", "404", "406", "429")...)
	const all = "All that match, at one moment, of any number. There are no pages."
	return object{{"get", t.operation(t.reaches.Read, "export_"+t.name, "Export rows of "+t.name, all, parameters, nil, answers)}}
}

// importPath makes rows of any number; nil where nobody may.
func (t *table) importPath() object {
	if !t.may(t.reaches.Create) {
		return nil
	}
	row := ref("schemas", t.name+insertSchema)
	body := object{{"required", true}, {"content", object{
		csv(),
		{"application/x-ndjson", lines("A new row of " + t.name + " as JSON, a line each.")},
		{"application/json", object{{"schema", object{{"type", "array"}, {"items", row}}}}},
	}}}
	count := object{{"type", "integer"}}
	done := object{{"application/json", object{{"schema", object{
		{"type", "object"},
		{"properties", object{{"rows", count}, {"inserted", count}}},
		{"required", []string{"rows", "inserted"}},
	}}}}}
	answers := append(object{{"200", answer("All of it is in: how many rows there were, and how many are new.", headerRefs("Preference-Applied", "Idempotent-Replayed"), done)}},
		refusals("400", "401", "403", "404", "406", "409", "413", "415", "422", "429")...)
	const all = "All of them or none. The details of a refusal name the line. A CSV begins with the names of its columns."
	return object{{"post", t.operation(t.reaches.Create, "import_"+t.name, "Import rows of "+t.name, all, parameterRefs("prefer-import", "idempotency-key"), body, answers)}}
}

func lines(said string) object {
	return object{{"schema", object{{"type", "string"}, {"description", said}}}}
}

func csv() member { return member{"text/csv", object{{"schema", object{{"type", "string"}}}}} }
