package query

// DeletionRanks says by their names in which order rows of several tables are
// deleted: those of a table after those of all that point at it. Circles are cut.
func DeletionRanks(s *Schema) map[string]int {
	referrers := map[string][]*Table{}
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			if c.Ref != nil {
				referrers[c.Ref.Table] = append(referrers[c.Ref.Table], t)
			}
		}
	}
	ranks := make(map[string]int, len(s.Tables))
	visited := make(map[*Table]bool, len(s.Tables))
	var visit func(t *Table)
	visit = func(t *Table) {
		if visited[t] {
			return
		}
		visited[t] = true
		for _, child := range referrers[t.Name] {
			visit(child)
		}
		ranks[t.Name] = len(ranks)
	}
	for _, t := range s.Tables {
		visit(t)
	}
	return ranks
}
