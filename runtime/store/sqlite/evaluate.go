package sqlite

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// evaluator is a node that SQL would say differently, with the leaves that it
// reads: row[at[i]] is argument i. It belongs to one statement of one
// connection.
type evaluator struct {
	expr  query.Expr
	types []query.Type
	at    []int
	row   query.Row
}

// evaluate writes a call that hands the node's leaves to query.Eval. A node
// that reads no row is a constant.
func (c *compiler) evaluate(e query.Expr) {
	leaves, oneRow := leavesOf(e)
	if len(leaves) == 0 {
		c.value(query.Eval(e, nil, nil))
		return
	}
	call := &evaluator{expr: e, types: make([]query.Type, len(leaves)), at: make([]int, len(leaves))}
	if oneRow {
		call.ofRow(leaves)
	} else {
		call.ofLeaves(leaves)
	}
	c.text(functionEval + "(")
	c.argument(argument{pointer: call})
	for _, leaf := range leaves {
		c.text(",")
		c.expr(leaf)
	}
	c.text(")")
}

// leavesOf finds what a node reads, each once: columns, and what it asks of
// other tables. oneRow says that these are the columns of one row, so that the
// node can be evaluated as it is.
func leavesOf(e query.Expr) (leaves []query.Expr, oneRow bool) {
	oneRow = true
	query.Walk(e, func(e query.Expr) bool {
		switch e := e.(type) {
		case *query.ColumnRef:
			if e.Old || leafAt(leaves, e) >= 0 {
				return true
			}
			if len(leaves) > 0 {
				first, ok := leaves[0].(*query.ColumnRef)
				oneRow = oneRow && ok && first.Up == e.Up
			}
			leaves = append(leaves, e)
		case *query.Exists, *query.Lookup:
			if leafAt(leaves, e) < 0 {
				leaves, oneRow = append(leaves, e), false
			}
			return false
		}
		return true
	})
	return leaves, oneRow
}

func leafAt(leaves []query.Expr, e query.Expr) int {
	ref, isRef := e.(*query.ColumnRef)
	for i, leaf := range leaves {
		if leaf == e {
			return i
		}
		if known, ok := leaf.(*query.ColumnRef); ok && isRef && known.Column == ref.Column && known.Up == ref.Up {
			return i
		}
	}
	return -1
}

// ofRow puts the columns where the table has them.
func (e *evaluator) ofRow(leaves []query.Expr) {
	for i, leaf := range leaves {
		ref := leaf.(*query.ColumnRef)
		e.types[i], e.at[i] = ref.Column.Type, ref.Column.Index
		if e.row == nil {
			e.row = make(query.Row, len(ref.Table.Columns))
		}
	}
}

// ofLeaves puts columns that no table has in the place of the leaves.
func (e *evaluator) ofLeaves(leaves []query.Expr) {
	stand := make([]query.ColumnRef, len(leaves))
	for i, leaf := range leaves {
		e.types[i], e.at[i] = leaf.Type(), i
		stand[i].Column = &query.Column{Index: i, Type: leaf.Type()}
	}
	e.row = make(query.Row, len(leaves))
	e.expr = query.RewriteLeaves(e.expr, func(leaf query.Expr) query.Expr {
		if i := leafAt(leaves, leaf); i >= 0 {
			return &stand[i]
		}
		return leaf
	})
}

// evalFunction is query.Eval for SQLite: its first argument is the evaluator,
// the others are the leaves.
func evalFunction(ctx sqlite3.Context, args ...sqlite3.Value) {
	e, ok := args[0].Pointer().(*evaluator)
	if !ok || len(args) != len(e.at)+1 {
		ctx.ResultError(errNode)
		return
	}
	defer recovered(ctx, functionEval)
	if interrupted(ctx) {
		return
	}
	for i, at := range e.at {
		e.row[at] = argumentValue(args[i+1], e.types[i])
	}
	result(ctx, query.Eval(e.expr, e.row, nil))
}

var errNode = errors.New("a function of ours was called without its node")

// recovered makes a panic in a function an error of its statement. Defer it.
func recovered(ctx sqlite3.Context, function string) {
	if p := recover(); p != nil {
		ctx.ResultError(fmt.Errorf("%s: panic: %v", function, p))
	}
}

// interrupted ends a statement whose time is over: SQLite itself looks at the
// time once in a thousand steps; ours are long.
func interrupted(ctx sqlite3.Context) bool {
	if ctx.Conn().GetInterrupt().Err() == nil {
		return false
	}
	ctx.ResultError(sqlite3.INTERRUPT)
	return true
}

func argumentValue(v sqlite3.Value, t query.Type) query.Value {
	stored := v.Type()
	switch {
	case stored == sqlite3.NULL:
		return query.Null()
	case t.Kind == query.KindFloat && stored == sqlite3.INTEGER: // of json, exact
		return query.Int(v.Int64())
	case t.Kind == query.KindFloat:
		return query.Float(v.Float())
	case isText(t.Kind) || isJSON(t.Kind):
		return query.Value{Kind: t.Kind, S: v.Text()}
	case t.Kind == query.KindVector:
		return query.Value{Kind: t.Kind, S: string(v.RawBlob())}
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
	case query.KindVector:
		ctx.ResultBlob([]byte(v.S))
	default:
		ctx.ResultInt64(v.N)
	}
}
