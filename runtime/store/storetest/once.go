package storetest

import (
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

func faultOf(code string) *fault.Fault { return fault.New(code, "refused") }

// refusedFor expects a fault of a code and that nothing was written.
func (f *fixture) refusedFor(code string, writes ...query.Write) {
	f.Helper()
	if err := f.refused(writes...); !fault.Is(err, code) {
		f.Errorf("got %v, want %s", err, code)
	}
}

// once is a batch under a key; request tells it from others.
func once(key string, request byte, writes ...query.Write) query.Batch {
	return query.Batch{Position: true, Writes: writes, Once: &query.Once{Key: key, Request: [32]byte{request}}}
}

func (f *fixture) try(b query.Batch) query.Result {
	f.Helper()
	result, err := f.view.Apply(f.ctx(), b)
	if err != nil {
		f.Fatalf("apply: %v", err)
	}
	return result
}

func testOnce(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	batch := once("k", 1, f.insert("items", item("", 1), item("", 2)), f.merging(item("a", 3)), f.ignoring("code", item("a", 4)))
	batch.Writes[0].Beyond = []query.Expr{columnOf(f.table("items"), "n"), query.NewLiteral(query.JSON(`{"x":[1]}`))}
	first := f.try(batch)
	if first.Replayed || first.Cursor != f.position() {
		t.Errorf("the first is %+v", first)
	}
	again := f.try(batch)
	if !again.Replayed || f.position() != first.Cursor {
		t.Errorf("the second is replayed: %t; the feed is at %s, want %s", again.Replayed, f.position(), first.Cursor)
	}
	again.Replayed = false
	if !reflect.DeepEqual(first, again) {
		t.Errorf("replayed\n%+v\nwas\n%+v", again, first)
	}
	if _, err := f.view.Apply(f.ctx(), once("k", 2, f.insert("items", item("", 1)))); !errors.Is(err, store.ErrKeyReused) {
		t.Errorf("another request: %v, want ErrKeyReused", err)
	}
	if other := f.try(once("k2", 2, f.insert("items", item("", 1)))); other.Replayed {
		t.Error("another key is replayed")
	}
	if rows := f.all("items"); len(rows) != 4 {
		t.Errorf("%d rows, want 4", len(rows))
	}
	batch.Rollback = true
	if _, err := f.view.Apply(f.ctx(), batch); err == nil {
		t.Error("a batch that is neither kept nor done twice is no error")
	}
}

func testOnceOfNothing(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	all := query.Write{Op: query.Update, Table: f.table("items"), Returning: true, Set: []query.Assignment{set(f.table("items"), "n", query.NewLiteral(query.Int(9)))}}
	f.try(once("none", 1, all))
	f.apply(f.insert("items", item("a", 1)))
	if result := f.try(once("none", 1, all)); !result.Replayed || result.Writes[0].Affected != 0 || result.Cursor != (query.Cursor{}) {
		t.Errorf("replayed: %+v", result)
	}
	// What failed is as if never asked.
	taken := f.insert("items", item("b", 1), item("a", 1))
	for range 2 {
		if _, err := f.view.Apply(f.ctx(), once("failed", 1, taken)); !fault.Is(err, "23505") {
			t.Fatalf("got %v, want 23505", err)
		}
	}
	if result := f.try(once("failed", 2, f.insert("items", item("b", 1)))); result.Replayed {
		t.Error("a batch that failed is remembered")
	}
	sameRows(t, "stored", f.all("items"), []query.Row{storedItem(1, "a", 1, ""), storedItem(2, "b", 1, "")})
}

func testOnceTypes(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{everything()}))
	row := query.Row{
		query.Text("k\x01ä"), query.Bool(true), query.Int(-1 << 63), query.Float(-0.25), query.Decimal(-12345, 2), query.Text(""),
		query.Timestamp(-1), query.Date(20000), query.UUID("123e4567-e89b-12d3-a456-426614174000"), query.JSON(`{"a":null}`), query.List(`["x"]`),
	}
	empty := make(query.Row, len(row))
	empty[0] = query.Text("nulls")
	batch := once("types", 7, f.insert("everything", row, empty))
	f.try(batch)
	again := f.try(batch)
	sameRows(t, "replayed", again.Writes[0].Rows, []query.Row{row, empty})
	if !again.Replayed || again.Writes[0].Keys[0] != row[0] {
		t.Errorf("replayed: %+v", again)
	}
}

// testOnceTogether sends one batch from many sides at once: all hear the same,
// and it is done once.
func testOnceTogether(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	var all sync.WaitGroup
	var done, replayed, reused atomic.Int64
	heard := make(chan query.Value, 64)
	for i := range 64 {
		request := byte(i % 2)
		all.Go(func() {
			result, err := f.view.Apply(f.ctx(), once("one", request, f.insert("items", item("", int64(request)))))
			switch {
			case errors.Is(err, store.ErrKeyReused):
				reused.Add(1)
			case err != nil:
				t.Error(err)
			case result.Replayed:
				replayed.Add(1)
			default:
				done.Add(1)
			}
			if err == nil {
				heard <- result.Writes[0].Keys[0]
			}
		})
	}
	all.Wait()
	close(heard)
	if done.Load() != 1 || replayed.Load() != 31 || reused.Load() != 32 {
		t.Errorf("%d done, %d replayed, %d refused; want 1, 31, 32", done.Load(), replayed.Load(), reused.Load())
	}
	rows := f.all("items")
	if len(rows) != 1 {
		t.Fatalf("%d rows, want 1", len(rows))
	}
	// Which key it is, an engine that had to begin again decides.
	for key := range heard {
		if key != rows[0][0] {
			t.Errorf("the key is %v, and of the row %v", key, rows[0][0])
		}
	}
}

// testOnceMigrated replays after the table got a column: what still says all
// is told, rows that would lack something are not.
func testOnceMigrated(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	quiet := f.insert("items", item("a", 1))
	quiet.Returning = false
	f.try(once("counts", 1, quiet))
	f.try(once("rows", 1, f.insert("items", item("b", 1))))
	wider := stock()
	items := wider.Table("items")
	items = query.NewTable("items", append(items.Columns, column("more", query.KindText)), nil)
	items.Indexes = []*query.Index{{Name: "byCode", Columns: columns(items, "code"), Unique: true}, {Name: "byPlace", Columns: columns(items, "shelf", "place"), Unique: true}}
	wider = query.NewSchema([]*query.Table{items})
	f.migrate(plan.FromQuery(wider), nil)
	f.reopen(wider)
	row := append(item("c", 1), query.Null())
	quiet = f.insert("items", row)
	quiet.Returning = false
	if result := f.try(once("counts", 1, quiet)); !result.Replayed || result.Writes[0].Affected != 1 || result.Writes[0].Keys[0] != query.Int(1) {
		t.Errorf("replayed: %+v", result)
	}
	if _, err := f.view.Apply(f.ctx(), once("rows", 1, f.insert("items", row))); !fault.Is(err, "55000") {
		t.Errorf("rows of another shape: %v, want 55000", err)
	}
	if rows := f.all("items"); len(rows) != 2 {
		t.Errorf("%d rows, want 2", len(rows))
	}
}
