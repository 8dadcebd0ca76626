package sqlite

import (
	"errors"
	"fmt"
)

// fileMarks are what tells whose an SQLite file is, and of which format; those
// of an empty file are zero.
type fileMarks struct{ application, format, tables int64 }

func readMarks(c *conn) (fileMarks, error) {
	var m fileMarks
	var errs [3]error
	m.application, errs[0] = queryInt(c.db, "PRAGMA application_id")
	m.format, errs[1] = queryInt(c.db, "PRAGMA user_version")
	m.tables, errs[2] = queryInt(c.db, "SELECT count(*) FROM sqlite_schema")
	return m, errors.Join(errs[:]...)
}

// refuse says why a database cannot be ours.
func (m fileMarks) refuse(path string) error {
	switch {
	case m.application != applicationID:
		return fmt.Errorf("%q is an SQLite file, but not one that edge-hive made: give database.path another name", path)
	case m.format < 1:
		return fmt.Errorf("database %q has no format: it was not made by edge-hive alone", path)
	case m.format > formatVersion:
		return fmt.Errorf("database %q was written by a newer edge-hive (format %d, this one reads %d): start that version, or restore a backup made before it", path, m.format, formatVersion)
	}
	return nil
}

// checkOurs refuses a file that is not ours or newer than we are; it writes
// nothing.
func checkOurs(c *conn, path string) error {
	marks, err := readMarks(c)
	if err != nil {
		return unreadable(path, err)
	}
	return marks.refuse(path)
}
