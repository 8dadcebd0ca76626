package edgehive

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Query says which rows, in the data API's own words. Values are escaped: they may
// come from anywhere. The zero Query is every row.
type Query struct{ parts []string }

// Raw is a query as it stands in an address: "select=id,title&year=gt.2000".
func Raw(query string) Query { return Query{parts: []string{query}} }

func (q Query) with(part string) Query {
	return Query{parts: append(q.parts[:len(q.parts):len(q.parts)], part)}
}

// Select says which columns and related rows: "id,title,author(name)".
func (q Query) Select(columns string) Query { return q.with("select=" + url.QueryEscape(columns)) }

// Where keeps the rows whose column compares so: op is eq, neq, gt, gte, lt, lte, like,
// ilike, is and the others of the data API.
func (q Query) Where(column, op string, value any) Query {
	return q.with(url.QueryEscape(column) + "=" + op + "." + url.QueryEscape(fmt.Sprint(value)))
}

// In keeps the rows whose column has one of the values.
func (q Query) In(column string, values ...string) Query {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return q.with(url.QueryEscape(column) + "=in." + url.QueryEscape("("+strings.Join(quoted, ",")+")"))
}

// Order sorts: "price.desc,title".
func (q Query) Order(by string) Query { return q.with("order=" + url.QueryEscape(by)) }

// Limit bounds how many rows.
func (q Query) Limit(n int) Query { return q.with("limit=" + strconv.Itoa(n)) }

// Offset passes over the first ones.
func (q Query) Offset(n int) Query { return q.with("offset=" + strconv.Itoa(n)) }

// OnConflict names the columns of a unique index that an upsert goes by.
func (q Query) OnConflict(columns string) Query {
	return q.with("on_conflict=" + url.QueryEscape(columns))
}

// String is the query as in an address.
func (q Query) String() string { return strings.Join(q.parts, "&") }

type rowsHead struct {
	Table  string `json:"table"`
	Query  string `json:"query,omitempty"`
	Prefer string `json:"prefer,omitempty"`
	Count  bool   `json:"count,omitempty"`
}

func rows[Row any](op string, head rowsHead, body []byte, reply any) ([]Row, error) {
	answer, err := Do(op, head, body, reply)
	if err != nil {
		return nil, err
	}
	var found []Row
	if len(answer) == 0 {
		return found, nil
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, head.Table, err)
	}
	return found, nil
}

// Select gives rows.
func Select[Row any](table string, query Query) ([]Row, error) {
	return rows[Row]("db.select", rowsHead{Table: table, Query: query.String()}, nil, nil)
}

// SelectCount gives rows, and how many there are without limit and offset.
func SelectCount[Row any](table string, query Query) ([]Row, int64, error) {
	var reply struct {
		Count int64 `json:"count"`
	}
	found, err := rows[Row]("db.select", rowsHead{Table: table, Query: query.String(), Count: true}, nil, &reply)
	return found, reply.Count, err
}

// Insert writes a row, or a slice of rows, and gives them as they are then.
func Insert[Row any](table string, values any) ([]Row, error) {
	return write[Row]("db.insert", rowsHead{Table: table}, values)
}

// Upsert inserts, and merges into the rows that are there already by the columns of
// a unique index, "" for the key.
func Upsert[Row any](table, onConflict string, values any) ([]Row, error) {
	query := Query{}
	if onConflict != "" {
		query = query.OnConflict(onConflict)
	}
	return write[Row]("db.insert", rowsHead{Table: table, Query: query.String(), Prefer: "resolution=merge-duplicates"}, values)
}

// Update sets columns of the rows of a query, and gives them as they are then.
func Update[Row any](table string, query Query, set any) ([]Row, error) {
	return write[Row]("db.update", rowsHead{Table: table, Query: query.String()}, set)
}

// Delete deletes the rows of a query, and gives them as they were.
func Delete[Row any](table string, query Query) ([]Row, error) {
	return rows[Row]("db.delete", rowsHead{Table: table, Query: query.String()}, nil, nil)
}

func write[Row any](op string, head rowsHead, values any) ([]Row, error) {
	body, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, head.Table, err)
	}
	return rows[Row](op, head, body, nil)
}

// Write is one of a batch.
type Write struct {
	Op         string `json:"op"` // insert, upsert, update or delete
	Table      string `json:"table"`
	Rows       any    `json:"rows,omitempty"`
	Set        any    `json:"set,omitempty"`
	Where      string `json:"where,omitempty"`
	Key        any    `json:"key,omitempty"`
	OnConflict string `json:"onConflict,omitempty"`
	As         string `json:"as,omitempty"`
	Return     bool   `json:"return,omitempty"`
}

// Written is what became of one write of a batch.
type Written struct {
	Affected int64             `json:"affected"`
	Rows     []json.RawMessage `json:"rows"`
}

// Batch carries out all of the writes, or none.
func Batch(writes ...Write) ([]Written, error) {
	body, err := json.Marshal(writes)
	if err != nil {
		return nil, fmt.Errorf("db.batch: %w", err)
	}
	answer, err := Do("db.batch", struct{}{}, body, nil)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Results []Written `json:"results"`
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return nil, fmt.Errorf("db.batch: %w", err)
	}
	return reply.Results, nil
}

// Named runs a named query with arguments, a struct or map, and decodes what it gives.
func Named(name string, arguments, into any) error {
	body, err := json.Marshal(arguments)
	if err != nil {
		return fmt.Errorf("db.call %s: %w", name, err)
	}
	answer, err := Do("db.call", map[string]string{"query": name}, body, nil)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}
