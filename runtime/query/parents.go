package query

// ParentsFirst visits rows of a table that points at itself so that each comes
// after those of the same batch that it points at, as a check at the end of the
// statement would allow.
func ParentsFirst(t *Table, rows []Row, put func(i int) error) error {
	byKey := make(map[string]int, len(rows))
	for i, row := range rows {
		if !row[0].IsNull() {
			byKey[string(AppendText(nil, row[0]))] = i
		}
	}
	done := make([]bool, len(rows))
	var visit func(i int) error
	visit = func(i int) error {
		if done[i] {
			return nil
		}
		done[i] = true
		for _, c := range t.Columns {
			if c.Ref == nil || c.Ref.Table != t.Name || rows[i][c.Index].IsNull() {
				continue
			}
			if parent, ok := byKey[string(AppendText(nil, rows[i][c.Index]))]; ok {
				if err := visit(parent); err != nil {
					return err
				}
			}
		}
		return put(i)
	}
	for i := range rows {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}
