package openapi

import (
	"cmp"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// words are the names of the full-text indexes.
func (t *table) words() []string {
	var names []string
	for i := range t.indexes {
		if t.indexes[i].Kind == "fulltext" {
			names = append(names, t.indexes[i].Name)
		}
	}
	return names
}

// vectors are the columns that can be searched: an index lets those in that
// are not shown.
func (t *table) vectors() []*column {
	var found []*column
	for i := range t.columns {
		c := &t.columns[i]
		indexed := slices.ContainsFunc(t.indexes, func(x manifest.Index) bool { return x.Kind == "vector" && slices.Contains(x.Columns, c.Name) })
		if c.Type.Kind == query.KindVector && (c.shown || indexed) {
			found = append(found, c)
		}
	}
	return found
}

// wordFilters are the components of the full-text indexes as filters.
func (t *table) wordFilters() object {
	var out object
	for i := range t.indexes {
		x := &t.indexes[i]
		if x.Kind != "fulltext" || reserved(x.Name) || t.column(x.Name) != nil {
			continue
		}
		said := "OPERATOR.WORDS on all columns of the full-text index " + x.Name + ". Operators: fts plfts phfts wfts. not. in front negates. " +
			"The words are in " + cmp.Or(x.Language, query.Simple.String()) + ", unless another language is named: wfts(simple)."
		out = out.with(t.name+"."+x.Name, filterOf(x.Name, said, "wfts.fat cats"))
	}
	return out
}

// searching are the parameters of a search.
func (t *table) searching() []any {
	words, vectors := t.words(), t.vectors()
	var out []any
	choice := func(name, said string, of []string) object {
		return object{{"name", name}, {"in", "query"}, {"description", said}, {"schema", object{{"type", "string"}, {"enum", of}}}}
	}
	if len(vectors) > 0 {
		names := make([]string, len(vectors))
		for i, c := range vectors {
			names[i] = c.Name
		}
		out = append(out, choice("_near", "The rows whose vector is nearest to _vector, the nearest first; _distance can be selected.", names))
		out = append(out, parameterRefs("vector", "metric")...)
	}
	if len(words) > 0 {
		out = append(out, choice("_search", "The rows whose words fit _text best, the best first; _rank can be selected, and with _near _score.", words))
		out = append(out, parameterRefs("text")...)
	}
	if len(out) > 0 {
		out = append(out, parameterRefs("k")...)
	}
	return out
}

// metrics are the names of what near can mean.
func metrics() []string {
	return []string{query.Cosine.String(), query.Euclidean.String(), query.Dot.String()}
}

// searchPath is the search in a body; nil where there is nothing to search.
func (t *table) searchPath() object {
	words, vectors := t.words(), t.vectors()
	var members object
	if len(vectors) > 0 {
		var near []any
		for _, c := range vectors {
			near = append(near, object{
				{"type", "object"},
				{"properties", object{{"column", object{{"const", c.Name}}}, {"vector", vectorOf(c)}, {"metric", object{{"type", "string"}, {"enum", metrics()}}}}},
				{"required", []string{"column", "vector"}},
			})
		}
		members = members.with("near", object{{"description", "The rows whose vector is nearest."}, {"oneOf", near}})
	}
	if len(words) > 0 {
		members = members.with("text", object{
			{"type", "object"},
			{"description", "The rows whose words fit best: \"a phrase\", or, and - for not."},
			{"properties", object{{"index", object{{"type", "string"}, {"enum", words}}}, {"query", object{{"type", "string"}, {"maxLength", 256}}}}},
			{"required", []string{"index", "query"}},
		})
	}
	if members == nil || !t.may(t.reaches.Read) {
		return nil
	}
	members = members.with("k", object{{"type", "integer"}, {"minimum", 1}, {"default", 10}, {"description", "How many rows."}})
	members = members.with("select", object{{"type", "string"}, {"description", "As in a URL, and _distance, _rank or _score."}})
	members = members.with("filter", object{{"type", "string"}, {"description", "Filters as in a URL, year=gte.2000&or=(...)."}})
	body := jsonBody(object{{"type", "object"}, {"properties", members}, {"minProperties", 1}, {"additionalProperties", false}})
	headers, content := headerRefs("Content-Range", "X-Cache", "ETag", "Preference-Applied"), rowsOf(ref("schemas", t.name))
	answers := append(object{
		{"200", answer("The rows, the best first.", headers, content)},
		{"206", answer("Some of the rows: more could be answered, as the count that was asked for says.", headers, content)},
	}, refusals("300", "400", "401", "403", "404", "406", "413", "415", "429")...)
	return object{{"post", t.operation(t.reaches.Read, "search_"+t.name, "Search rows of "+t.name, "By near, by text, or by both mixed.", parameterRefs("prefer-read"), body, answers)}}
}

func vectorOf(c *column) object {
	n := int(c.Type.Dimensions)
	return object{{"type", "array"}, {"items", object{{"type", "number"}, {"format", "float"}}}, {"minItems", n}, {"maxItems", n}}
}
