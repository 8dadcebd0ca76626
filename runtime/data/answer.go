package data

import (
	"context"
	"encoding/binary"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// asked is a bound select with the form of its answer.
type asked struct {
	query.Select
	table   *table
	version uint64 // of the table
	shape   *query.JSONShape
	form    Form
	single  bool
	beyond  bool  // it reads other tables too
	page    *page // nil: no cursor pages
}

// question is what has an answer that may be remembered.
type question interface {
	// appendKey appends what tells the question from all others whose answer
	// would be another one.
	appendKey(g *Gate, dst []byte) []byte
	fill(ctx context.Context, g *Gate) (*cache.Entry, error)
}

// answer answers a question, from the cache where it has a policy.
func (g *Gate) answer(ctx context.Context, policy cache.Policy, q question) (*cache.Entry, cache.Status, error) {
	if g.cache == nil || policy.TTL <= 0 {
		entry, err := q.fill(ctx, g)
		return entry, cache.Bypass, err
	}
	buf := keys.Get().(*[]byte)
	defer keys.Put(buf)
	key := q.appendKey(g, (*buf)[:0])
	*buf = key
	if entry := g.cache.Lookup(key); entry != nil {
		return entry, cache.Hit, nil
	}
	return g.cache.Fetch(ctx, string(key), policy, func(ctx context.Context) (*cache.Entry, error) {
		return q.fill(ctx, g)
	})
}

// appendKey implements question: the form, the version and the meaning of every
// table that is read, and the canonical text of the bound select.
func (a *asked) appendKey(g *Gate, dst []byte) []byte {
	form := "asc"[a.form]
	if a.single {
		form = "opd"[a.form]
	}
	if a.page != nil {
		form -= 'a' - 'A'
	}
	dst = append(dst, form)
	dst = binary.LittleEndian.AppendUint64(dst, a.version)
	dst = binary.LittleEndian.AppendUint64(dst, a.table.fingerprint)
	if a.beyond {
		dst = g.appendVersions(dst, &a.Select)
	}
	return query.AppendSelect(dst, &a.Select)
}

// appendVersions appends what the key of an answer says of every table that it
// reads, each as often as it is read: their number is in the select's text.
func (g *Gate) appendVersions(dst []byte, s *query.Select) []byte {
	query.TablesOf(s, func(schema *query.Table) {
		dst = binary.LittleEndian.AppendUint64(dst, g.view.Version(schema))
		if t := g.tables[schema.Name]; t != nil {
			dst = binary.LittleEndian.AppendUint64(dst, t.fingerprint)
		}
	})
	return dst
}

// fill implements question: it reads the rows and makes the answer of them.
func (a *asked) fill(ctx context.Context, g *Gate) (*cache.Entry, error) {
	if a.form == CSV {
		return g.fillCSV(ctx, a)
	}
	w := writers.Get().(*writer)
	w.json.Reset(w.buf[:0], a.shape)
	if a.form == Stripped {
		w.json.StripNulls()
	}
	info, next, err := g.read(ctx, a, &w.json)
	array := w.json.Bytes()
	defer w.release(array)
	if err != nil {
		return nil, err
	}
	return a.entry(&info, next, w.json.Rows(), object(array, a.single))
}

func (g *Gate) fillCSV(ctx context.Context, a *asked) (*cache.Entry, error) {
	shown := a.Columns
	if a.page != nil {
		shown = shown[:a.page.shown]
	}
	w := query.NewCSVWriter(nil, shown)
	info, next, err := g.read(ctx, a, w)
	if err != nil {
		return nil, err
	}
	return a.entry(&info, next, w.Rows(), w.Bytes())
}

// read writes the rows to w, and gives the cursor of the page after them.
func (g *Gate) read(ctx context.Context, a *asked, w query.RowWriter) (store.Info, string, error) {
	if a.page == nil {
		info, err := g.view.Select(ctx, a.Select, w)
		return info, "", err
	}
	pages := pageWriter{RowWriter: w, page: a.page}
	info, err := g.view.Select(ctx, a.Select, &pages)
	if err != nil {
		return info, "", err
	}
	next, err := pages.next()
	return info, next, err
}

// entry is the answer of a body that was read.
func (a *asked) entry(info *store.Info, next string, rows int, body []byte) (*cache.Entry, error) {
	if a.single && rows != 1 {
		return nil, notSingle(rows)
	}
	entry := &cache.Entry{Body: append([]byte(nil), body...), Rows: rows, Count: info.Count, Next: next}
	if a.Revision {
		entry.ETag = rowTag(info.Revision, body)
	} else {
		entry.ETag = etag(body)
	}
	return entry, nil
}
