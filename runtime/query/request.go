package query

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Request is what a URL of the data API says, typed but not bound and not yet
// under any rule.
type Request struct {
	// Outputs are the members of the answer. One with a nil Expr stands for *,
	// every column that the caller may read; see Expand. nil is * alone. A
	// relation is a *Related; values may be Cast and Aggregate.
	Outputs []Output
	// Star says that * is asked for, in words or by default.
	Star  bool
	Where Expr // nil: every row
	Order []Order
	Limit int // -1: none asked for
	// Offset is 0 where none is asked for.
	Offset int
	// Columns are those of columns=, nil where it is not there.
	Columns []*Column
	// Embeds are the relations that are named in select, this table's own.
	Embeds []*EmbedRequest
	// OnConflict are the columns of on_conflict=, nil where it is not there.
	OnConflict []*Column
	// Page is the cursor of _page=, which asks for pages: "" for the first.
	Page  string
	Paged bool
	// HasFilter says that some filter is there, whatever it says.
	HasFilter bool
	// Selected, Filtered and Ordered are the columns that are named in each.
	Selected, Filtered, Ordered ColumnSet
}

// ParseRequest reads the query of a URL in PostgREST's dialect, for any
// method. rawQuery is not decoded yet. The schema tells relations, which are
// not in this version, from names that are nothing.
func ParseRequest(schema *Schema, t *Table, rawQuery string, limits Limits) (Request, *fault.Fault) {
	p := requestParser{schema: schema, table: t, limits: limits, readable: limits.readable(t)}
	p.request.Limit = -1
	for rawQuery != "" {
		var pair string
		pair, rawQuery, _ = strings.Cut(rawQuery, "&")
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, f := decode(key)
		if f == nil {
			value, f = decode(value)
		}
		if f == nil {
			f = p.pair(key, value)
		}
		if f != nil {
			return Request{}, f
		}
	}
	return p.finish(), nil
}

// Expand gives the outputs with each * replaced by the columns, which are
// those that the caller may read, in wire order. Where a name comes twice the
// later one stands, as it would for a reader of the JSON.
func (r *Request) Expand(t *Table, columns []*Column) []Output {
	if r.Outputs == nil {
		return outputsOf(t, columns)
	}
	out := make([]Output, 0, len(r.Outputs)+len(columns))
	for _, o := range r.Outputs {
		if o.Expr != nil {
			out = putOutput(out, o)
			continue
		}
		for _, o := range outputsOf(t, columns) {
			out = putOutput(out, o)
		}
	}
	return out
}

func outputsOf(t *Table, columns []*Column) []Output {
	out := make([]Output, len(columns))
	for i, c := range columns {
		out[i] = Output{Name: c.Name, Expr: t.Ref(c)}
	}
	return out
}

func putOutput(out []Output, o Output) []Output {
	for i := range out {
		if out[i].Name == o.Name {
			out[i] = o
			return out
		}
	}
	return append(out, o)
}

type requestParser struct {
	schema     *Schema
	table      *Table
	limits     Limits
	readable   *ColumnSet // of table
	request    Request
	first      Expr   // the first filter; most URLs have one
	rest       []Expr // all filters, when there are more
	predicates int
	bytes      int
	seen       uint8
}

// The keys that may come once.
const (
	seenSelect = 1 << iota
	seenOrder
	seenLimit
	seenOffset
	seenColumns
)

func (p *requestParser) once(flag uint8, key string) *fault.Fault {
	if p.seen&flag != 0 {
		return fault.Newf(CodeParse, "%s is given twice", key)
	}
	p.seen |= flag
	return nil
}

func (p *requestParser) pair(key, value string) *fault.Fault {
	switch key {
	case "select":
		return p.parseSelect(value)
	case "order":
		return p.parseOrder(value)
	case "limit":
		n, f := p.count(seenLimit, key, value)
		p.request.Limit = n
		return f
	case "offset":
		n, f := p.count(seenOffset, key, value)
		p.request.Offset = n
		return f
	case "columns":
		return p.parseColumns(value)
	case "on_conflict":
		return notInVersion("on_conflict")
	case "apikey":
		return nil
	}
	p.request.HasFilter = true
	p.bytes += len(key) + len(value)
	if p.bytes > p.limits.FilterBytes {
		return beyond("the filters have", p.limits.FilterBytes, "bytes")
	}
	var filter Expr
	var f *fault.Fault
	switch key {
	case "and", "or", "not.and", "not.or":
		filter, f = p.parseTree(key, value)
	default:
		filter, f = p.parseFilter(key, value)
	}
	if f != nil {
		return f
	}
	p.add(filter)
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

func (p *requestParser) finish() Request {
	r := p.request
	r.Where = p.first
	if p.rest != nil {
		r.Where = simplifyAnd(&And{Terms: p.rest})
	}
	if p.seen&seenSelect == 0 {
		r.Star = true
	}
	return r
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

// parseColumns reads columns="a","b". What may be written is not what may be
// read, so Readable has no say; the gate judges each column.
func (p *requestParser) parseColumns(value string) *fault.Fault {
	if f := p.once(seenColumns, "columns"); f != nil {
		return f
	}
	s := scanner{what: "columns parameter", text: value}
	for {
		name, f := s.name()
		if f != nil {
			return f
		}
		c := p.table.Column(name)
		if c == nil {
			return UnknownField(p.table, name, p.readable)
		}
		p.request.Columns = append(p.request.Columns, c)
		if len(p.request.Columns) > p.limits.Select {
			return beyond("columns names", p.limits.Select, "columns")
		}
		if s.end() {
			return nil
		}
		if !s.take(',') {
			return s.fail(`"," or the end`)
		}
	}
}

// decode undoes the encoding of a form: + is a space.
func decode(s string) (string, *fault.Fault) {
	if strings.IndexByte(s, '%') >= 0 || strings.IndexByte(s, '+') >= 0 {
		decoded, err := url.QueryUnescape(s)
		if err != nil {
			return "", fault.Newf(CodeParse, "the URL's query is not percent-encoded: %s", clip(s)).
				WithHint("write %25 for a percent sign")
		}
		s = decoded
	}
	if !utf8.ValidString(s) {
		return "", badEncoding()
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "", nulText()
	}
	return s, nil
}

// parseFault is PostgREST's fault of a text that does not parse, at a byte.
func parseFault(what, text string, at int, expecting string) *fault.Fault {
	unexpected := "end of input"
	if at < len(text) {
		r, _ := utf8.DecodeRuneInString(text[at:])
		unexpected = strconv.Quote(string(r))
	}
	column := utf8.RuneCountInString(text[:min(at, len(text))]) + 1
	return fault.Newf(CodeParse, "\"failed to parse %s (%s)\" (line 1, column %d)", what, clip(text), column).
		WithDetails("unexpected " + unexpected + " expecting " + expecting)
}

func notInVersion(what string) *fault.Fault {
	return fault.Newf(CodeParse, "%s is not in this version", what)
}

func beyond(what string, most int, unit string) *fault.Fault {
	return fault.Newf(CodeParse, "%s more than %d %s", what, most, unit)
}
