package surreal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// defined is what INFO says: all tables, and the parts of the recorded ones.
type defined struct {
	tables map[string]string // how each is kept: SCHEMAFULL, or the kind of its edges
	parts  map[string]*definedTable
}

type definedTable struct {
	fields  map[string]string // types
	indexes map[string]definedIndex
	events  []string
}

type definedIndex struct {
	columns string
	kind    string
}

// readDefined asks what is defined, in one request.
func readDefined(ctx context.Context, in texts, schema *plan.Schema) (*defined, error) {
	found, err := readTables(ctx, in)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	var names []string
	for i := range schema.Tables {
		if name := schema.Tables[i].Name; found.tables[name] != "" {
			names = append(names, name)
			text.WriteString("INFO FOR TABLE " + quote(name) + " STRUCTURE;\n")
		}
	}
	if len(names) == 0 {
		return found, nil
	}
	results, err := in.Query(ctx, text.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("read what is defined: %w", err)
	}
	for i, name := range names {
		r := wire.NewReader(results[i])
		found.parts[name] = readParts(r)
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("read what is defined of table %q: %w", name, err)
		}
	}
	return found, nil
}

func readTables(ctx context.Context, in texts) (*defined, error) {
	found := &defined{tables: map[string]string{}, parts: map[string]*definedTable{}}
	results, err := in.Query(ctx, "INFO FOR DB", nil)
	if err != nil {
		return nil, fmt.Errorf("read what is defined: %w", err)
	}
	r := wire.NewReader(results[0])
	for range r.Map() {
		if string(r.String()) != "tables" {
			r.Skip()
			continue
		}
		for range r.Map() {
			name := bare(r.String())
			found.tables[name] = string(r.String())
		}
	}
	return found, r.Err()
}

// bare is a name without its quotes.
func bare(name []byte) string { return strings.Trim(string(name), "`⟨⟩") }

func readParts(r *wire.Reader) *definedTable {
	t := &definedTable{fields: map[string]string{}, indexes: map[string]definedIndex{}}
	for range r.Map() {
		switch string(r.String()) {
		case "fields":
			for range r.Array() {
				part := readPart(r)
				if name := part["name"]; !strings.ContainsAny(name, ".*[") {
					t.fields[name] = strings.ReplaceAll(part["kind"], "`", "")
				}
			}
		case "indexes":
			for range r.Array() {
				part := readPart(r)
				t.indexes[part["name"]] = definedIndex{columns: part["cols"], kind: part["index"]}
			}
		case "events":
			for range r.Array() {
				t.events = append(t.events, readPart(r)["name"])
			}
		default:
			r.Skip()
		}
	}
	return t
}

// readPart reads an object's texts, and lists of texts with commas between them.
func readPart(r *wire.Reader) map[string]string {
	part := map[string]string{}
	for range r.Map() {
		name := string(r.String())
		switch r.Kind() {
		case wire.String:
			part[name] = bare(r.String())
		case wire.Array:
			var items []string
			for range r.Array() {
				if r.Kind() != wire.String {
					r.Skip()
					continue
				}
				items = append(items, bare(r.String()))
			}
			part[name] = strings.Join(items, ", ")
		default:
			r.Skip()
		}
	}
	return part
}

// Drift implements store.Store.
func (s *Store) Drift(ctx context.Context) ([]plan.Drift, error) {
	have, there, err := readBoth(ctx, s.client)
	if err != nil {
		return nil, err
	}
	return findDrift(&have, there), nil
}

// refuseGrave refuses a database that was changed by hand so that it cannot be
// served or migrated.
func refuseGrave(found []plan.Drift) error {
	for _, d := range found {
		if d.Grave {
			return fmt.Errorf("%s: the database was changed by hand; %s", d.What, d.Hint)
		}
	}
	return nil
}

// findDrift compares what is recorded with what is there, object by object.
func findDrift(have *recorded, there *defined) []plan.Drift {
	d := drift{there: there}
	for i := range have.schema.Tables {
		d.table(&have.schema.Tables[i])
	}
	names := make([]string, 0, len(there.tables))
	for name := range there.tables {
		if have.schema.Table(name) == nil && !isOurs(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		d.mild("declare it under another name and copy its rows, or: "+mend("REMOVE TABLE "+quote(name)), "table %s is in the database but not recorded: nobody reads it", name)
	}
	return d.found
}

// drift collects the differences.
type drift struct {
	there *defined
	found []plan.Drift
}

const hintBackup = "restore a backup"

func (d *drift) grave(hint, what string, args ...any) {
	d.found = append(d.found, plan.Drift{What: fmt.Sprintf(what, args...), Hint: hint, Grave: true})
}

func (d *drift) mild(hint, what string, args ...any) {
	d.found = append(d.found, plan.Drift{What: fmt.Sprintf(what, args...), Hint: hint})
}

// mend is a hint that says which statement puts a thing right.
func mend(text string) string { return text + " puts it right" }

// isOurs reports names that no manifest can utter.
func isOurs(name string) bool { return strings.HasPrefix(name, "_") }

func (d *drift) table(t *plan.Table) {
	text := d.there.tables[t.Name]
	if text == "" {
		d.grave(hintBackup, "table %s is recorded but not in the database", t.Name)
		return
	}
	if !strings.Contains(text, " SCHEMAFULL") || strings.Contains(text, " TYPE RELATION") != (t.Edge != nil) {
		d.grave(mend(tableDefinition(t).define()), "table %s is defined otherwise than we did", t.Name)
	}
	if !strings.Contains(text, " PERMISSIONS NONE") {
		d.grave(mend(tableDefinition(t).define()), "table %s may be read or written by others, past all rules", t.Name)
	}
	parts := d.there.parts[t.Name]
	if parts == nil {
		return
	}
	d.fields(t, parts)
	d.indexes(t, parts)
	d.events(t, parts)
}

func (d *drift) fields(t *plan.Table, there *definedTable) {
	wanted := map[string]bool{"in": t.Edge != nil, "out": t.Edge != nil}
	for i := range t.Columns {
		c := &t.Columns[i]
		name := storedField(t, c.Name)
		wanted[name] = true
		kind, found := there.fields[name]
		want := strings.ReplaceAll(typeOfField(t, c, i == 0), "`", "")
		switch {
		case !found:
			d.grave(hintBackup, "column %s.%s is recorded but not in the database", t.Name, c.Name)
		case kind != want:
			d.grave(hintBackup, "column %s.%s is recorded as %s (%s) but is %s in the database", t.Name, c.Name, c.Type, want, kind)
		}
	}
	if there.fields[fieldRevision] == "" {
		d.grave(mend(revisionDefinition(t).define()), "column %s of table %s is missing, which has the revisions of its rows", fieldRevision, t.Name)
	}
	names := make([]string, 0, len(there.fields))
	for name := range there.fields {
		if !wanted[name] && !isOurs(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		remove := "REMOVE FIELD " + quote(name) + " ON " + quote(t.Name)
		if kind := there.fields[name]; kind != "any" && !strings.Contains(kind, "none") {
			d.grave(mend(remove), "column %s.%s is in the database but not recorded, and no row can be written without it", t.Name, name)
			continue
		}
		d.mild(mend(remove), "column %s.%s is in the database but not recorded: nobody reads it, and a migration of the table drops it", t.Name, name)
	}
}

func (d *drift) indexes(t *plan.Table, there *definedTable) {
	wanted := map[string]bool{}
	for _, x := range t.Indexes {
		if x.Kind != "" {
			wanted[x.Name] = true
		}
	}
	for _, x := range indexDefinitions(t) {
		wanted[x.name] = true
		found, ok := there.indexes[x.name]
		unique := strings.HasSuffix(x.text, " UNIQUE")
		columns, _ := between(x.text+"\n", " FIELDS ", "\n")
		columns, _, words := strings.Cut(strings.ReplaceAll(strings.TrimSuffix(columns, " UNIQUE"), "`", ""), " FULLTEXT")
		switch {
		case !ok && words:
			d.grave(mend(x.define()), "full-text index %s.%s is recorded but not in the database: a search would find nothing", t.Name, x.name)
		case !ok && unique:
			d.grave(mend(x.define()), "unique index %s.%s is recorded but not in the database: equal values would be taken", t.Name, x.name)
		case !ok:
			d.mild(mend(x.define()), "index %s.%s is recorded but not in the database: what it serves is slow", t.Name, x.name)
		case (found.kind == "UNIQUE") != unique || strings.HasPrefix(found.kind, "FULLTEXT") != words || found.columns != columns:
			d.grave(mend(x.define()), "index %s.%s is in the database otherwise than recorded (over %s; unique: %t)", t.Name, x.name, columns, unique)
		}
	}
	names := make([]string, 0, len(there.indexes))
	for name := range there.indexes {
		if !wanted[name] && !isOurs(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		also := ""
		if there.indexes[name].kind == "UNIQUE" {
			also = ", and are refused over values that are there already"
		}
		d.mild(mend("REMOVE INDEX "+quote(name)+" ON "+quote(t.Name)), "index %s of table %s is in the database but not recorded: writes pay for it%s", name, t.Name, also)
	}
}

func (d *drift) events(t *plan.Table, there *definedTable) {
	for _, e := range eventDefinitions(t) {
		if !slices.Contains(there.events, e.name) {
			d.grave(mend(e.define()), "event %s of table %s is missing: changes of its rows would be heard of by nobody", e.name, t.Name)
		}
	}
	for _, name := range there.events {
		if !isOurs(name) {
			d.mild(mend("REMOVE EVENT "+quote(name)+" ON "+quote(t.Name)), "event %s of table %s is in the database but not recorded: writes run it", name, t.Name)
		}
	}
}
