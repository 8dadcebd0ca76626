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
	// Nearest is a search, nil where there is none.
	Nearest *Nearest
	// Reach is a walk, nil where there is none.
	Reach *ReachRequest
	// HasFilter says that some filter is there, whatever it says.
	HasFilter bool
	// Selected, Filtered and Ordered are the columns that are named in each.
	Selected, Filtered, Ordered ColumnSet
}

// ParseRequest reads the query of a URL in PostgREST's dialect, for any
// method. rawQuery is not decoded yet. The schema tells the relations of the
// table; nil has none.
func ParseRequest(schema *Schema, t *Table, rawQuery string, limits Limits) (Request, *fault.Fault) {
	p := requestParser{schema: schema, table: t, limits: limits, readable: limits.readable(t)}
	p.request.Limit = -1
	if f := p.selectFirst(rawQuery); f != nil {
		return Request{}, f
	}
	for rawQuery != "" {
		var pair string
		pair, rawQuery, _ = strings.Cut(rawQuery, "&")
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, f := decode(key)
		if f == nil && key != "select" { // selectFirst has read it
			value, f = decode(value)
		}
		if f == nil {
			f = p.pair(key, value)
		}
		if f != nil {
			return Request{}, f
		}
	}
	if f := p.finish(); f != nil {
		return Request{}, f
	}
	return p.request, nil
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
	if related, ok := o.Expr.(*Related); ok && related.Of.Spread {
		return append(out, o) // it has no name of its own
	}
	for i := range out {
		if out[i].Name == o.Name {
			out[i] = o
			return out
		}
	}
	return append(out, o)
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

func beyond(what string, most int, unit string) *fault.Fault {
	return fault.Newf(CodeParse, "%s more than %d %s", what, most, unit)
}
