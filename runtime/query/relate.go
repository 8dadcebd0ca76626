package query

import (
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// relation finds the one way from the table to a target: the name of a table,
// of the column that refers to it, or of the constraint. hint, where it is not
// "", tells between several.
func (p *requestParser) relation(target, hint string) (*Relation, *fault.Fault) {
	var found []*Relation
	for _, r := range p.relations() {
		if r.answers(target, hint) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, p.noRelation(target, hint)
	case 1:
		return found[0], nil
	}
	return nil, manyRelations(found, target)
}

// relations are those whose tables and columns the caller sees, all of them.
func (p *requestParser) relations() []*Relation {
	if p.schema == nil {
		return nil
	}
	all := p.schema.Relations(p.table)
	seen := make([]*Relation, 0, len(all))
	for i := range all {
		r := &all[i]
		if p.limits.sees(r.From, r.Near) && p.limits.sees(r.To, r.Far) &&
			(r.Via == nil || p.limits.sees(r.Via, r.ViaNear) && p.limits.sees(r.Via, r.ViaFar)) {
			seen = append(seen, r)
		}
	}
	return seen
}

// sees reports whether the caller sees a column of a table that he sees.
func (l *Limits) sees(t *Table, c *Column) bool {
	if l.Sees == nil {
		return true
	}
	columns, ok := l.Sees(t)
	return ok && (columns == nil || columns.Has(c))
}

// refers reports whether it is a row of From that holds the other's key.
func (r *Relation) refers() bool {
	return r.Via == nil && r.Near.Ref != nil && r.Near.Ref.Table == r.To.Name && r.Far == r.To.Key()
}

// answers reports whether the relation is what target and hint name.
func (r *Relation) answers(target, hint string) bool {
	refers := r.refers()
	if r.From == r.To && r.Via == nil {
		// One reference is two relations of the table with itself: its name
		// means the rows that refer, the column the row that is referred to.
		if refers {
			return hint == "" && (target == r.Near.Name || target == r.Constraint)
		}
		return target == r.To.Name && (hint == "" || hint == r.Far.Name || hint == r.Constraint)
	}
	if target != r.To.Name && (r.Via != nil || target != r.Constraint && (!refers || target != r.Near.Name)) {
		return false
	}
	return hint == "" || hint == r.Constraint || r.Via == nil && (hint == r.Near.Name || hint == r.Far.Name)
}

func (r *Relation) cardinality() string {
	switch {
	case r.Via != nil:
		return "many-to-many"
	case r.Many:
		return "one-to-many"
	case r.Unique:
		return "one-to-one"
	}
	return "many-to-one"
}

// String says which columns join the two tables.
func (r *Relation) String() string {
	if r.Via == nil {
		return fmt.Sprintf("%s using %s(%s) and %s(%s)", r.Constraint, r.From.Name, r.Near.Name, r.To.Name, r.Far.Name)
	}
	edge := r.Via.Name
	return fmt.Sprintf("%s using %s_%s_fkey(%s) and %s_%s_fkey(%s)", edge, edge, r.ViaNear.Name, r.ViaNear.Name, edge, r.ViaFar.Name, r.ViaFar.Name)
}

func (p *requestParser) noRelation(target, hint string) *fault.Fault {
	f := NoRelation(p.table, target, hint)
	if len(target) > longestGuess {
		return f
	}
	var names []string
	for _, r := range p.relations() {
		if r.To.Name != target {
			names = append(names, r.To.Name)
		}
	}
	if near := fault.Nearest(target, names); near != "" {
		return f.WithHint(fmt.Sprintf("Perhaps you meant '%s' instead of '%s'.", near, clip(target)))
	}
	return f
}

// manyRelations is the fault of a target that means several. Its details are a
// JSON array.
func manyRelations(found []*Relation, target string) *fault.Fault {
	details := []byte{'['}
	choices := make([]string, len(found))
	for i, r := range found {
		if i > 0 {
			details = append(details, ',')
		}
		details = appendString(append(details, `{"cardinality":`...), r.cardinality())
		details = appendString(append(details, `,"embedding":`...), r.From.Name+" with "+r.To.Name)
		details = appendString(append(details, `,"relationship":`...), r.String())
		details = append(details, '}')
		choices[i] = "'" + r.To.Name + "!" + r.Constraint + "'"
	}
	return fault.Newf(CodeManyRelations, "Could not embed because more than one relationship was found for '%s' and '%s'", found[0].From.Name, clip(target)).
		WithDetails(string(append(details, ']'))).
		WithHint(fmt.Sprintf("Try changing '%s' to one of the following: %s. Find the desired relationship in the 'details' key.", clip(target), strings.Join(choices, ", ")))
}
