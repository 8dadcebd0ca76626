package openapi

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// walkable gives each table the ways of walks that lead to its rows, as _via
// names them: edge tables, its own references, and others' to it.
func walkable(tables []*table) {
	known := make(map[string]*table, len(tables))
	for _, t := range tables {
		known[t.name] = t
	}
	// end is what the column leads to, nil where the audience cannot walk there.
	end := func(t *table, c *column) *table {
		if c == nil || c.Ref == nil || !c.shown || !t.walked() {
			return nil
		}
		if to := known[c.Ref.Table]; to != nil && to.walked() {
			return to
		}
		return nil
	}
	for _, t := range tables {
		if t.edge == nil {
			continue
		}
		from, to := end(t, t.column(t.edge.From)), end(t, t.column(t.edge.To))
		if from == nil || to == nil {
			continue
		}
		from.ways = append(from.ways, t.name)
		if to != from {
			to.ways = append(to.ways, t.name)
		}
	}
	for _, t := range tables {
		for i := range t.columns {
			c := &t.columns[i]
			to := end(t, c)
			if to == nil {
				continue
			}
			t.ways = append(t.ways, c.Name)
			if to != t {
				to.ways = append(to.ways, t.name+"."+c.Name)
			}
		}
	}
}

// walked tells whether the audience may come to rows of the table.
func (t *table) walked() bool { return t.may(t.reaches.Read) && t.columns[0].shown }

// via is the component of what a walk goes along; none where none leads here.
func (t *table) via() object {
	if len(t.ways) == 0 {
		return nil
	}
	said := "Of _from: the ways that the walk goes along, with commas between, of which one leads here: " + strings.Join(t.ways, ", ") + ". Those that lead elsewhere may go with it."
	return object{{t.name + "._via", object{
		{"name", "_via"},
		{"in", "query"},
		{"description", said},
		{"schema", object{{"type", "array"}, {"items", object{{"type", "string"}}}, {"minItems", 1}, {"maxItems", query.DefaultLimits().Embeds}}},
		{"style", "form"},
		{"explode", false},
		{"example", []string{t.ways[0]}},
	}}}
}

// walking are the parameters of a walk.
func (t *table) walking() []any {
	if len(t.ways) == 0 {
		return nil
	}
	return parameterRefs("from", t.name+"._via", "hops", "direction")
}

// walkParameters are those that the walks of all tables share.
func walkParameters() object {
	most := strconv.Itoa(query.MaxHops)
	return object{
		{"from", text("query", "_from", "The rows that a walk comes to, along _via, each once: the key of the row where it begins, or TABLE/KEY for one of another table. "+
			"_hops can be selected and ordered by. No more than "+strconv.Itoa(query.MaxReached)+" rows may be come to.", "7")},
		{"hops", object{
			{"name", "_hops"},
			{"in", "query"},
			{"description", "Of _from: how many steps away the rows are, the nearest way there: 2, or 1-3. The beginning is 0 away."},
			{"schema", object{{"type", "string"}, {"pattern", "^[0-" + most + "](-[0-" + most + "])?$"}, {"default", "1"}}},
		}},
		{"direction", object{
			{"name", "_direction"},
			{"in", "query"},
			{"description", "Of _from, along ways that join a table with itself: out is from the edge's " +
				"beginning to its end, or from the row that refers to the one that it refers to."},
			{"schema", object{{"type", "string"}, {"enum", []string{"out", "in", "both"}}, {"default", "out"}}},
		}},
	}
}
