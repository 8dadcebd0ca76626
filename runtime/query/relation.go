package query

// Relation is a way from the rows of one table to those of another: along a
// reference, in either direction, or through an edge table.
type Relation struct {
	// Constraint is the reference's name, {table}_{column}_fkey; of a relation
	// through an edge table it is that table's name.
	Constraint string
	From, To   *Table
	// Near, a column of From, equals Far, a column of To. One of them is a key.
	Near, Far *Column
	// Via is the edge table between: Near then equals its ViaNear, and Far its
	// ViaFar.
	Via             *Table
	ViaNear, ViaFar *Column
	// Many says that a row of From may have more than one row of To.
	Many bool
	// Unique says that a row of To has at most one row of From.
	Unique bool
}

// Relations are the ways from a table, in the order of the manifest: first its
// own references, then those that point at it, then those through edge tables.
func (s *Schema) Relations(t *Table) []Relation { return s.relations[t] }

// relate finds all relations of the schema.
func (s *Schema) relate() {
	s.relations = make(map[*Table][]Relation, len(s.Tables))
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			if to := s.target(c); to != nil {
				s.relations[t] = append(s.relations[t], Relation{
					Constraint: t.Name + "_" + c.Name + "_fkey", From: t, To: to, Near: c, Far: to.Key(), Unique: t.Unique(c),
				})
			}
		}
	}
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			if to := s.target(c); to != nil {
				s.relations[to] = append(s.relations[to], Relation{
					Constraint: t.Name + "_" + c.Name + "_fkey", From: to, To: t, Near: to.Key(), Far: c, Many: !t.Unique(c), Unique: true,
				})
			}
		}
	}
	for _, t := range s.Tables {
		if t.Edge == nil {
			continue
		}
		from, to := s.target(t.Edge.From), s.target(t.Edge.To)
		if from == nil || to == nil {
			continue // check refuses it
		}
		s.relations[from] = append(s.relations[from], through(t, from, to, t.Edge.From, t.Edge.To))
		if from != to {
			s.relations[to] = append(s.relations[to], through(t, to, from, t.Edge.To, t.Edge.From))
		}
	}
}

func through(edge, from, to *Table, near, far *Column) Relation {
	return Relation{
		Constraint: edge.Name, From: from, To: to, Near: from.Key(), Far: to.Key(),
		Via: edge, ViaNear: near, ViaFar: far, Many: true,
	}
}

func (s *Schema) target(c *Column) *Table {
	if c.Ref == nil {
		return nil
	}
	return s.byName[c.Ref.Table]
}

// EmbedRequest is a relation that a request embeds, not yet under any rule.
type EmbedRequest struct {
	// Name is its member in the answer, and the prefix of its filters: the
	// alias, or the target as it was written.
	Name     string
	Relation *Relation
	Spread   bool // its members become the parent's own
	Inner    bool // parents without a row of it are left out
	// Hidden is an embed without members, name(): it can be filtered on.
	Hidden bool
	// Request says what is shown of the related rows.
	Request Request
}

// RelatedAsk is what a Related stands for.
type RelatedAsk uint8

// The questions about a relation.
const (
	RelatedRows    RelatedAsk = iota // its rows, as an output
	RelatedPresent                   // whether it has any, in a filter
	RelatedValue                     // a value of its one row, in an order
)

// Related stands in a Request for an embedded relation. It is never bound nor
// evaluated: the gate puts an Embed, an Exists or a Lookup in its place, with
// the related table's rules in it.
type Related struct {
	Of    *EmbedRequest
	Ask   RelatedAsk
	Value Expr // of RelatedValue, over the related row
}

// Type is json for rows, bool for presence, else the value's.
func (e *Related) Type() Type {
	switch e.Ask {
	case RelatedRows:
		return Type{Kind: KindJSON}
	case RelatedPresent:
		return boolType
	}
	return e.Value.Type()
}
