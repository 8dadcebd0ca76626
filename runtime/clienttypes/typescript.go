package clienttypes

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

const typescriptHead = `// Made by edge-hive types ts. Do not edit: make it again when the manifest changes.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  // The version of PostgREST whose dialect this is, for supabase-js.
  __InternalSupabase: {
    PostgrestVersion: "13"
  }
  public: {
    Tables: {
`

const typescriptTail = `    CompositeTypes: {
      [_ in never]: never
    }
  }
}

type Public = Database["public"]

/** A row of a table, as it is read. */
export type Tables<Name extends keyof Public["Tables"]> = Public["Tables"][Name]["Row"]

/** A new row of a table. */
export type TablesInsert<Name extends keyof Public["Tables"]> = Public["Tables"][Name]["Insert"]

/** A change of rows of a table. */
export type TablesUpdate<Name extends keyof Public["Tables"]> = Public["Tables"][Name]["Update"]

/** One of the texts that a column allows. */
export type Enums<Name extends keyof Public["Enums"]> = Public["Enums"][Name]
`

// TypeScript gives the type Database, as supabase-js's createClient<Database>
// takes it. Enums are the columns' enum, named TABLE_COLUMN.
func TypeScript(m *manifest.Manifest, rules *access.Rules) ([]byte, error) {
	all, err := tables(m, rules)
	if err != nil {
		return nil, err
	}
	w := &typescript{}
	w.out.WriteString(typescriptHead)
	for i := range all {
		w.table(&all[i])
	}
	w.out.WriteString("    }\n    Views: {\n      [_ in never]: never\n    }\n")
	named, err := queries(m, rules)
	if err != nil {
		return nil, err
	}
	w.functions(named)
	w.enums(all)
	w.out.WriteString(typescriptTail)
	w.constants(all)
	return []byte(w.out.String()), nil
}

type typescript struct{ out strings.Builder }

func (w *typescript) line(indent int, format string, args ...any) {
	w.out.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(&w.out, format, args...)
	w.out.WriteByte('\n')
}

func (w *typescript) table(t *table) {
	w.line(3, "%s: {", t.declared.Name)
	w.line(4, "Row: {")
	for i := range t.columns {
		c := &t.columns[i]
		if said := c.seenBy(); said != "" {
			w.line(5, "/** %s */", said)
		}
		w.line(5, "%s%s: %s", c.Name, mark(c.hidden != access.ReachEveryone), typescriptType(c))
	}
	w.line(4, "}")
	w.line(4, "Insert: {")
	for i := range t.columns {
		c := &t.columns[i]
		w.line(5, "%s%s: %s", c.Name, mark(c.optional), typescriptSent(c))
	}
	w.line(4, "}")
	w.line(4, "Update: {")
	for i := range t.columns {
		c := &t.columns[i]
		w.line(5, "%s?: %s", c.Name, typescriptSent(c))
	}
	w.line(4, "}")
	w.relationships(t)
	w.line(3, "}")
}

func mark(optional bool) string {
	if optional {
		return "?"
	}
	return ""
}

// typescriptSent is the type of a column in a request: what the backend writes
// itself may not be sent.
func typescriptSent(c *column) string {
	if c.auto {
		return "never"
	}
	return typescriptType(c)
}

func typescriptType(c *column) string {
	name := typescriptScalar(c.Type.Kind)
	switch {
	case len(c.enum) > 0:
		name = `Database["public"]["Enums"]["` + c.enumName + `"]`
	case c.Type.Kind == query.KindList:
		name = typescriptScalar(c.Type.Elem) + "[]"
	case c.Type.Kind == query.KindVector:
		name = "number[]"
	}
	if !c.Required {
		name += " | null"
	}
	return name
}

func typescriptScalar(kind query.Kind) string {
	switch kind {
	case query.KindBool:
		return "boolean"
	case query.KindInt, query.KindFloat, query.KindDecimal:
		return "number"
	case query.KindJSON:
		return "Json"
	}
	return "string"
}

// relationships are the table's own references. From them supabase-js finds the
// ways back, and the way through an edge table.
func (w *typescript) relationships(t *table) {
	if len(t.refers) == 0 {
		w.line(4, "Relationships: []")
		return
	}
	w.line(4, "Relationships: [")
	for i := range t.refers {
		r := &t.refers[i]
		w.line(5, "{")
		w.line(6, `foreignKeyName: "%s"`, r.Constraint)
		w.line(6, `columns: ["%s"]`, r.Near.Name)
		w.line(6, "isOneToOne: %v", r.Unique)
		w.line(6, `referencedRelation: "%s"`, r.To.Name)
		w.line(6, `referencedColumns: ["%s"]`, r.Far.Name)
		w.line(5, "},")
	}
	w.line(4, "]")
}

func (w *typescript) enums(all []table) {
	w.line(2, "Enums: {")
	none := true
	eachEnum(all, func(name string, c *column) {
		none = false
		w.line(3, "%s: %s", name, typescriptTexts(c.enum, " | "))
	})
	if none {
		w.line(3, "[_ in never]: never")
	}
	w.line(2, "}")
}

// constants are the enums' texts as values, to make a choice of.
func (w *typescript) constants(all []table) {
	w.out.WriteString("\nexport const Constants = {\n  public: {\n    Enums: {\n")
	eachEnum(all, func(name string, c *column) {
		w.line(3, "%s: [%s],", name, typescriptTexts(c.enum, ", "))
	})
	w.out.WriteString("    },\n  },\n} as const\n")
}

func eachEnum(all []table, do func(name string, c *column)) {
	for i := range all {
		for j := range all[i].columns {
			if c := &all[i].columns[j]; len(c.enum) > 0 {
				do(c.enumName, c)
			}
		}
	}
}

func typescriptTexts(texts []string, between string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		raw, err := json.Marshal(text)
		if err != nil { // a string always marshals
			raw = []byte(`""`)
		}
		quoted[i] = string(raw)
	}
	return strings.Join(quoted, between)
}
