package surreal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// What SurrealQL has no word for is computed here, before the statement that
// needs it: the columns that it reads are asked for, and what comes of them is
// a parameter of the statement, an object by the keys of the rows. That is how
// texts without an index are searched, and how near vectors are. Both statements
// are of one transaction, so they see the same rows.

// unpushed stands behind a condition whose rows are ordered and bounded within a
// transaction: there the server's plan has the bound in front of the order, but
// for a condition that is an or.
const unpushed = " OR false"

// asker runs texts: a connection, or a transaction.
type asker interface {
	Query(ctx context.Context, text string, vars []byte) ([][]byte, error)
}

// foresight is what was computed for one statement.
type foresight struct {
	nodes map[query.Expr]*foreseen
	// over is the select that reads the rows of keys alone, nil for none.
	over *query.Select
	keys []query.Value
}

// foreseen is one node.
type foreseen struct {
	expr    query.Expr
	row     *query.ColumnRef // a column of the row that it is about
	columns []*query.Column
	// beyond says that it is about rows of another table than the statement's.
	beyond bool
	// passing says that rows for which it is not true are passed over: those for
	// which it is are enough, and the server copies all of them for each row.
	passing bool
	param   string
	values  []byte // as a parameter's value
	bound   bool
}

var faultUnforeseen = fault.New("0A000", "this can only be asked where rows are selected").
	WithHint("declare a full-text index over the columns, in the language of the search")

// narrow gives the select over the nearest rows alone.
func (f *foresight) narrow(sel *query.Select, d *query.Distance, ref *query.ColumnRef, near []neighbour) *query.Select {
	var pairs []byte
	for i := range near {
		f.keys = append(f.keys, near[i].key)
		pairs = appendForeseen(wire.AppendString(pairs, keyText(near[i].key)), query.Float(near[i].distance))
	}
	f.nodes[d] = &foreseen{expr: d, row: ref, param: "f0", values: append(wire.AppendMap(nil, len(near)), pairs...)}
	narrowed := *sel
	f.over = &narrowed
	return f.over
}

// from writes the rows that a select is over, where they were found before.
func (c *compiler) from(sel *query.Select) bool {
	f := c.foresight
	if f == nil || f.over != sel {
		return false
	}
	c.bind(func(dst []byte) []byte {
		dst = wire.AppendArray(dst, len(f.keys))
		for _, key := range f.keys {
			dst = appendValue(dst, key, sel.Table.Key().Type, sel.Table.Name)
		}
		return dst
	})
	return true
}

func (f *foresight) find(e query.Expr) *foreseen {
	if f == nil {
		return nil
	}
	return f.nodes[e]
}

// needsForesight reports a node that is computed here.
func needsForesight(e query.Expr) bool {
	switch e := e.(type) {
	case *query.Search:
		return indexOfWords(e) == nil
	case *query.Rank:
		return indexOfWords(e.Of) == nil || e.Of.Query.Root != nil && !countsParts(e.Of.Query.Root)
	case *query.Distance:
		return true
	}
	return false
}

// asksForesight reports an expression with such a node in it.
func asksForesight(e query.Expr) bool {
	found := false
	query.Walk(e, func(e query.Expr) bool {
		found = found || needsForesight(e)
		return !found
	})
	return found
}

// ofSelect are all expressions of a select.
func ofSelect(sel *query.Select) []query.Expr {
	list := []query.Expr{sel.Where}
	for i := range sel.Order {
		list = append(list, sel.Order[i].Expr)
	}
	for i := range sel.Columns {
		list = append(list, sel.Columns[i].Expr)
	}
	return list
}

// selectAsksForesight reports a select that foresee must prepare.
func selectAsksForesight(sel *query.Select) bool {
	return slices.ContainsFunc(ofSelect(sel), func(e query.Expr) bool { return e != nil && asksForesight(e) })
}

// foresee computes what a select needs, and gives the select over the nearest
// rows alone where it orders by a distance.
func foresee(ctx context.Context, ask asker, schema *query.Schema, sel *query.Select) (*foresight, *query.Select, error) {
	f := &foresight{nodes: map[query.Expr]*foreseen{}}
	if d, ref := nearestOf(sel); d != nil {
		near, err := nearestRows(ctx, ask, schema, sel, d, ref)
		if err != nil {
			return nil, nil, err
		}
		sel = f.narrow(sel, d, ref, near)
	}
	for _, e := range ofSelect(sel) {
		if e != nil {
			if err := f.collect(e); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, term := range termsOf(sel.Where) {
		if search, ok := term.(*query.Search); ok && f.nodes[search] != nil {
			f.nodes[search].passing = true
		}
	}
	if err := f.compute(ctx, ask, schema, sel.Where); err != nil {
		return nil, nil, err
	}
	return f, sel, nil
}

// foreseeWhere computes what a condition over rows of a table needs.
func foreseeWhere(ctx context.Context, ask asker, schema *query.Schema, where query.Expr) (*foresight, error) {
	if where == nil || !asksForesight(where) {
		return nil, nil
	}
	f := &foresight{nodes: map[query.Expr]*foreseen{}}
	if err := f.collect(where); err != nil {
		return nil, err
	}
	return f, f.compute(ctx, ask, schema, where)
}

// collect notes the nodes of an expression.
func (f *foresight) collect(e query.Expr) error {
	beyond := query.LooksBeyond(e)
	var refused error
	query.Walk(e, func(e query.Expr) bool {
		if !needsForesight(e) || f.nodes[e] != nil {
			return true
		}
		node := &foreseen{expr: e, beyond: beyond, param: "f" + strconv.Itoa(len(f.nodes))}
		if !node.reads() {
			refused = faultUnforeseen
		}
		f.nodes[e] = node
		return false
	})
	return refused
}

// reads finds the columns of a node; false where they are not those of one row.
func (n *foreseen) reads() bool {
	ok := true
	query.Walk(n.expr, func(e query.Expr) bool {
		switch e := e.(type) {
		case *query.ColumnRef:
			if n.row == nil {
				n.row = e
			}
			ok = ok && !e.Old && e.Up == n.row.Up && e.Table == n.row.Table
			if !slices.Contains(n.columns, e.Column) {
				n.columns = append(n.columns, e.Column)
			}
		case *query.Exists, *query.Lookup, *query.Embed:
			ok = false
		}
		return true
	})
	return ok && n.row != nil
}

// compute asks for the columns of all nodes, table by table. Of the statement's
// own table, where is what its rows must meet, as far as the server can say it.
func (f *foresight) compute(ctx context.Context, ask asker, schema *query.Schema, where query.Expr) error {
	nodes := make([]*foreseen, 0, len(f.nodes))
	for _, n := range f.nodes {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b *foreseen) int { return cmp.Compare(a.param, b.param) })
	for _, n := range nodes {
		if n.values != nil {
			continue
		}
		rest := serverTerms(where)
		if n.beyond {
			rest = nil
		}
		var pairs []byte
		count := 0
		err := readColumns(ctx, ask, schema, n.row.Table, n.columns, rest, func(row query.Row) {
			var v query.Value
			if search, ok := n.expr.(*query.Search); ok {
				v = truthValue(query.Holds(search, row, nil))
			} else {
				v = query.Eval(n.expr, row, nil)
			}
			if !v.IsNull() && (!n.passing || v.Bool()) {
				count++
				pairs = appendForeseen(wire.AppendString(pairs, keyText(row[0])), v)
			}
		})
		if err != nil {
			return err
		}
		n.values = append(wire.AppendMap(nil, count), pairs...)
	}
	return nil
}

// termsOf are what a condition joins by and.
func termsOf(where query.Expr) []query.Expr {
	if and, ok := where.(*query.And); ok {
		return and.Terms
	}
	return []query.Expr{where}
}

func truthValue(t query.Truth) query.Value {
	if t == query.Unknown {
		return query.Value{}
	}
	return query.Bool(t == query.True)
}

// serverTerms are the terms of a condition that need no foresight.
func serverTerms(where query.Expr) query.Expr {
	terms := []query.Expr{where}
	if and, ok := where.(*query.And); ok {
		terms = and.Terms
	}
	var rest []query.Expr
	for _, term := range terms {
		if term != nil && !asksForesight(term) {
			rest = append(rest, term)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return &query.And{Terms: rest}
}

const (
	// foreseenAtOnce is how many rows of a condition are read at once, by an index
	// if it has one. More are read along the keys, in pages.
	foreseenAtOnce = 4096
	foreseenPage   = 1024
	// foreseenBytes is what a page should not be larger than.
	foreseenBytes = 8 << 20
)

// readColumns reads the key and some columns of the rows that meet a condition.
// Other columns of the rows are null. It holds no more than a page of them.
func readColumns(ctx context.Context, ask asker, schema *query.Schema, t *query.Table, columns []*query.Column, where query.Expr, each func(query.Row)) error {
	read := func(most int, from func(c *compiler)) ([]query.Row, error) {
		c := compiler{schema: schema, scope: scope{rows: []string{""}}}
		c.text("SELECT VALUE [id")
		for _, column := range columns {
			c.text(", ")
			c.name(fieldOf(t, column))
		}
		c.text("] FROM ")
		from(&c)
		c.where(where)
		c.text(" LIMIT ")
		c.number(most)
		c.timeout(left(ctx))
		return c.readRows(ctx, ask, t, columns)
	}
	if !always(where) {
		rows, err := read(foreseenAtOnce, func(c *compiler) { c.name(t.Name) })
		if err != nil {
			return err
		}
		if len(rows) < foreseenAtOnce {
			for _, row := range rows {
				each(row)
			}
			return nil
		}
	}
	from := func(c *compiler) {
		c.written = true // no index of words
		c.name(t.Name)
		c.text(" WITH NOINDEX")
	}
	for most := foreseenPage; ; {
		rows, err := read(most, from)
		if err != nil {
			return err
		}
		size := 0
		for _, row := range rows {
			each(row)
			for _, column := range columns {
				size += len(row[column.Index].S)
			}
		}
		if len(rows) < most {
			return nil
		}
		if size > foreseenBytes {
			most = max(most/4, 1)
		}
		last := rows[len(rows)-1][0]
		from = func(c *compiler) {
			c.written = true
			c.text("type::record('" + t.Name + "', ")
			c.value(last, t.Key().Type, "")
			c.text(">..)")
		}
	}
}

// readRows runs a statement that gives arrays of a key and columns.
func (c *compiler) readRows(ctx context.Context, ask asker, t *query.Table, columns []*query.Column) ([]query.Row, error) {
	if c.fault != nil {
		return nil, c.fault
	}
	results, err := ask.Query(ctx, c.statements(), c.vars())
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", t.Name, err)
	}
	r := wire.NewReader(results[len(results)-1])
	rows := make([]query.Row, r.Array())
	for i := range rows {
		row := make(query.Row, len(t.Columns))
		for range r.Array() - 1 - len(columns) {
			r.Skip()
		}
		row[0] = readValue(r, t.Key().Type)
		for _, column := range columns {
			row[column.Index] = readValue(r, column.Type)
		}
		rows[i] = row
	}
	return rows, r.Err()
}

// splitWhere parts a condition into what the server is asked and what is judged
// here, on the rows that it then gives.
func splitWhere(where query.Expr) (asked, judged query.Expr, err error) {
	if where == nil || !asksForesight(where) {
		return where, nil, nil
	}
	terms := []query.Expr{where}
	if and, ok := where.(*query.And); ok {
		terms = and.Terms
	}
	var here []query.Expr
	for _, term := range terms {
		if asksForesight(term) {
			if query.LooksBeyond(term) {
				return nil, nil, faultUnforeseen
			}
			here = append(here, term)
		}
	}
	return serverTerms(where), &query.And{Terms: here}, nil
}
