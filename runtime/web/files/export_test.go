package files

// Kept is how many files are kept, of how many bytes, and how many are believed to be.
func (s *Folder) Kept() (files, bytes, counted, sized int) {
	s.kept.files.Range(func(_, kept any) bool {
		files++
		bytes += kept.(*File).weight()
		return true
	})
	return files, bytes, s.kept.room.files, s.kept.room.bytes
}
