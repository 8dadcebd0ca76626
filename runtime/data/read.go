package data

import (
	"context"
	"encoding/binary"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Read asks for rows of one table.
type Read struct {
	Table string
	// Request is the parsed URL; nil asks for every column of every row.
	Request *query.Request
	// Key, when HasKey, picks the row with this key, as the URL has it.
	Key    string
	HasKey bool
	// Single demands exactly one row and answers an object: PGRST116 otherwise.
	Single bool
	// Count asks for the exact number of rows under the rule.
	Count bool
}

// Answer is what a read gives. Its Entry may be shared with other requests and
// must not be written to.
type Answer struct {
	*cache.Entry // Body is what is sent: an array, or the object of a Single
	Status       cache.Status
	Offset       int
	// Version is the table's version that the answer was asked at.
	Version uint64
	// Shared reports that the answer is the same for every caller but the
	// service role: rule and columns do not depend on who asks.
	Shared bool
	// Policy is the table's cache policy; zero for none.
	Policy cache.Policy
}

// Select reads the rows that the filter picks and the caller may read, in the
// order of the key where none is given, at most as many as the table allows.
// Faults: PGRST205, 42501 for a table that is readable to nobody, 42703 for a
// column that is not there for this caller, PGRST116 for a Single.
func (g *Gate) Select(ctx context.Context, caller *auth.Caller, r Read) (Answer, error) {
	t, err := g.table(r.Table)
	if err != nil {
		return Answer{}, err
	}
	if !caller.IsService() && !t.rules.Granted.Read {
		return Answer{}, t.denied
	}
	sees := t.of(caller, g.binding(caller))
	p, err := t.selected(r.Request, sees.visible)
	if err != nil {
		return Answer{}, err
	}
	filter, err := t.filter(r.Request, r.Key, r.HasKey, sees.visible)
	if err != nil {
		return Answer{}, err
	}
	s := query.Select{
		Table: t.schema, Columns: p.outputs, Count: r.Count, Limit: t.limit,
		Where: query.Conjunction(filter, sees.read),
	}
	if q := r.Request; q != nil {
		if err := t.admitOrder(q.Order, sees.visible); err != nil {
			return Answer{}, err
		}
		s.Order, s.Offset = q.Order, q.Offset
		if q.Limit >= 0 && q.Limit < s.Limit {
			s.Limit = q.Limit
		}
	}
	a := Answer{Offset: s.Offset, Version: g.view.Version(t.schema), Shared: t.shared && !caller.IsService(), Policy: t.policy}
	a.Entry, a.Status, err = g.answer(ctx, t, &s, p.shape, r.Single, a.Version)
	return a, err
}

// answer gives the answer of a bound select, from the cache where the table
// has a policy.
func (g *Gate) answer(ctx context.Context, t *table, s *query.Select, shape *query.JSONShape, single bool, version uint64) (*cache.Entry, cache.Status, error) {
	if g.cache == nil || t.policy.TTL <= 0 {
		entry, err := g.fill(ctx, s, shape, single)
		return entry, cache.Bypass, err
	}
	buf := keys.Get().(*[]byte)
	defer keys.Put(buf)
	key := t.appendKey((*buf)[:0], s, single, version)
	*buf = key
	if entry := g.cache.Lookup(key); entry != nil {
		return entry, cache.Hit, nil
	}
	return g.cache.Fetch(ctx, string(key), t.policy, func(ctx context.Context) (*cache.Entry, error) {
		return g.fill(ctx, s, shape, single)
	})
}

// appendKey appends the key of an answer: its form, the version and the
// meaning of the one table that it reads, and the canonical text of the bound
// select. Rules that read other tables add theirs.
func (t *table) appendKey(dst []byte, s *query.Select, single bool, version uint64) []byte {
	form := byte('a')
	if single {
		form = 'o'
	}
	dst = append(dst, form)
	dst = binary.LittleEndian.AppendUint64(dst, version)
	dst = binary.LittleEndian.AppendUint64(dst, t.fingerprint)
	return query.AppendSelect(dst, s)
}

// fill reads the rows and makes the answer of them.
func (g *Gate) fill(ctx context.Context, s *query.Select, shape *query.JSONShape, single bool) (*cache.Entry, error) {
	w := writers.Get().(*writer)
	w.json.Reset(w.buf[:0], shape)
	info, err := g.view.Select(ctx, *s, &w.json)
	array := w.json.Bytes()
	defer w.release(array)
	if err != nil {
		return nil, err
	}
	rows := w.json.Rows()
	if single && rows != 1 {
		return nil, notSingle(rows)
	}
	body := append([]byte(nil), object(array, single)...)
	return &cache.Entry{Body: body, ETag: etag(body), Rows: rows, Count: info.Count}, nil
}
