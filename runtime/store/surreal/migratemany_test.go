package surreal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// papers is a table of texts and numbers.
func papers(change func(*query.Table)) *query.Schema {
	t := query.NewTable("papers", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "title", Type: query.Type{Kind: query.KindText}},
		{Name: "number", Type: query.Type{Kind: query.KindInt}},
	}, nil)
	if change != nil {
		change(t)
	}
	return query.NewSchema([]*query.Table{t})
}

// TestMigrateBesideWriters migrates on one node while another writes, and others
// by hand: each row that was acknowledged is there in the new form, and what was
// not taken was refused as what can be tried again.
func TestMigrateBesideWriters(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*query.Table, *plan.Schema)
		removed []string
		// form is what each row in the new form fulfils; other the table's name.
		form, other string
		// goesOn: the writers' view fits the tables afterwards.
		goesOn bool
	}{
		{"an index", func(_ *query.Table, p *plan.Schema) {
			p.Tables[0].Indexes = []plan.Index{{Name: "byNumber", Columns: []string{"number"}, Unique: true}}
		}, nil, "(SELECT VALUE id FROM papers WHERE number = $this_number).len() = 1", "", true},
		{"a column that is filled", func(_ *query.Table, p *plan.Schema) {
			p.Tables[0].Columns = append(p.Tables[0].Columns, plan.Column{Name: "state", Type: "text", Required: true, Fill: `"new"`})
		}, nil, "state = 'new'", "", true},
		{"a full-text index", func(_ *query.Table, p *plan.Schema) {
			p.Tables[0].Indexes = []plan.Index{{Name: "words", Columns: []string{"title"}, Kind: plan.FullText, Language: "simple"}}
		}, nil, "_words_words != NONE", "", true},
		{"another type", func(_ *query.Table, p *plan.Schema) { p.Tables[0].Columns[2].Type = "text" }, nil, "type::is_string(number)", "", false},
		{"another key", func(_ *query.Table, p *plan.Schema) { p.Tables[0].Columns[0].Type = "text" }, nil, "type::is_string(record::id(id))", "", false},
		{"a column by another name", func(_ *query.Table, p *plan.Schema) {
			p.Tables[0].Columns[2].Name, p.Tables[0].Columns[2].Was = "count", "number"
		}, nil, "type::is_int(count)", "", false},
		{"a column that goes", func(_ *query.Table, p *plan.Schema) { p.Tables[0].Columns = p.Tables[0].Columns[:2] }, []string{"papers.number"}, "number = NONE", "", false},
		{"a table by another name", func(_ *query.Table, p *plan.Schema) { p.Tables[0].Name, p.Tables[0].Was = "sheets", "papers" }, nil, "type::is_int(number)", "sheets", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			first := openEmpty(t).(*Store)
			defer first.Close()
			schema := papers(nil)
			if err := migrateTo(t.Context(), first, plan.FromQuery(schema)); err != nil {
				t.Fatal(err)
			}
			second, err := Open(t.Context(), first.options)
			if err != nil {
				t.Fatal(err)
			}
			defer second.Close()
			view, err := second.Open(t.Context(), schema)
			if err != nil {
				t.Fatal(err)
			}
			w := &writers{view: view, table: schema.Tables[0], by: second.client, stop: make(chan struct{})}
			for i := range 8 {
				w.running.Go(func() { w.write(t, i < 6) })
			}
			w.until(t, 100)
			want := plan.FromQuery(schema)
			test.change(schema.Tables[0], &want)
			if err := migrateTo(t.Context(), first, want, test.removed...); err != nil {
				t.Error(err)
			}
			if test.goesOn {
				w.until(t, w.acknowledged.Load()+50)
			} else {
				w.untilRefused(t)
			}
			close(w.stop)
			w.running.Wait()

			name := "papers"
			if test.other != "" {
				name = test.other
				if r := ask(t, first, "INFO FOR DB"); r.Err() == nil {
					if there, err := readTables(t.Context(), first.client); err != nil || there.tables["papers"] != "" {
						t.Errorf("the former table is there again: %v, %v", there, err)
					}
				}
			}
			if test.name == "a full-text index" { // what a view wrote that does not know it
				if err := first.repairWords(t.Context(), &want); err != nil {
					t.Error(err)
				}
			}
			form := test.form
			if test.name == "an index" {
				form = "{ LET $this_number = number; (SELECT VALUE id FROM papers WHERE number = $this_number).len() = 1 }"
			}
			r := ask(t, first, fmt.Sprintf("RETURN [(SELECT VALUE id FROM %s).len(), (SELECT VALUE id FROM %s WHERE %s).len()]", name, name, form))
			r.Array()
			rows, formed := r.Int(), r.Int()
			if acknowledged := w.acknowledged.Load(); rows != acknowledged || formed != rows {
				t.Errorf("%d rows were acknowledged, %d are there, %d of them in the new form", acknowledged, rows, formed)
			}
			if found, err := first.Drift(t.Context()); err != nil || len(found) != 0 {
				t.Errorf("drift: %v, %v", found, err)
			}
			t.Logf("%d rows, %d refused", rows, w.refused.Load())
		})
	}
}

// writers insert rows until they are stopped.
type writers struct {
	view    store.View
	table   *query.Table
	by      *rpc.Client
	stop    chan struct{}
	running sync.WaitGroup
	next    atomic.Int64

	acknowledged, refused atomic.Int64
}

func (w *writers) write(t *testing.T, known bool) {
	for {
		select {
		case <-w.stop:
			return
		default:
		}
		n := w.next.Add(1)
		var err error
		if known {
			row := query.Row{query.Int(n), query.Text("a fox"), query.Int(n)}
			_, err = w.view.Apply(context.Background(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: w.table, Rows: []query.Row{row}}}})
		} else {
			_, err = w.by.Query(context.Background(), fmt.Sprintf("CREATE papers:%d SET title = 'a fox', number = %d RETURN NONE", n, n), nil)
		}
		refused := &fault.Fault{}
		switch {
		case err == nil:
			w.acknowledged.Add(1)
		case !known || errors.As(err, &refused) && refused.Code == codeMigrating:
			w.refused.Add(1)
			time.Sleep(time.Millisecond)
		default:
			t.Errorf("a write: %v", err)
			return
		}
	}
}

func (w *writers) until(t *testing.T, acknowledged int64) {
	t.Helper()
	w.wait(t, func() bool { return w.acknowledged.Load() >= acknowledged })
}

func (w *writers) untilRefused(t *testing.T) {
	t.Helper()
	seen := w.refused.Load()
	w.wait(t, func() bool { return w.refused.Load() >= seen+50 })
}

func (w *writers) wait(t *testing.T, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the writers do not come on")
		}
	}
}

// TestGateLeftShut: a node that is killed between shutting the tables and
// migrating them leaves them shut no longer than its lease; another node, or the
// next start, opens them.
func TestGateLeftShut(t *testing.T) {
	schema := papers(nil)
	first := openEmpty(t).(*Store)
	defer first.Close()
	if err := migrateTo(t.Context(), first, plan.FromQuery(schema)); err != nil {
		t.Fatal(err)
	}
	killed, err := Open(t.Context(), first.options)
	if err != nil {
		t.Fatal(err)
	}
	defer killed.Close()
	view, err := first.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	insert := func(key int64) error {
		row := query.Row{query.Int(key), query.Text("x"), query.Int(key)}
		_, err := view.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: schema.Tables[0], Rows: []query.Row{row}}}})
		return err
	}
	shut := func() {
		t.Helper()
		if got, err := killed.takeLease(t.Context(), leaseMigration); !got || err != nil {
			t.Fatalf("no lease: %v", err)
		}
		if _, err := killed.shutTables(t.Context(), []string{"papers"}, true); err != nil {
			t.Fatal(err)
		}
	}
	shut()
	if _, err := first.client.Query(t.Context(), "CREATE papers:7", nil); err == nil {
		t.Error("a row was written by hand to a table that is shut")
	}
	var refused *fault.Fault
	if err := insert(1); !errors.As(err, &refused) || refused.Code != codeMigrating {
		t.Errorf("a write to a table that is shut: %v", err)
	}
	ask(t, first, "UPDATE _leases:migration SET until = time::now() - 1s") // its time is over
	for end := time.Now().Add(2 * time.Minute); ; {
		err := insert(2)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the tables stay shut: %v", err)
		}
	}

	shut()
	_ = first.Close()
	third, err := Open(t.Context(), killed.options)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	ask(t, third, "UPDATE _leases:migration SET until = time::now() - 1s")
	if err := migrateTo(t.Context(), third, plan.FromQuery(papers(func(t *query.Table) { t.Columns[2].Type.Kind = query.KindText }))); err != nil {
		t.Errorf("a migration of tables that were left shut: %v", err)
	}
	if r := ask(t, third, "RETURN [(SELECT VALUE id FROM papers WHERE number = '2').len(), (SELECT VALUE gate FROM _meta:gate).len()]"); r.Array() != 2 || r.Int() != 1 || r.Int() != 0 {
		t.Error("rows are lost, or a gate is left")
	}
}

// TestWordsByHand: rows written in SurrealDB by hand are found by their words,
// on every node, soon after; and it comes to an end.
func TestWordsByHand(t *testing.T) {
	schema := papers(func(t *query.Table) {
		t.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: []*query.Column{t.Columns[1]}}}
	})
	first := openEmpty(t).(*Store)
	defer first.Close()
	if err := migrateTo(t.Context(), first, plan.FromQuery(schema)); err != nil {
		t.Fatal(err)
	}
	second, err := Open(t.Context(), first.options)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	for _, s := range []*Store{first, second} {
		if _, err := s.Open(t.Context(), schema); err != nil {
			t.Fatal(err)
		}
		if _, err := s.feed.released(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	count := func(where string) int64 {
		r := ask(t, first, "RETURN (SELECT VALUE id FROM papers WHERE "+where+").len()")
		return r.Int()
	}
	comes := func(where string, want int64) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); count(where) != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d rows with %s, want %d", count(where), where, want)
			}
		}
	}
	ask(t, first, "CREATE papers:1 SET title = 'Some foxes'; CREATE papers:2 SET number = 2; CREATE papers:3 SET title = 'a dog'")
	comes("_words_words @@ 'FOXES'", 1)
	comes("_words_words @@ 'DOG'", 1)
	ask(t, first, "UPDATE papers:3 SET title = 'a cat'")
	comes("_words_words @@ 'CAT'", 1)
	comes("_words_words @@ 'DOG'", 0)
	many := fmt.Sprintf("FOR $n IN array::range(10, %d) { CREATE type::record('papers', $n) SET title = 'a swarm' }", keeperRows+110)
	ask(t, first, many)
	comes("_words_words @@ 'SWARM'", keeperRows+100)

	// The other node may still be at it.
	written := func() int64 {
		r := ask(t, first, "RETURN math::sum((SELECT VALUE _rev % 1000003 FROM papers))")
		return r.Int()
	}
	before, end := written(), time.Now().Add(2*time.Minute)
	for {
		time.Sleep(3 * keeperBreath)
		after := written()
		if after == before {
			break
		}
		if before = after; time.Now().After(end) {
			t.Fatal("rows are written again and again")
		}
	}
}
