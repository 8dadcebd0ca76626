package sqlite

import (
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// The functions that every connection has.
const (
	functionEval  = "hive_eval"
	collationJSON = "hive_json"
)

// evaluator is a node that SQL would say differently, with the columns that it
// reads. It belongs to one statement of one connection.
type evaluator struct {
	expr    query.Expr
	columns []*query.Column
	row     query.Row
}

// evaluate writes a call that hands the node's columns to query.Eval. A node
// that reads no column is a constant.
func (c *compiler) evaluate(e query.Expr) {
	columns, table := columnsOf(e)
	if table == nil {
		c.value(query.Eval(e, nil, nil))
		return
	}
	c.text(functionEval + "(")
	c.argument(argument{eval: &evaluator{expr: e, columns: columns, row: make(query.Row, len(table.Columns))}})
	for _, column := range columns {
		c.text(",")
		c.name(column.Name)
	}
	c.text(")")
}

// columnsOf finds the columns that a node reads, each once, and their table.
func columnsOf(e query.Expr) (columns []*query.Column, table *query.Table) {
	query.Walk(e, func(e query.Expr) bool {
		if ref, ok := e.(*query.ColumnRef); ok && !slices.Contains(columns, ref.Column) {
			columns, table = append(columns, ref.Column), ref.Table
		}
		return true
	})
	return columns, table
}

func registerFunctions(db *sqlite3.Conn) error {
	if err := db.CreateFunction(functionEval, -1, sqlite3.DETERMINISTIC|sqlite3.DIRECTONLY, evalFunction); err != nil {
		return err
	}
	return db.CreateCollation(collationJSON, func(a, b []byte) int {
		return query.CompareValues(query.JSON(string(a)), query.JSON(string(b)))
	})
}

// evalFunction is query.Eval for SQLite: its first argument is the evaluator,
// the others are the columns.
func evalFunction(ctx sqlite3.Context, args ...sqlite3.Value) {
	e, ok := args[0].Pointer().(*evaluator)
	if !ok || len(args) != len(e.columns)+1 {
		ctx.ResultError(fmt.Errorf("%s: called without its node", functionEval))
		return
	}
	defer func() {
		if p := recover(); p != nil {
			ctx.ResultError(fmt.Errorf("%s: panic: %v", functionEval, p))
		}
	}()
	// SQLite itself looks at the time once in a thousand steps; ours are long.
	if ctx.Conn().GetInterrupt().Err() != nil {
		ctx.ResultError(sqlite3.INTERRUPT)
		return
	}
	for i, column := range e.columns {
		e.row[column.Index] = argumentValue(args[i+1], column.Type)
	}
	result(ctx, query.Eval(e.expr, e.row, nil))
}

func argumentValue(v sqlite3.Value, t query.Type) query.Value {
	if v.Type() == sqlite3.NULL {
		return query.Null()
	}
	switch {
	case t.Kind == query.KindFloat:
		return query.Float(v.Float())
	case isText(t.Kind) || isJSON(t.Kind):
		return query.Value{Kind: t.Kind, S: v.Text()}
	}
	return query.Value{Kind: t.Kind, Scale: t.Scale, N: v.Int64()}
}

func result(ctx sqlite3.Context, v query.Value) {
	switch v.Kind {
	case query.KindNull:
		ctx.ResultNull()
	case query.KindFloat:
		ctx.ResultFloat(v.Float())
	case query.KindText, query.KindUUID, query.KindJSON, query.KindList:
		ctx.ResultText(v.S)
	default:
		ctx.ResultInt64(v.N)
	}
}
