package data

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// searchBody is a search as a body, for vectors that no URL can hold. Each
// member says what a key of the URL says.
type searchBody struct {
	Near *struct {
		Column string         `json:"column"` // _near
		Vector jsontext.Value `json:"vector"` // _vector
		Metric *string        `json:"metric"` // _metric
	} `json:"near"`
	Text *struct {
		Index string `json:"index"` // _search
		Query string `json:"query"` // _text
	} `json:"text"`
	K      *int    `json:"k"`      // _k
	Select *string `json:"select"` // select
	Filter string  `json:"filter"` // the filters, as a URL has them
}

// ParseSearch reads the body of a search, as Parse does a URL.
func (g *Gate) ParseSearch(caller *auth.Caller, table string, raw []byte) (*query.Request, error) {
	if err := checkShape(raw); err != nil {
		return nil, err
	}
	var body searchBody
	if err := json.Unmarshal(raw, &body, json.RejectUnknownMembers(true)); err != nil {
		return nil, fault.New(CodeBody, "the body is no search").WithCause(err).
			WithHint(`write {"near": {"column", "vector"}, "text": {"index", "query"}, "k", "select", "filter"}; near or text may be left out`)
	}
	if body.Near == nil && body.Text == nil {
		return nil, fault.New(CodeBody, "the search says neither near nor text").WithHint("add one of them, or both")
	}
	keys := url.Values{}
	if near := body.Near; near != nil {
		keys.Set("_near", near.Column)
		keys.Set("_vector", string(near.Vector))
		if near.Metric != nil {
			keys.Set("_metric", *near.Metric)
		}
	}
	if text := body.Text; text != nil {
		keys.Set("_search", text.Index)
		keys.Set("_text", text.Query)
	}
	if body.K != nil {
		keys.Set("_k", strconv.Itoa(*body.K))
	}
	if body.Select != nil {
		keys.Set("select", *body.Select)
	}
	rawQuery := keys.Encode()
	if body.Filter != "" {
		rawQuery += "&" + body.Filter
	}
	return g.Parse(caller, table, rawQuery)
}

// fusion is the constant of reciprocal rank fusion: a row that is the n-th of
// a list has 1/(fusion+n) from it.
const fusion = 60

// nearest makes a bound select a search: the rows that are nearest come first,
// under the filter and the rule that are in its Where already. Columns that
// are searched need not be readable, and are not shown.
func (g *Gate) nearest(ctx context.Context, a *asked, n *query.Nearest) error {
	a.Limit = min(a.Limit, n.K)
	var distance, rank, score query.Expr
	if n.Distance != nil {
		distance = n.Distance
	}
	if n.Search != nil {
		rank = &query.Rank{Of: n.Search}
	}
	switch {
	case rank == nil:
		byDistance(&a.Select, n)
	case distance == nil:
		byRank(&a.Select, n)
	default:
		var err error
		if score, err = g.fuse(ctx, a, n); err != nil {
			return err
		}
	}
	outputs := slices.Clone(a.Columns)
	for i := range outputs {
		member, ok := outputs[i].Expr.(*query.Nearness)
		if !ok {
			continue
		}
		switch member.What {
		case query.NearnessDistance:
			outputs[i].Expr = distance
		case query.NearnessRank:
			outputs[i].Expr = rank
		case query.NearnessScore:
			outputs[i].Expr = score
		}
	}
	a.Columns = outputs
	return nil
}

// byDistance asks for the rows that have a vector, the nearest first.
func byDistance(s *query.Select, n *query.Nearest) {
	s.Where = query.Conjunction(s.Where, &query.Is{Operand: n.Distance.Operand, What: query.IsNotNull})
	s.Order = []query.Order{{Expr: n.Distance}}
}

// byRank asks for the rows that have the words, the best first.
func byRank(s *query.Select, n *query.Nearest) {
	s.Where = query.Conjunction(n.Search, s.Where)
	s.Order = []query.Order{{Expr: &query.Rank{Of: n.Search}, Descending: true}}
}

// fuse mixes the first of both searches by their places, and gives the score
// of each row that is left.
func (g *Gate) fuse(ctx context.Context, a *asked, n *query.Nearest) (query.Expr, error) {
	scores := map[query.Value]float64{}
	var found []query.Value
	for _, order := range []func(*query.Select, *query.Nearest){byDistance, byRank} {
		s := query.Select{Table: a.Table, Where: a.Where, Limit: query.PooledRows}
		s.Columns = []query.Output{{Name: a.Table.Key().Name, Expr: a.Table.Ref(a.Table.Key())}}
		order(&s, n)
		pool := keptRows{columns: a.Table.Columns[:1]}
		if _, err := g.view.Select(ctx, s, &pool); err != nil {
			return nil, err
		}
		for place, row := range pool.rows {
			key := row[0]
			if scores[key] == 0 {
				found = append(found, key)
			}
			scores[key] += 1 / float64(fusion+place+1)
		}
	}
	slices.SortFunc(found, func(x, y query.Value) int {
		return cmp.Or(cmp.Compare(scores[y], scores[x]), query.CompareValues(x, y))
	})
	a.Limit = min(a.Limit, query.FusedRows)
	found = found[:min(len(found), a.Limit)]
	key := a.Table.Key()
	ref, list := a.Table.Ref(key), make([]query.Expr, len(found))
	var score query.Expr = &query.Literal{Of: query.Type{Kind: query.KindFloat}}
	for i := len(found) - 1; i >= 0; i-- {
		literal := &query.Literal{Value: found[i], Of: key.Type}
		list[i] = literal
		score = &query.Cond{
			If:   &query.Compare{Op: query.Equal, Left: ref, Right: literal},
			Then: query.NewLiteral(query.Float(scores[found[i]])), Else: score,
		}
	}
	// What has changed since is judged again.
	a.Where = query.Conjunction(query.Simplify(&query.In{Operand: ref, List: list}), a.Where)
	a.Order = []query.Order{{Expr: score, Descending: true}}
	return score, nil
}
