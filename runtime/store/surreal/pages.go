package surreal

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// The rows of a table are looked at and moved in pages, so that a node has a few
// of them in memory at the time, however many there are, and no message is larger
// than a server takes.
const (
	// rowsMost bounds a page, rowsBytes is how large it should be.
	rowsMost  = 500
	rowsBytes = 2 << 20
	// rowsFirst is the page from which it is told how large rows are.
	rowsFirst = 50
)

// page is what a migration reads of a table next, in the order of its keys.
type page struct {
	// values is the text of what is read of a row: an array whose first values are
	// its id and its revision.
	values string
	table  string
	after  []byte // the key of the last row that was read, as it is stored
	rows   int
	ended  bool
}

// pagesOf reads a table; fields are what is read of each row, beside its id and
// revision.
func pagesOf(table string, fields []string) *page {
	fields = append([]string{"id", fieldRevision}, fields...)
	return &page{values: "[" + strings.Join(fields, ", ") + "]", table: table, rows: rowsFirst}
}

// from appends the rows that come next as a parameter.
func (p *page) from(dst []byte) []byte {
	dst = wire.AppendArray(wire.AppendTag(wire.AppendString(dst, "from"), tagRecord), 2)
	dst = wire.AppendArray(wire.AppendTag(wire.AppendString(dst, p.table), tagRange), 2)
	if p.after == nil {
		dst = wire.AppendNull(dst)
	} else {
		dst = append(wire.AppendTag(dst, tagExcluded), p.after...)
	}
	return wire.AppendNull(dst)
}

// next reads the next page.
func (p *page) next(ctx context.Context, in texts) (*wire.Reader, int, error) {
	results, err := in.Query(ctx, takePage(p.values, p.rows)+";\n$page", p.from(wire.AppendMap(nil, 1)))
	if err != nil {
		return nil, 0, fmt.Errorf("read table %q: %w", p.table, err)
	}
	r := wire.NewReader(results[1])
	n := r.Array()
	if err := r.Err(); err != nil {
		return nil, 0, fmt.Errorf("read table %q: %w", p.table, err)
	}
	p.ended = n < p.rows
	if n > 0 {
		p.rows = min(max(rowsBytes*n/len(results[1]), 1), 2*p.rows, rowsMost)
	}
	return r, n, nil
}

// row reads the id and the revision at the beginning of a row, as they are
// stored.
func (p *page) row(r *wire.Reader) (id, revision []byte) {
	r.Array()
	id, revision = r.Raw(), r.Raw()
	key := wire.NewReader(id)
	key.Record()
	p.after = key.Rest()
	if err := key.Err(); err != nil {
		r.Fail(err)
	}
	return id, revision
}

// takePage is a statement that puts what is read of a page's rows into $page. In a
// statement of its own, SurrealDB 3.0.2 reads a range to its end, whatever its LIMIT.
func takePage(values string, rows int) string {
	return "LET $page = (SELECT VALUE " + values + " FROM $from LIMIT " + strconv.Itoa(rows) + ")"
}

// movePages moves rows without reading them: text makes of $moved, which has what
// a page's rows become, rows of another table. selected is that of one row, and
// key where its key is.
func (m *migration) movePages(c *change, table, key, selected, text string) {
	m.addPages(c, func(ctx context.Context, in texts) error {
		p := page{table: table}
		whole := takePage("{ k: "+key+", v: "+selected+" }", rowsMost) + ";\nLET $moved = $page.map(|$row| $row.v);\n" + text + ";\n" +
			"RETURN [array::len($page), array::last($page).k]"
		for !p.ended {
			vars := p.from(m.appendOurs(wire.AppendMap(nil, 3)))
			results, err := in.Query(ctx, whole, vars)
			if err != nil {
				return err
			}
			r := wire.NewReader(results[len(results)-1])
			r.Array()
			p.ended, p.after = r.Int() < rowsMost, r.Raw()
			if err := r.Err(); err != nil {
				return fmt.Errorf("move rows of table %q: %w", table, err)
			}
		}
		return nil
	})
}

// turnPages reads rows, turns their values, and hands them to text as $rows: each
// with its id as r, and its values that were made here as v.
func (m *migration) turnPages(c *change, text string) {
	m.addPages(c, func(ctx context.Context, in texts) error {
		reads := c.reads()
		p := pagesOf(c.was.Name, c.fields(reads))
		seal := newSeal()
		for !p.ended {
			r, n, err := p.next(ctx, in)
			if err != nil {
				return err
			}
			rows := wire.AppendArray(nil, n)
			for range n {
				id, revision := p.row(r)
				seal.add(id, revision)
				values, ok := c.turn(r, id, reads)
				if !ok {
					return errMoving // they were all looked at
				}
				rows = c.appendTurned(rows, id, values)
			}
			if err := r.Err(); err != nil {
				return fmt.Errorf("read table %q: %w", c.was.Name, err)
			}
			vars := append(wire.AppendString(m.appendOurs(wire.AppendMap(nil, 3)), "rows"), rows...)
			if _, err := in.Query(ctx, text, vars); err != nil {
				return err
			}
		}
		if c.judged != "" && seal.sum() != c.judged {
			return errMoving
		}
		return nil
	})
}

// appendOurs appends the two parameters that all of a migration's writes have.
func (m *migration) appendOurs(vars []byte) []byte {
	vars = wire.AppendBool(wire.AppendString(vars, paramOurs), true)
	return m.appendWorded(wire.AppendString(vars, paramWorded))
}

// appendWorded appends the fields of words of all tables: each row that is written
// has those of its texts.
func (m *migration) appendWorded(dst []byte) []byte {
	var fields []string
	for i := range m.plan.To.Tables {
		t := &m.plan.To.Tables[i]
		for j := range t.Indexes {
			if x := &t.Indexes[j]; x.Kind == plan.FullText {
				fields = append(fields, t.Name+"."+plannedWords(x))
			}
		}
	}
	return appendTexts(dst, fields)
}

// seal tells whether rows are still those that were looked at.
type seal struct{ hash.Hash }

func newSeal() seal { return seal{fnv.New128a()} }

func (s seal) add(id, revision []byte) {
	_, _ = s.Write(id) // a hash takes everything
	_, _ = s.Write(revision)
}

func (s seal) sum() string { return string(s.Sum(nil)) }
