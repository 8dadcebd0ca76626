package sqlite

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Query implements store.View: a named query on a connection that cannot
// write.
func (v *view) Query(ctx context.Context, call query.Invocation, visit func(query.Row) error) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	defer v.leave()
	c, err := v.store.readers.take(ctx)
	if err != nil {
		return err
	}
	defer v.store.readers.give(c)
	c.time.start(ctx, v.store.options.StatementTimeout)
	defer c.time.stop()
	if err := runNamed(c, &call, visit); err != nil {
		return v.explainError(ctx, err)
	}
	return nil
}

func runNamed(c *conn, call *query.Invocation, visit func(query.Row) error) error {
	stmt, err := c.stmts.get([]byte(call.Query.Text))
	if err != nil {
		return fmt.Errorf("query %q: %w", call.Query.Name, err)
	}
	defer func() {
		_ = stmt.Reset() // the error is that of its last step, told there
		_ = stmt.ClearBindings()
	}()
	return visitNamed(stmt, call, visit)
}

// visitNamed runs a query's statement and hands on its rows.
func visitNamed(stmt *sqlite3.Stmt, call *query.Invocation, visit func(query.Row) error) error {
	if err := bindNamed(stmt, call); err != nil {
		return fmt.Errorf("query %q: bind: %w", call.Query.Name, err)
	}
	columns, err := resultColumns(stmt, call.Query)
	if err != nil {
		return err
	}
	for stmt.Step() {
		row := make(query.Row, len(columns))
		for i, at := range columns {
			c := call.Query.Result.Columns[i]
			v, ok := storedValue(stmt, at, c.Type)
			if !ok {
				return fmt.Errorf("query %q: column %q holds a %s that is no %s", call.Query.Name, c.Name, stmt.ColumnType(at), c.Type)
			}
			row[i] = v
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	return stmt.Err()
}

// bindNamed sets the parameters that the text has.
func bindNamed(stmt *sqlite3.Stmt, call *query.Invocation) error {
	for i := range call.Query.Params {
		if at := stmt.BindIndex(":" + call.Query.Params[i].Name); at > 0 {
			if err := bind(stmt, at, call.Args[i]); err != nil {
				return err
			}
		}
	}
	if at := stmt.BindIndex(":" + query.ParamUID); at > 0 {
		if err := bind(stmt, at, call.UID); err != nil {
			return err
		}
	}
	if at := stmt.BindIndex(":" + query.ParamRole); at > 0 {
		return stmt.BindText(at, call.Role)
	}
	return nil
}

// resultColumns finds where each column of the result stands in the text's.
func resultColumns(stmt *sqlite3.Stmt, n *query.Named) ([]int, error) {
	columns := make([]int, len(n.Result.Columns))
	for i, c := range n.Result.Columns {
		columns[i] = -1
		for at := range stmt.ColumnCount() {
			if stmt.ColumnName(at) == c.Name {
				columns[i] = at
			}
		}
		if columns[i] < 0 {
			return nil, fmt.Errorf("query %q: the text gives no column %q", n.Name, c.Name)
		}
	}
	return columns, nil
}

// storedValue reads a column as the type that the query's returns has for it.
// The text may give anything, so nothing is taken for granted.
func storedValue(stmt *sqlite3.Stmt, at int, t query.Type) (query.Value, bool) {
	stored := stmt.ColumnType(at)
	switch stored {
	case sqlite3.NULL:
		return query.Null(), true
	case sqlite3.INTEGER:
		if t.Kind == query.KindFloat {
			return query.Float(float64(stmt.ColumnInt64(at))), true
		}
	case sqlite3.FLOAT:
		v := query.Float(stmt.ColumnFloat(at))
		return v, t.Kind == query.KindFloat && !v.IsNull() // infinities are no values
	case sqlite3.TEXT:
	default:
		return query.Value{}, false
	}
	if (affinity(t.Kind) == "TEXT") != (stored == sqlite3.TEXT) {
		return query.Value{}, false
	}
	return query.FromStored(t, readValue(stmt, at, t))
}

// prepareQueries prepares the named queries of a view once, so that one which
// does not fit the database is an error now. It gives the tables that they
// insert into.
func (s *Store) prepareQueries(ctx context.Context, queries []*query.Named) (map[*query.Named]string, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	inserts := map[*query.Named]string{}
	err := s.withReader(ctx, func(c *conn) error {
		for _, n := range queries {
			stmt, err := c.stmts.get([]byte(n.Text))
			if err != nil {
				return fmt.Errorf("prepare query %q: %w", n.Name, err)
			}
			if _, err := resultColumns(stmt, n); err != nil {
				return err
			}
			if !n.Write {
				continue
			}
			if inserts[n], err = insertedInto(c, n); err != nil {
				return err
			}
		}
		return nil
	})
	return inserts, err
}
