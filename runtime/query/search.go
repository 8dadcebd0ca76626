package query

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Nearest is the search of a request: for the rows whose vector is near
// another, whose texts are what a query asks for, or both mixed. It replaces
// the order.
type Nearest struct {
	Distance *Distance // nil: no vectors
	Search   *Search   // nil: no texts
	// K is how many rows are asked for.
	K int
}

// The bounds of a search. PooledRows are those that each side of a mixed
// search gives, FusedRows the most that it answers.
const (
	defaultNearest = 10
	PooledRows     = 200
	FusedRows      = 200
)

// searching is what the keys of a search said so far.
type searching struct {
	near, vector, metric, search, text, k *string
}

// searchKey finds where the value of a search's key goes; nil is another key.
func (s *searching) searchKey(key string) **string {
	switch key {
	case "_near":
		return &s.near
	case "_vector":
		return &s.vector
	case "_metric":
		return &s.metric
	case "_search":
		return &s.search
	case "_text":
		return &s.text
	case "_k":
		return &s.k
	}
	return nil
}

// nearness is a member that a search adds to its rows; nil is another name.
func nearness(name string) Expr {
	if i := slices.Index(nearnessNames[:], name); i >= 0 {
		return &Nearness{What: NearnessKind(i)}
	}
	return nil
}

var nearnessNames = [...]string{NearnessDistance: "_distance", NearnessRank: "_rank", NearnessScore: "_score"}

// nearest makes the search of what its keys said.
func (p *requestParser) nearest(r *Request) *fault.Fault {
	s := &p.searching
	if *s != (searching{}) {
		n := &Nearest{}
		var f *fault.Fault
		if n.Distance, f = p.near(s); f == nil {
			n.Search, f = p.ranked(s)
		}
		if f == nil {
			n.K, f = p.wanted(s, r)
		}
		if f == nil {
			f = n.alone(p, r)
		}
		if f != nil {
			return f
		}
		r.Nearest = n
	}
	return r.nearnessMissing()
}

func (p *requestParser) near(s *searching) (*Distance, *fault.Fault) {
	if s.near == nil {
		if s.vector != nil || s.metric != nil {
			return nil, fault.New(CodeParse, "_vector says how near to what, but not which column").WithHint("name it: _near=COLUMN")
		}
		return nil, nil
	}
	c := p.table.Column(*s.near)
	indexed := c != nil && slices.ContainsFunc(p.table.Indexes, func(x *Index) bool { return x.Kind == Vector && x.Columns[0] == c })
	if c == nil || p.visible(c.Name) == nil && !indexed {
		return nil, UnknownColumn(p.table, *s.near, p.readable)
	}
	if c.Type.Kind != KindVector {
		return nil, fault.Newf(CodeTypeMismatch, "column %s.%s is no vector", p.table.Name, c.Name).WithHint("_near names a column of type vector")
	}
	if s.vector == nil {
		return nil, fault.New(CodeParse, "_near says which column, but not near to what").WithHint("send the vector: _vector=[0.1,0.2,...]")
	}
	metric := c.Metric
	if s.metric != nil {
		var ok bool
		if metric, ok = ParseMetric(*s.metric); !ok || *s.metric == "" {
			return nil, fault.Newf(CodeParse, "%q is no metric", clip(*s.metric)).WithHint("metrics are cosine, l2 and dot")
		}
		if indexed && metric != c.Metric {
			return nil, fault.Newf(CodeParse, "the index of %s is for the metric %s", c.Name, c.Metric).WithHint("leave _metric out")
		}
	}
	v, f := ParseLiteral(c.Type, *s.vector)
	if f != nil {
		return nil, f
	}
	return NewDistance(p.table.Ref(c), v, metric)
}

func (p *requestParser) ranked(s *searching) (*Search, *fault.Fault) {
	switch {
	case s.search == nil && s.text == nil:
		return nil, nil
	case s.search == nil:
		return nil, fault.New(CodeParse, "_text says what to look for, but not where").WithHint("name a full-text index: _search=INDEX")
	case s.text == nil:
		return nil, fault.New(CodeParse, "_search says where to look, but not for what").WithHint("send the words: _text=WORDS")
	}
	x := p.table.Index(*s.search)
	if x == nil || x.Kind != FullText {
		f := fault.Newf(CodeParse, "table %s has no full-text index %q", p.table.Name, clip(*s.search))
		var names []string
		for _, x := range p.table.Indexes {
			if x.Kind == FullText {
				names = append(names, x.Name)
			}
		}
		if len(names) == 0 {
			return nil, f.WithHint(`it has none; they are declared with kind: "fulltext"`)
		}
		return nil, f.WithHint("it has " + fault.Listed(names))
	}
	q, f := ParseTextQuery(x.Language, "wfts", *s.text)
	if f != nil {
		return nil, f
	}
	return p.searchOf(x, q), nil
}

// wanted is how many rows are asked for: _k, or limit.
func (p *requestParser) wanted(s *searching, r *Request) (int, *fault.Fault) {
	if s.k == nil {
		if r.Limit >= 0 {
			return r.Limit, nil
		}
		return defaultNearest, nil
	}
	k, err := strconv.ParseInt(*s.k, 10, 32)
	if err != nil || k < 1 {
		return 0, parseFault("_k parameter", *s.k, 0, "a whole number, 1 or more")
	}
	if s.near == nil && s.search == nil {
		return 0, fault.New(CodeParse, "_k is for a search").WithHint("add _near and _vector, or _search and _text; or write limit")
	}
	return int(k), nil
}

// alone refuses what goes with no search.
func (n *Nearest) alone(p *requestParser, r *Request) *fault.Fault {
	what := ""
	switch {
	case len(r.Order) > 0:
		what = "order"
	case r.Offset > 0:
		what = "offset"
	case r.Paged:
		what = "_page"
	case p.aggregates:
		what = "an aggregate"
	default:
		return nil
	}
	return fault.Newf(CodeParse, "%s does not go with a search, which has an order of its own: the nearest first", what).
		WithHint("leave it out; _k says how many rows there shall be")
}

// nearnessMissing refuses a member that the search at hand does not make.
func (r *Request) nearnessMissing() *fault.Fault {
	for i := range r.Outputs {
		member, ok := r.Outputs[i].Expr.(*Nearness)
		if !ok || r.Nearest.has(member.What) {
			continue
		}
		keys := [...]string{
			NearnessDistance: "_near and _vector", NearnessRank: "_search and _text", NearnessScore: "_near, _vector, _search and _text together",
		}
		return fault.Newf(CodeUndefinedColumn, "%s is only there in a search", nearnessNames[member.What]).
			WithHint(fmt.Sprintf("it comes with %s", keys[member.What]))
	}
	return nil
}

func (n *Nearest) has(what NearnessKind) bool {
	switch {
	case n == nil:
		return false
	case what == NearnessDistance:
		return n.Distance != nil
	case what == NearnessRank:
		return n.Search != nil
	}
	return n.Distance != nil && n.Search != nil
}
