package data

import (
	"errors"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The bounds of a call's answer.
const (
	maxSorted      = 10_000   // rows that are put in order
	maxCallBytes   = 32 << 20 // of the rows that are kept
	codeAggregates = "PGRST123"
)

// errEnough ends a query whose further rows are not asked for.
var errEnough = errors.New("enough rows")

var (
	errAggregates = fault.New(codeAggregates, "Use of aggregate functions is not allowed").
			WithHint("let the query itself add up")
	errCallPaged = fault.New(query.CodeParse, "a query's rows have no cursor pages").
			WithHint("use limit and offset, or a parameter of the query")
	errCallWrites = fault.New(query.CodeParse, "columns and on_conflict are of writes to a table, and a query has its own text")
)

// shaped is what a URL makes of the rows of a query. Its Select is of the
// query's result, which no engine knows: it is done here, on the rows as they
// come.
type shaped struct {
	query.Select
	json   *query.JSONShape
	form   Form
	single bool
}

// shape reads what a URL asks of a query's rows.
func (q *named) shape(rawQuery string, c *Call) (*shaped, error) {
	s := &shaped{form: c.Form, single: c.Single, Select: query.Select{
		Table: q.Result, Columns: q.outputs, Limit: maxAnswer, Count: c.Count,
	}}
	if q.Value || q.Nothing() {
		s.Limit, s.Count, s.single, s.form = 1, false, false, JSON
		return s, q.unshaped(rawQuery)
	}
	request := query.Request{Star: true, Limit: -1}
	if rawQuery != "" {
		var f *fault.Fault
		if request, f = query.ParseRequest(nil, q.Result, rawQuery, query.DefaultLimits()); f != nil {
			return nil, f
		}
	}
	if c.Narrow != nil {
		request = *c.Narrow(&request)
	}
	s.Columns = request.Expand(q.Result, q.Result.Columns)
	switch {
	case request.Paged:
		return nil, errCallPaged
	case request.Columns != nil || request.OnConflict != nil:
		return nil, errCallWrites
	case query.HasAggregate(s.Columns):
		return nil, errAggregates
	}
	s.Where, s.Order, s.Offset = request.Where, request.Order, request.Offset
	if request.Limit >= 0 && request.Limit < s.Limit {
		s.Limit = request.Limit
	}
	s.json = query.NewJSONShape(s.Columns)
	return s, nil
}

// unshaped refuses what would shape rows, where there are none.
func (q *named) unshaped(rawQuery string) error {
	for pair := range pairsOf(rawQuery) {
		if pair.key != "apikey" && (pair.key != "select" || pair.value != "*") {
			return fault.Newf(query.CodeParse, "%s gives no rows, which %q could shape", q.Name, fault.Clip(pair.key, 100)).
				WithHint("leave it out of the URL")
		}
	}
	return nil
}

// collected are the rows of one call so far.
type collected struct {
	*shaped
	named   *query.Named
	rows    []query.Row
	bytes   int
	matched int64
	settled bool
}

func (s *shaped) collect(n *query.Named) *collected { return &collected{shaped: s, named: n} }

// visit takes one row of the query. Where no order and no count is asked for
// the query ends with the last row that is shown.
func (c *collected) visit(row query.Row) error {
	if c.named.Nothing() {
		return nil
	}
	if c.Where != nil && query.Holds(c.Where, row, nil) != query.True {
		return nil
	}
	c.matched++
	if len(c.Order) == 0 {
		if c.matched > int64(c.Offset) && len(c.rows) < c.Limit {
			if err := c.keep(row); err != nil {
				return err
			}
		}
		if len(c.rows) >= c.Limit && !c.Count {
			return errEnough
		}
		return nil
	}
	if len(c.rows) == maxSorted {
		return tooMany(c.named, "rows", maxSorted)
	}
	return c.keep(row)
}

func (c *collected) keep(row query.Row) error {
	for i := range row {
		c.bytes += len(row[i].S) + 32
	}
	if c.bytes > maxCallBytes {
		return tooMany(c.named, "bytes", maxCallBytes)
	}
	c.rows = append(c.rows, row)
	return nil
}

func tooMany(n *query.Named, unit string, most int) *fault.Fault {
	return fault.Newf(query.CodeParse, "%s gives more than %d %s to put in order or to send", n.Name, most, unit).
		WithHint("narrow it by its parameters")
}

// entry is the answer.
func (c *collected) entry() (*cache.Entry, error) {
	if err := c.settle(); err != nil {
		return nil, err
	}
	switch {
	case c.named.Nothing():
		return &cache.Entry{Count: -1}, nil
	case c.named.Value:
		value := query.Null()
		if len(c.rows) > 0 {
			value = c.rows[0][0]
		}
		body := query.AppendJSON(nil, value)
		return &cache.Entry{Body: body, ETag: etag(body), Rows: 1, Count: -1}, nil
	}
	body := c.write()
	entry := &cache.Entry{Body: body, ETag: etag(body), Rows: len(c.rows), Count: -1}
	if c.Count {
		entry.Count = c.matched
	}
	return entry, nil
}

// settle brings the rows into the form in which they are sent, once.
func (c *collected) settle() error {
	if c.settled || c.named.Nothing() || c.named.Value {
		return nil
	}
	c.settled = true
	c.window()
	if c.single && len(c.rows) != 1 {
		return notSingle(len(c.rows))
	}
	return nil
}

// window puts the rows in order, those alike as the query gave them, and cuts
// out the part that is asked for.
func (c *collected) window() {
	if len(c.Order) == 0 {
		return
	}
	slices.SortStableFunc(c.rows, func(a, b query.Row) int {
		for i := range c.Order {
			if by := query.CompareOrder(&c.Order[i], a, b); by != 0 {
				return by
			}
		}
		return 0
	})
	from := min(c.Offset, len(c.rows))
	c.rows = c.rows[from:min(from+c.Limit, len(c.rows))]
}

// write makes the body.
func (c *collected) write() []byte {
	if c.form == CSV {
		w := query.NewCSVWriter(nil, c.Columns)
		c.rowsTo(w)
		return w.Bytes()
	}
	w := query.NewJSONWriter(nil, c.json)
	if c.form == Stripped {
		w.StripNulls()
	}
	c.rowsTo(w)
	return object(w.Bytes(), c.single)
}

func (c *collected) rowsTo(w query.RowWriter) {
	for _, row := range c.rows {
		_ = query.WriteRow(w, c.Columns, row) // writers into memory do not fail
	}
}
