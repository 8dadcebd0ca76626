package sqlite

import (
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// touched is a row that a text wrote by itself.
type touched struct {
	table *table
	key   query.Value
	// gone says that it was deleted, be it to be inserted again.
	gone  bool
	after query.Row // nil for a row that is no more
}

// witness sees which rows a text writes, by their keys, in the order in which
// it comes to them.
type witness struct {
	layout *layout
	rows   []touched
	at     map[rowID]int
	err    error
}

// see is SQLite's word of a change that it is about to make. What references
// carry to further rows comes by itself when the rows are written again.
func (s *witness) see(change sqlite3.PreUpdateData) {
	if change.Depth() > 0 || s.err != nil {
		return
	}
	entry := s.layout.byName[change.Table]
	if entry == nil {
		s.err = fmt.Errorf("a text wrote to %q, which is no table of its view", change.Table)
		return
	}
	read := change.Old
	if change.Op == sqlite3.AUTH_INSERT {
		read = change.New
	}
	// The key is a table's first column, wherever others may have come to.
	value, err := read(0)
	if err != nil {
		s.err = err
		return
	}
	key := query.Value{Kind: entry.Key().Type.Kind}
	if affinity(key.Kind) == "INTEGER" {
		key.N = value.Int64()
	} else {
		key.S = value.Text()
	}
	id := rowID{entry.Name, keyText(key)}
	i, known := s.at[id]
	if !known {
		i = len(s.rows)
		s.at[id] = i
		s.rows = append(s.rows, touched{table: entry, key: key})
	}
	s.rows[i].gone = s.rows[i].gone || change.Op == sqlite3.AUTH_DELETE
}

// readAfter reads what became of the rows.
func (s *witness) readAfter(c *conn) error {
	for i := range s.rows {
		r := &s.rows[i]
		stmt, err := byKey(c, r.table, r.key)
		if err != nil {
			return err
		}
		if stmt.Step() {
			r.after, err = readWritten(stmt, r.table)
		}
		if resetErr := stmt.Reset(); err == nil {
			err = resetErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// byKey is the statement that reads one row; its user resets it.
func byKey(c *conn, entry *table, key query.Value) (*sqlite3.Stmt, error) {
	stmt, err := c.stmts.get([]byte(entry.read + ` WHERE "id"=?`))
	if err != nil {
		return nil, err
	}
	return stmt, bind(stmt, 1, key)
}

// readWritten reads a row as a text left it, of which nothing is taken for
// granted.
func readWritten(stmt *sqlite3.Stmt, entry *table) (query.Row, error) {
	row := make(query.Row, len(entry.Columns))
	for i, c := range entry.Columns {
		if c.Type.Kind == query.KindVector {
			row[i] = readValue(stmt, i, c.Type)
			continue
		}
		v, ok := storedValue(stmt, i, c.Type)
		if !ok {
			return nil, fmt.Errorf("the text puts a %s into %s.%s that is no %s", stmt.ColumnType(i), entry.Name, c.Name, c.Type)
		}
		row[i] = v
	}
	return row, nil
}

// insertedInto is the table that a query inserts into, "" for none.
func insertedInto(c *conn, n *query.Named) (string, error) {
	var into string
	err := c.db.SetAuthorizer(func(action sqlite3.AuthorizerActionCode, name, _, _, _ string) sqlite3.AuthorizerReturnCode {
		if action == sqlite3.AUTH_INSERT && !strings.HasPrefix(name, "sqlite_") {
			into = name
		}
		return sqlite3.AUTH_OK
	})
	if err != nil {
		return "", err
	}
	stmt, _, err := c.db.Prepare(n.Text)
	if offErr := c.db.SetAuthorizer(nil); err == nil {
		err = offErr
	}
	if err != nil {
		return "", fmt.Errorf("prepare query %q: %w", n.Name, err)
	}
	return into, closeStmt(stmt)
}
