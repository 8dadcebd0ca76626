package sqlite

// BreakDown stops the writer as a commit that did not reach the disk would.
func (s *Store) BreakDown(err error) { s.writer.breakDown(err) }
