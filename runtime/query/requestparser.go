package query

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// requestParser reads what a URL says of one table: of the table that is asked,
// or of one whose rows it embeds.
type requestParser struct {
	schema     *Schema
	table      *Table
	limits     Limits
	readable   *ColumnSet // of table
	request    Request
	first      Expr   // the first filter; most URLs have one
	rest       []Expr // all filters, when there are more
	inner      []*innerParser
	spent      spent
	depth      int // relations around this table
	seen       uint8
	aggregates bool
	searching  searching
	reaching   reaching
}

// spent is what a URL has asked for so far, of all its tables together.
type spent struct{ predicates, bytes, embeds int }

// The keys that may come once.
const (
	seenSelect = 1 << iota
	seenOrder
	seenLimit
	seenOffset
	seenColumns
	seenConflict
	seenPage
)

func (p *requestParser) once(flag uint8, key string) *fault.Fault {
	if p.seen&flag != 0 {
		return fault.Newf(CodeParse, "%s is given twice", key)
	}
	p.seen |= flag
	return nil
}

// selectFirst reads select=, wherever it stands: all other keys may name what
// it embeds.
func (p *requestParser) selectFirst(rawQuery string) *fault.Fault {
	for rawQuery != "" {
		var pair string
		pair, rawQuery, _ = strings.Cut(rawQuery, "&")
		key, value, _ := strings.Cut(pair, "=")
		if strings.IndexByte(key, '%') >= 0 {
			key, _ = decode(key) // the second pass says what is wrong with it
		}
		if key != "select" {
			continue
		}
		value, f := decode(value)
		if f != nil {
			return f
		}
		return p.parseSelect(value)
	}
	return nil
}

// pair reads a key of the whole request, or one that shapes its table's rows.
func (p *requestParser) pair(key, value string) *fault.Fault {
	var f *fault.Fault
	switch key {
	case "select":
		return p.once(seenSelect, key)
	case "columns":
		if f = p.once(seenColumns, key); f == nil {
			p.request.Columns, f = p.columnList("columns", value)
		}
		return f
	case "on_conflict":
		if f = p.once(seenConflict, key); f == nil {
			p.request.OnConflict, f = p.columnList("on_conflict", value)
		}
		return f
	case "_page":
		p.request.Page, p.request.Paged = value, true
		return p.once(seenPage, key)
	case "apikey":
		return nil
	}
	at := p.searching.searchKey(key)
	if at == nil {
		at = p.reaching.reachKey(key)
	}
	if at != nil {
		if *at != nil {
			return fault.Newf(CodeParse, "%s is given twice", key)
		}
		text := value // what is kept of one value must not put all on the heap
		*at = &text
		return nil
	}
	return p.shape(key, value)
}

// shape reads a key that may also stand behind the path of an embed.
func (p *requestParser) shape(key, value string) *fault.Fault {
	var filter Expr
	var f *fault.Fault
	switch key {
	case "order":
		return p.parseOrder(value)
	case "limit":
		p.request.Limit, f = p.count(seenLimit, key, value)
		return f
	case "offset":
		p.request.Offset, f = p.count(seenOffset, key, value)
		return f
	case "and", "or", "not.and", "not.or":
		if f = p.filterText(key, value); f == nil {
			filter, f = p.parseTree(key, value)
		}
	default:
		if name, rest, ok := cutPath(key); ok {
			return p.within(name, rest, value)
		}
		if f = p.filterText(key, value); f == nil {
			filter, f = p.parseFilter(key, value)
		}
	}
	if f != nil {
		return f
	}
	p.add(filter)
	return nil
}

// filterText counts the text of a filter.
func (p *requestParser) filterText(key, value string) *fault.Fault {
	p.request.HasFilter = true
	p.spent.bytes += len(key) + len(value)
	if p.spent.bytes > p.limits.FilterBytes {
		return beyond("the filters have", p.limits.FilterBytes, "bytes")
	}
	return nil
}

func (p *requestParser) add(filter Expr) {
	switch {
	case p.first == nil:
		p.first = filter
	case p.rest == nil:
		p.rest = append(make([]Expr, 0, 4), p.first, filter)
	default:
		p.rest = append(p.rest, filter)
	}
}

// finish joins what the keys said, here and in the embeds.
func (p *requestParser) finish() *fault.Fault {
	r := &p.request
	r.Where = p.first
	if p.rest != nil {
		r.Where = simplifyAnd(&And{Terms: p.rest})
	}
	if p.seen&seenSelect == 0 {
		r.Star = true
	}
	for _, inner := range p.inner {
		if f := inner.finish(); f != nil {
			return f
		}
		inner.embed.Request = inner.request
	}
	if f := p.nearest(r); f != nil {
		return f
	}
	if f := p.reach(r); f != nil {
		return f
	}
	if p.aggregates {
		return p.groupedOrder()
	}
	return nil
}

func (p *requestParser) count(flag uint8, key, value string) (int, *fault.Fault) {
	if f := p.once(flag, key); f != nil {
		return 0, f
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 32)
	if err != nil || n < 0 {
		return 0, parseFault(key+" parameter", value, 0, "a whole number, 0 or more")
	}
	return int(n), nil
}

// visible finds a column that the caller may name; nil when there is none.
func (p *requestParser) visible(name string) *Column {
	c := p.table.Column(name)
	if c == nil || p.readable != nil && !p.readable.Has(c) {
		return nil
	}
	return c
}

// column is visible with the fault of a name that is not.
func (p *requestParser) column(name string) (*Column, *fault.Fault) {
	if c := p.visible(name); c != nil {
		return c, nil
	}
	return nil, UnknownColumn(p.table, name, p.readable)
}

// columnList reads the "a","b" of columns= and on_conflict=. What may be
// written is not what may be read, so Sees has no say; the gate judges each
// column.
func (p *requestParser) columnList(key, value string) ([]*Column, *fault.Fault) {
	s := scanner{what: key + " parameter", text: value}
	var columns []*Column
	for {
		name, f := s.name()
		if f != nil {
			return nil, f
		}
		c := p.table.Column(name)
		if c == nil {
			return nil, UnknownField(p.table, name, p.readable)
		}
		columns = append(columns, c)
		if len(columns) > p.limits.Select {
			return nil, beyond(key+" names", p.limits.Select, "columns")
		}
		if s.end() {
			return columns, nil
		}
		if !s.take(',') {
			return nil, s.fail(`"," or the end`)
		}
	}
}
