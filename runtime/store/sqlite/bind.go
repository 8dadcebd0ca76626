package sqlite

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// bind sets one parameter; values of requests reach SQLite only here.
func bind(stmt *sqlite3.Stmt, param int, v query.Value) error {
	switch v.Kind {
	case query.KindNull:
		return stmt.BindNull(param)
	case query.KindFloat:
		return stmt.BindFloat(param, v.Float())
	case query.KindText, query.KindUUID, query.KindJSON, query.KindList:
		return stmt.BindText(param, v.S)
	case query.KindVector:
		return stmt.BindBlob(param, []byte(v.S))
	}
	return stmt.BindInt64(param, v.N)
}

// readValue reads one column of a row as the type that it was declared with.
func readValue(stmt *sqlite3.Stmt, column int, t query.Type) query.Value {
	if stmt.ColumnType(column) == sqlite3.NULL {
		return query.Null()
	}
	switch t.Kind {
	case query.KindFloat:
		return query.Float(stmt.ColumnFloat(column))
	case query.KindText, query.KindUUID, query.KindJSON, query.KindList:
		return query.Value{Kind: t.Kind, S: stmt.ColumnText(column)}
	case query.KindVector:
		return query.Value{Kind: t.Kind, S: string(stmt.ColumnRawBlob(column))}
	}
	return query.Value{Kind: t.Kind, Scale: t.Scale, N: stmt.ColumnInt64(column)}
}

// readRow reads the columns of a table's read statement.
func readRow(stmt *sqlite3.Stmt, t *table) query.Row {
	row := make(query.Row, len(t.Columns))
	for i, c := range t.Columns {
		row[i] = readValue(stmt, i, c.Type)
	}
	return row
}

// writeColumn hands one column to the answer without an allocation.
func writeColumn(w query.RowWriter, stmt *sqlite3.Stmt, column int, t query.Type) {
	if stmt.ColumnType(column) == sqlite3.NULL {
		w.Null()
		return
	}
	switch t.Kind {
	case query.KindBool:
		w.Bool(stmt.ColumnInt64(column) != 0)
	case query.KindInt:
		w.Int(stmt.ColumnInt64(column))
	case query.KindFloat:
		w.Float(stmt.ColumnFloat(column))
	case query.KindDecimal:
		w.Decimal(stmt.ColumnInt64(column), t.Scale)
	case query.KindText, query.KindUUID:
		w.Text(stmt.ColumnRawText(column))
	case query.KindTimestamp:
		w.Timestamp(stmt.ColumnInt64(column))
	case query.KindDate:
		w.Date(stmt.ColumnInt64(column))
	case query.KindJSON, query.KindList:
		w.JSON(stmt.ColumnRawText(column))
	case query.KindVector:
		w.JSON(query.AppendJSON(nil, readValue(stmt, column, t)))
	default:
		w.Null()
	}
}

// affinity is the column type of a STRICT table.
func affinity(k query.Kind) string {
	switch k {
	case query.KindFloat:
		return "REAL"
	case query.KindText, query.KindUUID, query.KindJSON, query.KindList:
		return "TEXT"
	case query.KindVector:
		return "BLOB"
	}
	return "INTEGER"
}
